//! What a route may answer: what it says, and what the server answers in its place.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::security::Access;
use crate::{
    host::{declare::pattern::Pattern, problem},
    plugin::spec::{Answer, Spec},
    schema::COMPONENTS,
};

/// Where the answers of the server stand in a document.
const RESPONSES: &str = "#/components/responses/";

/// The name of the schema of problem documents. A script cannot give a schema a name with a dot.
pub(super) const PROBLEM: &str = "hotplate.Problem";

/// The name of the schema of what the administration and its guard refuse with.
pub(super) const REFUSAL: &str = "hotplate.Refusal";

/// An answer of the server itself, in its place among the components.
struct Own {
    name: &'static str,
    description: &'static str,
}

const BAD_REQUEST: Own = Own { name: "BadRequest", description: "The request cannot be read." };
const FORBIDDEN: Own =
    Own { name: "Forbidden", description: "No key was sent, or none that may do this." };
const UNSUPPORTED: Own = Own {
    name: "UnsupportedMediaType",
    description: "The body has a content type that is not taken here.",
};
const INVALID: Own = Own {
    name: "UnprocessableContent",
    description: "Something in the request is not as described; `errors` says what and where.",
};
const TOO_MANY: Own = Own {
    name: "TooManyRequests",
    description: "This client called too often; `Retry-After` says when to try again.",
};
const OTHER: Own = Own { name: "Problem", description: "Any other failure." };

/// The responses of an operation.
pub(super) fn of(
    method: &str,
    pattern: &Pattern,
    spec: &Spec,
    access: &Access,
) -> Map<String, Value> {
    let mut responses = Map::new();
    for (status, answer) in &spec.returns {
        responses.insert(status.to_string(), response(*status, answer, None));
    }
    for (status, answer) in own(method, pattern, spec, access) {
        responses.insert(status.to_string(), reference(&answer));
    }
    for (status, answer) in &spec.errors {
        responses.insert(status.to_string(), response(*status, answer, Some(PROBLEM)));
    }
    let other = match spec.returns.is_empty() {
        // Without `content`: it may be of any type, and there may be none.
        true => json!({ "description": "What the handler answers; it does not say more." }),
        false => reference(&OTHER),
    };
    responses.insert("default".to_owned(), other);
    responses
}

/// What the server answers before or instead of the handler.
fn own(method: &str, pattern: &Pattern, spec: &Spec, access: &Access) -> BTreeMap<u16, Own> {
    let mut own = BTreeMap::new();
    let has_body = spec.body_of(method).is_some();
    // A segment may be no text.
    if has_body || pattern.names().next().is_some() {
        own.insert(400, BAD_REQUEST);
    }
    if has_body {
        own.insert(415, UNSUPPORTED);
    }
    if has_body || !spec.parameters.is_empty() {
        own.insert(422, INVALID);
    }
    if access.is_guarded() {
        own.insert(403, FORBIDDEN);
    }
    if spec.rate_limit.is_some() {
        own.insert(429, TOO_MANY);
    }
    own
}

/// What the guard of the administration answers, for operations that another describes.
pub(super) fn of_guard() -> (String, Value) {
    ("403".to_owned(), reference(&FORBIDDEN))
}

fn reference(own: &Own) -> Value {
    json!({ "$ref": format!("{RESPONSES}{}", own.name) })
}

/// A response that the script declares; `otherwise` is what an answer without content has.
fn response(status: u16, answer: &Answer, otherwise: Option<&str>) -> Value {
    let phrase = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    let said = answer.description.as_deref().or(phrase).unwrap_or("An answer.");
    let content = match (&answer.content, otherwise) {
        (Some((media, schema)), _) => Some((media.as_str(), schema.json().clone())),
        (None, Some(name)) => Some((problem::MEDIA_TYPE, schema_reference(name))),
        (None, None) => None,
    };
    match content {
        Some((media, schema)) => {
            json!({ "description": said, "content": { media: { "schema": schema } } })
        }
        None => json!({ "description": said }),
    }
}

fn schema_reference(name: &str) -> Value {
    json!({ "$ref": format!("{COMPONENTS}{name}") })
}

/// The answers of the server itself, by their names.
pub(super) fn components() -> Map<String, Value> {
    let described = |own: &Own| {
        let content = json!({
            (problem::MEDIA_TYPE): { "schema": schema_reference(PROBLEM) },
        });
        json!({ "description": own.description, "content": content })
    };
    let mut components: Map<String, Value> =
        [BAD_REQUEST, FORBIDDEN, UNSUPPORTED, INVALID, TOO_MANY, OTHER]
            .iter()
            .map(|own| (own.name.to_owned(), described(own)))
            .collect();
    // Whoever has no key that fits is answered as by the administration, whoever has one by the handler.
    let forbidden = components.get_mut(FORBIDDEN.name).and_then(|own| own.get_mut("content"));
    if let Some(content) = forbidden.and_then(Value::as_object_mut) {
        let refusal = json!({ "schema": schema_reference(REFUSAL) });
        content.insert("application/json".to_owned(), refusal);
    }
    if let Some(own) = components.get_mut(TOO_MANY.name).and_then(Value::as_object_mut) {
        let header = json!({ "Retry-After": {
            "description": "Seconds to wait.",
            "schema": { "type": "integer", "minimum": 0 },
        } });
        own.insert("headers".to_owned(), header);
    }
    components
}

/// The schemas that those answers refer to, by their names.
pub(super) fn schemas() -> Map<String, Value> {
    let problem = json!({
        "type": "object",
        "description": "What went wrong, as of RFC 9457.",
        "required": ["title", "status"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference",
                      "description": "The kind of problem." },
            "title": { "type": "string", "description": "The kind of problem, for people." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What went wrong this time." },
            "error_id": { "type": "string", "description": "What the log has it under." },
            "errors": {
                "type": "array",
                "description": "Everything in the request that is not as described.",
                "items": {
                    "type": "object",
                    "required": ["in", "detail"],
                    "properties": {
                        "in": { "type": "string", "enum": ["path", "query", "header", "cookie", "body"] },
                        "name": { "type": "string", "description": "The parameter." },
                        "pointer": { "type": "string", "format": "json-pointer",
                                     "description": "The part of the body." },
                        "detail": { "type": "string", "description": "What is wrong with it." },
                    },
                },
            },
        },
    });
    let refusal = json!({
        "type": "object",
        "description": "Why there is no answer.",
        "required": ["error"],
        "properties": { "error": { "type": "string", "description": "In a few words." } },
    });
    [(PROBLEM, problem), (REFUSAL, refusal)]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}
