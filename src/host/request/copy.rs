//! Telling whether a script changed the copy that a property of the request gave it.
//!
//! Rhai feeds a property back through its setter after any method call on it, so a setter sees
//! `req.body.keys()` and `req.body.title.trim()` as well as `req.body.title = "x"`. Only the last is
//! a mistake. Every value of the request carries a mark in its tag: methods that change a value in
//! place keep the mark, a value that was assigned or inserted has none.

use rhai::Dynamic;

use crate::host::current;

/// The tag of values that come from the request as they are.
const MARK: i32 = 0x5eed;

/// Marks a value and all it holds. Values of a request are trees as deep as their source may nest.
///
/// Outside development nothing is marked, and a change of a copy has no effect: to walk each body for a
/// mistake that was told while the script was written would cost every request.
pub(super) fn mark(mut value: Dynamic) -> Dynamic {
    if current::is_development() {
        mark_in_place(&mut value);
    }
    value
}

fn mark_in_place(value: &mut Dynamic) {
    value.set_tag(MARK);
    if value.is_map() {
        if let Some(mut map) = value.write_lock::<rhai::Map>() {
            map.values_mut().for_each(mark_in_place);
        }
    } else if value.is_array()
        && let Some(mut array) = value.write_lock::<rhai::Array>()
    {
        array.iter_mut().for_each(mark_in_place);
    }
}

/// What became of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing, or what a method such as `trim` or `sort` does besides returning a value.
    None,
    /// Something in it was assigned, added or removed.
    Inside,
    /// It is another value altogether.
    Replaced,
}

/// Compares what a setter was given with what the property is.
pub(super) fn change(was: &Dynamic, now: &Dynamic) -> Change {
    if !current::is_development() {
        return Change::None;
    }
    match (now.tag() == MARK, differs(was, now)) {
        (false, _) => Change::Replaced,
        (true, true) => Change::Inside,
        (true, false) => Change::None,
    }
}

/// An unmarked value ends the descent, so what a script made of shared values is never followed.
fn differs(was: &Dynamic, now: &Dynamic) -> bool {
    if now.tag() != MARK || now.is_shared() {
        return true;
    }
    if let (Ok(was), Ok(now)) = (was.as_map_ref(), now.as_map_ref()) {
        let same_names = was.len() == now.len();
        return !same_names
            || now.iter().any(|(name, now)| was.get(name).is_none_or(|was| differs(was, now)));
    }
    if let (Ok(was), Ok(now)) = (was.as_array_ref(), now.as_array_ref()) {
        return was.len() != now.len() || now.iter().any(unmarked);
    }
    if was.type_id() != now.type_id() {
        return true;
    }
    // In-place methods of strings and blobs are used for what they return.
    match (was.as_int(), now.as_int(), was.as_float(), now.as_float()) {
        (Ok(was), Ok(now), ..) => was != now,
        (.., Ok(was), Ok(now)) => was.to_bits() != now.to_bits(),
        _ => was.as_bool().ok() != now.as_bool().ok(),
    }
}

/// Elements of an array may have been sorted, so they are not compared one by one.
fn unmarked(value: &Dynamic) -> bool {
    if value.tag() != MARK || value.is_shared() {
        return true;
    }
    if let Ok(map) = value.as_map_ref() {
        return map.values().any(unmarked);
    }
    value.as_array_ref().is_ok_and(|array| array.iter().any(unmarked))
}

/// Whether a value comes from the request as it is.
pub(super) fn is_marked(value: &Dynamic) -> bool {
    value.tag() == MARK
}
