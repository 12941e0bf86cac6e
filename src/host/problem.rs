//! An HTTP error on its way out: problem details as of RFC 9457.
//!
//! The status is always 400 to 599. The members that the standard defines cannot be overwritten by
//! extra ones.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::{Body, Response, ResponseParts};
use rhai::{Dynamic, INT, Map};
use serde::Serialize;
use serde_json::Value;

use crate::script::json;

/// The media type of problem documents, RFC 9457.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Members with a meaning of their own; `retry_after` becomes a header.
const RESERVED: [&str; 6] = ["type", "title", "status", "detail", "instance", "retry_after"];

/// The most bytes that one extra member may have as JSON.
const MOST_EXTRA_BYTES: usize = 64 * 1024;

/// An HTTP error and what it tells the client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    retry_after: Option<u64>,
    extra: serde_json::Map<String, Value>,
}

#[derive(Serialize)]
struct Wire<'a> {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(flatten)]
    extra: &'a serde_json::Map<String, Value>,
}

impl Problem {
    /// A problem with the usual title of `status`; one that is no error becomes 500.
    pub(crate) fn new(status: StatusCode) -> Self {
        let status =
            error_status(status.as_u16().into()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            kind: None,
            title: None,
            detail: None,
            retry_after: None,
            extra: serde_json::Map::new(),
        }
    }

    /// Says what went wrong this time.
    #[must_use]
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Asks the client to wait that many seconds: the header `Retry-After`.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Adds a member; one that the standard defines is left as it is.
    #[must_use]
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let name = name.into();
        if !RESERVED.contains(&name.as_str()) {
            self.extra.insert(name, value.into());
        }
        self
    }

    /// The status, 400 to 599.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong this time, if it says so.
    #[cfg(test)]
    pub(crate) fn detail_text(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// What a script meant by a map with a `status` of 400 to 599; `None` without such a status.
    pub(crate) fn from_map(map: &Map) -> Option<Self> {
        let status = error_status(map.get("status")?.as_int().ok()?)?;
        let mut problem = Self::new(status);
        problem.kind = map.get("type").and_then(text);
        problem.title = map.get("title").and_then(text);
        problem.detail = map.get("detail").and_then(text);
        problem.retry_after = map.get("retry_after").and_then(seconds);
        for (name, value) in map {
            // What occurs is named by a text, as RFC 9457 has it.
            let is_name = name == "instance" && value.is_string();
            if RESERVED.contains(&name.as_str()) && !is_name {
                continue;
            }
            if let Some(value) = as_json(value) {
                problem.extra.insert(name.to_string(), value);
            }
        }
        Some(problem)
    }

    /// About how many bytes its texts have, before anything is escaped.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [&self.kind, &self.title, &self.detail];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        texts + self.extra.iter().map(|(name, value)| name.len() + size(value)).sum::<usize>()
    }

    /// The response on the wire, `application/problem+json`; a 5xx is never cached.
    #[cold]
    pub(crate) fn into_response(self) -> Response {
        let headers = self.headers();
        let parts = ResponseParts {
            status: self.status,
            version: http::Version::default(),
            headers,
            extensions: http::Extensions::default(),
        };
        Response::from_parts(parts, Body::from_vec(self.body()))
    }

    /// The header fields that it is sent with.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.status.is_server_error() {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        headers
    }

    /// Its JSON text.
    pub(crate) fn body(&self) -> Vec<u8> {
        let wire = Wire {
            kind: self.kind.as_deref(),
            title: self.title.as_deref().unwrap_or_else(|| usual_title(self.status)),
            status: self.status.as_u16(),
            detail: self.detail.as_deref(),
            extra: &self.extra,
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }
}

/// The usual phrase of a status, such as `Not Found`.
pub(crate) fn usual_title(status: StatusCode) -> &'static str {
    status.canonical_reason().unwrap_or("Error")
}

/// A status of 400 to 599.
pub(crate) fn error_status(number: INT) -> Option<StatusCode> {
    let number = u16::try_from(number).ok().filter(|number| (400..=599).contains(number))?;
    StatusCode::from_u16(number).ok()
}

/// About how many bytes a value has as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| size(item) + 1).sum(),
        Value::Object(fields) => {
            fields.iter().map(|(name, item)| name.len() + size(item) + 4).sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
    }
}

/// Whole seconds, as `Retry-After` has them: a part of one is one.
fn seconds(value: &Dynamic) -> Option<u64> {
    if let Ok(seconds) = value.as_float() {
        let is_sound = (0.0..=1e9).contains(&seconds);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in range"
        )]
        return is_sound.then_some(seconds.ceil() as u64);
    }
    u64::try_from(value.as_int().ok()?).ok()
}

fn text(value: &Dynamic) -> Option<String> {
    if value.is_unit() {
        return None;
    }
    match value.as_immutable_string_ref() {
        Ok(text) => Some(text.to_string()),
        Err(_) => as_json(value).map(|value| value.to_string()),
    }
}

fn as_json(value: &Dynamic) -> Option<Value> {
    let mut bytes = Vec::new();
    json::write(value, &mut bytes, MOST_EXTRA_BYTES).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The schema of what is sent where nothing more is declared.
pub(crate) fn schema() -> Value {
    serde_json::json!({
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(problem: Problem) -> Value {
        let bytes = problem.into_response().into_body().into_vec().await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[tokio::test]
    async fn a_problem_has_the_usual_title_and_no_empty_members() {
        let wire = body(Problem::new(StatusCode::NOT_FOUND)).await;
        assert_eq!(wire, serde_json::json!({ "title": "Not Found", "status": 404 }));
    }

    #[tokio::test]
    async fn extra_members_do_not_overwrite_the_standard_ones() {
        let problem = Problem::new(StatusCode::CONFLICT)
            .detail("taken")
            .with("status", 200)
            .with("detail", "forged")
            .with("field", "name");
        let wire = body(problem).await;
        assert_eq!(
            wire,
            serde_json::json!({ "title": "Conflict", "status": 409, "detail": "taken", "field": "name" })
        );
    }

    #[test]
    fn a_server_error_is_not_cached_and_says_when_to_come_back() {
        let response = Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(7).into_response();
        assert_eq!(response.header("cache-control"), Some("no-store"));
        assert_eq!(response.header("retry-after"), Some("7"));
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }

    #[test]
    fn a_status_that_is_no_error_becomes_500() {
        assert_eq!(Problem::new(StatusCode::OK).status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn a_map_without_an_error_status_is_no_problem() {
        let mut map = Map::new();
        assert!(Problem::from_map(&map).is_none());
        map.insert("status".into(), Dynamic::from(200 as INT));
        assert!(Problem::from_map(&map).is_none());
        map.insert("status".into(), Dynamic::from(418 as INT));
        assert!(Problem::from_map(&map).is_some());
    }
}
