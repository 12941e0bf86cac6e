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

impl Own {
    /// The header fields that it has.
    fn headers(&self) -> Option<Value> {
        (self.name == TOO_MANY.name).then(|| {
            json!({ "Retry-After": {
                "description": "Seconds to wait.",
                "schema": { "type": "integer", "minimum": 0 },
            } })
        })
    }

    /// What it may hold beside a problem document.
    fn more(&self) -> Option<(String, Value)> {
        // Whoever has no key that fits is answered as by the administration, whoever has one by the handler.
        (self.name == FORBIDDEN.name).then(|| {
            ("application/json".to_owned(), json!({ "schema": schema_reference(REFUSAL) }))
        })
    }
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
    let own = own(method, pattern, spec, access);
    for (status, answer) in &own {
        responses.insert(status.to_string(), reference(answer));
    }
    for (status, answer) in &spec.errors {
        let mut declared = response(*status, answer, Some(PROBLEM));
        add_own(&mut declared, *status, own.get(status));
        responses.insert(status.to_string(), declared);
    }
    let other = match spec.returns.is_empty() {
        // Without `content`: it may be of any type, and there may be none.
        true => json!({ "description": "What the handler answers; it does not say more." }),
        false => reference(&OTHER),
    };
    responses.insert("default".to_owned(), other);
    responses
}

/// Statuses that the server may answer with instead of the handler, whatever the route is.
const ANYWHERE: [u16; 7] = [400, 413, 415, 422, 429, 500, 503];

/// Adds to the answer that a route declares for a status what the server itself answers with it.
fn add_own(declared: &mut Value, status: u16, own: Option<&Own>) {
    let Some(members) = declared.as_object_mut() else { return };
    let (headers, more) = own.map(|own| (own.headers(), own.more())).unwrap_or_default();
    members.extend(headers.map(|headers| ("headers".to_owned(), headers)));
    let Some(content) = members.get_mut("content").and_then(Value::as_object_mut) else { return };
    content.extend(more);
    if own.is_none() && !ANYWHERE.contains(&status) {
        return;
    }
    let problem = schema_reference(PROBLEM);
    let there = content.entry(problem::MEDIA_TYPE).or_insert_with(|| json!({ "schema": problem }));
    if let Some(schema) = there.get_mut("schema").filter(|schema| **schema != problem) {
        *schema = json!({ "anyOf": [schema.take(), problem] });
    }
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
            let kinds = std::iter::once(media).chain(answer.more.iter().map(String::as_str));
            let content: Map<String, Value> =
                kinds.map(|media| (media.to_owned(), json!({ "schema": schema }))).collect();
            json!({ "description": said, "content": content })
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
        let mut content = Map::new();
        content
            .insert(problem::MEDIA_TYPE.to_owned(), json!({ "schema": schema_reference(PROBLEM) }));
        content.extend(own.more());
        let mut described = json!({ "description": own.description, "content": content });
        if let (Some(members), Some(headers)) = (described.as_object_mut(), own.headers()) {
            members.insert("headers".to_owned(), headers);
        }
        described
    };
    [BAD_REQUEST, FORBIDDEN, UNSUPPORTED, INVALID, TOO_MANY, OTHER]
        .iter()
        .map(|own| (own.name.to_owned(), described(own)))
        .collect()
}

/// The schemas that those answers refer to, by their names.
pub(super) fn schemas() -> Map<String, Value> {
    let refusal = json!({
        "type": "object",
        "description": "Why there is no answer.",
        "required": ["error"],
        "properties": { "error": { "type": "string", "description": "In a few words." } },
    });
    [(PROBLEM, problem::schema()), (REFUSAL, refusal)]
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}
