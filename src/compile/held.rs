//! Functions that values hold: `f.call(x)`, `x.call(f)`, `map.f(x)` and `f.curry(x)`.

use rhai::{Dynamic, FnPtr, Position};

use super::{
    native::Given,
    slot::Slot,
    vm::{Kind, Vm},
};

/// A closure that is compiled, and what it captured.
struct Held {
    function: usize,
    method: Option<usize>,
    captured: Vec<Dynamic>,
}

impl Held {
    /// The closure in a value, if it takes so many arguments and Rhai would call it.
    fn of(vm: &Vm<'_>, value: &Dynamic, arguments: &[Dynamic]) -> Option<Self> {
        // In libraries, Rhai looks for what has the name of the closure.
        if vm.host.environment != 0 {
            return None;
        }
        let function = value.read_lock::<FnPtr>()?;
        if !function.is_anonymous() {
            return None;
        }
        let closure = vm.host.program.closure(vm.host.environment, function.fn_name())?;
        let captured = function.curry();
        let fits = closure.parameters == captured.len() + arguments.len();
        // Rhai refuses what is in use.
        let in_use = captured.iter().chain(arguments).any(Dynamic::is_locked);
        (fits && !in_use).then(|| Self {
            function: closure.function,
            method: closure.method,
            captured: captured.to_vec(),
        })
    }

    fn call(
        self,
        vm: &mut Vm<'_>,
        arguments: &mut [Dynamic],
        position: Position,
    ) -> Given<Dynamic> {
        let start = vm.locals.len();
        vm.locals.extend(self.captured.into_iter().map(Slot::from));
        vm.locals
            .extend(arguments.iter_mut().map(|argument| Slot::plain(std::mem::take(argument))));
        let out = vm.call(self.function, start, position);
        match out.kind {
            Kind::Fail => Err(vm.error_at(position)),
            _ => Ok(vm.value(out)),
        }
    }

    fn call_on(
        self,
        vm: &mut Vm<'_>,
        this: &mut Dynamic,
        arguments: &mut [Dynamic],
        position: Position,
    ) -> Given<Dynamic> {
        let Some(method) = self.method else { return self.call(vm, arguments, position) };
        let arguments = arguments.iter_mut().map(std::mem::take);
        vm.call_on(method, this, self.captured.into_iter().chain(arguments), position)
    }
}

/// Calls the function that a method call on a value means, where it is not one by its name; `None`, and
/// nothing is done, where Rhai has to do it.
pub(super) fn call(
    vm: &mut Vm<'_>,
    value: &mut Dynamic,
    name: &str,
    operands: &mut [Dynamic],
    position: Position,
) -> Option<Given<Dynamic>> {
    if value.is_shared() {
        return None;
    }
    match name {
        "call" if value.is_fnptr() => {
            let held = Held::of(vm, value, operands)?;
            Some(held.call(vm, operands, position))
        }
        "call" => {
            let (function, arguments) = operands.split_first_mut()?;
            let held = Held::of(vm, function, arguments)?;
            Some(held.call_on(vm, value, arguments, position))
        }
        "curry" => {
            let mut function = value.read_lock::<FnPtr>()?.clone();
            function.extend(operands.iter_mut().map(std::mem::take));
            Some(Ok(function.into()))
        }
        _ => {
            let held = {
                let map = value.as_map_ref().ok()?;
                Held::of(vm, map.get(name)?, operands)?
            };
            Some(held.call_on(vm, value, operands, position))
        }
    }
}
