//! Closures that are compiled too: `f.call(x)`, and the methods of arrays that call one for each item.
//!
//! Natives call closures through Rhai, which interprets them. Here the methods that scripts use most are
//! done without Rhai's: with the same calls in the same order, and the same errors around.

use rhai::{Array, Dynamic, EvalAltResult, FnPtr, INT, Position};

use super::{
    chain::{Chain, Step},
    native::filled,
    peek::peek,
    slot::Slot,
    vm::{Code, Kind, Out, Vm},
};

/// A method of arrays that calls a closure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Map,
    Filter,
    Some,
    All,
    Reduce,
}

impl Method {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "map" => Self::Map,
            "filter" => Self::Filter,
            "some" => Self::Some,
            "all" => Self::All,
            "reduce" => Self::Reduce,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Map => "map",
            Self::Filter => "filter",
            Self::Some => "some",
            Self::All => "all",
            Self::Reduce => "reduce",
        }
    }
}

/// A call of such a method.
pub(super) struct EachItem {
    pub(super) method: Method,
    /// Where the array is: the value that a variable has, or what these steps find in it.
    pub(super) slot: usize,
    pub(super) steps: Vec<Step>,
    /// The value that is put into the variable before, if it is none of the script.
    pub(super) receiver: Option<Code>,
    /// All of it, for when it is something else. Its operands are the closure and what it begins with.
    pub(super) chain: Chain,
    pub(super) position: Position,
}

/// A closure as it is called: what it captured, and how many of item and index it takes besides.
struct Known {
    function: usize,
    captured: Vec<Dynamic>,
    takes: usize,
    /// Whether it is called on the item, which it may change.
    is_method: bool,
}

impl EachItem {
    fn run(&self, vm: &mut Vm<'_>) -> Out {
        let Some(receiver) = &self.receiver else { return self.run_on(vm) };
        let begin = vm.locals.len();
        let out = receiver(vm);
        if out.stops() {
            return out;
        }
        let value = vm.value(out);
        vm.locals.push(value.into());
        let out = self.run_on(vm);
        vm.shorten(begin);
        out
    }

    fn run_on(&self, vm: &mut Vm<'_>) -> Out {
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&self.chain.operands) {
            return out;
        }
        let Some((items, known)) = self.items(vm, start) else {
            return self.chain.finish(vm, start);
        };
        let initial = vm.operands.get(start + 1).cloned().unwrap_or_default();
        let (items, out) = self.each(vm, items, &known, initial);
        if self.steps.is_empty() {
            *vm.place(self.slot) = Dynamic::from_array(items);
        }
        vm.operands.truncate(start);
        out
    }

    /// The array and the closure, if both are known here.
    fn items(&self, vm: &mut Vm<'_>, start: usize) -> Option<(Array, Known)> {
        if !self.chain.last_is_built_in() {
            return None;
        }
        let known = {
            let closure = vm.operands.get(start)?.read_lock::<FnPtr>()?;
            let known = vm.host.program.closure(vm.host.environment, closure.fn_name())?;
            let takes = known.parameters.checked_sub(closure.curry().len())?;
            let least = if self.method == Method::Reduce { 2 } else { 0 };
            if !(least..=least + 2 - least / 2).contains(&takes) {
                return None;
            }
            // One that takes nothing is called on the item.
            let method = known.method.filter(|_| takes == 0);
            if method.is_some() && !self.steps.is_empty() {
                return None;
            }
            Known {
                function: method.unwrap_or(known.function),
                captured: closure.curry().to_vec(),
                takes,
                is_method: method.is_some(),
            }
        };
        let place = vm.place(self.slot);
        if place.is_shared() || place.is_read_only() {
            return None;
        }
        if self.steps.is_empty() {
            // The tag of a value goes with it, and an array made anew would have none.
            if !place.is_array() || place.tag() != 0 {
                return None;
            }
            return Some((std::mem::take(place).into_array().ok()?, known));
        }
        let found = peek(&self.steps, place, &[])?;
        if !found.is_array() {
            return None;
        }
        Some((found.into_array().ok()?, known))
    }

    fn each(
        &self,
        vm: &mut Vm<'_>,
        mut items: Array,
        known: &Known,
        initial: Dynamic,
    ) -> (Array, Out) {
        let mut result = Array::new();
        let mut so_far = initial;
        // Rhai finds closures of libraries by their names, which is one level more.
        let levels = 1 + usize::from(vm.host.environment != 0);
        vm.host.global.level += levels;
        let mut out = None;
        for (index, item) in items.iter_mut().enumerate() {
            let start = vm.locals.len();
            if known.is_method {
                vm.locals.push(Slot::plain(std::mem::take(item)));
            }
            vm.locals.extend(known.captured.iter().cloned().map(Slot::from));
            let index = Slot::Int(INT::try_from(index).unwrap_or(INT::MAX));
            let first = (self.method == Method::Reduce).then(|| std::mem::take(&mut so_far));
            let item_slot = Slot::plain(item.clone());
            let arguments = first.into_iter().map(Slot::plain).chain([item_slot, index]);
            vm.locals.extend(arguments.take(known.takes));
            let given = vm.call(known.function, start, self.position);
            if known.is_method {
                *item = vm.locals.pop().map_or(Dynamic::UNIT, Slot::into);
            }
            if given.kind == Kind::Fail {
                out = Some(self.failed(vm));
                break;
            }
            let holds = given.kind == Kind::Bool && given.bits != 0;
            match self.method {
                Method::Map => {
                    let value = vm.value(given);
                    result.push(value);
                }
                Method::Filter if holds => result.push(item.clone()),
                Method::Some if holds => out = Some(Out::bool(true)),
                Method::All if !holds => out = Some(Out::bool(false)),
                Method::Reduce => so_far = vm.value(given),
                Method::Filter | Method::Some | Method::All => {}
            }
            if out.is_some() {
                break;
            }
        }
        vm.host.global.level -= levels;
        let out = out.unwrap_or_else(|| match self.method {
            Method::Map | Method::Filter => {
                vm.acc = Dynamic::from_array(result);
                Out::ANY
            }
            Method::Some => Out::bool(false),
            Method::All => Out::bool(true),
            Method::Reduce => vm.give(so_far),
        });
        (items, out)
    }

    #[cold]
    fn failed(&self, vm: &mut Vm<'_>) -> Out {
        let Some(error) = vm.error.take() else { return Out::FAIL };
        let source = vm.host.global.source().unwrap_or_default().to_owned();
        let name = self.method.name().to_owned();
        let error = EvalAltResult::ErrorInFunctionCall(name, source, error, Position::NONE);
        vm.fail(filled(Box::new(error), self.position))
    }
}

/// The code of such a call.
pub(super) fn each_item(each: EachItem) -> Code {
    Box::new(move |vm| each.run(vm))
}

/// `f.call(…)`, where `f` is a variable. `chain` is all of it.
pub(super) fn call(slot: usize, chain: Chain, position: Position) -> Code {
    Box::new(move |vm| {
        let start = vm.operands.len();
        if let Err(out) = vm.push_all(&chain.operands) {
            return out;
        }
        let count = chain.operands.len();
        let known = vm.closure_at(slot, count);
        let Some((function, captured)) = known else { return chain.finish(vm, start) };
        let begin = vm.locals.len();
        vm.locals.extend(captured.into_iter().map(Slot::from));
        let Vm { locals, operands, .. } = vm;
        locals.extend(operands.drain(start..).map(Slot::plain));
        vm.call(function, begin, position)
    })
}

impl Vm<'_> {
    /// The closure that a variable holds, if it is compiled and takes so many arguments.
    fn closure_at(&mut self, slot: usize, arguments: usize) -> Option<(usize, Vec<Dynamic>)> {
        let (program, environment) = (self.host.program, self.host.environment);
        let closure = self.place(slot).read_lock::<FnPtr>()?;
        let known = program.closure(environment, closure.fn_name())?;
        (known.parameters == closure.curry().len() + arguments)
            .then(|| (known.function, closure.curry().to_vec()))
    }
}
