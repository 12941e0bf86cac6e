//! Statements: blocks, conditions, loops and what leaves them.

use std::any::type_name;

use rhai::{Dynamic, EvalAltResult, Locked, Position, Shared};

use super::{
    slot::Slot,
    vm::{Code, Kind, Out, Vm, writable},
};

/// What Rhai keeps a variable in that closures share.
type Cell = Shared<Locked<Dynamic>>;

/// Statements one after the other; the value is that of the last.
pub(super) fn sequence(mut statements: Vec<Code>) -> Code {
    if statements.len() == 1
        && let Some(only) = statements.pop()
    {
        return only;
    }
    if statements.len() == 2
        && let (Some(second), Some(first)) = (statements.pop(), statements.pop())
    {
        return Box::new(move |vm| {
            let out = first(vm);
            if out.stops() { out } else { second(vm) }
        });
    }
    let statements = statements.into_boxed_slice();
    Box::new(move |vm| {
        let mut last = Out::UNIT;
        for statement in &statements {
            last = statement(vm);
            if last.stops() {
                break;
            }
        }
        last
    })
}

/// A block with variables of its own, which are gone afterwards. `depth` is where they begin.
pub(super) fn scoped(body: Code, depth: usize) -> Code {
    Box::new(move |vm| {
        let out = body(vm);
        vm.leave(depth);
        out
    })
}

impl Vm<'_> {
    /// Forgets the variables above a depth of the running function.
    #[inline]
    pub(super) fn leave(&mut self, depth: usize) {
        self.shorten(self.base + depth);
    }

    /// Drops variables from a place of the stack on.
    #[inline]
    pub(super) fn shorten(&mut self, length: usize) {
        while self.locals.len() > length {
            if matches!(self.locals.last(), Some(Slot::Any(_))) {
                self.drop_last();
            } else {
                // Nothing is in it that would have to be dropped, which the compiler does not see.
                std::mem::forget(self.locals.pop());
            }
        }
    }

    #[inline(never)]
    fn drop_last(&mut self) {
        self.locals.pop();
    }

    /// Whether a condition holds.
    #[inline]
    fn test(&mut self, condition: &Code, position: Position) -> Result<bool, Out> {
        let out = condition(self);
        match out.kind {
            Kind::Bool => Ok(out.bits != 0),
            _ => Err(self.no_bool(out, position)),
        }
    }

    #[cold]
    #[inline(never)]
    pub(super) fn no_bool(&mut self, out: Out, position: Position) -> Out {
        if out.stops() {
            return out;
        }
        let is_shared = out.kind == Kind::Any && self.acc.is_shared();
        let value = self.value(out);
        let wanted = self.host.engine.map_type_name("bool").to_owned();
        let got = if is_shared { type_name::<Cell>() } else { value.type_name() }.to_owned();
        self.fail(EvalAltResult::ErrorMismatchDataType(wanted, got, position))
    }
}

/// A new variable.
pub(super) fn declare(value: Code, is_constant: bool) -> Code {
    if is_constant {
        return Box::new(move |vm| {
            let out = value(vm);
            if out.stops() {
                return out;
            }
            let value = vm.value(out).into_read_only();
            vm.locals.push(value.into());
            Out::UNIT
        });
    }
    Box::new(move |vm| {
        let out = value(vm);
        if out.kind == Kind::Int {
            vm.locals.push(Slot::Int(out.bits));
            return Out::UNIT;
        }
        declared(vm, out)
    })
}

#[inline(never)]
fn declared(vm: &mut Vm<'_>, out: Out) -> Out {
    if out.stops() {
        return out;
    }
    let variable = vm.slot(out);
    vm.locals.push(variable);
    Out::UNIT
}

/// A variable that is declared again in the place of an older one.
pub(super) fn declare_again(value: Code, slot: usize, is_constant: bool) -> Code {
    Box::new(move |vm| {
        let out = value(vm);
        if out.stops() {
            return out;
        }
        *vm.variable(slot) = match is_constant {
            true => vm.value(out).into_read_only().into(),
            false => vm.slot(out),
        };
        Out::UNIT
    })
}

/// `if`.
pub(super) fn branch(
    condition: Code,
    position: Position,
    body: Option<Code>,
    other: Option<Code>,
) -> Code {
    let empty = || -> Code { Box::new(|_| Out::UNIT) };
    let body = body.unwrap_or_else(empty);
    let Some(other) = other else {
        return Box::new(move |vm| match vm.test(&condition, position) {
            Ok(true) => body(vm),
            Ok(false) => Out::UNIT,
            Err(out) => out,
        });
    };
    Box::new(move |vm| match vm.test(&condition, position) {
        Ok(true) => body(vm),
        Ok(false) => other(vm),
        Err(out) => out,
    })
}

/// `&&` and `||`: the first that is `decides` decides.
pub(super) fn logical(parts: Vec<(Code, Position)>, decides: bool) -> Code {
    Box::new(move |vm| {
        for (part, position) in &parts {
            match vm.test(part, *position) {
                Ok(value) if value == decides => return Out::bool(decides),
                Ok(_) => {}
                Err(out) => return out,
            }
        }
        Out::bool(!decides)
    })
}

/// `??`: the first that is not `()`.
pub(super) fn coalesce(parts: Vec<Code>) -> Code {
    Box::new(move |vm| {
        let mut out = Out::UNIT;
        for part in &parts {
            out = part(vm);
            let is_unit = out.kind == Kind::Unit || out.kind == Kind::Any && vm.acc.is_unit();
            if !is_unit {
                break;
            }
        }
        out
    })
}

/// The body of a loop.
pub(super) struct Body {
    /// `None` for an empty one.
    pub(super) code: Option<Code>,
    /// How many operations a turn counts as.
    pub(super) weight: u32,
    pub(super) position: Position,
    /// Where its variables begin.
    pub(super) depth: usize,
}

/// How a turn of a loop ended.
pub(super) enum Turn {
    /// At its end, or with `continue`.
    Done,
    /// With `continue`, where that matters.
    Continued,
    /// With what the loop comes to.
    Left(Out),
}

impl Body {
    /// Runs one turn.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "it is the inside of each loop")]
    pub(super) fn turn(&self, vm: &mut Vm<'_>) -> Turn {
        if !vm.spend(self.weight, self.position) {
            return Turn::Left(Out::FAIL);
        }
        let Some(code) = &self.code else { return Turn::Done };
        let out = code(vm);
        if out.kind < Kind::Fail {
            return Turn::Done;
        }
        self.left(vm, out)
    }

    #[inline(never)]
    fn left(&self, vm: &mut Vm<'_>, out: Out) -> Turn {
        vm.leave(self.depth);
        match out.kind {
            Kind::Continue => Turn::Continued,
            Kind::Break => {
                let value = vm.value(out);
                Turn::Left(vm.give(value))
            }
            _ => Turn::Left(out),
        }
    }
}

/// `loop`.
pub(super) fn endless(body: Body) -> Code {
    Box::new(move |vm| {
        loop {
            if let Turn::Left(out) = body.turn(vm) {
                return out;
            }
        }
    })
}

/// `while`.
pub(super) fn repeat_while(condition: Code, position: Position, body: Body) -> Code {
    Box::new(move |vm| {
        loop {
            match vm.test(&condition, position) {
                Ok(true) => {}
                Ok(false) => return Out::UNIT,
                Err(out) => return out,
            }
            if let Turn::Left(out) = body.turn(vm) {
                return out;
            }
        }
    })
}

/// `do … while` and `do … until`.
pub(super) fn repeat_until(condition: Code, position: Position, ends_on: bool, body: Body) -> Code {
    Box::new(move |vm| {
        loop {
            match body.turn(vm) {
                Turn::Done => {}
                // Rhai does not ask the condition then.
                Turn::Continued => continue,
                Turn::Left(out) => return out,
            }
            match vm.test(&condition, position) {
                Ok(value) if value == ends_on => return Out::UNIT,
                Ok(_) => {}
                Err(out) => return out,
            }
        }
    })
}

/// `return` and `break`.
pub(super) fn leave(value: Option<Code>, leaves: Out) -> Code {
    let Some(value) = value else {
        return Box::new(move |vm| {
            vm.acc = Dynamic::UNIT;
            leaves
        });
    };
    Box::new(move |vm| {
        let out = value(vm);
        if out.stops() {
            return out;
        }
        vm.acc = vm.value(out);
        leaves
    })
}

/// `throw`.
pub(super) fn throw(value: Option<Code>, position: Position) -> Code {
    Box::new(move |vm| {
        let mut thrown = Dynamic::UNIT;
        if let Some(value) = &value {
            let out = value(vm);
            if out.stops() {
                return out;
            }
            thrown = vm.value(out);
        }
        vm.fail(EvalAltResult::ErrorRuntime(thrown, position))
    })
}

/// What is left of a variable that nothing reads any more: its value moves out.
pub(super) fn last_use(slot: usize) -> Code {
    Box::new(move |vm| {
        let variable = vm.variable(slot);
        if let Some(out) = variable.scalar() {
            return out;
        }
        let value = variable.value();
        let value = if value.is_shared() { value.flatten_clone() } else { std::mem::take(value) };
        vm.give(writable(value))
    })
}
