//! Statuses, headers and locations that a script may put on the wire.
//!
//! What frames the message or governs the connection is the server's: those names are refused, as are
//! control characters in any value.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rhai::{Dynamic, INT};

use crate::{host::error::mistake, script::Native};

/// The most bytes that all headers of a response may have together.
const MOST_HEADER_BYTES: usize = 32 * 1024;

/// What a line needs besides name and value: `: ` and the line's end.
const LINE_OVERHEAD: usize = 4;

/// Names that belong to the server.
const REFUSED: [&str; 9] = [
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Names that may occur several times; another value of any other name replaces the first.
const REPEATED: [&str; 4] = ["link", "set-cookie", "vary", "www-authenticate"];

/// What a location holds encoded, besides what is not ASCII.
const UNSAFE_IN_LOCATION: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'{').add(b'}').add(b'|');

/// A status that a final answer may have: 200 to 599.
pub(super) fn status(number: INT) -> Native<StatusCode> {
    u16::try_from(number)
        .ok()
        .filter(|number| (200..=599).contains(number))
        .and_then(|number| StatusCode::from_u16(number).ok())
        .ok_or_else(|| mistake(format!("a status is a number from 200 to 599, not {number}")))
}

/// Sets a header, or adds one of those that may occur several times.
pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &Dynamic) -> Native<()> {
    let value = match value.as_immutable_string_ref() {
        Ok(text) => text.to_string(),
        Err(_) if value.is_int() || value.is_float() || value.is_bool() => value.to_string(),
        Err(kind) => {
            return Err(mistake(format!(
                "the value of header `{}` is a string or a number, not {}",
                printable(name),
                crate::host::define::words(kind)
            )));
        }
    };
    put(headers, name, &value)
}

/// Sets a header, or adds one of those that may occur several times.
pub(super) fn put(headers: &mut HeaderMap, name: &str, value: &str) -> Native<()> {
    let shown = printable(name);
    let name = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| mistake(format!("`{shown}` is not the name of a header")))?;
    if REFUSED.contains(&name.as_str()) {
        return Err(mistake(format!("header `{shown}` is the server's: it cannot be set")));
    }
    let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        mistake(format!(
            "the value of header `{shown}` holds a line break or another control character"
        ))
    })?;
    if REPEATED.contains(&name.as_str()) {
        headers.append(name, value);
    } else {
        headers.insert(name, value);
    }
    let bytes: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE_OVERHEAD).sum();
    if bytes <= MOST_HEADER_BYTES {
        return Ok(());
    }
    Err(mistake(format!(
        "with `{shown}` the headers have {bytes} bytes; {MOST_HEADER_BYTES} are allowed"
    )))
}

/// Where a redirect leads: a path of this site, or an absolute http or https address.
pub(super) fn location(target: &str) -> Native<String> {
    let refuse =
        |why: &str| Err(mistake(format!("cannot redirect to `{}`: {why}", printable(target))));
    if target.is_empty() {
        return refuse("it is empty");
    }
    if target.chars().any(|c| c.is_control() || c == '\\') {
        return refuse("it holds a control character or a backslash");
    }
    if target.starts_with("//") {
        return refuse("it names a host without a scheme; write https://");
    }
    if target.starts_with(' ') {
        return refuse("it begins with a space");
    }
    let scheme = target
        .split_once(['/', '?', '#'])
        .map_or(target, |(before, _)| before)
        .split_once(':')
        .map(|(scheme, _)| scheme.to_ascii_lowercase());
    match scheme.as_deref() {
        None => {}
        Some("http" | "https") => {
            let host = target.split_once("://").map_or("", |(_, rest)| rest);
            if host.is_empty() || host.starts_with(['/', '?', '#']) {
                return refuse("it has no host");
            }
        }
        Some(_) => return refuse("only paths and http or https addresses are allowed"),
    }
    Ok(utf8_percent_encode(target, UNSAFE_IN_LOCATION).to_string())
}

/// A name or address for a message: short and without control characters.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
