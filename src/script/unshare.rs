//! Copies of values that share nothing with any other, for what outlives the run that made it: each call starts from
//! what they were, and none waits for another's lock.

use rhai::{Array, Dynamic, FnPtr, Map};

/// How deep values are looked into; deeper ones are refused.
pub(crate) const DEEPEST: usize = 32;

/// Makes what a function captured its own. `false` where something is too deep to be sure of that.
#[must_use]
pub(crate) fn captured(function: &mut FnPtr) -> bool {
    of_function(function, 0)
}

/// Makes all that is in a value its own. `false` where something is too deep to be sure of that.
#[must_use]
pub(crate) fn value(value: &mut Dynamic) -> bool {
    of_value(value, 0)
}

fn of_function(function: &mut FnPtr, depth: usize) -> bool {
    function.iter_curry_mut().all(|captured| of_value(captured, depth))
}

fn of_value(value: &mut Dynamic, depth: usize) -> bool {
    if depth > DEEPEST {
        return !holds_values(value);
    }
    if value.is_shared() {
        *value = std::mem::take(value).flatten();
    }
    if let Some(mut inner) = value.write_lock::<FnPtr>() {
        return of_function(&mut inner, depth + 1);
    }
    if let Some(mut items) = value.write_lock::<Array>() {
        return items.iter_mut().all(|item| of_value(item, depth + 1));
    }
    if let Some(mut map) = value.write_lock::<Map>() {
        return map.values_mut().all(|item| of_value(item, depth + 1));
    }
    true
}

/// Whether a value may hold others, or be shared with others.
fn holds_values(value: &Dynamic) -> bool {
    value.is_shared() || value.is_fnptr() || value.is_array() || value.is_map()
}
