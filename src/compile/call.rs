//! Calls of functions that are compiled too.

use std::sync::Arc;

use rhai::{Dynamic, EvalAltResult, FnArgsVec, Position, Shared};

use super::{
    environment::Entry,
    native::Given,
    slot::Slot,
    vm::{Code, Kind, Out, Vm},
};

impl Vm<'_> {
    /// Calls a function whose arguments are the top of the stack, from `start` on; they are gone
    /// afterwards, but for what it was called on.
    pub(super) fn call(&mut self, function: usize, start: usize, position: Position) -> Out {
        let program = self.host.program;
        let Some(function) = program.functions.get(function) else { return Out::UNIT };
        let kept = start + usize::from(function.is_method);
        if function.is_empty {
            self.shorten(kept);
            return Out::UNIT;
        }
        if !self.spend(function.weight, position) {
            self.shorten(kept);
            return Out::FAIL;
        }
        self.host.global.level += 1;
        if self.host.global.level > self.most_levels {
            self.host.global.level -= 1;
            self.shorten(kept);
            return self.fail(EvalAltResult::ErrorStackOverflow(position));
        }
        let base = std::mem::replace(&mut self.base, start);
        let mut out = (function.code)(self);
        self.base = base;
        self.host.global.level -= 1;
        self.shorten(kept);
        if out.kind >= Kind::Fail {
            out = self.left(out, &function.name, &function.source, position);
        }
        out
    }

    /// What a function that did not run to its end comes to for who called it.
    #[inline(never)]
    fn left(&mut self, out: Out, name: &str, source: &str, position: Position) -> Out {
        if out.kind != Kind::Fail {
            let value = self.value(out);
            return self.give(value);
        }
        let Some(mut error) = self.error.take() else { return Out::FAIL };
        if matches!(*error, EvalAltResult::Exit(..)) || error.is_system_exception() {
            error.set_position(position);
        } else {
            let (name, source) = (name.to_owned(), source.to_owned());
            error = Box::new(EvalAltResult::ErrorInFunctionCall(name, source, error, position));
        }
        self.error = Some(error);
        Out::FAIL
    }

    /// Puts the operands of a native on their stack; where one of them stopped, with what it came to.
    #[inline]
    pub(super) fn push_all(&mut self, operands: &[Code]) -> Result<(), Out> {
        let start = self.operands.len();
        for operand in operands {
            let out = operand(self);
            if out.stops() {
                self.operands.truncate(start);
                return Err(out);
            }
            let value = self.value(out);
            self.operands.push(value);
        }
        Ok(())
    }

    /// Puts the arguments of a call on the stack of variables; where one of them stopped, with what it came
    /// to.
    #[inline]
    pub(super) fn push_arguments(&mut self, arguments: &[Code]) -> Result<(), Out> {
        let start = self.locals.len();
        for argument in arguments {
            let out = argument(self);
            if out.stops() {
                self.shorten(start);
                return Err(out);
            }
            let argument = self.argument(out);
            self.locals.push(argument);
        }
        Ok(())
    }

    /// What a node handed on as an argument.
    #[inline(never)]
    fn argument(&mut self, out: Out) -> Slot {
        match Slot::of(out) {
            Some(slot) => slot,
            None => self.value(out).into(),
        }
    }

    /// A copy of a variable as an argument.
    #[inline]
    pub(super) fn copied(&mut self, slot: usize) -> Slot {
        let out = self.load(slot);
        self.argument(out)
    }
}

impl Vm<'_> {
    /// Calls a function on something that it may change. The arguments are taken.
    pub(super) fn call_on(
        &mut self,
        function: usize,
        this: &mut Dynamic,
        arguments: impl IntoIterator<Item = Dynamic>,
        position: Position,
    ) -> Given<Dynamic> {
        let start = self.locals.len();
        self.locals.push(Slot::plain(std::mem::take(this)));
        self.locals.extend(arguments.into_iter().map(Slot::plain));
        let out = self.call(function, start, position);
        *this = self.locals.pop().map_or(Dynamic::UNIT, Slot::into);
        if out.kind != Kind::Fail {
            return Ok(self.value(out));
        }
        Err(self.error_at(position))
    }

    /// The error of a call that failed.
    #[cold]
    pub(super) fn error_at(&mut self, position: Position) -> Box<EvalAltResult> {
        let error = self.error.take();
        error.unwrap_or_else(|| Box::new(EvalAltResult::ErrorRuntime(Dynamic::UNIT, position)))
    }

    /// Takes operands from their stack.
    #[inline]
    pub(super) fn take_operands(&mut self, start: usize) -> FnArgsVec<Dynamic> {
        if self.operands.len() == start {
            return FnArgsVec::new();
        }
        self.operands.drain(start..).collect()
    }
}

/// A call of a function by its name.
pub(super) fn call(function: usize, mut arguments: Vec<Code>, position: Position) -> Code {
    if arguments.len() == 1
        && let Some(argument) = arguments.pop()
    {
        return Box::new(move |vm| {
            let start = vm.locals.len();
            let out = argument(vm);
            if out.kind == Kind::Int {
                vm.locals.push(Slot::Int(out.bits));
            } else if out.stops() {
                return out;
            } else {
                let argument = vm.argument(out);
                vm.locals.push(argument);
            }
            vm.call(function, start, position)
        });
    }
    Box::new(move |vm| {
        let start = vm.locals.len();
        if let Err(out) = vm.push_arguments(&arguments) {
            return out;
        }
        vm.call(function, start, position)
    })
}

/// A call whose first argument is a variable, which is read when the others are there.
pub(super) fn call_with_variable(
    function: usize,
    slot: usize,
    arguments: Vec<Code>,
    position: Position,
) -> Code {
    if arguments.is_empty() {
        return Box::new(move |vm| {
            let start = vm.locals.len();
            let copy = vm.copied(slot);
            vm.locals.push(copy);
            vm.call(function, start, position)
        });
    }
    Box::new(move |vm| {
        let start = vm.locals.len();
        vm.locals.push(Slot::Unit);
        if let Err(out) = vm.push_arguments(&arguments) {
            vm.shorten(start);
            return out;
        }
        let copy = vm.copied(slot);
        if let Some(first) = vm.locals.get_mut(start) {
            *first = copy;
        }
        vm.call(function, start, position)
    })
}

/// A call of an imported function. `first` is its first argument where that is a variable, which is read
/// when the others are there.
pub(super) fn call_imported(
    function: usize,
    entry: Shared<Entry>,
    first: Option<usize>,
    arguments: Vec<Code>,
    position: Position,
) -> Code {
    Box::new(move |vm| {
        let start = vm.locals.len();
        if first.is_some() {
            vm.locals.push(Slot::Unit);
        }
        if let Err(out) = vm.push_arguments(&arguments) {
            vm.shorten(start);
            return out;
        }
        if let Some(slot) = first {
            let copy = vm.copied(slot);
            if let Some(place) = vm.locals.get_mut(start) {
                *place = copy;
            }
        }
        vm.call_imported(function, &entry, start, position)
    })
}

/// A value of the text.
pub(super) fn constant(value: Dynamic) -> Code {
    if let Some(out) = super::vm::scalar(&value) {
        return Box::new(move |_| out);
    }
    let value = Arc::new(value);
    Box::new(move |vm| {
        vm.acc = (*value).clone();
        Out::ANY
    })
}
