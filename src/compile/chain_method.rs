//! The method calls in a chain: functions of the script, then natives.

use rhai::{Dynamic, FnArgsVec, FnPtr};

use super::{
    chain::{Called, Step, StepKind, Walk, Whose, otherwise, walk},
    graph::Method,
    held,
    native::{First, Given},
    vm::{Host, Vm},
};

/// Walks on from a method call.
pub(super) fn method(
    step: &Step,
    after: &[Step],
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    vm: &mut Vm<'_>,
    mut called: Called,
) -> Walk {
    let StepKind::Method { name, operands: range, site, is_special, scripts } = &step.kind else {
        return Walk::Back;
    };
    let is_last = after.is_empty();
    let only_method = !after.iter().any(|step| matches!(step.kind, StepKind::Method { .. }));
    if called.getter && !only_method {
        return otherwise(step, value, operands, &mut vm.host, called);
    }
    let given = if *is_special || holds_function(value, name) {
        let operands = operands.get_mut(range.clone()).unwrap_or_default();
        let is_known = !called.getter && called.value != Whose::Closures;
        is_known.then(|| held::call(vm, value, name, operands, site.position())).flatten()
    } else if let Some(function) = meant(scripts, value, &vm.host) {
        let arguments = operands.get_mut(range.clone()).unwrap_or_default();
        let arguments = arguments.iter_mut().map(std::mem::take);
        Some(vm.call_on(function, value, arguments, site.position()))
    } else {
        native(step, is_last, value, operands, vm, called)
    };
    match given {
        Some(Ok(value)) if is_last => Walk::Done(value),
        Some(Ok(mut value)) => {
            called.method = true;
            called.value = Whose::Chain;
            walk(after, &mut value, operands, vm, called)
        }
        Some(Err(error)) => Walk::Failed(error),
        None => otherwise(step, value, operands, &mut vm.host, called),
    }
}

/// Calls the native that a method call means; `None` where Rhai has to do it.
fn native(
    step: &Step,
    is_last: bool,
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    vm: &mut Vm<'_>,
    called: Called,
) -> Option<Given<Dynamic>> {
    let StepKind::Method { operands: range, site, .. } = &step.kind else { return None };
    let mut arguments: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(range.len() + 1);
    arguments.push(value);
    arguments.extend(operands.get_mut(range.clone()).unwrap_or_default());
    let asks = is_last && !called.getter && !called.method;
    let mut changes = site.changes_first(&arguments);
    if changes.is_none() && !asks && site.learn(&mut vm.host, &arguments) {
        changes = site.changes_first(&arguments);
    }
    match changes {
        // Rhai feeds what a method changed back through the setter.
        Some(true) if called.getter => None,
        // What nobody else has need not be copied.
        Some(_) => {
            let is_own = called.value == Whose::Chain;
            let first = if is_own { First::Own } else { First::Place };
            site.call_known(&mut vm.host, first, &mut arguments)
        }
        None if asks => Some(site.ask(&mut vm.host, &mut arguments)),
        None => None,
    }
}

/// The function of the script that a method call on a value means.
fn meant(scripts: &[Method], value: &Dynamic, host: &Host<'_>) -> Option<usize> {
    if scripts.is_empty() {
        return None;
    }
    let kind = host.engine.map_type_name(value.type_name());
    let for_type = scripts.iter().find(|method| method.of.as_deref() == Some(kind));
    let found = for_type.or_else(|| scripts.iter().find(|method| method.of.is_none()));
    found.map(|method| method.function)
}

/// Whether a map has a function of its own by the name of a method.
pub(super) fn holds_function(value: &Dynamic, name: &str) -> bool {
    value.is_map()
        && value.as_map_ref().is_ok_and(|map| map.get(name).is_some_and(Dynamic::is::<FnPtr>))
}
