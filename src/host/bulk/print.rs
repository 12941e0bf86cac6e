//! `print`, `debug`, `to_string` and `to_debug` of what may be large or hold itself.
//!
//! These never raise an error: Rhai would then convert the value by itself, without any bound. A
//! value too large for the budget yields a text cut short; the budget ends the script right after.

use rhai::{Array, Blob, Dynamic, FnPtr, ImmutableString, Map, Module, NativeCallContext, Variant};

use crate::{
    host::{define::global, text::display_in},
    script::budget,
};

/// The bytes of a value that are printed, at most.
const SHOWN: usize = 16 << 10;

pub(super) fn register(module: &mut Module) {
    // What is printed is cut in the log: there is no use in more.
    let all =
        [("print", SHOWN), ("debug", SHOWN), ("to_string", usize::MAX), ("to_debug", usize::MAX)];
    for (name, most) in all {
        let about = "The value as text.";
        global(name, &["array: &mut Array", "String"], about).set_into_module(
            module,
            move |ctx: NativeCallContext, array: &mut Array| {
                lent(array, |value| display_in(&ctx, value, most))
            },
        );
        global(name, &["map: &mut Map", "String"], about).set_into_module(
            module,
            move |ctx: NativeCallContext, map: &mut Map| {
                lent(map, |value| display_in(&ctx, value, most))
            },
        );
        global(name, &["blob: &mut Blob", "String"], about)
            .set_into_module(module, |blob: &mut Blob| format!("<blob of {} bytes>", blob.len()));
        global(name, &["f: &mut Fn", "String"], about).set_into_module(
            module,
            move |ctx: NativeCallContext, f: &mut FnPtr| {
                display_in(&ctx, &Dynamic::from(f.clone()), most)
            },
        );
    }
    for name in ["debug", "to_debug"] {
        global(name, &["string: &str", "String"], "The string in quotes, escaped.")
            .set_into_module(module, |text: ImmutableString| {
                if budget::charge(text.len().saturating_mul(6)).is_err() {
                    return String::from("…");
                }
                format!("{:?}", text.as_str())
            });
    }
}

/// Lends a container as a value for a moment, without a copy.
fn lent<T: Default + Clone + Variant, R>(container: &mut T, work: impl FnOnce(&Dynamic) -> R) -> R {
    let value = Dynamic::from(std::mem::take(container));
    let result = work(&value);
    *container = value.try_cast().unwrap_or_default();
    result
}
