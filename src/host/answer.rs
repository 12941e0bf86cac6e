//! What a handler returns, as a response.
//!
//! A plain value is JSON, text, bytes or nothing; a [`ScriptResponse`] is what it says. What cannot
//! be answered is an [`AnswerError`], and nothing of it reaches the wire. Headers that frame the
//! message belong to the server: no script sets them.

mod build;
mod cookie;
mod fields;
mod stream;

use std::sync::Arc;

use http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Bytes};
use poem::{Body, Response, ResponseParts};
use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

pub(crate) use build::register;
pub(crate) use stream::StreamWriter;

use super::{
    current::PluginContext,
    request::{Headers, ScriptRequest},
};
use crate::host::declare::callback::Callback;
use crate::script::{Native, json};

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// How deep a value is searched for requests and responses before it is written, and how much of it:
/// it may hold itself.
const MOST_NESTING: usize = 64;
const MOST_SEARCHED: usize = 100_000;

/// A finished answer, or one that a script still has to write.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole response.
    Ready(Response),
    /// A response whose body a script writes piece by piece.
    Stream(StreamSpec),
}

impl Answer {
    /// How many bytes its body has, as far as that is known already.
    pub(crate) fn bytes(&mut self) -> u64 {
        let Self::Ready(response) = self else { return 0 };
        let body: BoxBody<Bytes, std::io::Error> = response.take_body().into();
        let bytes = body.size_hint().exact();
        response.set_body(Body::from(body));
        bytes.unwrap_or_default()
    }
}

/// A response whose body `closure` writes to the [`StreamWriter`] that it is called with.
#[derive(Debug)]
pub(crate) struct StreamSpec {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields, `Content-Type` included.
    pub(crate) headers: HeaderMap,
    /// What writes the body: `|out| …`.
    pub(crate) write: Arc<Callback>,
}

/// Why what a handler returned cannot be answered: a fault of the script, 500 for the client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// It returned something that is no data.
    #[error("the handler returned {what}: {help}")]
    Unanswerable {
        /// What it is.
        what: String,
        /// What to write instead.
        help: &'static str,
    },
    /// Somewhere in it is something that JSON cannot say.
    #[error("what the handler returned cannot be written as JSON: {0}")]
    Unserializable(String),
    /// It is larger than the plugin's `output_bytes`.
    #[error("the answer is larger than the {most} bytes that `output_bytes` allows")]
    TooLarge {
        /// The most that is allowed.
        most: usize,
    },
    /// Reading the request that it returned raised an error; judge it like one of the script's.
    #[error("{0}")]
    Raised(Box<EvalAltResult>),
}

/// What a handler answers with `json(…)`, `status(…)` and so on. Cloning it costs little.
#[derive(Debug, Clone)]
pub(crate) struct ScriptResponse {
    status: StatusCode,
    headers: HeaderMap,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Empty,
    /// A string whose content type the settings decide.
    Plain(ImmutableString),
    Text(ImmutableString, &'static str),
    Bytes(Bytes),
    Json(Arc<Dynamic>),
    Stream(Arc<Callback>),
}

/// The answer that `value`, returned by a handler, stands for.
pub(crate) fn into_answer(value: Dynamic, context: &PluginContext) -> Result<Answer, AnswerError> {
    ScriptResponse::from_value(value)?.into_answer(context)
}

/// A value of one of the host's own types as plain maps and strings; `None` for other values.
pub(crate) fn as_plain(value: &Dynamic) -> Option<Native<Dynamic>> {
    if let Some(request) = value.read_lock::<ScriptRequest>() {
        return Some(request.to_map());
    }
    if let Some(headers) = value.read_lock::<Headers>() {
        return Some(Ok(headers.to_map().into()));
    }
    value.read_lock::<ScriptResponse>().map(|response| Ok(response.to_map().into()))
}

impl ScriptResponse {
    /// The response that a value returned by a handler stands for, for `after` to look at.
    pub(crate) fn from_value(value: Dynamic) -> Result<Self, AnswerError> {
        let value = value.flatten();
        if value.is::<Self>() {
            return Ok(value.cast());
        }
        let status = if value.is_unit() { StatusCode::NO_CONTENT } else { StatusCode::OK };
        Ok(Self::new(status, Content::of(value)?))
    }

    fn new(status: StatusCode, content: Content) -> Self {
        Self { status, headers: HeaderMap::new(), content }
    }

    /// The answer itself.
    pub(crate) fn into_answer(self, context: &PluginContext) -> Result<Answer, AnswerError> {
        let Self { status, mut headers, content } = self;
        let bodiless = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bodiless {
            headers.remove(header::CONTENT_TYPE);
            return Ok(ready(status, headers, Body::empty()));
        }
        let mut typed = |usual: &'static str| {
            if !headers.contains_key(header::CONTENT_TYPE) {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(usual));
            }
        };
        let most = context.output_bytes;
        let body = match content {
            Content::Empty => Body::empty(),
            Content::Plain(text) => {
                within(text.len(), most)?;
                typed(context.string_type);
                Body::from_string(text.into_owned())
            }
            Content::Text(text, kind) => {
                within(text.len(), most)?;
                typed(kind);
                Body::from_string(text.into_owned())
            }
            Content::Bytes(bytes) => {
                within(bytes.len(), most)?;
                typed(BYTES);
                Body::from_bytes(bytes)
            }
            Content::Json(value) => {
                typed(JSON);
                Body::from_vec(as_json(&value, most)?)
            }
            Content::Stream(write) => {
                typed(BYTES);
                return Ok(Answer::Stream(StreamSpec { status, headers, write }));
            }
        };
        Ok(ready(status, headers, body))
    }

    /// `#{ status, headers, body }`.
    fn to_map(&self) -> Map {
        let mut map = Map::new();
        map.insert("status".into(), rhai::INT::from(self.status.as_u16()).into());
        map.insert("headers".into(), self.fields().to_map().into());
        map.insert("body".into(), self.content.value());
        map
    }

    /// The headers, with the content type that goes with the body.
    fn fields(&self) -> Headers {
        let mut headers = self.headers.clone();
        let usual = match &self.content {
            Content::Text(_, kind) => Some(*kind),
            Content::Bytes(_) | Content::Stream(_) => Some(BYTES),
            Content::Json(_) => Some(JSON),
            Content::Plain(_) => super::current::plugin().map(|plugin| plugin.string_type),
            Content::Empty => None,
        };
        if let Some(usual) = usual {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(usual));
        }
        Headers::new(headers)
    }
}

impl Content {
    fn of(value: Dynamic) -> Result<Self, AnswerError> {
        if value.is_unit() {
            return Ok(Self::Empty);
        }
        if value.is_string() || value.is_char() {
            return Ok(Self::Plain(text_of(value)));
        }
        if value.is_blob() {
            return Ok(Self::Bytes(value.into_blob().unwrap_or_default().into()));
        }
        if let Some(plain) = as_plain(&value) {
            return plain.map(Self::json).map_err(AnswerError::Raised);
        }
        let unanswerable = |what: String, help| Err(AnswerError::Unanswerable { what, help });
        if value.is_fnptr() {
            return unanswerable(
                "a function".to_owned(),
                "call it, as in `f.call(x)`, and return its result",
            );
        }
        if value.is_timestamp() {
            return unanswerable(
                "a timestamp".to_owned(),
                "return `t.elapsed` or `time::now()` instead",
            );
        }
        if value.is_variant() {
            return unanswerable(
                format!("a value of type {}", short(value.type_name())),
                "return a map, an array, a string, a number or a response",
            );
        }
        Ok(Self::json(value))
    }

    fn json(value: Dynamic) -> Self {
        Self::Json(Arc::new(value))
    }

    fn value(&self) -> Dynamic {
        match self {
            Self::Empty | Self::Stream(_) => Dynamic::UNIT,
            Self::Plain(text) | Self::Text(text, _) => text.clone().into(),
            Self::Bytes(bytes) => Dynamic::from_blob(bytes.to_vec()),
            Self::Json(value) => (**value).clone(),
        }
    }
}

fn text_of(value: Dynamic) -> ImmutableString {
    if let Ok(letter) = value.as_char() {
        return letter.to_string().into();
    }
    value.into_immutable_string().unwrap_or_default()
}

/// The last part of the name of a Rust type.
fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

fn within(bytes: usize, most: usize) -> Result<(), AnswerError> {
    if bytes > most {
        return Err(AnswerError::TooLarge { most });
    }
    Ok(())
}

fn ready(status: StatusCode, headers: HeaderMap, body: Body) -> Answer {
    let parts = ResponseParts {
        status,
        version: Version::default(),
        headers,
        extensions: Extensions::new(),
    };
    Answer::Ready(Response::from_parts(parts, body))
}

fn as_json(value: &Dynamic, most: usize) -> Result<Vec<u8>, AnswerError> {
    let mut bytes = Vec::with_capacity(256);
    let Err(error) = json::write(value, &mut bytes, most) else { return Ok(bytes) };
    // The writer knows nothing of requests and responses; they are rare enough to try again.
    let Some(plain) =
        replaced(value, MOST_NESTING, &mut { MOST_SEARCHED }).map_err(AnswerError::Raised)?
    else {
        return Err(unwritable(&error));
    };
    bytes.clear();
    json::write(&plain, &mut bytes, most).map_err(|error| unwritable(&error))?;
    Ok(bytes)
}

fn unwritable(error: &json::Unserializable) -> AnswerError {
    match error.why {
        json::Why::Size(most) => AnswerError::TooLarge { most },
        _ => AnswerError::Unserializable(error.to_string()),
    }
}

/// The value with the host's own types in it made plain; `None` if there are none.
fn replaced(value: &Dynamic, nesting: usize, left: &mut usize) -> Native<Option<Dynamic>> {
    if let Some(plain) = as_plain(value) {
        return plain.map(Some);
    }
    let (Some(nesting), Some(less)) = (nesting.checked_sub(1), left.checked_sub(1)) else {
        return Ok(None);
    };
    *left = less;
    let mut found = None;
    if let Ok(map) = value.as_map_ref() {
        for (name, item) in map.iter() {
            if let Some(plain) = replaced(item, nesting, left)? {
                found.get_or_insert_with(|| map.clone()).insert(name.clone(), plain);
            }
        }
        return Ok(found.map(Dynamic::from));
    }
    let Ok(array) = value.as_array_ref() else { return Ok(None) };
    let mut found = None;
    for (index, item) in array.iter().enumerate() {
        if let Some(plain) = replaced(item, nesting, left)?
            && let Some(slot) = found.get_or_insert_with(|| array.clone()).get_mut(index)
        {
            *slot = plain;
        }
    }
    Ok(found.map(Dynamic::from_array))
}

#[cfg(test)]
mod tests;
