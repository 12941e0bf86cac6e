//! `state::`, a plugin's memory that survives reloads.
//!
//! No lock is held while a script's closure runs: `update` reads, calls, and keeps the result only
//! if nobody else changed the value meanwhile, else it begins again with the new one. A closure
//! that uses `state::` itself therefore cannot wait for its own call.

use rhai::{Dynamic, FnPtr, ImmutableString, Module, NativeCallContext};

use super::{
    current,
    define::{native, not_while_loading, refusal},
};
use crate::{
    script::{Native, budget, json},
    services::state::State,
};

/// How often `update` begins again before it gives up.
const MOST_TRIES: usize = 256;

/// The functions of `state::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("get", &["key: &str", "Dynamic"], "What was kept under a key, or null.")
        .set_into_module(m, |key: &str| value(key, Dynamic::UNIT));
    native(
        "get",
        &["key: &str", "default: Dynamic", "Dynamic"],
        "What was kept under a key, or the default.",
    )
    .set_into_module(m, |key: &str, default: Dynamic| value(key, default));
    native(
        "set",
        &["key: &str", "value: Dynamic", "()"],
        "Keeps a value, which must have a JSON form, under a key.",
    )
    .set_into_module(m, |key: &str, value: Dynamic| set(key, &value));
    native(
        "incr",
        &["key: &str", "i64"],
        "Adds 1 to an integer, 0 at first, and returns the sum. Nothing is lost between requests.",
    )
    .set_into_module(m, |key: &str| incr(key, 1));
    native(
        "incr",
        &["key: &str", "n: i64", "i64"],
        "Adds n to an integer, 0 at first, and returns the sum. Nothing is lost between requests.",
    )
    .set_into_module(m, incr);
    native(
        "update",
        &["key: &str", "f: Fn", "Dynamic"],
        "Keeps what f makes of the value (null at first) and returns it.\nf may run again if another request changed the value meanwhile.",
    )
    .set_into_module(m, |ctx: NativeCallContext, key: &str, f: FnPtr| {
        update(&ctx, key, &Dynamic::UNIT, &f)
    });
    native(
        "update",
        &["key: &str", "default: Dynamic", "f: Fn", "Dynamic"],
        "Keeps what f makes of the value (the default at first) and returns it.\nf may run again if another request changed the value meanwhile.",
    )
    .set_into_module(m, |ctx: NativeCallContext, key: &str, default: Dynamic, f: FnPtr| {
        update(&ctx, key, &default, &f)
    });
    native("delete", &["key: &str", "bool"], "Forgets a key; whether there was one.")
        .set_into_module(m, |key: &str| {
            not_while_loading("state::delete")?;
            with("state::delete", |state| Ok(state.delete(key)))
        });
    native("keys", &["Array"], "All keys, in order.").set_into_module(m, keys);
    module
}

fn with<T>(function: &str, work: impl FnOnce(&State) -> Native<T>) -> Native<T> {
    match current::plugin() {
        Some(plugin) => work(&plugin.state),
        None => Err(refusal(format!("`{function}` works only in a plugin"))),
    }
}

fn value(key: &str, default: Dynamic) -> Native<Dynamic> {
    with("state::get", |state| {
        let Some(value) = state.value(key) else { return Ok(default) };
        budget::check()?;
        Ok(json::from_value(&value))
    })
}

fn set(key: &str, value: &Dynamic) -> Native<()> {
    not_while_loading("state::set")?;
    let value = storable("state::set", value)?;
    with("state::set", |state| state.set(key, value).map_err(|why| refused("state::set", &why)))
}

fn incr(key: &str, by: i64) -> Native<i64> {
    not_while_loading("state::incr")?;
    with("state::incr", |state| state.incr(key, by).map_err(|why| refused("state::incr", &why)))
}

fn update(ctx: &NativeCallContext, key: &str, default: &Dynamic, f: &FnPtr) -> Native<Dynamic> {
    not_while_loading("state::update")?;
    with("state::update", |state| {
        for _ in 0..MOST_TRIES {
            budget::check()?;
            let seen = state.value(key);
            let before = seen.as_ref().map_or_else(|| default.clone(), |v| json::from_value(v));
            let after = f.call_raw(ctx, None, [before])?;
            let kept = storable("state::update", &after)?;
            let done = state.replace(key, seen.as_ref(), kept);
            if done.map_err(|why| refused("state::update", &why))? {
                return Ok(after);
            }
        }
        Err(refusal(format!(
            "`state::update`: `{key}` was changed {MOST_TRIES} times while its new value was made: \
             does the closure change it itself?"
        )))
    })
}

fn keys() -> Native<Dynamic> {
    with("state::keys", |state| {
        budget::charge(state.key_bytes().saturating_mul(2))?;
        let keys = state.keys().into_iter().map(|key| ImmutableString::from(key).into());
        Ok(Dynamic::from_array(keys.collect()))
    })
}

fn storable(function: &str, value: &Dynamic) -> Native<serde_json::Value> {
    json::to_value(value).or_else(|why| {
        budget::check()?;
        Err(refused(function, &why))
    })
}

fn refused(function: &str, why: &dyn std::error::Error) -> Box<rhai::EvalAltResult> {
    refusal(format!("`{function}`: {why}"))
}
