//! Functions that natives are handed: `f.curry(…)`, and which natives call them.

use rhai::{Dynamic, FnPtr, Module};

use super::define::{global, refusal};
use crate::{
    compile::{Callee, Calls},
    script::{MOST_ARGUMENTS, Native, token::CURRY},
};

/// Registers it, for one to eight values at a time.
pub(crate) fn register(module: &mut Module) {
    macro_rules! curry {
        ($($value:ident)+) => {
            let params = ["function: Fn", $(concat!(stringify!($value), ": Dynamic"),)+ "Fn"];
            let about = "The function with these as its first arguments.";
            global(CURRY, &params, about).set_into_module(
                module,
                |function: FnPtr, $($value: Dynamic),+| with_first(function, [$($value),+]),
            );
        };
    }
    curry!(a);
    curry!(a b);
    curry!(a b c);
    curry!(a b c d);
    curry!(a b c d e);
    curry!(a b c d e f);
    curry!(a b c d e f g);
    curry!(a b c d e f g h);
}

/// How a native of ours calls a function that it is handed, if it does nothing else with it.
pub(crate) fn calls(native: Callee<'_>, argument: usize) -> Option<Calls> {
    match (native.namespace, native.name, argument) {
        ("", "sort" | "sort_by" | "order" | "order_by", 1) => Some(Calls::With(2, 2)),
        ("", "for_each", 1) => Some(Calls::On(2)),
        ("", "attempt", 0) => Some(Calls::With(0, 0)),
        ("", "attempt", 1) => Some(Calls::With(0, 1)),
        ("state", "update", 1 | 2) | ("store", "update", 2) => Some(Calls::With(1, 1)),
        _ => None,
    }
}

fn with_first<const N: usize>(mut function: FnPtr, values: [Dynamic; N]) -> Native<FnPtr> {
    if function.curry().len() + N > MOST_ARGUMENTS {
        return Err(refusal(format!("a function holds at most {MOST_ARGUMENTS} arguments")));
    }
    for value in values {
        function.add_curry(value);
    }
    Ok(function)
}
