//! Closures that natives are handed and call.
//!
//! A native calls closures through Rhai, which interprets them. But a function pointer of Rhai can also hold
//! a function of Rust: natives that do nothing with a closure but to call it are handed such a pointer, which
//! runs what was compiled. Which natives those are is known of Rhai's own, and the host tells of its own.
//!
//! Rhai tries closures: with an item as `this`, then as a value, then with its index. A pointer that is
//! called with another number of values than it takes says what Rhai says of a function that there is not.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{
    Caches, Dynamic, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position,
};

use super::{
    Program,
    graph::Closure,
    native::Given,
    slot::{Slot, Stack},
    vm::{Host, Kind, Vm},
};

/// The name of what natives are handed. They compare it with the beginning of errors.
const NAME: &str = "compiled";

/// How a native calls a function that it is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    /// With at least and at most so many values.
    With(usize, usize),
    /// On an item, which is `this`, with at most so many values.
    On(usize),
    /// With an item, and where that does not fit with its index too. One without parameters is called on
    /// the item.
    Each,
    /// With a value and an item, and where that does not fit with an index too, at most so many. One with
    /// one parameter is called on the item.
    Pair(usize),
}

/// How values become arguments.
enum Form {
    Plain,
    /// The first is `this`.
    OnFirst,
    /// The first of two comes last.
    Swapped,
}

impl Calls {
    /// How Rhai's own natives on arrays and maps call.
    pub(super) fn of_rhai(name: &str, on_map: bool) -> Option<Self> {
        Some(match name {
            "map" | "filter" | "drain" | "retain" if on_map => Self::Pair(2),
            "map" | "filter" | "find" | "find_map" | "some" | "all" | "drain" | "retain"
            | "index_of" => Self::Each,
            "for_each" => Self::On(1),
            "reduce" | "reduce_rev" => Self::Pair(3),
            "sort" | "sort_by" | "order" | "order_by" | "dedup" => Self::With(2, 2),
            _ => return None,
        })
    }

    /// Whether a function with so many parameters is called at all.
    fn suits(self, takes: usize) -> bool {
        match self {
            Self::With(least, most) => (least..=most).contains(&takes),
            Self::On(most) => takes <= most,
            Self::Each => takes <= 2,
            Self::Pair(most) => (1..=most).contains(&takes),
        }
    }

    /// What a call with so many values is for a function with so many parameters.
    fn form(self, takes: usize, values: usize) -> Option<Form> {
        match self {
            Self::With(..) | Self::Each if values == takes => Some(Form::Plain),
            Self::On(_) | Self::Each if values == takes + 1 => Some(Form::OnFirst),
            Self::Pair(_) => match (takes, values) {
                (1, 2) => Some(Form::OnFirst),
                // The item comes first where Rhai tries it as `this`.
                (2, 2) => Some(Form::Swapped),
                (3, 3) => Some(Form::Plain),
                _ => None,
            },
            _ => None,
        }
    }
}

/// What the calls of one closure run in, kept from one to the next.
struct Kept {
    global: GlobalRuntimeState,
    caches: Caches,
    stack: Stack,
}

/// A closure that was handed to a native.
struct Handed {
    program: Arc<Program>,
    environment: usize,
    closure: Closure,
    captured: Vec<Dynamic>,
    calls: Calls,
    kept: Mutex<Option<Box<Kept>>>,
}

/// What a native is handed in place of a closure; `None` if it is to be the closure itself.
pub(super) fn handed(host: &Host<'_>, value: &Dynamic, calls: Calls) -> Option<Dynamic> {
    let function = value.read_lock::<FnPtr>()?;
    if !function.is_anonymous() {
        return None;
    }
    let closure = host.program.closure(host.environment, function.fn_name())?;
    let takes = closure.parameters.checked_sub(function.curry().len())?;
    if !calls.suits(takes) {
        return None;
    }
    let handed = Handed {
        program: Arc::clone(host.program),
        environment: host.environment,
        closure,
        captured: function.curry().to_vec(),
        calls,
        kept: Mutex::new(None),
    };
    #[expect(deprecated, reason = "not deprecated but volatile; the version of rhai is pinned")]
    let pointer = FnPtr::from_fn(NAME, move |context, values| handed.call(&context, values));
    pointer.ok().map(Dynamic::from)
}

impl Handed {
    fn call(&self, context: &NativeCallContext<'_>, values: &mut [&mut Dynamic]) -> Given<Dynamic> {
        let takes = self.closure.parameters - self.captured.len();
        let Some(form) = self.calls.form(takes, values.len()) else {
            let what = format!("{NAME} ({})", values.len());
            return Err(Box::new(EvalAltResult::ErrorFunctionNotFound(what, Position::NONE)));
        };
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut kept = kept.unwrap_or_else(|| {
            let mut global = context.global_runtime_state().clone();
            // Rhai finds closures of libraries by their names, which is one level more.
            global.level += usize::from(self.environment != 0);
            Box::new(Kept { global, caches: Caches::new(), stack: Stack::default() })
        });
        let result = self.run(context, &mut kept, &form, values);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        result
    }

    fn run(
        &self,
        context: &NativeCallContext<'_>,
        kept: &mut Kept,
        form: &Form,
        values: &mut [&mut Dynamic],
    ) -> Given<Dynamic> {
        let position = context.call_position();
        let host = Host {
            engine: context.engine(),
            program: &self.program,
            global: &mut kept.global,
            caches: &mut kept.caches,
            environment: self.environment,
        };
        let mut vm = Vm::new(host, std::mem::take(&mut kept.stack));
        let (this, rest) = match (form, values) {
            (Form::OnFirst, [this, rest @ ..]) => (Some(this), rest),
            (Form::Swapped, values) => {
                values.reverse();
                (None, values)
            }
            (_, values) => (None, values),
        };
        let method = this.as_ref().and(self.closure.method);
        let mut this = this.filter(|_| method.is_some());
        if let Some(this) = &mut this {
            vm.locals.push(Slot::plain(std::mem::take(**this)));
        }
        vm.locals.extend(self.captured.iter().cloned().map(Slot::from));
        // Where Rhai tries an item as `this`, it is the item itself that would be taken.
        let is_item = matches!(self.calls, Calls::Each | Calls::Pair(_));
        vm.locals.extend(rest.iter_mut().map(|value| {
            Slot::plain(if is_item { value.clone() } else { std::mem::take(*value) })
        }));
        let out = vm.call(method.unwrap_or(self.closure.function), 0, position);
        if let Some(this) = this {
            **this = vm.locals.pop().map_or(Dynamic::UNIT, Slot::into);
        }
        let value = (out.kind != Kind::Fail).then(|| vm.value(out));
        // The native's own budget knows nothing of what was done here.
        let is_within = value.is_some() && vm.account(position);
        let error = vm.error.take();
        kept.stack = vm.into_stack();
        match (value, error) {
            (Some(value), _) if is_within => Ok(value),
            (_, Some(error)) => Err(error),
            _ => Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, position))),
        }
    }
}
