//! `store::`, what a plugin keeps for good.
//!
//! Every call may wait for the disk, so it gives its worker away. No transaction is open while a script's
//! closure runs: `update` reads, calls, and keeps the result only if nobody else wrote the record meanwhile,
//! else it begins again with the new one.

mod list;

use std::time::{Duration, Instant};

use http::StatusCode;
use rhai::{Dynamic, FnPtr, ImmutableString, Map, Module, NativeCallContext};

use super::{
    current,
    define::{native, not_while_loading, quoted, refusal, words},
    error::raise,
};
use crate::{
    script::{Native, budget, duration::parse_duration, json},
    services::{
        database::DatabaseError,
        store::{Id, MOST_VALUE_BYTES, Stay, Store, StoreError},
    },
};

/// How often `update` begins again before it gives up.
const MOST_TRIES: usize = 256;

/// How long a call takes at most where no deadline is in force.
const LONGEST: Duration = Duration::from_secs(10);

/// The functions of `store::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("get", &["coll: &str", "id: Dynamic", "Dynamic"], "The value under an id, or null.")
        .set_into_module(m, |coll: &str, id: Dynamic| get(coll, &id));
    native(
        "set",
        &["coll: &str", "id: Dynamic", "value: Dynamic", "Dynamic"],
        "Keeps a value under an id, in place of the one before, and returns it.",
    )
    .set_into_module(m, |coll: &str, id: Dynamic, value: Dynamic| {
        set(coll, &id, value, Stay::Always)
    });
    native(
        "set",
        &["coll: &str", "id: Dynamic", "value: Dynamic", "options: Map", "Dynamic"],
        "Keeps a value under an id for as long as the option `ttl` says: seconds, or \"5m\".",
    )
    .set_into_module(m, |coll: &str, id: Dynamic, value: Dynamic, options: Map| {
        set(coll, &id, value, stay(&options)?)
    });
    native(
        "add",
        &["coll: &str", "value: Map", "Map"],
        "Keeps a map under the next number, which becomes its `id`, and returns it.",
    )
    .set_into_module(m, add);
    native(
        "update",
        &["coll: &str", "id: Dynamic", "f: Fn", "Dynamic"],
        "Keeps what f makes of the value (null if there is none) and returns it.\nf may run again if another request changed the value meanwhile.",
    )
    .set_into_module(m, |ctx: NativeCallContext, coll: &str, id: Dynamic, f: FnPtr| {
        update(&ctx, coll, &id, &f)
    });
    native(
        "delete",
        &["coll: &str", "id: Dynamic", "bool"],
        "Forgets a record; whether there was one.",
    )
    .set_into_module(m, |coll: &str, id: Dynamic| {
        not_while_loading("store::delete")?;
        let id = id_of("store::delete", &id)?;
        work("store::delete", |store, by| store.delete(coll, &id, by))
    });
    native("count", &["coll: &str", "i64"], "How many records a collection has.")
        .set_into_module(m, |coll: &str| {
            work("store::count", |store, by| store.count(coll, by)).map(whole)
        });
    native(
        "clear",
        &["coll: &str", "i64"],
        "Forgets all records of a collection; how many there were.",
    )
    .set_into_module(m, |coll: &str| {
        not_while_loading("store::clear")?;
        work("store::clear", |store, by| store.clear(coll, by)).map(whole)
    });
    native(
        "list",
        &["coll: &str", "Array"],
        "The values of a collection, in the order of their ids.",
    )
    .set_into_module(m, |coll: &str| list::list(coll, &Map::new()));
    native(
        "list",
        &["coll: &str", "options: Map", "Array"],
        "The values of a collection; options: `where` (a map of what members must be), `sort` (a member, with \"-\" before it the largest first), `after` (an id), `offset`, `limit`.",
    )
    .set_into_module(m, |coll: &str, options: Map| list::list(coll, &options));
    module
}

/// Works on the store of the plugin that runs, until the script's time is over.
fn work<T>(
    function: &str,
    work: impl FnOnce(&Store, Instant) -> Result<T, StoreError>,
) -> Native<T> {
    let Some(plugin) = current::plugin() else {
        return Err(refusal(format!("`{function}` works only in a plugin")));
    };
    budget::check()?;
    let by = Instant::now() + budget::remaining().unwrap_or(LONGEST).min(LONGEST);
    let worked = budget::blocking(|| work(&plugin.store, by))?;
    worked.or_else(|error| Err(raised(function, &plugin.store, error)?))
}

/// What the script gets to see; `Err` where it is stopped anyway.
fn raised(function: &str, store: &Store, error: StoreError) -> Native<Box<rhai::EvalAltResult>> {
    match error {
        StoreError::Database(error) => {
            if matches!(error, DatabaseError::Late) {
                budget::check()?;
            }
            store.database().tell(&error);
            let detail = "what is kept for good cannot be reached at the moment";
            Ok(raise(StatusCode::SERVICE_UNAVAILABLE, detail))
        }
        StoreError::Full { .. } => {
            Ok(raise(StatusCode::INSUFFICIENT_STORAGE, format!("`{function}`: {error}")))
        }
        StoreError::Name(_) | StoreError::Large(_) | StoreError::Exhausted => {
            Ok(refusal(format!("`{function}`: {error}")))
        }
    }
}

fn get(coll: &str, id: &Dynamic) -> Native<Dynamic> {
    let id = id_of("store::get", id)?;
    match work("store::get", |store, by| store.get(coll, &id, by))? {
        Some(seen) => value_of("store::get", &seen.json),
        None => Ok(Dynamic::UNIT),
    }
}

fn set(coll: &str, id: &Dynamic, value: Dynamic, stay: Stay) -> Native<Dynamic> {
    not_while_loading("store::set")?;
    let id = id_of("store::set", id)?;
    let json = json_of("store::set", &value)?;
    work("store::set", |store, by| store.set(coll, &id, &json, stay, by))?;
    Ok(value)
}

fn add(coll: &str, value: Map) -> Native<Map> {
    not_while_loading("store::add")?;
    let mut value = value;
    value.insert("id".into(), Dynamic::from_int(0));
    // Whether it can be kept is known before a number is used up.
    json_of("store::add", &Dynamic::from_map(value.clone()))?;
    work("store::add", |store, by| {
        store.add(coll, by, |number| {
            let mut value = value.clone();
            value.insert("id".into(), Dynamic::from_int(number));
            let whole = Dynamic::from_map(value);
            let json = json_of("store::add", &whole);
            (json.as_ref().map(|_| whole).map_err(|_| ()), json.unwrap_or_default())
        })
    })?
    .map_err(|()| refusal("`store::add`: the value cannot be kept"))
    .map(|whole| whole.try_cast().unwrap_or_default())
}

fn update(ctx: &NativeCallContext, coll: &str, id: &Dynamic, f: &FnPtr) -> Native<Dynamic> {
    const NAME: &str = "store::update";
    not_while_loading(NAME)?;
    let id = id_of(NAME, id)?;
    for _ in 0..MOST_TRIES {
        let seen = work(NAME, |store, by| store.get(coll, &id, by))?;
        let before = match &seen {
            Some(seen) => value_of(NAME, &seen.json)?,
            None => Dynamic::UNIT,
        };
        let after = f.call_raw(ctx, None, [before])?;
        let json = json_of(NAME, &after)?;
        let version = seen.map(|seen| seen.version);
        if work(NAME, |store, by| store.replace(coll, &id, version, &json, by))? {
            return Ok(after);
        }
    }
    Err(refusal(format!(
        "`{NAME}`: the record was changed {MOST_TRIES} times while its new value was made: does the closure \
         change it itself?"
    )))
}

/// An id: an integer, or a text.
fn id_of(function: &str, id: &Dynamic) -> Native<Id> {
    if let Ok(number) = id.as_int() {
        return Ok(Id::Number(number));
    }
    if let Some(text) = id.read_lock::<ImmutableString>() {
        return Ok(Id::of_text(&text));
    }
    let kind = words(id.type_name());
    Err(refusal(format!("`{function}` takes an integer or a string as id, not {kind}")))
}

/// The option `ttl`.
fn stay(options: &Map) -> Native<Stay> {
    if let Some(other) = options.keys().find(|key| *key != "ttl") {
        return Err(refusal(format!("`store::set` has the option `ttl`, not {}", quoted(other))));
    }
    let Some(ttl) = options.get("ttl").filter(|ttl| !ttl.is_unit()) else {
        return Ok(Stay::Always);
    };
    let time = match ttl.as_int() {
        Ok(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
        Err(_) => ttl.read_lock::<ImmutableString>().and_then(|text| parse_duration(&text)),
    };
    match time.filter(|time| !time.is_zero()) {
        Some(time) => Ok(Stay::For(time)),
        None => {
            Err(refusal("`store::set`: `ttl` is a number of seconds, or a text such as \"5m\""))
        }
    }
}

fn json_of(function: &str, value: &Dynamic) -> Native<String> {
    let mut out = Vec::new();
    let written = json::write(value, &mut out, MOST_VALUE_BYTES);
    budget::check()?;
    written.map_err(|error| refusal(format!("`{function}`: {error}")))?;
    String::from_utf8(out).map_err(|_| refusal(format!("`{function}`: not UTF-8")))
}

fn value_of(function: &str, json: &str) -> Native<Dynamic> {
    budget::charge(json.len())?;
    json::parse(json.as_bytes()).or_else(|error| {
        budget::check()?;
        Err(refusal(format!("`{function}`: what is kept is no JSON: {error}")))
    })
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
