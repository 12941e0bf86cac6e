//! `for`.

use std::ops::{Range, RangeInclusive};

use rhai::{Dynamic, EvalAltResult, INT, Position};

use super::{
    flow::{Body, Turn},
    native::filled,
    part::Part,
    slot::Slot,
    vm::{Code, Kind, Out, Vm},
};

/// A `for` loop. Its variables stand below the body's: the counter, if it has one, then the value.
pub(super) struct For {
    pub(super) body: Body,
    pub(super) has_counter: bool,
    /// Where the variables begin.
    pub(super) depth: usize,
    /// Where what is iterated over stands: for what its iterator raises, and for one that there is not.
    pub(super) of: (Position, Position),
}

/// What is iterated over.
pub(super) enum Over {
    /// A range between two values, written as one.
    Range { from: Code, to: Code, is_inclusive: bool, otherwise: Code },
    /// What is in a variable, and its value where that is something else than an array.
    Part(Part, Code),
    /// Anything else.
    Value(Code),
}

impl For {
    pub(super) fn slot(&self) -> usize {
        self.depth + usize::from(self.has_counter)
    }

    pub(super) fn enter(&self, vm: &mut Vm<'_>) {
        if self.has_counter {
            vm.locals.push(Slot::Int(0));
        }
        vm.locals.push(Slot::Unit);
    }

    /// One turn with this value, the `index`-th.
    #[inline]
    pub(super) fn turn(&self, vm: &mut Vm<'_>, index: INT, value: Dynamic) -> Turn {
        if self.has_counter {
            set_int(vm, self.depth, index);
        }
        set(vm, self.slot(), value);
        self.body.turn(vm)
    }

    fn integers(&self, vm: &mut Vm<'_>, values: impl Iterator<Item = INT>) -> Out {
        self.enter(vm);
        let slot = self.slot();
        let mut out = Out::UNIT;
        for (index, value) in (0..).zip(values) {
            if self.has_counter {
                set_int(vm, self.depth, index);
            }
            set_int(vm, slot, value);
            if let Turn::Left(left) = self.body.turn(vm) {
                out = left;
                break;
            }
        }
        vm.leave(self.depth);
        out
    }

    #[inline]
    fn each(
        &self,
        vm: &mut Vm<'_>,
        values: impl Iterator<Item = Result<Dynamic, Box<EvalAltResult>>>,
    ) -> Out {
        self.enter(vm);
        let mut out = Out::UNIT;
        for (index, value) in (0..).zip(values) {
            let value = match value {
                Ok(value) if value.is_shared() => value.flatten(),
                Ok(value) => value,
                Err(error) => {
                    out = vm.fail(filled(error, self.of.0));
                    break;
                }
            };
            if let Turn::Left(left) = self.turn(vm, index, value) {
                out = left;
                break;
            }
        }
        vm.leave(self.depth);
        out
    }

    fn over(&self, vm: &mut Vm<'_>, value: Dynamic) -> Out {
        if value.is_array() {
            let items = value.into_array().unwrap_or_default();
            return self.each(vm, items.into_iter().map(Ok));
        }
        if let Some(range) = value.read_lock::<Range<INT>>().map(|range| (*range).clone()) {
            return self.integers(vm, range);
        }
        if let Some(range) = value.read_lock::<RangeInclusive<INT>>().map(|range| (*range).clone())
        {
            return self.integers(vm, range);
        }
        let kind = value.type_id();
        let known = vm.host.program.iterators.get_iter(kind);
        let Some(iterator) = known else {
            return vm.fail(EvalAltResult::ErrorFor(self.of.1));
        };
        let values = iterator(value);
        self.each(vm, values)
    }
}

/// Sets a variable of the loop, which closures may share from one turn to the next.
#[inline]
fn set(vm: &mut Vm<'_>, slot: usize, value: Dynamic) {
    let variable = vm.variable(slot);
    if let Slot::Any(place) = variable
        && place.is_shared()
    {
        if let Some(mut inner) = place.write_lock::<Dynamic>() {
            *inner = value;
        }
        return;
    }
    *variable = value.into();
    variable.settle();
}

/// The same with an integer.
#[inline]
fn set_int(vm: &mut Vm<'_>, slot: usize, value: INT) {
    if !vm.set_int(slot, value) {
        set(vm, slot, Dynamic::from_int(value));
    }
}

/// The code of a `for` loop.
pub(super) fn code(each: For, over: Over) -> Code {
    let (from, to, is_inclusive, otherwise) = match over {
        Over::Range { from, to, is_inclusive, otherwise } => (from, to, is_inclusive, otherwise),
        Over::Part(part, otherwise) => {
            return Box::new(move |vm| {
                if let Some(out) = part.run(vm, &each) {
                    return out;
                }
                let out = otherwise(vm);
                if out.stops() {
                    return out;
                }
                let value = vm.value(out);
                each.over(vm, value)
            });
        }
        Over::Value(value) => {
            return Box::new(move |vm| {
                let out = value(vm);
                if out.stops() {
                    return out;
                }
                let value = vm.value(out);
                each.over(vm, value)
            });
        }
    };
    Box::new(move |vm| {
        let first = from(vm);
        if first.stops() {
            return first;
        }
        let first = vm.slot(first);
        vm.locals.push(first);
        let last = to(vm);
        if last.stops() {
            vm.leave(each.depth);
            return last;
        }
        let last = vm.slot(last);
        vm.locals.push(last);
        let bounds = (vm.int_at(each.depth), vm.int_at(each.depth + 1));
        if let (Some(first), Some(last)) = bounds {
            vm.leave(each.depth);
            return match is_inclusive {
                true => each.integers(vm, first..=last),
                false => each.integers(vm, first..last),
            };
        }
        // Rhai makes a range of them, or says why it cannot.
        let out = otherwise(vm);
        vm.leave(each.depth);
        if out.kind >= Kind::Fail {
            return out;
        }
        let value = vm.value(out);
        each.over(vm, value)
    })
}
