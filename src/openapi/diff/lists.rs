//! Listed values and what else a schema demands of them.
//!
//! Where values are listed on one side, whether they meet the limits of the other side can be seen: a limit
//! that all of them meet changes nothing that the list does not say.

use serde_json::{Map, Value};

use super::view::View;
use crate::schema::{Components, Schema, check::Checker};

/// Keywords that limit numbers and strings.
const LIMITS: [&str; 9] = [
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
];

/// Whether the lists alone say which numbers and strings each schema allows.
pub(super) fn decide(old: &View<'_>, new: &View<'_>) -> bool {
    match (&old.values, &new.values) {
        (None, None) => false,
        (Some(values), None) => meet(values, new),
        (None, Some(values)) => meet(values, old),
        (Some(before), Some(after)) => meet(before, old) && meet(after, new),
    }
}

/// Whether all values are single ones and within the limits that a schema sets.
fn meet(values: &[&Value], limits: &View<'_>) -> bool {
    let limits: Map<String, Value> = LIMITS
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), limits.keyword(key)?.clone())))
        .collect();
    if values.iter().any(|value| value.is_array() || value.is_object()) {
        return false;
    }
    limits.is_empty()
        || Checker::new(&Schema::new(Value::Object(limits), Components::new()))
            .is_ok_and(|check| values.iter().all(|value| check.is_valid(value)))
}
