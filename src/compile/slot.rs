//! Where local variables are while a program runs.
//!
//! A variable that holds a number or a truth holds it as such: only where a native or Rhai itself is handed
//! the variable does it become a value of Rhai, and goes back afterwards. The operands of natives stand on a
//! stack of their own, as values of Rhai.

use rhai::{Dynamic, INT};

use super::vm::{Kind, Out, int_of, scalar};

/// A local variable.
pub(super) enum Slot {
    Int(INT),
    Float(f64),
    Bool(bool),
    Unit,
    /// Any other value, and any value that is shared, constant or tagged.
    Any(Dynamic),
}

// A number stands beside the room for the tag of a value, so variables are as small as values.
const _: () = assert!(size_of::<Slot>() == size_of::<Dynamic>());

impl Slot {
    /// What a node handed on as a variable, if it fits into registers.
    #[inline]
    pub(super) fn of(out: Out) -> Option<Self> {
        match out.kind {
            Kind::Int => Some(Self::Int(out.bits)),
            Kind::Float => Some(Self::Float(out.as_float())),
            Kind::Bool => Some(Self::Bool(out.bits != 0)),
            Kind::Unit => Some(Self::Unit),
            _ => None,
        }
    }

    /// A value as an argument: a number or truth as such.
    #[inline]
    pub(super) fn plain(value: Dynamic) -> Self {
        let mut slot = Self::from(value);
        slot.settle();
        slot
    }

    /// The number or truth in it, whether or not it is shared.
    #[inline]
    pub(super) fn scalar(&self) -> Option<Out> {
        match self {
            Self::Int(value) => Some(Out::int(*value)),
            Self::Float(value) => Some(Out::float(*value)),
            Self::Bool(value) => Some(Out::bool(*value)),
            Self::Unit => Some(Out::UNIT),
            Self::Any(value) => scalar_in(value),
        }
    }

    #[inline]
    pub(super) fn int(&self) -> Option<INT> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Any(value) => int_in(value),
            _ => None,
        }
    }

    /// Puts a number in; false, and nothing is done, where closures share it.
    pub(super) fn set_int(&mut self, value: INT) -> bool {
        if matches!(self, Self::Any(place) if place.is_shared()) {
            return false;
        }
        *self = Self::Int(value);
        true
    }

    /// The value of Rhai that it is, which it becomes for that.
    #[inline]
    pub(super) fn value(&mut self) -> &mut Dynamic {
        if !matches!(self, Self::Any(_)) {
            *self = Self::Any(std::mem::replace(self, Self::Unit).into());
        }
        match self {
            Self::Any(value) => value,
            // It was made one above.
            _ => unreachable!("a variable that is no value"),
        }
    }

    /// The value in it, where it is one of Rhai.
    #[inline]
    pub(super) fn known(&self) -> Option<&Dynamic> {
        match self {
            Self::Any(value) => Some(value),
            _ => None,
        }
    }

    /// Undoes [`value`](Self::value), where the value is still a plain number or truth.
    pub(super) fn settle(&mut self) {
        if let Self::Any(value) = self
            && !value.is_shared()
            && !value.is_read_only()
            && value.tag() == 0
            && let Some(slot) = scalar(value).and_then(Self::of)
        {
            *self = slot;
        }
    }
}

impl From<Slot> for Dynamic {
    #[inline]
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::Int(value) => Self::from_int(value),
            Slot::Float(value) => Self::from_float(value),
            Slot::Bool(value) => Self::from_bool(value),
            Slot::Unit => Self::UNIT,
            Slot::Any(value) => value,
        }
    }
}

/// A value as it is, whatever it holds.
impl From<Dynamic> for Slot {
    #[inline]
    fn from(value: Dynamic) -> Self {
        Self::Any(value)
    }
}

#[inline(never)]
fn scalar_in(value: &Dynamic) -> Option<Out> {
    scalar(value)
}

#[inline(never)]
fn int_in(value: &Dynamic) -> Option<INT> {
    int_of(value)
}

/// The stacks of a run: those of variables and of operands.
#[derive(Default)]
pub(crate) struct Stack {
    /// Variables, and arguments on their way into a call, of all calls in progress.
    pub(super) locals: Vec<Slot>,
    /// Operands of natives and of Rhai.
    pub(super) operands: Vec<Dynamic>,
}

impl Stack {
    /// Whether nothing stands on it.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.locals.is_empty() && self.operands.is_empty()
    }
}

/// Arguments.
impl Extend<Dynamic> for Stack {
    fn extend<I: IntoIterator<Item = Dynamic>>(&mut self, arguments: I) {
        self.locals.extend(arguments.into_iter().map(Slot::plain));
    }
}
