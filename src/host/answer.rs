//! What a handler returns, as a response.
//!
//! A plain value is JSON, text, bytes or nothing; a [`ScriptResponse`] is what it says. What cannot
//! be answered is an [`AnswerError`], and nothing of it reaches the wire. Headers that frame the
//! message belong to the server: no script sets them.

mod build;
mod cookie;
mod fields;
mod file;
mod plain;
mod ready;
mod stream;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Bytes;
use poem::Response;
use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};

pub(crate) use build::register;
pub(crate) use file::Asked;
pub(crate) use plain::as_plain;
use plain::{as_bytes, as_json};
use ready::ready;
pub(crate) use stream::StreamWriter;

use super::{current::PluginContext, problem::Problem, request::Headers};
use crate::{content::respond::Large, host::declare::callback::Callback};

const JSON: &str = "application/json";
const BYTES: &str = "application/octet-stream";

/// A finished answer, or one that a script still has to write.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The whole response, and how many bytes of memory its body takes: none of a file, which is read as the
    /// client takes it.
    Ready(Response, u64),
    /// A response whose body a script writes piece by piece.
    Stream(StreamSpec),
}

impl Answer {
    /// What a map or an array is where nothing else is said: JSON.
    pub(crate) fn json(value: &Dynamic, context: &PluginContext) -> Result<Self, AnswerError> {
        let bytes = as_json(value, context.output_bytes)?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        ready(StatusCode::OK, headers, bytes)
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
    /// It is not what the route promises.
    #[error("the handler breaks its promise: {0}")]
    Broken(String),
    /// The request is not one that the route takes, so no handler was asked.
    #[error("the request does not fit")]
    Refused(Problem),
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
    File(Arc<Large>),
}

/// How a plain value is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usual {
    /// The status of a value.
    pub(crate) status: StatusCode,
    /// Whether a string is JSON like any other value.
    pub(crate) as_json: bool,
    /// What becomes of null.
    pub(crate) of_null: OfNull,
}

/// What becomes of null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfNull {
    /// 204.
    NoContent,
    /// The status of a value, without a body.
    Empty,
    /// The status of a value, and `null`.
    Json,
}

/// How a plain value is answered where nothing is promised.
pub(crate) const USUAL: Usual =
    Usual { status: StatusCode::OK, as_json: false, of_null: OfNull::NoContent };

impl ScriptResponse {
    /// The response that a value returned by a handler stands for, for `after` to look at.
    pub(crate) fn from_value(value: Dynamic) -> Result<Self, AnswerError> {
        Self::from_value_as(value, USUAL)
    }

    /// The same, where a route says how plain values are answered.
    pub(crate) fn from_value_as(value: Dynamic, usual: Usual) -> Result<Self, AnswerError> {
        let value = value.flatten();
        if value.is::<Self>() {
            return Ok(value.cast());
        }
        if value.is_unit() {
            return Ok(match usual.of_null {
                OfNull::NoContent => Self::new(StatusCode::NO_CONTENT, Content::Empty),
                OfNull::Empty => Self::new(usual.status, Content::Empty),
                OfNull::Json => Self::new(usual.status, Content::json(value)),
            });
        }
        let content = match Content::of(value)? {
            Content::Plain(text) if usual.as_json => Content::json(text.into()),
            content => content,
        };
        Ok(Self::new(usual.status, content))
    }

    /// An answer that no script gave, marked by a header.
    pub(crate) fn mock(
        status: StatusCode,
        content: Option<(&str, Dynamic)>,
        mark: &'static str,
    ) -> Self {
        let mut response = match content {
            None => Self::new(status, Content::Empty),
            Some((kind, value)) if kind.ends_with("json") => {
                Self::new(status, Content::json(value))
            }
            Some((kind, value)) => {
                let bytes = text_of(value).into_owned().into_bytes();
                let mut response = Self::new(status, Content::Bytes(bytes.into()));
                if let Ok(kind) = HeaderValue::from_str(kind) {
                    response.headers.insert(header::CONTENT_TYPE, kind);
                }
                response
            }
        };
        response.headers.insert(mark, HeaderValue::from_static("true"));
        response
    }

    fn new(status: StatusCode, content: Content) -> Self {
        Self { status, headers: HeaderMap::new(), content }
    }

    /// The answer itself.
    pub(crate) fn into_answer(
        self,
        context: &PluginContext,
        asked: Asked<'_>,
    ) -> Result<Answer, AnswerError> {
        self.into_inspected(context, asked, |_, _, _| Ok(()))
    }

    /// The same; `inspect` sees status, headers and body just before they are sent, and may refuse them. It
    /// sees no body where a script still has to write it.
    pub(crate) fn into_inspected(
        self,
        context: &PluginContext,
        asked: Asked<'_>,
        inspect: impl FnOnce(StatusCode, &HeaderMap, Option<&[u8]>) -> Result<(), AnswerError>,
    ) -> Result<Answer, AnswerError> {
        let Self { status, mut headers, content } = self;
        let bodiless = matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
        );
        if bodiless {
            headers.remove(header::CONTENT_TYPE);
            // What it would have held counts for what was promised.
            inspect(status, &headers, content.is_nothing().then_some(&[]))?;
            return ready(status, headers, Bytes::new());
        }
        let mut typed = |usual: &'static str| {
            if !headers.contains_key(header::CONTENT_TYPE) {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(usual));
            }
        };
        let most = context.output_bytes;
        let body = match content {
            Content::Empty => {
                inspect(status, &headers, Some(&[]))?;
                Bytes::new()
            }
            Content::Plain(text) => {
                within(text.len(), most)?;
                typed(context.string_type);
                inspect(status, &headers, Some(text.as_bytes()))?;
                as_bytes(text)
            }
            Content::Text(text, kind) => {
                within(text.len(), most)?;
                typed(kind);
                inspect(status, &headers, Some(text.as_bytes()))?;
                as_bytes(text)
            }
            Content::Bytes(bytes) => {
                within(bytes.len(), most)?;
                typed(BYTES);
                inspect(status, &headers, Some(&bytes))?;
                bytes
            }
            Content::Json(value) => {
                typed(JSON);
                let bytes = as_json(&value, most)?;
                inspect(status, &headers, Some(&bytes))?;
                bytes
            }
            Content::Stream(write) => {
                typed(BYTES);
                inspect(status, &headers, None)?;
                return Ok(Answer::Stream(StreamSpec { status, headers, write }));
            }
            Content::File(file) => {
                file::typed(&mut headers, &file);
                inspect(status, &headers, None)?;
                return Ok(Answer::Ready(file::answer(status, headers, &file, asked), 0));
            }
        };
        ready(status, headers, body)
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
            Content::File(file) => {
                file::typed(&mut headers, file);
                None
            }
            Content::Empty => None,
        };
        if let Some(usual) = usual {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(usual));
        }
        Headers::new(headers)
    }
}

impl Content {
    /// Whether nothing would be sent.
    fn is_nothing(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Plain(text) | Self::Text(text, _) => text.is_empty(),
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Json(_) | Self::Stream(_) | Self::File(_) => false,
        }
    }

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
        if value.is_map() || value.is_array() {
            return Ok(Self::json(value));
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
            Self::Empty | Self::Stream(_) | Self::File(_) => Dynamic::UNIT,
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

#[cfg(test)]
mod tests;
