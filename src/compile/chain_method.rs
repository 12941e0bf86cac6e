//! The method calls in a chain: functions of the script, then natives.

use rhai::{Dynamic, FnArgsVec, FnPtr};

use super::{
    chain::{Called, Step, StepKind, Walk, otherwise, walk},
    graph::Method,
    native::First,
    vm::Host,
};

/// Walks on from a method call.
pub(super) fn method(
    step: &Step,
    after: &[Step],
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    host: &mut Host<'_>,
    mut called: Called,
) -> Walk {
    let StepKind::Method { name, operands: range, site, is_special, scripts } = &step.kind else {
        return Walk::Back;
    };
    let is_last = after.is_empty();
    let only_method = !after.iter().any(|step| matches!(step.kind, StepKind::Method { .. }));
    if *is_special || holds_function(value, name) || (called.getter && !only_method) {
        return otherwise(step, value, operands, host, called);
    }
    if let Some(function) = meant(scripts, value, host) {
        let arguments = operands.get_mut(range.clone()).unwrap_or_default();
        let arguments = arguments.iter_mut().map(std::mem::take);
        return match host.call_on(function, value, arguments, site.position()) {
            Ok(given) if is_last => Walk::Done(given),
            Ok(mut given) => {
                called.method = true;
                called.owned = true;
                walk(after, &mut given, operands, host, called)
            }
            Err(error) => Walk::Failed(error),
        };
    }
    let mut arguments: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(range.len() + 1);
    arguments.push(value);
    arguments.extend(operands.get_mut(range.clone()).unwrap_or_default());
    let asks = is_last && !called.getter && !called.method;
    let mut changes = site.changes_first(&arguments);
    if changes.is_none() && !asks && site.learn(host, &arguments) {
        changes = site.changes_first(&arguments);
    }
    let given = match changes {
        // Rhai feeds what a method changed back through the setter.
        Some(true) if called.getter => None,
        Some(_) => site.call_known(host, First::Place, &mut arguments),
        None if asks => Some(site.ask(host, &mut arguments)),
        None => None,
    };
    drop(arguments);
    match given {
        Some(Ok(value)) if is_last => Walk::Done(value),
        Some(Ok(mut value)) => {
            called.method = true;
            called.owned = true;
            walk(after, &mut value, operands, host, called)
        }
        Some(Err(error)) => Walk::Failed(error),
        None => otherwise(step, value, operands, host, called),
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
fn holds_function(value: &Dynamic, name: &str) -> bool {
    value.is_map()
        && value.as_map_ref().is_ok_and(|map| map.get(name).is_some_and(Dynamic::is::<FnPtr>))
}
