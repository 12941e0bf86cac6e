//! Chains of properties, indices and method calls, such as `a.b[2].c(x)`.
//!
//! The operands in a chain are evaluated first, from left to right, as Rhai does; then the chain is walked
//! from its root. What this module does not know ends the walk before anything was called: the whole
//! chain is then left to Rhai, which starts again from the root. Getters may have run by then, and run
//! again: Rhai takes them for pure, too.

use rhai::{Dynamic, EvalAltResult, FnArgsVec, FnPtr, INT, Identifier, Position};

use super::{
    native::{First, Given, Interpreted, Site},
    vm::{Code, Host, Out, Vm},
};

/// One step of a chain.
pub(super) struct Step {
    pub(super) kind: StepKind,
    /// Written with `?.` or `?[`: nothing follows where there is `()`.
    pub(super) is_optional: bool,
    /// The rest of the chain from this step on, for when there is no way back to the root.
    pub(super) rest: Option<Interpreted>,
}

pub(super) enum StepKind {
    /// `.name`, and the getter of types that are no maps.
    Property { name: Identifier, getter: Box<Site> },
    /// `[…]`, by the operand that is the index, and the indexer of types that have none built in.
    Index { operand: usize, indexer: Box<Site> },
    /// `.name(…)`, by the operands that are the arguments.
    Method { name: Identifier, operands: std::ops::Range<usize>, site: Box<Site>, is_special: bool },
}

/// A chain that is read.
pub(super) struct Chain {
    pub(super) root: Root,
    pub(super) operands: Vec<Code>,
    pub(super) steps: Vec<Step>,
    pub(super) interpreted: Interpreted,
    pub(super) position: Position,
}

/// Where a chain begins.
pub(super) enum Root {
    /// At a variable.
    Local(usize),
    /// At a value of the surroundings that does not change, and that Rhai copies.
    Constant(Box<Dynamic>),
    /// At a value that is made for it.
    Code(Code),
}

/// How far a walk came.
pub(super) enum Walk {
    Done(Dynamic),
    /// Nothing was done yet that matters, and Rhai has to do all of it.
    Back,
    Failed(Box<EvalAltResult>),
}

impl From<Given<Dynamic>> for Walk {
    #[inline]
    fn from(given: Given<Dynamic>) -> Self {
        match given {
            Ok(value) => Self::Done(value),
            Err(error) => Self::Failed(error),
        }
    }
}

/// What was called on the way to a step.
#[derive(Clone, Copy, Default)]
struct Called {
    getter: bool,
    method: bool,
}

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

/// Walks on from a value.
fn walk(
    steps: &[Step],
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    host: &mut Host<'_>,
    mut called: Called,
) -> Walk {
    let Some((step, after)) = steps.split_first() else { return Walk::Done(value.clone()) };
    if value.is_shared() {
        return match value.write_lock::<Dynamic>() {
            Some(mut inner) => walk(steps, &mut inner, operands, host, called),
            None => Walk::Back,
        };
    }
    if step.is_optional && value.is_unit() {
        return Walk::Done(Dynamic::UNIT);
    }
    match &step.kind {
        StepKind::Property { name, getter } => {
            if value.is_map() {
                let Ok(mut map) = value.as_map_mut() else { return Walk::Back };
                return match map.get_mut(name) {
                    Some(item) => walk(after, item, operands, host, called),
                    None => walk(after, &mut Dynamic::default(), operands, host, called),
                };
            }
            match getter.call_known(host, First::Place, &mut [value]) {
                Some(Ok(mut item)) => {
                    called.getter = true;
                    if after.is_empty() {
                        Walk::Done(item)
                    } else {
                        walk(after, &mut item, operands, host, called)
                    }
                }
                Some(Err(error)) if !matches!(*error, EvalAltResult::ErrorDotExpr(..)) => {
                    Walk::Failed(error)
                }
                _ => {
                    if after.is_empty() && !called.method && !called.getter {
                        return getter_asked(getter, value, host);
                    }
                    otherwise(step, value, operands, host, called)
                }
            }
        }
        StepKind::Index { operand, indexer } => {
            index(step, after, *operand, indexer, value, operands, host, called)
        }
        StepKind::Method { .. } => method(step, after, value, operands, host, called),
    }
}

/// Lets Rhai find a getter, which is the whole of the chain.
fn getter_asked(getter: &Site, value: &mut Dynamic, host: &mut Host<'_>) -> Walk {
    getter.ask(host, &mut [value]).into()
}

#[expect(clippy::too_many_arguments, reason = "a part of `walk`")]
fn index(
    step: &Step,
    after: &[Step],
    operand: usize,
    indexer: &Site,
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    host: &mut Host<'_>,
    mut called: Called,
) -> Walk {
    let Some(index) = operands.get(operand) else { return Walk::Back };
    if value.is_array() {
        let at = super::vm::int_of(index);
        if let Ok(mut items) = value.as_array_mut() {
            let at = at.and_then(|at| element(items.len(), at));
            if let Some(item) = at.and_then(|at| items.get_mut(at)) {
                return walk(after, item, operands, host, called);
            }
        }
        return otherwise(step, value, operands, host, called);
    }
    if value.is_map() {
        let Some(name) = index.read_lock::<rhai::ImmutableString>().map(|name| (*name).clone())
        else {
            return otherwise(step, value, operands, host, called);
        };
        let Ok(mut map) = value.as_map_mut() else { return Walk::Back };
        return match map.get_mut(name.as_str()) {
            Some(item) => walk(after, item, operands, host, called),
            None => walk(after, &mut Dynamic::default(), operands, host, called),
        };
    }
    if !value.is_variant() {
        return otherwise(step, value, operands, host, called);
    }
    let mut index = index.clone();
    match indexer.call_known(host, First::Place, &mut [value, &mut index]) {
        Some(Ok(mut item)) => {
            called.getter = true;
            if after.is_empty() {
                Walk::Done(item)
            } else {
                walk(after, &mut item, operands, host, called)
            }
        }
        Some(Err(error)) => Walk::Failed(error),
        None if after.is_empty() && !called.method && !called.getter => {
            indexer.ask(host, &mut [value, &mut index]).into()
        }
        None => otherwise(step, value, operands, host, called),
    }
}

fn method(
    step: &Step,
    after: &[Step],
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    host: &mut Host<'_>,
    mut called: Called,
) -> Walk {
    let StepKind::Method { name, operands: range, site, is_special } = &step.kind else {
        return Walk::Back;
    };
    let is_last = after.is_empty();
    let only_method = !after.iter().any(|step| matches!(step.kind, StepKind::Method { .. }));
    if *is_special || holds_function(value, name) || (called.getter && !only_method) {
        return otherwise(step, value, operands, host, called);
    }
    let mut arguments: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(range.len() + 1);
    arguments.push(value);
    arguments.extend(operands.get_mut(range.clone()).unwrap_or_default());
    let given = match site.changes_first(&arguments) {
        // Rhai feeds what a method changed back through the setter.
        Some(true) if called.getter => None,
        Some(_) => site.call_known(host, First::Place, &mut arguments),
        None if is_last && !called.getter && !called.method => Some(site.ask(host, &mut arguments)),
        None => None,
    };
    drop(arguments);
    match given {
        Some(Ok(value)) if is_last => Walk::Done(value),
        Some(Ok(mut value)) => {
            called.method = true;
            walk(after, &mut value, operands, host, called)
        }
        Some(Err(error)) => Walk::Failed(error),
        None => otherwise(step, value, operands, host, called),
    }
}

/// Whether a map has a function of its own by the name of a method.
fn holds_function(value: &Dynamic, name: &str) -> bool {
    value.is_map()
        && value.as_map_ref().is_ok_and(|map| map.get(name).is_some_and(Dynamic::is::<FnPtr>))
}

/// Leaves a step to Rhai: from the root, or from here where a method was called already.
fn otherwise(
    step: &Step,
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    host: &mut Host<'_>,
    called: Called,
) -> Walk {
    let Some(rest) = step.rest.as_ref().filter(|_| called.method) else { return Walk::Back };
    let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(operands.len() + 1);
    all.push(value);
    all.extend(operands.iter_mut());
    rest.run(host, &mut all).into()
}

impl Chain {
    fn run(&self, vm: &mut Vm<'_>) -> Out {
        if !vm.spend_memory(self.position) {
            return Out::FAIL;
        }
        let start = vm.stack.len();
        if let Err(out) = vm.push_all(&self.operands) {
            return out;
        }
        self.finish(vm, start)
    }

    /// Whether the last step calls a method that Rhai has of its own.
    pub(super) fn last_is_built_in(&self) -> bool {
        match self.steps.last() {
            Some(Step { kind: StepKind::Method { site, .. }, .. }) => site.is_built_in(),
            _ => false,
        }
    }

    /// Runs the chain with its operands on the stack, and takes them from there.
    pub(super) fn finish(&self, vm: &mut Vm<'_>, start: usize) -> Out {
        let walked = match &self.root {
            Root::Local(slot) => self.begin_at(vm, *slot, start),
            Root::Constant(value) => {
                let operands = vm.stack.get(start..).unwrap_or_default();
                match peek(&self.steps, value, operands) {
                    Some(found) => Walk::Done(found),
                    None => self.begin_with(vm, (**value).clone().into_read_only(), start).0,
                }
            }
            Root::Code(code) => {
                let out = code(vm);
                if out.stops() {
                    vm.stack.truncate(start);
                    return out;
                }
                let value = vm.value(out);
                self.begin_with(vm, value, start).0
            }
        };
        vm.stack.truncate(start);
        match walked {
            Walk::Done(value) => vm.give(value),
            Walk::Failed(error) => vm.fail(error),
            Walk::Back => Out::UNIT,
        }
    }

    fn begin_at(&self, vm: &mut Vm<'_>, slot: usize, start: usize) -> Walk {
        let at = vm.base + slot;
        if let Some((below, operands)) = vm.stack.split_at_mut_checked(start)
            && let Some(value) = below.get(at)
            && let Some(found) = peek(&self.steps, value, operands)
        {
            return Walk::Done(found);
        }
        let root = std::mem::take(vm.place(slot));
        let (walked, root) = self.begin_with(vm, root, start);
        *vm.place(slot) = root;
        walked
    }

    /// Walks the chain from a value, and gives the value as it is then.
    fn begin_with(&self, vm: &mut Vm<'_>, mut root: Dynamic, start: usize) -> (Walk, Dynamic) {
        let Vm { stack, host, .. } = vm;
        let operands = stack.get_mut(start..).unwrap_or_default();
        let walked = walk(&self.steps, &mut root, operands, host, Called::default());
        if !matches!(walked, Walk::Back) {
            return (walked, root);
        }
        let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(operands.len() + 1);
        all.push(&mut root);
        all.extend(operands.iter_mut());
        let walked = self.interpreted.run(host, &mut all).into();
        drop(all);
        (walked, root)
    }
}

/// The code of a chain that is read.
pub(super) fn code(chain: Chain) -> Code {
    Box::new(move |vm| chain.run(vm))
}
