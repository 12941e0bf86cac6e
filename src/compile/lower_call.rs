//! From the syntax tree to code: calls.

use rhai::{Dynamic, EvalAltResult, Expr, FnArgsVec, FnCallExpr, FnPtr, Position};

use super::{
    call,
    environment::Qualified,
    literal,
    lower::{Lower, Lowered, THIS},
    native::{First, Interpreted, Site, variable},
    slot::Slot,
    vm::{Code, Out, Vm},
};

/// Functions that look at the variables around the call, or that leave the script.
const FORCING: [&str; 3] = ["eval", "is_def_var", "exit"];

impl Lower<'_, '_> {
    /// The code of a call in function style.
    pub(super) fn call(&mut self, call: &FnCallExpr, position: Position) -> Lowered<Code> {
        if let Some(code) = self.operator(call, position)? {
            return Ok(code);
        }
        let name = call.name.as_str();
        if let ("is_def_var", [Expr::StringConstant(variable, _)]) = (name, call.args.as_slice())
            && !call.is_qualified()
            && !call.capture_parent_scope
        {
            let is_defined = *variable != THIS && self.slot(variable).is_some();
            return Ok(call::constant(is_defined.into()));
        }
        if FORCING.contains(&name) && !call.is_qualified() {
            return Err(self.obstacle(&format!("`{name}`"), position));
        }
        if call.capture_parent_scope {
            return Err(self.obstacle("a call with `!`", position));
        }
        if call.is_qualified() {
            return self.qualified(call, position);
        }
        match name {
            "curry" if call.args.len() > 1 => return self.curry(call),
            "call" | "Fn" | "is_shared" | "type_of" | "curry" | "is_def_fn" => {
                if let Some(first) = call.args.first()
                    && self.is_nothing(first)
                {
                    return self.expression(first, false);
                }
                return self.left_to_rhai(call, position);
            }
            _ => {}
        }
        if let [first, others @ ..] = call.args.as_slice()
            && self.is_nothing(first)
        {
            return self.without_first(first, others, position);
        }
        let first = call.args.first().and_then(|first| self.local(first));
        let script = self.compiler.script_function(name, call.args.len(), position);
        if let Some(function) = script {
            let Some(slot) = first else {
                let arguments =
                    self.each(call.args.iter(), |this, argument| this.writable(argument))?;
                return Ok(call::call(function, arguments, position));
            };
            self.nodes += 1;
            let others = self.above(1, |this| {
                this.each(call.args.iter().skip(1), |this, argument| this.writable(argument))
            })?;
            return Ok(call::call_with_variable(function, slot, others, position));
        }
        let site = self.site(call, position);
        self.native(site, call, position)
    }

    /// A call of a native function.
    fn native(&mut self, site: Site, call: &FnCallExpr, position: Position) -> Lowered<Code> {
        let first = call.args.first();
        if let Some(slot) = first.and_then(|first| self.local(first)) {
            self.nodes += 1;
            let others = self.all(call.args.iter().skip(1))?;
            return Ok(native_with_variable(site, slot, others, position));
        }
        let first = first.map(|first| self.fixed(first)).transpose()?;
        let others = self.all(call.args.iter().skip(1))?;
        let arguments = first.into_iter().chain(others).collect();
        Ok(native(site, arguments, position))
    }

    /// A first argument that is no variable of the function; one of the surroundings may not be changed.
    fn fixed(&mut self, first: &Expr) -> Lowered<Code> {
        if !matches!(first, Expr::Variable(..)) {
            return self.expression(first, false);
        }
        let Some(value) = self.global(first) else { return self.expression(first, false) };
        self.nodes += 1;
        Ok(Box::new(move |vm| {
            vm.acc = value.clone().into_read_only();
            Out::ANY
        }))
    }

    /// A call of a function of a namespace.
    fn qualified(&mut self, call: &FnCallExpr, position: Position) -> Lowered<Code> {
        let Some(qualified) = self.compiler.qualified(call) else {
            return self.left_to_rhai(call, position);
        };
        if let [first, others @ ..] = call.args.as_slice()
            && self.is_nothing(first)
        {
            return self.without_first(first, others, position);
        }
        match qualified {
            Qualified::Natives(namespace) => {
                let site = self.site(call, position).within(namespace);
                self.native(site, call, position)
            }
            Qualified::Script(function, entry) => {
                let first = call.args.first().and_then(|first| self.local(first));
                let held = usize::from(first.is_some());
                self.nodes += u32::from(first.is_some());
                let arguments = self.above(held, |this| {
                    this.each(call.args.iter().skip(held), |this, argument| this.writable(argument))
                })?;
                Ok(call::call_imported(function, entry, first, arguments, position))
            }
        }
    }

    /// Whether it is a variable that there is not.
    fn is_nothing(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Variable(..))
            && self.local(expr).is_none()
            && self.compiler.value_of(expr).is_err()
    }

    /// A call whose first argument is a variable that there is not, which is read when the others are there.
    fn without_first(
        &mut self,
        first: &Expr,
        others: &[Expr],
        position: Position,
    ) -> Lowered<Code> {
        let all = self.all(others.iter().chain([first]))?;
        Ok(literal::array(all, position))
    }

    /// A call that Rhai does, with operands that are evaluated here.
    fn left_to_rhai(&mut self, call: &FnCallExpr, position: Position) -> Lowered<Code> {
        let node = self.with_operands(call, position);
        if let Some(slot) = call.args.first().and_then(|first| self.local(first)) {
            let others = self.all(call.args.iter().skip(1))?;
            return Ok(interpreted_with_variable(node, slot, others, position));
        }
        let operands = self.all(&call.args)?;
        Ok(literal::interpreted(node, operands))
    }

    /// A closure with what it captured.
    fn curry(&mut self, call: &FnCallExpr) -> Lowered<Code> {
        let Some((function, captured)) = call.args.split_first() else {
            return Err(self.obstacle("a closure that is not known here", Position::NONE));
        };
        let is_closure = matches!(function, Expr::DynamicConstant(..));
        let captured: Option<Vec<Captured>> =
            captured.iter().map(|name| self.captured(name)).collect();
        let (true, Some(captured)) = (is_closure, captured) else {
            return self.left_to_rhai(call, function.position());
        };
        let function = self.expression(function, false)?;
        Ok(Box::new(move |vm| {
            let out = function(vm);
            if out.stops() {
                return out;
            }
            let value = vm.value(out);
            let Some(mut closure) = value.try_cast::<FnPtr>() else { return Out::UNIT };
            for captured in &captured {
                closure.add_curry(match captured {
                    Captured::Local(slot) => vm.place(*slot).clone(),
                    Captured::Constant(value) => value.clone(),
                });
            }
            vm.acc = closure.into();
            Out::ANY
        }))
    }

    fn captured(&mut self, name: &Expr) -> Option<Captured> {
        if let Some(slot) = self.local(name) {
            return Some(Captured::Local(slot));
        }
        let is_variable = matches!(name, Expr::Variable(..));
        let value = is_variable.then(|| self.global(name)).flatten()?;
        Some(Captured::Constant(value.into_read_only()))
    }

    /// The variables that a closure captures, up to the first that there is not. What is no variable of
    /// the function but one of its surroundings is not shared.
    pub(super) fn shared<'n>(
        &mut self,
        names: impl Iterator<Item = &'n rhai::Ident>,
    ) -> (Vec<usize>, Option<rhai::Ident>) {
        let mut slots = Vec::new();
        for name in names {
            match self.slot(&name.name) {
                Some(slot) => slots.push(slot),
                None if self.global(&variable(name.name.clone(), name.pos)).is_some() => {}
                None => return (slots, Some(name.clone())),
            }
        }
        (slots, None)
    }
}

/// What a closure takes with it.
enum Captured {
    Local(usize),
    /// A value of the surroundings.
    Constant(Dynamic),
}

/// Makes variables shared, because a closure captures them; ends with an error at one that there is not.
pub(super) fn share((slots, missing): (Vec<usize>, Option<rhai::Ident>)) -> Code {
    Box::new(move |vm| {
        for slot in &slots {
            let share = vm.host.program.hooks.share;
            share(vm.place(*slot));
        }
        match &missing {
            Some(name) => {
                vm.fail(EvalAltResult::ErrorVariableNotFound(name.name.to_string(), name.pos))
            }
            None => Out::UNIT,
        }
    })
}

/// A call of a native function.
fn native(site: Site, arguments: Vec<Code>, position: Position) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&arguments) {
            return out;
        }
        let Vm { host, operands, .. } = vm;
        let result = match operands.get_mut(start..).unwrap_or_default() {
            [first] => site.call(host, First::Own, &mut [first]),
            [first, second] => site.call(host, First::Own, &mut [first, second]),
            all => {
                let mut arguments: FnArgsVec<&mut Dynamic> = all.iter_mut().collect();
                site.call(host, First::Own, &mut arguments)
            }
        };
        vm.operands.truncate(start);
        match result {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    })
}

/// A call of a native function on a variable, which it may change.
fn native_with_variable(site: Site, slot: usize, others: Vec<Code>, position: Position) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&others) {
            return out;
        }
        let at = vm.base + slot;
        let Vm { host, locals, operands, .. } = vm;
        let others = operands.get_mut(start..).unwrap_or_default();
        let result = match locals.get_mut(at) {
            // Rhai gives a copy of what is shared or may not be changed.
            Some(Slot::Any(first))
                if first.is_shared() || first.is_read_only() && !site.takes_constants() =>
            {
                let mut copy = first.flatten_clone();
                with_first(&site, host, First::Own, &mut copy, others)
            }
            Some(first) => {
                let result = with_first(&site, host, First::Place, first.value(), others);
                first.settle();
                result
            }
            None => Ok(Dynamic::UNIT),
        };
        vm.operands.truncate(start);
        match result {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    })
}

/// A call that Rhai does, on a variable that it may change.
fn interpreted_with_variable(
    node: Interpreted,
    slot: usize,
    others: Vec<Code>,
    position: Position,
) -> Code {
    Box::new(move |vm| {
        if !vm.spend_memory(position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&others) {
            return out;
        }
        let at = vm.base + slot;
        let Vm { host, locals, operands, .. } = vm;
        let others = operands.get_mut(start..).unwrap_or_default();
        let result = match locals.get_mut(at) {
            Some(first) => {
                let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(others.len() + 1);
                all.push(first.value());
                all.extend(others.iter_mut());
                let result = node.run(host, &mut all);
                drop(all);
                first.settle();
                result
            }
            None => Ok(Dynamic::UNIT),
        };
        vm.operands.truncate(start);
        match result {
            Ok(value) => vm.give(value),
            Err(error) => vm.fail(error),
        }
    })
}

fn with_first(
    site: &Site,
    host: &mut super::vm::Host<'_>,
    first: First,
    value: &mut Dynamic,
    others: &mut [Dynamic],
) -> super::native::Given<Dynamic> {
    match others {
        [] => site.call(host, first, &mut [value]),
        [second] => site.call(host, first, &mut [value, second]),
        others => {
            let mut arguments: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(others.len() + 1);
            arguments.push(value);
            arguments.extend(others.iter_mut());
            site.call(host, first, &mut arguments)
        }
    }
}
