//! How long a value is held against a schema that leads to itself.
//!
//! Where several alternatives lead on to the same schema, each level of a value can double the work: what
//! follows references is counted, and given up once it is more than the size of the value explains.

use std::{cell::Cell, marker::PhantomData};

use jsonschema::{Keyword, ValidationError};
use serde_json::{Map, Value, json};

use crate::schema::{Components, walk};

/// The keyword that counts.
pub(super) const STEP: &str = "x-hotplate-step";

/// How many references an acyclic schema may follow in all, without being counted.
const FEW: u64 = 1_000;

/// How many references may be followed: for a value of whatever size, and for each part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    at_least: u64,
    for_each: u64,
}

/// To check a value.
pub(super) const TO_CHECK: Most = Most { at_least: 50_000, for_each: 8 };

/// To find out which alternatives its parts are.
pub(super) const TO_SETTLE: Most = Most { at_least: 50_000, for_each: 64 };

/// To tell what is wrong with it, which takes much longer for each.
pub(super) const TO_TELL: Most = Most { at_least: 2_000, for_each: 8 };

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

/// A count in force on this thread until it is dropped; then the one before it goes on.
pub(super) struct Count {
    before: u64,
    /// Bound to this thread: the count is thread-local.
    _not_send: PhantomData<*const ()>,
}

impl Count {
    /// Counts what a value takes.
    pub(super) fn of(value: &Value, most: Most) -> Self {
        let most = most.at_least.saturating_add(parts(value).saturating_mul(most.for_each));
        Self { before: LEFT.replace(most), _not_send: PhantomData }
    }

    /// Whether it was given up: what came of it means nothing.
    #[expect(clippy::unused_self, reason = "it is the proof that a count is in force")]
    pub(super) fn is_over(&self) -> bool {
        LEFT.get() == 0
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        LEFT.set(self.before);
    }
}

fn parts(value: &Value) -> u64 {
    let mut left = vec![value];
    let mut count = 0;
    while let Some(value) = left.pop() {
        count += 1;
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(fields) => left.extend(fields.values()),
            _ => {}
        }
    }
    count
}

/// Whether the references of a schema have to be counted.
pub(super) fn are_needed(json: &Value, components: &Components) -> bool {
    walk::expansions(json, components).is_none_or(|count| count > FEW)
}

/// Makes each reference in a schema count, and lead nowhere once too many were followed.
pub(super) fn count(schema: &mut Value) {
    let Value::Object(parts) = schema else { return };
    walk::each_mut(parts, count);
    if parts.contains_key("$ref") {
        let then = Value::Object(std::mem::take(parts));
        *parts =
            Map::from_iter([("if".to_owned(), json!({ STEP: true })), ("then".to_owned(), then)]);
    }
}

/// The keyword [`STEP`].
pub(super) struct Step;

impl Keyword<'_> for Step {
    fn validate<'i>(&self, value: &'i Value) -> Result<(), ValidationError<'i>> {
        match self.is_valid(value) {
            true => Ok(()),
            false => Err(ValidationError::custom("takes too long to be checked")),
        }
    }

    fn is_valid(&self, _: &Value) -> bool {
        let left = LEFT.get().saturating_sub(1);
        LEFT.set(left);
        left > 0
    }
}
