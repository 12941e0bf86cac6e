//! What is in maps and arrays, read without changing anything, and what the host lends of its values.

use rhai::{Dynamic, INT};

use super::{
    Looker,
    chain::{Chain, Step, StepKind},
    vm::Host,
};

/// The element that an index means; negative ones count from the end.
#[inline]
pub(super) fn element(length: usize, index: INT) -> Option<usize> {
    let index = match index {
        0.. => usize::try_from(index).ok()?,
        _ => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    (index < length).then_some(index)
}

/// The value at the end of steps that only read maps and arrays; `None` where there is anything else.
pub(super) fn peek(steps: &[Step], value: &Dynamic, operands: &[Dynamic]) -> Option<Dynamic> {
    let Some((step, after)) = steps.split_first() else { return Some(value.flatten_clone()) };
    if value.is_shared() {
        return None;
    }
    match &step.kind {
        StepKind::Property { name, .. } => {
            if !value.is_map() {
                return None;
            }
            let map = value.as_map_ref().ok()?;
            match map.get(name) {
                Some(item) => peek(after, item, operands),
                None if after.is_empty() => Some(Dynamic::UNIT),
                None => None,
            }
        }
        StepKind::Index { operand, .. } => {
            let index = operands.get(*operand)?;
            if value.is_array() {
                let items = value.as_array_ref().ok()?;
                let index = element(items.len(), super::vm::int_of(index)?)?;
                return peek(after, items.get(index)?, operands);
            }
            if value.is_map() && index.is_string() {
                let map = value.as_map_ref().ok()?;
                let name = index.as_immutable_string_ref().ok()?;
                return match map.get(name.as_str()) {
                    Some(item) => peek(after, item, operands),
                    None if after.is_empty() => Some(Dynamic::UNIT),
                    None => None,
                };
            }
            None
        }
        StepKind::Method { .. } => None,
    }
}

/// How many steps the host may lend, if the first two are names or indices.
pub(super) fn lent(steps: &[Step]) -> Option<usize> {
    let is_plain = |step: &Step| !step.is_optional && !matches!(step.kind, StepKind::Method { .. });
    let plain = steps.iter().take_while(|step| is_plain(step)).count();
    let begins = matches!(steps.first(), Some(Step { kind: StepKind::Property { .. }, .. }));
    (begins && plain >= 2).then_some(plain)
}

impl Chain {
    /// What the host lends of a value of its own, at the step before the first method call.
    pub(super) fn lend(
        &self,
        plain: usize,
        value: &Dynamic,
        operands: &[Dynamic],
        host: &Host<'_>,
    ) -> Option<Dynamic> {
        let [first, second] = self.steps.get(..2)? else { return None };
        let between = self.steps.get(2..plain)?;
        let StepKind::Property { name: first, .. } = &first.kind else { return None };
        let lend = host.program.hooks.lend;
        let mut look = |item: &Dynamic| peek(between, item, operands);
        let look: Option<&mut Looker<'_>> = (!between.is_empty()).then_some(&mut look);
        match &second.kind {
            StepKind::Property { name: second, .. } => lend(value, [first, second], look),
            StepKind::Index { operand, .. } => {
                let second = operands.get(*operand)?.read_lock::<rhai::ImmutableString>()?;
                lend(value, [first, &second], look)
            }
            StepKind::Method { .. } => None,
        }
    }
}
