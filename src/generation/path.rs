//! Request paths in the one form that routes are matched in.
//!
//! Each segment is decoded once. What could mean something else to whoever looked at the path before
//! (dot segments, NUL, bad UTF-8) is refused, and an encoded slash stays part of its segment.

use std::borrow::Cow;

/// Stands for a `/` inside a segment while routes are matched: no character, and so in no text.
pub(crate) const SLASH: char = '\u{fdd0}';

/// A path that has no canonical form; answered with 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path is not valid")]
pub(crate) struct BadPath;

/// The canonical form of a request's path: decoded, without a last slash.
pub(crate) fn canonical(path: &str) -> Result<Cow<'_, str>, BadPath> {
    if path.is_empty() {
        return Ok(Cow::Borrowed("/"));
    }
    if !path.starts_with('/') {
        return Err(BadPath);
    }
    let plain = !path.bytes().any(|byte| matches!(byte, b'%' | b'.') || !byte.is_ascii());
    if plain {
        let trimmed = path.strip_suffix('/').unwrap_or(path);
        return Ok(Cow::Borrowed(if trimmed.is_empty() { "/" } else { trimmed }));
    }
    let mut whole = String::with_capacity(path.len());
    for segment in path.split('/').skip(1) {
        whole.push('/');
        whole.push_str(&decode(segment)?);
    }
    if whole.len() > 1 && whole.ends_with('/') {
        whole.pop();
    }
    Ok(Cow::Owned(whole))
}

fn decode(segment: &str) -> Result<String, BadPath> {
    let bad_escape = segment.split('%').skip(1).any(|rest| {
        let mut digits = rest.bytes().take(2).filter(u8::is_ascii_hexdigit);
        digits.next().is_none() || digits.next().is_none()
    });
    if bad_escape {
        return Err(BadPath);
    }
    let decoded = percent_encoding::percent_decode_str(segment);
    let decoded = decoded.decode_utf8().map_err(|_| BadPath)?;
    if decoded == "." || decoded == ".." || decoded.contains(['\0', SLASH]) {
        return Err(BadPath);
    }
    Ok(decoded.replace('/', SLASH.encode_utf8(&mut [0; 4])))
}

/// A matched part of a canonical path as scripts see it.
pub(crate) fn restored<'a>(part: impl Into<Cow<'a, str>>) -> String {
    let part = part.into();
    let is_as_it_was = part.is_ascii() || !part.contains(SLASH);
    if is_as_it_was { part.into_owned() } else { part.replace(SLASH, "/") }
}

#[cfg(test)]
mod tests {
    use super::{BadPath, canonical, restored};

    #[test]
    fn a_path_is_decoded_once_and_loses_its_last_slash() {
        for (path, form) in [
            ("/", "/"),
            ("/users/", "/users"),
            ("/a%20b", "/a b"),
            ("/%2541", "/%41"),
            ("/a.b", "/a.b"),
            ("/a%5cb", "/a\\b"),
            ("/a\\b", "/a\\b"),
            ("/%01", "/\u{1}"),
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(form));
        }
    }

    #[test]
    fn an_encoded_slash_stays_inside_its_segment() {
        let path = canonical("/files/a%2Fb").expect("it is valid");
        assert_eq!(path.matches('/').count(), 2);
        assert_eq!(restored(&*path), "/files/a/b");
    }

    #[test]
    fn what_could_mean_something_else_elsewhere_is_refused() {
        for path in [
            "/%ff",
            "/a/../b",
            "/%2e%2e/b",
            "/./a",
            "/a%00",
            "/%",
            "/%4",
            "/%zz",
            "/%EF%B7%90",
            "/\u{fdd0}",
            "a",
            "*",
        ] {
            assert_eq!(canonical(path), Err(BadPath), "{path}");
        }
    }
}
