//! What a request carries, read as its content type says.
//!
//! What the client sent wrongly is the client's error: 400 when it does not parse, 415 when hotplate
//! does not read such a thing at all.

use http::{HeaderMap, HeaderName, StatusCode, header};
use hyper::body::Bytes;
use rhai::{Dynamic, Map};

use super::{
    fields,
    file::File,
    multipart::{self, Part},
};
use crate::{
    host::error::raise,
    script::{Native, json},
};

enum Kind {
    Json,
    Form,
    Text,
    Multipart,
    Other,
}

/// The body by its content type: JSON, form, text or blob; unit if nothing was sent.
pub(super) fn parsed(headers: &HeaderMap, body: &Bytes) -> Native<Dynamic> {
    if body.is_empty() {
        return Ok(Dynamic::UNIT);
    }
    match kind(headers) {
        Kind::Json => as_json(headers, body),
        Kind::Form => form(headers, body).map(Dynamic::from),
        Kind::Text => text(headers, body).map(Dynamic::from),
        Kind::Multipart => {
            let fields = parts(headers, body)?.into_iter().map(|part| {
                let value = match part.is_file {
                    true => Dynamic::from(part.file),
                    false => text_of(&part)?,
                };
                Ok((part.name, value))
            });
            Ok(fields::grouped(fields.collect::<Native<Vec<_>>>()?.into_iter()).into())
        }
        Kind::Other => {
            refuse_encoded(headers)?;
            Ok(Dynamic::from_blob(body.to_vec()))
        }
    }
}

/// The JSON object that the body is, whatever its content type; nothing where it is none.
pub(super) fn object(headers: &HeaderMap, body: &Bytes) -> Option<Map> {
    if body.trim_ascii_start().first() != Some(&b'{') || refuse_encoded(headers).is_err() {
        return None;
    }
    json::parse(body).ok()?.try_cast()
}

/// The body as JSON, whatever its content type.
pub(super) fn as_json(headers: &HeaderMap, body: &Bytes) -> Native<Dynamic> {
    refuse_encoded(headers)?;
    if body.is_empty() {
        return Err(raise(StatusCode::BAD_REQUEST, "the request has no body; JSON is wanted"));
    }
    json::parse(body).map_err(|error| {
        raise(StatusCode::BAD_REQUEST, format!("the body is not valid JSON: {error}"))
    })
}

/// The body as text, whatever its content type.
pub(super) fn text(headers: &HeaderMap, body: &Bytes) -> Native<String> {
    refuse_encoded(headers)?;
    match std::str::from_utf8(body) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let place = error.valid_up_to();
            Err(raise(
                StatusCode::BAD_REQUEST,
                format!("the body is not valid UTF-8 from byte {place} on"),
            ))
        }
    }
}

/// The texts of a form; empty if nothing was sent.
pub(super) fn form(headers: &HeaderMap, body: &Bytes) -> Native<Map> {
    refuse_encoded(headers)?;
    match kind(headers) {
        _ if body.is_empty() => Ok(Map::new()),
        Kind::Form if fields::is_utf8(body) => Ok(fields::urlencoded(body)),
        Kind::Form => Err(raise(StatusCode::BAD_REQUEST, "the body is not valid UTF-8")),
        Kind::Multipart => {
            let texts = parts(headers, body)?.into_iter().filter(|part| !part.is_file);
            let texts = texts.map(|part| Ok((part.name.clone(), text_of(&part)?)));
            Ok(fields::grouped(texts.collect::<Native<Vec<_>>>()?.into_iter()))
        }
        Kind::Json | Kind::Text | Kind::Other => Err(raise(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a form is wanted: application/x-www-form-urlencoded or multipart/form-data",
        )),
    }
}

/// The files of a multipart form, each with its field's name; none if nothing was sent.
pub(super) fn files(headers: &HeaderMap, body: &Bytes) -> Native<Vec<(String, File)>> {
    match kind(headers) {
        _ if body.is_empty() => Ok(Vec::new()),
        Kind::Multipart => Ok(parts(headers, body)?
            .into_iter()
            .filter(|part| part.is_file)
            .map(|part| (part.name, part.file))
            .collect()),
        _ => Err(raise(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "files come in a form: multipart/form-data",
        )),
    }
}

fn parts(headers: &HeaderMap, body: &Bytes) -> Native<Vec<Part>> {
    refuse_encoded(headers)?;
    multipart::parse(headers, body).map_err(|why| {
        raise(StatusCode::BAD_REQUEST, format!("the body is not valid multipart/form-data: {why}"))
    })
}

/// A field as text.
fn text_of(part: &Part) -> Native<Dynamic> {
    let fault = |why| raise(StatusCode::BAD_REQUEST, format!("the body {why}"));
    Ok(part.text().map_err(fault)?.into())
}

fn refuse_encoded(headers: &HeaderMap) -> Native<()> {
    if !is_encoded(headers) {
        return Ok(());
    }
    Err(raise(StatusCode::UNSUPPORTED_MEDIA_TYPE, ENCODED))
}

/// What is said of a body that is compressed.
pub(crate) const ENCODED: &str = "a body with a Content-Encoding is not read; send it as it is";

/// Whether a body is compressed or otherwise changed for its way.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}

fn kind(headers: &HeaderMap) -> Kind {
    let essence = essence(headers, &header::CONTENT_TYPE);
    match essence.as_str() {
        "application/json" => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Form,
        other if other.ends_with("+json") => Kind::Json,
        other if other.starts_with("text/") => Kind::Text,
        other if other.starts_with("multipart/") => Kind::Multipart,
        _ => Kind::Other,
    }
}

/// A media type without its parameters, in lower case.
pub(crate) fn essence(headers: &HeaderMap, name: &HeaderName) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
