//! A script function that is called later, in the surroundings it was registered in.
//!
//! Rhai's own `FnPtr::call` would lose the imports, constants and functions around the closure, so they
//! are kept with it.

use rhai::{
    Dynamic, Engine, EvalAltResult, FnPtr, GlobalRuntimeState, NativeCallContext, Position,
};

use super::raise;
use crate::script::Native;

/// How deep captured values are looked into.
const DEEPEST: usize = 32;

/// A function to call later.
pub(crate) struct Callback {
    function: FnPtr,
    surroundings: GlobalRuntimeState,
    takes: usize,
    file: String,
    position: Position,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{:?}", self.file, self.position)
    }
}

impl Callback {
    /// Keeps `function` as it is at this point of the load; it may take up to `most` arguments.
    pub(crate) fn new(
        context: &NativeCallContext,
        mut function: FnPtr,
        most: usize,
    ) -> Native<Self> {
        let surroundings = context.global_runtime_state().clone();
        let captured = function.curry().len();
        let takes = surroundings
            .lib
            .iter()
            .rev()
            .flat_map(|module| module.iter_script_fn_info())
            .filter(|(_, _, name, ..)| *name == function.fn_name())
            .map(|(_, _, _, takes, _)| takes.saturating_sub(captured))
            .max_by_key(|takes| (*takes <= most, *takes));
        let Some(takes) = takes else {
            return Err(raise(format!(
                "`{}` is not a function of this script: pass a closure, or a function by its bare name",
                function.fn_name()
            )));
        };
        if takes > most {
            let closure = match most {
                0 => "`|| …`",
                1 => "`|req| …` or `|| …`",
                _ => "`|req, res| …`",
            };
            return Err(raise(format!(
                "this function takes {takes} arguments; it must be {closure}"
            )));
        }
        flatten(&mut function, 0);
        Ok(Self {
            function,
            surroundings,
            takes,
            file: context.call_source().unwrap_or_default().to_owned(),
            position: context.call_position(),
        })
    }

    /// The file of the call that registered it, relative to the plugin folder.
    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    /// Where it was registered.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The function's name, which Rhai gives to closures too.
    pub(crate) fn name(&self) -> &str {
        self.function.fn_name()
    }

    /// How many variables it captured.
    pub(crate) fn captured(&self) -> usize {
        self.function.curry().len()
    }

    /// Calls it with as many of the arguments as it takes.
    pub(crate) fn call<const N: usize>(
        &self,
        engine: &Engine,
        mut arguments: [Dynamic; N],
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let context = NativeCallContext::new_with_all_fields(
            engine,
            self.function.fn_name(),
            Some(&self.file),
            &self.surroundings,
            self.position,
        );
        let taken = arguments.get_mut(..self.takes.min(N)).unwrap_or_default();
        self.function.call_raw(&context, None, taken)
    }
}

/// Captured variables become values: each call starts from what they were at registration, and none
/// waits for another's lock.
fn flatten(function: &mut FnPtr, depth: usize) {
    for captured in function.iter_curry_mut() {
        flatten_value(captured, depth);
    }
}

fn flatten_value(value: &mut Dynamic, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    if value.is_shared() {
        *value = std::mem::take(value).flatten();
    }
    if let Some(mut inner) = value.write_lock::<FnPtr>() {
        flatten(&mut inner, depth + 1);
        return;
    }
    if let Some(mut items) = value.write_lock::<rhai::Array>() {
        items.iter_mut().for_each(|item| flatten_value(item, depth + 1));
        return;
    }
    if let Some(mut map) = value.write_lock::<rhai::Map>() {
        map.values_mut().for_each(|item| flatten_value(item, depth + 1));
    }
}
