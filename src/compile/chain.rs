//! Chains of properties, indices and method calls, such as `a.b[2].c(x)`.
//!
//! The operands in a chain are evaluated first, from left to right, as Rhai does; then the chain is walked
//! from its root. What this module does not know ends the walk before anything was called: the whole
//! chain is then left to Rhai, which starts again from the root. Getters may have run by then, and run
//! again: Rhai takes them for pure, too.

use rhai::{Dynamic, EvalAltResult, FnArgsVec, Identifier, Position};

use super::{
    chain_method::method,
    graph::Method,
    native::{First, Given, Interpreted, Site},
    peek::{element, peek},
    slot::Slot,
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
    Method {
        name: Identifier,
        operands: std::ops::Range<usize>,
        site: Box<Site>,
        /// Rhai does more here than to call a function.
        is_special: bool,
        /// Functions of the script that it may mean; they come before natives.
        scripts: Vec<Method>,
    },
}

/// A chain that is read.
pub(super) struct Chain {
    pub(super) root: Root,
    pub(super) operands: Vec<Code>,
    pub(super) steps: Vec<Step>,
    /// How many steps there are before the first method call, where the host may lend what the first two
    /// give.
    pub(super) lent: Option<usize>,
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
pub(super) struct Called {
    pub(super) getter: bool,
    pub(super) method: bool,
    pub(super) value: Whose,
}

/// Whose the value at hand is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Whose {
    /// It is in a variable.
    #[default]
    Variable,
    /// It was made for this chain, so that what is in it need not be copied.
    Chain,
    /// It is in something that closures share, which is locked.
    Closures,
}

/// Walks on from a value.
pub(super) fn walk(
    steps: &[Step],
    value: &mut Dynamic,
    operands: &mut [Dynamic],
    vm: &mut Vm<'_>,
    mut called: Called,
) -> Walk {
    let Some((step, after)) = steps.split_first() else {
        return Walk::Done(match called.value == Whose::Chain && !value.is_read_only() {
            true => std::mem::take(value),
            false => value.clone(),
        });
    };
    if value.is_shared() {
        called.value = Whose::Closures;
        return match value.write_lock::<Dynamic>() {
            Some(mut inner) => walk(steps, &mut inner, operands, vm, called),
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
                    Some(item) => walk(after, item, operands, vm, called),
                    None => walk(after, &mut Dynamic::default(), operands, vm, called),
                };
            }
            let mut given = getter.call_known(&mut vm.host, First::Place, &mut [value]);
            if given.is_none()
                && (!after.is_empty() || called.method || called.getter)
                && getter.learn(&mut vm.host, &[value])
            {
                given = getter.call_known(&mut vm.host, First::Place, &mut [value]);
            }
            match given {
                Some(Ok(mut item)) => {
                    called.getter = true;
                    called.value = Whose::Chain;
                    if after.is_empty() {
                        Walk::Done(item)
                    } else {
                        walk(after, &mut item, operands, vm, called)
                    }
                }
                Some(Err(error)) if !matches!(*error, EvalAltResult::ErrorDotExpr(..)) => {
                    Walk::Failed(error)
                }
                _ => {
                    if after.is_empty() && !called.method && !called.getter {
                        return getter_asked(getter, value, &mut vm.host);
                    }
                    otherwise(step, value, operands, &mut vm.host, called)
                }
            }
        }
        StepKind::Index { operand, indexer } => {
            index(step, after, *operand, indexer, value, operands, vm, called)
        }
        StepKind::Method { .. } => method(step, after, value, operands, vm, called),
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
    vm: &mut Vm<'_>,
    mut called: Called,
) -> Walk {
    let Some(index) = operands.get(operand) else { return Walk::Back };
    if value.is_array() {
        let at = super::vm::int_of(index);
        if let Ok(mut items) = value.as_array_mut() {
            let at = at.and_then(|at| element(items.len(), at));
            if let Some(item) = at.and_then(|at| items.get_mut(at)) {
                return walk(after, item, operands, vm, called);
            }
        }
        return otherwise(step, value, operands, &mut vm.host, called);
    }
    if value.is_map() {
        let Some(name) = index.read_lock::<rhai::ImmutableString>().map(|name| (*name).clone())
        else {
            return otherwise(step, value, operands, &mut vm.host, called);
        };
        let Ok(mut map) = value.as_map_mut() else { return Walk::Back };
        return match map.get_mut(name.as_str()) {
            Some(item) => walk(after, item, operands, vm, called),
            None => walk(after, &mut Dynamic::default(), operands, vm, called),
        };
    }
    if !value.is_variant() {
        return otherwise(step, value, operands, &mut vm.host, called);
    }
    let mut index = index.clone();
    let mut given = indexer.call_known(&mut vm.host, First::Place, &mut [value, &mut index]);
    if given.is_none()
        && (!after.is_empty() || called.method || called.getter)
        && indexer.learn(&mut vm.host, &[value, &mut index])
    {
        given = indexer.call_known(&mut vm.host, First::Place, &mut [value, &mut index]);
    }
    match given {
        Some(Ok(mut item)) => {
            called.getter = true;
            called.value = Whose::Chain;
            if after.is_empty() {
                Walk::Done(item)
            } else {
                walk(after, &mut item, operands, vm, called)
            }
        }
        Some(Err(error)) => Walk::Failed(error),
        None if after.is_empty() && !called.method && !called.getter => {
            indexer.ask(&mut vm.host, &mut [value, &mut index]).into()
        }
        None => otherwise(step, value, operands, &mut vm.host, called),
    }
}

/// Leaves a step to Rhai: from the root, or from here where a method was called already.
pub(super) fn otherwise(
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

/// Walks steps from a value; `None` where Rhai has to begin at the root, with the operands as they were.
fn walk_rest(
    vm: &mut Vm<'_>,
    steps: &[Step],
    value: &mut Dynamic,
    start: usize,
    called: Called,
) -> Option<Walk> {
    let mut operands = vm.take_operands(start);
    let walked = walk(steps, value, &mut operands, vm, called);
    if matches!(walked, Walk::Back) {
        vm.operands.extend(operands);
        return None;
    }
    Some(walked)
}

/// What a walk came to.
fn ended(vm: &mut Vm<'_>, walked: Walk, start: usize) -> Out {
    vm.operands.truncate(start);
    match walked {
        Walk::Done(value) => vm.give(value),
        Walk::Failed(error) => vm.fail(error),
        Walk::Back => Out::UNIT,
    }
}

impl Chain {
    pub(super) fn run(&self, vm: &mut Vm<'_>) -> Out {
        if !vm.spend_memory(self.position) {
            return Out::FAIL;
        }
        let start = vm.operands.len();
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

    /// Runs the chain with its operands on their stack, and takes them from there.
    pub(super) fn finish(&self, vm: &mut Vm<'_>, start: usize) -> Out {
        let walked = match &self.root {
            Root::Local(slot) => self.begin_at(vm, *slot, start),
            Root::Constant(value) => {
                let operands = vm.operands.get(start..).unwrap_or_default();
                if let Some(found) = peek(&self.steps, value, operands) {
                    Walk::Done(found)
                } else {
                    let value = (**value).clone().into_read_only();
                    self.begin_with(vm, value, start, Called::default()).0
                }
            }
            Root::Code(code) => {
                let out = code(vm);
                if out.stops() {
                    vm.operands.truncate(start);
                    return out;
                }
                let value = vm.value(out);
                return self.finish_with(vm, value, start);
            }
        };
        ended(vm, walked, start)
    }

    /// The same from a value that was made for it.
    pub(super) fn finish_with(&self, vm: &mut Vm<'_>, value: Dynamic, start: usize) -> Out {
        let called = Called { value: Whose::Chain, ..Called::default() };
        let (walked, _) = self.begin_with(vm, value, start, called);
        ended(vm, walked, start)
    }

    fn begin_at(&self, vm: &mut Vm<'_>, slot: usize, start: usize) -> Walk {
        let at = vm.base + slot;
        let operands = vm.operands.get(start..).unwrap_or_default();
        if let Some(value) = vm.locals.get(at).and_then(Slot::known) {
            if let Some(found) = peek(&self.steps, value, operands) {
                return Walk::Done(found);
            }
            if let Some(plain) = self.lent
                && value.is_variant()
                && let Some(mut found) = self.lend(plain, value, operands, &vm.host)
            {
                let called = Called { getter: true, method: false, value: Whose::Chain };
                let rest = self.steps.get(plain..).unwrap_or_default();
                if rest.is_empty() && !found.is_read_only() {
                    return Walk::Done(found);
                }
                if let Some(walked) = walk_rest(vm, rest, &mut found, start, called) {
                    return walked;
                }
            }
        }
        let root = std::mem::take(vm.place(slot));
        let (walked, root) = self.begin_with(vm, root, start, Called::default());
        let variable = vm.variable(slot);
        *variable = root.into();
        variable.settle();
        walked
    }

    /// Walks the chain from a value, and gives the value as it is then.
    fn begin_with(
        &self,
        vm: &mut Vm<'_>,
        mut root: Dynamic,
        start: usize,
        called: Called,
    ) -> (Walk, Dynamic) {
        let mut operands = vm.take_operands(start);
        let walked = walk(&self.steps, &mut root, &mut operands, vm, called);
        if !matches!(walked, Walk::Back) {
            return (walked, root);
        }
        let mut all: FnArgsVec<&mut Dynamic> = FnArgsVec::with_capacity(operands.len() + 1);
        all.push(&mut root);
        all.extend(operands.iter_mut());
        let walked = self.interpreted.run(&mut vm.host, &mut all).into();
        drop(all);
        (walked, root)
    }
}
