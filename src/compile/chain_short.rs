//! The chains that scripts have most, done without a walk: names in maps, and `x.push(y)`.

use std::any::TypeId;

use rhai::{Dynamic, FnArgsVec, Identifier};

use super::{
    chain::{Chain, Root, Step, StepKind},
    chain_method::holds_function,
    native::{First, Given, Site},
    slot::Slot,
    vm::{Code, Host, Out, Vm, scalar},
};

/// What was found at the end of names.
enum Found {
    /// A value that fits into registers.
    Out(Out),
    Value(Dynamic),
}

/// The value at the end of names in maps; `None` where there is anything else.
fn seek(names: &[Identifier], value: &Dynamic) -> Option<Found> {
    let Some((name, after)) = names.split_first() else {
        return Some(match scalar(value) {
            Some(out) => Found::Out(out),
            None => Found::Value(value.flatten_clone()),
        });
    };
    if value.is_shared() || !value.is_map() {
        return None;
    }
    let map = value.as_map_ref().ok()?;
    match map.get(name.as_str()) {
        Some(item) => seek(after, item),
        None if after.is_empty() => Some(Found::Out(Out::UNIT)),
        None => None,
    }
}

/// What the host lends, where two names are all there is.
fn lend(names: &[Identifier], value: &Dynamic, host: &Host<'_>) -> Option<Dynamic> {
    let [first, second] = names else { return None };
    if !value.is_variant() {
        return None;
    }
    let lent = (host.program.hooks.lend)(value, [first, second], None);
    lent.filter(|lent| !lent.is_read_only())
}

/// The code of a chain that is read.
pub(super) fn code(chain: Chain) -> Code {
    let is_call = chain.is_plain_call();
    let slot = match chain.root {
        Root::Local(slot) => slot,
        Root::Code(_) if is_call => return Box::new(move |vm| chain.call_on_value(vm)),
        _ => return Box::new(move |vm| chain.run(vm)),
    };
    let name = |step: &Step| match &step.kind {
        StepKind::Property { name, .. } if !step.is_optional => Some(name.clone()),
        _ => None,
    };
    if let Some(names) = chain.steps.iter().map(name).collect::<Option<Box<[_]>>>() {
        return Box::new(move |vm| {
            let value = vm.locals.get(vm.base + slot).and_then(Slot::known);
            match value.and_then(|value| seek(&names, value)) {
                Some(Found::Out(out)) => out,
                Some(Found::Value(value)) => vm.give_large(value, chain.position),
                None => match value.and_then(|value| lend(&names, value, &vm.host)) {
                    Some(_) if !vm.spend_memory(chain.position) => Out::FAIL,
                    Some(value) => vm.give(value),
                    None => chain.run(vm),
                },
            }
        });
    }
    if !is_call {
        return Box::new(move |vm| chain.run(vm));
    }
    match chain.steps.first() {
        Some(Step { kind: StepKind::Method { name, .. }, .. })
            if name == "push" && chain.operands.len() == 1 =>
        {
            Box::new(move |vm| chain.push(vm, slot))
        }
        _ => Box::new(move |vm| chain.call_on_variable(vm, slot)),
    }
}

/// Calls a native that is known for a value and these operands.
fn known(
    site: &Site,
    host: &mut Host<'_>,
    first: First,
    value: &mut Dynamic,
    operands: &mut [Dynamic],
) -> Option<Given<Dynamic>> {
    match operands {
        [] => site.call_known(host, first, &mut [value]),
        [second] => site.call_known(host, first, &mut [value, second]),
        operands => {
            let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(operands.len() + 1);
            all.push(value);
            all.extend(operands.iter_mut());
            site.call_known(host, first, &mut all)
        }
    }
}

impl Chain {
    /// Whether it is one method call that may mean nothing but a native, or a function in a map.
    fn is_plain_call(&self) -> bool {
        matches!(
            self.steps.as_slice(),
            [Step {
                kind: StepKind::Method { scripts, is_special: false, .. },
                is_optional: false,
                ..
            }] if scripts.is_empty()
        )
    }

    /// Puts the operands of one method call on the stack: its name, its native, and where they begin.
    #[inline]
    fn begin(&self, vm: &mut Vm<'_>) -> Result<(&Identifier, &Site, usize), Out> {
        let Some(Step { kind: StepKind::Method { name, site, .. }, .. }) = self.steps.first()
        else {
            return Err(self.run(vm));
        };
        if !vm.spend_memory(self.position) {
            return Err(Out::FAIL);
        }
        let start = vm.operands.len();
        vm.push_all(&self.operands)?;
        Ok((name, site, start))
    }

    /// One method call on a variable.
    fn call_on_variable(&self, vm: &mut Vm<'_>, slot: usize) -> Out {
        let (name, site, start) = match self.begin(vm) {
            Ok(begun) => begun,
            Err(out) => return out,
        };
        let at = vm.base + slot;
        let Vm { host, locals, operands, .. } = vm;
        let mut given = None;
        if let Some(variable) = locals.get_mut(at) {
            let value = variable.value();
            if !value.is_shared() && !holds_function(value, name) {
                let operands = operands.get_mut(start..).unwrap_or_default();
                given = known(site, host, First::Place, value, operands);
            }
            variable.settle();
        }
        self.given(vm, given, start)
    }

    /// One method call on a value that is made for it.
    fn call_on_value(&self, vm: &mut Vm<'_>) -> Out {
        let Root::Code(code) = &self.root else { return self.run(vm) };
        let (name, site, start) = match self.begin(vm) {
            Ok(begun) => begun,
            Err(out) => return out,
        };
        let out = code(vm);
        if out.stops() {
            vm.operands.truncate(start);
            return out;
        }
        let mut value = vm.value(out);
        let Vm { host, operands, .. } = vm;
        let mut given = None;
        if !holds_function(&value, name) {
            let operands = operands.get_mut(start..).unwrap_or_default();
            given = known(site, host, First::Own, &mut value, operands);
        }
        if given.is_none() {
            return self.finish_with(vm, value, start);
        }
        self.given(vm, given, start)
    }

    /// What a native gave; where none was called, the chain is walked.
    #[inline]
    fn given(&self, vm: &mut Vm<'_>, given: Option<Given<Dynamic>>, start: usize) -> Out {
        match given {
            Some(Ok(value)) => {
                vm.operands.truncate(start);
                vm.give(value)
            }
            Some(Err(error)) => {
                vm.operands.truncate(start);
                vm.fail(error)
            }
            None => self.finish(vm, start),
        }
    }

    /// `x.push(y)`, done here where it is Rhai's own function that would be called.
    fn push(&self, vm: &mut Vm<'_>, slot: usize) -> Out {
        let ([Step { kind: StepKind::Method { site, .. }, .. }], [operand]) =
            (self.steps.as_slice(), self.operands.as_slice())
        else {
            return self.run(vm);
        };
        if !vm.spend_memory(self.position) {
            return Out::FAIL;
        }
        let out = operand(vm);
        if out.stops() {
            return out;
        }
        let value = vm.value(out);
        let at = vm.base + slot;
        if let Some(Slot::Any(place)) = vm.locals.get_mut(at)
            && !place.is_shared()
            && place.is_array()
            && !place.is_read_only()
            && site.is_own_for([TypeId::of::<rhai::Array>(), value.type_id()])
            && let Some(mut items) = place.write_lock::<rhai::Array>()
        {
            items.push(value);
            return Out::UNIT;
        }
        let start = vm.operands.len();
        vm.operands.push(value);
        self.finish(vm, start)
    }
}
