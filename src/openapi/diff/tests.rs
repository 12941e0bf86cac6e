//! The classifier held against pairs of documents that people wrote, each named after the rule it shows.

#![expect(clippy::needless_pass_by_value, reason = "they are given what json! makes")]

mod documents;
mod routes;
mod schemas;
mod shapes;

use serde_json::{Value, json};

use super::{
    Change,
    change::{Severity, Side},
    compare,
};

const BREAKING: Severity = Severity::Breaking;
const COMPATIBLE: Severity = Severity::Compatible;
const COSMETIC: Severity = Severity::Cosmetic;

#[track_caller]
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A document with one operation, `GET /t`.
fn with_operation(operation: Value) -> Value {
    json!({ "openapi": "3.1.0", "paths": { "/t": { "get": operation } } })
}

/// A document in which that schema is what clients send, or what they get.
fn with_schema(side: Side, schema: Value) -> Value {
    let content = json!({ "content": { "application/json": { "schema": schema } } });
    match side {
        Side::Request => with_operation(json!({ "requestBody": content })),
        Side::Response => with_operation(json!({ "responses": { "200": content } })),
    }
}

/// The changes as `severity rule`.
fn graded(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{} {}", change.severity, change.rule)).collect()
}

/// The sentences.
fn told(old: &Value, new: &Value) -> Vec<String> {
    compare(old, new).iter().map(ToString::to_string).collect()
}
