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
    script::{Native, budget, effect, json},
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
    effect::note();
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

#[expect(clippy::unnecessary_box_returns, reason = "Rhai boxes its errors")]
fn refused(function: &str, why: &dyn std::error::Error) -> Box<rhai::EvalAltResult> {
    refusal(format!("`{function}`: {why}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::host::{
        current::Phase,
        testing::{Trial, eval, overrun, refused},
    };

    #[test]
    fn values_are_kept_counted_changed_and_forgotten() {
        for (script, wanted) in [
            (r#"state::set("k", #{ a: [1, 2.5, ()] }); state::get("k").a[1]"#, "2.5"),
            (r#"state::get("none") == ()"#, "true"),
            (r#"state::get("none", 5)"#, "5"),
            (r#"state::incr("n") + state::incr("n", 5) + state::incr("n", -1)"#, "12"),
            (r#"state::update("l", [], |l| { l.push(1); l }).len()"#, "1"),
            (r#"state::update("u", |v| v ?? "first")"#, "first"),
            (r#"state::set("k", 1); state::delete("k") && !state::delete("k")"#, "true"),
            (
                r#"state::set("b", 1); state::set("a", 1); state::keys().len() + state::keys()[0]"#,
                "2a",
            ),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_one_run_keeps_the_next_one_finds() {
        let trial = Trial { state: Arc::default(), ..Trial::default() };
        assert!(trial.run(r#"state::incr("n"); state::set("s", "x")"#).is_ok());
        let value = trial.run(r#"`${state::incr("n")}${state::get("s")}`"#).unwrap();
        assert_eq!(value.to_string(), "2x");
    }

    #[test]
    fn the_top_level_only_reads() {
        let trial = Trial { phase: Phase::Load, ..Trial::default() };
        assert!(trial.run(r#"state::get("k"); state::keys()"#).is_ok());
        for call in [r#"set("k", 1)"#, r#"incr("k")"#, r#"update("k", |v| v)"#, r#"delete("k")"#] {
            let message = trial.run(&format!("state::{call}")).map(|_| ()).unwrap_err().message;
            assert!(message.ends_with("do it in on_start(|| …)"), "{message}");
        }
    }

    #[test]
    fn updates_between_threads_lose_nothing() {
        let trial = Trial { state: Arc::default(), ..Trial::default() };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let script = r#"for i in 0..50 { state::update("n", 0, |n| n + 1) }"#;
                    trial.run(script).map(|_| ()).unwrap();
                });
            }
        });
        assert_eq!(trial.run(r#"state::get("n")"#).unwrap().as_int(), Ok(200));
    }

    #[test]
    fn a_closure_that_uses_state_itself_does_not_wait_for_itself() {
        let script = r#"state::update("a", 0, |a| { state::set("b", 5); state::get("b") + a })"#;
        assert_eq!(eval(script).to_string(), "5");
        let message = refused(r#"state::update("a", 0, |a| { state::incr("a"); a })"#);
        assert!(message.contains("does the closure change it itself?"), "{message}");
        overrun(r#"state::update("a", 0, |a| { loop { } })"#);
    }

    #[test]
    fn what_cannot_be_kept_is_refused_in_words() {
        for (script, message) in [
            (
                r#"state::set("f", #{ a: [|| 1] })"#,
                "`state::set`: `$.a[0]` is a function, which has no JSON form",
            ),
            (
                r#"state::set("s", "x"); state::incr("s")"#,
                "`state::incr`: `s` holds a string, not an integer",
            ),
            (
                r#"state::set("k".repeat(2000), 1)"#,
                "`state::set`: a key has at most 1024 bytes, this one has 2000",
            ),
            (r#"state::update("k", |v| throw "no")"#, "no"),
        ] {
            assert_eq!(refused(script), message, "{script}");
        }
    }
}
