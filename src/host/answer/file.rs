//! `send_file`: a file that the plugin keeps, as an answer.
//!
//! It is sent as documents are: with its kind and versions, under the conditions of the request and in the part
//! that it asks for, read as the client takes it. What came from users may be a page with scripts in it, so no
//! such file runs any as a page of this server, unless the script says so.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::Response;
use rhai::{Dynamic, ImmutableString, Map, Module};
use std::sync::Arc;

use super::{Content, ScriptResponse, build, fields};
use crate::{
    content::respond::{self, Large},
    diagnostic::nearest,
    host::{error::mistake, files},
    script::Native,
};

const OPTIONS: [&str; 2] = ["download", "type"];

/// The most bytes of the name that a file is saved under.
const MOST_NAME_BYTES: usize = 255;

/// What a name holds as it is in `filename*` (RFC 8187).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'_');

/// What a page may do that users made: be looked at.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox");

/// What is known of a request when its answer is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    /// Its method.
    pub(crate) method: &'a Method,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
}

/// Adds `send_file`.
pub(super) fn register(module: &mut Module) {
    let comment = "/// A file that the plugin keeps (`files::save`); 404 if there is none. Parts and conditions are \
                   those of the request.";
    build::named("send_file", &["name: String"], comment)
        .set_into_module(module, |name: ImmutableString| send(&name, &Map::new()));
    let comment = "/// The same with the options `download` (the name to save it under, or true) and `type` (its \
                   content type).";
    build::named("send_file", &["name: String", "options: Map"], comment)
        .set_into_module(module, |name: ImmutableString, options: Map| send(&name, &options));
}

fn send(name: &str, options: &Map) -> Native<ScriptResponse> {
    if let Some(unknown) = options.keys().find(|option| !OPTIONS.contains(&option.as_str())) {
        let hint = match nearest(unknown, OPTIONS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", OPTIONS.join(", ")),
        };
        let unknown = fields::printable(unknown);
        return Err(mistake(format!("send_file() has no option `{unknown}`; {hint}")));
    }
    let said = |option: &str| options.get(option).filter(|value| !value.is_unit());
    let disposition = said("download").map(|value| disposition(name, value)).transpose()?.flatten();
    let content = Content::File(Arc::new(files::to_send("send_file", name)?));
    let mut response = match said("type") {
        None => ScriptResponse::new(StatusCode::OK, content),
        Some(kind) => {
            let kind = kind.as_immutable_string_ref().map_err(|kind| {
                mistake(format!(
                    "`type` of send_file() is a content type, not {}",
                    crate::host::define::words(kind)
                ))
            })?;
            build::with_type(content, &kind)?
        }
    };
    if let Some(disposition) = disposition {
        fields::put(&mut response.headers, "content-disposition", &disposition)?;
    }
    Ok(response)
}

/// How a browser is told to save a file, and under which name.
fn disposition(name: &str, said: &Dynamic) -> Native<Option<String>> {
    let as_it_is = said.as_bool();
    if as_it_is == Ok(false) {
        return Ok(None);
    }
    let given = match (as_it_is, said.as_immutable_string_ref()) {
        (Ok(_), _) => name.to_owned(),
        (_, Ok(given)) => given.to_string(),
        (_, Err(kind)) => {
            return Err(mistake(format!(
                "`download` of send_file() is the name to save it under, or true, not a value of type {kind}"
            )));
        }
    };
    // A browser takes the last part, too.
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if last.is_empty() || last.len() > MOST_NAME_BYTES || last.chars().any(char::is_control) {
        let given = fields::printable(&given);
        return Err(mistake(format!(
            "`download` of send_file(): `{given}` is not the name of a file"
        )));
    }
    let plain = |letter: char| match letter {
        ' '..='~' if !"\"\\%;".contains(letter) => letter,
        _ => '_',
    };
    let ascii: String = last.chars().map(plain).collect();
    let mut text = format!("attachment; filename=\"{ascii}\"");
    if ascii != last {
        text = format!("{text}; filename*=UTF-8''{}", utf8_percent_encode(last, ENCODED));
    }
    Ok(Some(text))
}

/// Says what a file is, unless the script did.
pub(super) fn typed(headers: &mut HeaderMap, file: &Large) {
    if let Ok(kind) = HeaderValue::from_str(&file.nature.content_type) {
        headers.entry(header::CONTENT_TYPE).or_insert(kind);
    }
}

/// The answer with a file, with the headers that the script gave it. Conditions and parts are about success only.
pub(super) fn answer(
    status: StatusCode,
    mut own: HeaderMap,
    file: &Large,
    asked: Asked<'_>,
) -> Response {
    let reads = matches!(*asked.method, Method::GET | Method::HEAD);
    let method = if reads { asked.method } else { &Method::GET };
    let mut response = match status == StatusCode::OK && reads {
        true => respond::large(file, method, asked.headers),
        false => respond::large(file, method, &HeaderMap::new()),
    };
    let is_sent = matches!(response.status(), StatusCode::OK | StatusCode::PARTIAL_CONTENT);
    if is_sent && status != StatusCode::OK {
        response.set_status(status);
    }
    if is_sent && own.get(header::CONTENT_TYPE).is_some_and(runs) {
        own.entry(header::CONTENT_SECURITY_POLICY).or_insert(SANDBOX);
    }
    let headers = response.headers_mut();
    for name in own.keys() {
        if !is_sent && is_of_content(name) {
            continue;
        }
        if name != header::VARY {
            headers.remove(name);
        }
        for value in own.get_all(name) {
            headers.append(name.clone(), value.clone());
        }
    }
    response
}

fn is_of_content(name: &HeaderName) -> bool {
    [header::CONTENT_TYPE, header::CONTENT_DISPOSITION].contains(name)
}

/// Whether a browser runs scripts that are in it.
fn runs(kind: &HeaderValue) -> bool {
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    kind.contains("html") || kind.contains("xml")
}

#[cfg(test)]
mod tests {
    use super::disposition;

    #[test]
    fn a_name_to_save_under_is_the_last_part_and_breaks_out_of_nothing() {
        for (given, wanted) in [
            ("a.pdf", "attachment; filename=\"a.pdf\""),
            ("x/y/a b.pdf", "attachment; filename=\"a b.pdf\""),
            ("..\\..\\a.pdf", "attachment; filename=\"a.pdf\""),
            ("é\".pdf", "attachment; filename=\"__.pdf\"; filename*=UTF-8''%C3%A9%22.pdf"),
            ("a; x=y", "attachment; filename=\"a_ x=y\"; filename*=UTF-8''a%3B%20x%3Dy"),
        ] {
            let said = disposition("kept", &given.into()).unwrap();
            assert_eq!(said.as_deref(), Some(wanted), "{given}");
        }
        let as_it_is = disposition("2026/kept.png", &true.into()).unwrap();
        assert_eq!(as_it_is.as_deref(), Some("attachment; filename=\"kept.png\""));
        assert_eq!(disposition("kept", &false.into()).unwrap(), None);
        for wrong in ["", "a/", "a\r\nX: y", "\0"] {
            assert!(disposition("kept", &wrong.into()).is_err(), "{wrong:?}");
        }
        assert!(disposition("kept", &1_i64.into()).is_err());
    }
}
