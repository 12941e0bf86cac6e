//! The chains that scripts have most, done without a walk: names in maps, and `x.push(y)`.

use std::any::TypeId;

use rhai::{Dynamic, Identifier};

use super::{
    chain::{Chain, Root, Step, StepKind},
    slot::Slot,
    vm::{Code, Out, Vm, scalar},
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

/// The code of a chain that is read.
pub(super) fn code(chain: Chain) -> Code {
    let Root::Local(slot) = chain.root else { return Box::new(move |vm| chain.run(vm)) };
    let name = |step: &Step| match &step.kind {
        StepKind::Property { name, .. } if !step.is_optional => Some(name.clone()),
        _ => None,
    };
    if let Some(names) = chain.steps.iter().map(name).collect::<Option<Box<[_]>>>() {
        return Box::new(move |vm| {
            match vm
                .locals
                .get(vm.base + slot)
                .and_then(Slot::known)
                .and_then(|value| seek(&names, value))
            {
                Some(Found::Out(out)) => out,
                Some(Found::Value(value)) => vm.give_large(value, chain.position),
                None => chain.run(vm),
            }
        });
    }
    if matches!(chain.operands.as_slice(), [_])
        && let [Step { kind: StepKind::Method { name, scripts, is_special: false, .. }, .. }] =
            chain.steps.as_slice()
        && name == "push"
        && scripts.is_empty()
    {
        return Box::new(move |vm| chain.push(vm, slot));
    }
    Box::new(move |vm| chain.run(vm))
}

impl Chain {
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
