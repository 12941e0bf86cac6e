//! What running code works on: the stacks, and what a node hands to the next.

use std::sync::Arc;

use rhai::{Caches, Dynamic, Engine, EvalAltResult, GlobalRuntimeState, INT, Position};

use super::{
    Program,
    slot::{Slot, Stack},
};

/// A node of the syntax tree as code.
pub(super) type Code = Box<dyn Fn(&mut Vm<'_>) -> Out + Send + Sync>;

/// How many operations pass between two looks at the budget.
const STRETCH: u32 = 1024;

/// How often memory may be taken between two looks at the budget.
const TAKINGS: u32 = 16;

/// What running a node came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Kind {
    /// An integer, in [`Out::bits`].
    Int,
    /// A float, in [`Out::bits`].
    Float,
    /// A truth, in [`Out::bits`].
    Bool,
    /// `()`.
    Unit,
    /// Any value, in [`Vm::acc`].
    Any,
    /// An error, in [`Vm::error`]. From here on, nothing more of the function at hand is to be run.
    Fail,
    /// `break`, with its value in [`Vm::acc`].
    Break,
    /// `continue`.
    Continue,
    /// `return`, with its value in [`Vm::acc`].
    Return,
}

/// What a node hands on. It fits into two registers, which values of Rhai do not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    pub(super) kind: Kind,
    pub(super) bits: INT,
}

impl Out {
    pub(super) const UNIT: Self = Self::plain(Kind::Unit);
    pub(super) const ANY: Self = Self::plain(Kind::Any);
    pub(super) const FAIL: Self = Self::plain(Kind::Fail);
    pub(super) const BREAK: Self = Self::plain(Kind::Break);
    pub(super) const CONTINUE: Self = Self::plain(Kind::Continue);
    pub(super) const RETURN: Self = Self::plain(Kind::Return);

    const fn plain(kind: Kind) -> Self {
        Self { kind, bits: 0 }
    }

    #[inline]
    pub(super) const fn int(value: INT) -> Self {
        Self { kind: Kind::Int, bits: value }
    }

    #[inline]
    pub(super) fn bool(value: bool) -> Self {
        Self { kind: Kind::Bool, bits: INT::from(value) }
    }

    #[inline]
    pub(super) fn float(value: f64) -> Self {
        Self { kind: Kind::Float, bits: value.to_bits().cast_signed() }
    }

    #[inline]
    pub(super) fn as_float(self) -> f64 {
        f64::from_bits(self.bits.cast_unsigned())
    }

    /// Whether what follows the node is not to be run.
    #[inline]
    pub(super) fn stops(self) -> bool {
        self.kind >= Kind::Fail
    }
}

/// All that natives and the interpreter work on; they never touch the stacks.
pub(super) struct Host<'a> {
    pub(super) engine: &'a Engine,
    pub(super) program: &'a Arc<Program>,
    pub(super) global: &'a mut GlobalRuntimeState,
    pub(super) caches: &'a mut Caches,
    /// The surroundings of the running function.
    pub(super) environment: usize,
}

/// A run in progress.
pub(super) struct Vm<'a> {
    pub(super) host: Host<'a>,
    /// Variables and arguments on their way into a call, of all calls in progress.
    pub(super) locals: Vec<Slot>,
    /// Operands on their way into a native, of all calls in progress.
    pub(super) operands: Vec<Dynamic>,
    /// Where the variables of the running function begin.
    pub(super) base: usize,
    /// The value that is handed on, where it is none that fits into [`Out`].
    pub(super) acc: Dynamic,
    pub(super) error: Option<Box<EvalAltResult>>,
    /// A text that is being put together.
    pub(super) text: String,
    /// Operations until the budget is asked again.
    fuel: u32,
    /// How often memory may be taken until then.
    takings: u32,
    pub(super) most_levels: usize,
}

impl<'a> Vm<'a> {
    pub(super) fn new(host: Host<'a>, stack: Stack) -> Self {
        let Stack { locals, operands } = stack;
        let most_levels = host.engine.max_call_levels();
        Self {
            host,
            locals,
            operands,
            base: 0,
            acc: Dynamic::UNIT,
            error: None,
            text: String::new(),
            fuel: STRETCH,
            takings: TAKINGS,
            most_levels,
        }
    }

    /// The stacks, emptied, for the next run.
    pub(super) fn into_stack(mut self) -> Stack {
        self.locals.clear();
        self.operands.clear();
        Stack { locals: self.locals, operands: self.operands }
    }

    /// Counts operations; false when the budget is spent, and then there is an error.
    #[inline]
    pub(super) fn spend(&mut self, operations: u32, position: Position) -> bool {
        if self.fuel > operations {
            self.fuel -= operations;
            return true;
        }
        self.ask(operations, position)
    }

    /// Counts an operation that takes memory or time of its own; false when the budget is spent, and then
    /// there is an error.
    ///
    /// What is held is looked at each time, the clock after a few.
    #[inline]
    pub(super) fn spend_memory(&mut self, position: Position) -> bool {
        if self.takings > 0 && self.fuel > 1 && !(self.host.program.hooks.is_full)() {
            self.takings -= 1;
            self.fuel -= 1;
            return true;
        }
        self.ask(1, position)
    }

    /// Tells the budget of what was done since it was asked; false when it is spent, and then there is an
    /// error.
    pub(super) fn account(&mut self, position: Position) -> bool {
        self.fuel == STRETCH || self.ask(0, position)
    }

    #[cold]
    #[inline(never)]
    fn ask(&mut self, operations: u32, position: Position) -> bool {
        let used = (STRETCH - self.fuel).saturating_add(operations);
        self.fuel = STRETCH;
        self.takings = TAKINGS;
        match (self.host.program.hooks.operations)(u64::from(used)) {
            None => true,
            Some(token) => {
                self.error = Some(Box::new(EvalAltResult::ErrorTerminated(token, position)));
                false
            }
        }
    }

    #[cold]
    pub(super) fn fail(&mut self, error: impl Into<Box<EvalAltResult>>) -> Out {
        self.error = Some(error.into());
        Out::FAIL
    }

    /// Hands a value on.
    #[inline]
    pub(super) fn give(&mut self, value: Dynamic) -> Out {
        if let Some(out) = scalar(&value) {
            return out;
        }
        self.acc = value;
        Out::ANY
    }

    /// Hands a value on; a large one was copied for it, and counts as memory that was taken.
    #[inline]
    pub(super) fn give_large(&mut self, value: Dynamic, position: Position) -> Out {
        if is_large(&value) && !self.spend_memory(position) {
            return Out::FAIL;
        }
        self.acc = value;
        Out::ANY
    }

    /// The value that a node handed on, never a shared one.
    #[inline]
    pub(super) fn value(&mut self, out: Out) -> Dynamic {
        match out.kind {
            Kind::Int => Dynamic::from_int(out.bits),
            Kind::Float => Dynamic::from_float(out.as_float()),
            Kind::Bool => Dynamic::from_bool(out.bits != 0),
            Kind::Any | Kind::Return | Kind::Break => {
                let value = std::mem::take(&mut self.acc);
                if value.is_shared() { value.flatten() } else { value }
            }
            _ => Dynamic::UNIT,
        }
    }

    /// What a node handed on as a variable that may be changed.
    #[inline]
    pub(super) fn slot(&mut self, out: Out) -> Slot {
        match Slot::of(out) {
            Some(slot) => slot,
            None => Slot::Any(writable(self.value(out))),
        }
    }

    /// Hands on a copy of what a variable holds.
    #[inline]
    pub(super) fn load(&mut self, slot: usize) -> Out {
        let Some(variable) = self.locals.get(self.base + slot) else { return Out::UNIT };
        if let Some(out) = variable.scalar() {
            return out;
        }
        if let Slot::Any(value) = variable {
            self.acc = value.flatten_clone();
        }
        Out::ANY
    }

    /// The same where a script says so, which counts as memory that is taken.
    #[inline]
    pub(super) fn copy(&mut self, slot: usize, position: Position) -> Out {
        let out = self.load(slot);
        if out.kind == Kind::Any && is_large(&self.acc) && !self.spend_memory(position) {
            return Out::FAIL;
        }
        out
    }

    /// What a condition reads: a shared value that is no truth is handed on as a shared one.
    #[inline]
    pub(super) fn as_is(&mut self, slot: usize, position: Position) -> Out {
        match self.locals.get(self.base + slot) {
            Some(Slot::Any(value)) if value.is_shared() => {
                if let Ok(truth) = value.as_bool() {
                    return Out::bool(truth);
                }
                self.acc = value.clone();
                Out::ANY
            }
            _ => self.copy(slot, position),
        }
    }

    /// The integer in a variable.
    #[inline]
    pub(super) fn int_at(&self, slot: usize) -> Option<INT> {
        self.locals.get(self.base + slot)?.int()
    }

    /// The same, where it is neither shared nor constant.
    #[inline]
    pub(super) fn plain_int_at(&self, slot: usize) -> Option<INT> {
        match self.locals.get(self.base + slot) {
            Some(Slot::Int(value)) => Some(*value),
            _ => None,
        }
    }

    /// Puts an integer into a variable; false, and nothing is done, where closures share it.
    #[inline]
    pub(super) fn set_int(&mut self, slot: usize, value: INT) -> bool {
        if let Some(Slot::Int(place)) = self.locals.get_mut(self.base + slot) {
            *place = value;
            return true;
        }
        self.replace_by_int(slot, value)
    }

    #[inline(never)]
    fn replace_by_int(&mut self, slot: usize, value: INT) -> bool {
        self.variable(slot).set_int(value)
    }

    /// A variable. The stack is as the compiler laid it out, so there is one.
    #[inline]
    pub(super) fn variable(&mut self, slot: usize) -> &mut Slot {
        let at = self.base + slot;
        if at >= self.locals.len() {
            self.locals.resize_with(at + 1, || Slot::Unit);
        }
        &mut self.locals[at]
    }

    /// A variable as a value of Rhai.
    #[inline]
    pub(super) fn place(&mut self, slot: usize) -> &mut Dynamic {
        self.variable(slot).value()
    }
}

/// A value that may be changed, whatever it was taken from.
pub(super) fn writable(value: Dynamic) -> Dynamic {
    // Rhai marks copies so; only what was moved here may be marked otherwise.
    if value.is_read_only() { value.clone() } else { value }
}

/// Whether a copy of a value may take much memory.
#[inline]
fn is_large(value: &Dynamic) -> bool {
    value.is_map() || value.is_array() || value.is_blob()
}

/// The integer that a value is.
#[inline]
pub(super) fn int_of(value: &Dynamic) -> Option<INT> {
    if value.is_int() { value.as_int().ok() } else { None }
}

/// A value that fits into registers.
#[inline]
pub(super) fn scalar(value: &Dynamic) -> Option<Out> {
    if value.is_int() {
        return value.as_int().ok().map(Out::int);
    }
    if value.is_unit() {
        return Some(Out::UNIT);
    }
    if value.is_bool() {
        return value.as_bool().ok().map(Out::bool);
    }
    if value.is_float() {
        return value.as_float().ok().map(Out::float);
    }
    None
}
