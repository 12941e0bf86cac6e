//! A file that is part of the program, as an answer.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::Response;

use crate::{host::problem::Problem, source::digest::Digest};

/// A file that is part of the program.
#[derive(Debug)]
pub(super) struct File {
    kind: &'static str,
    content: &'static [u8],
    coding: Coding,
    etag: OnceLock<String>,
}

/// How the content is kept, and therefore sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Identity,
    Gzip,
}

impl File {
    /// A file of this content type.
    pub(super) const fn plain(kind: &'static str, content: &'static [u8]) -> Self {
        Self { kind, content, coding: Coding::Identity, etag: OnceLock::new() }
    }

    /// A file that is kept compressed with gzip, and sent so: every browser takes it, and what asks for
    /// no coding in particular has to.
    pub(super) const fn gzip(kind: &'static str, content: &'static [u8]) -> Self {
        Self { kind, content, coding: Coding::Gzip, etag: OnceLock::new() }
    }

    /// The answer to a request with these headers, under the content-security policy `policy`.
    pub(super) fn answer(&self, headers: &HeaderMap, policy: &'static str) -> Response {
        if self.coding == Coding::Gzip && !takes_gzip(headers) {
            return Problem::new(StatusCode::NOT_ACCEPTABLE)
                .detail("this file is sent with `Content-Encoding: gzip` only")
                .into_response();
        }
        let etag = self.etag.get_or_init(|| etag(self.content));
        let mut answer = Response::builder()
            .header(header::ETAG, etag.as_str())
            .header(header::CACHE_CONTROL, "no-cache")
            .header(header::CONTENT_SECURITY_POLICY, policy)
            .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
            .header(header::REFERRER_POLICY, "no-referrer");
        if self.coding == Coding::Gzip {
            answer = answer.header(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        if matches(headers, etag.as_bytes()) {
            return answer.status(StatusCode::NOT_MODIFIED).finish();
        }
        if self.coding == Coding::Gzip {
            answer = answer.header(header::CONTENT_ENCODING, "gzip");
        }
        answer.header(header::CONTENT_TYPE, self.kind).body(self.content)
    }
}

/// A strong entity tag: the digest of the content.
pub(crate) fn etag(content: &[u8]) -> String {
    format!("\"{}\"", Digest::of(content).hex())
}

/// Whether the client has this version already (`If-None-Match`).
pub(crate) fn matches(headers: &HeaderMap, etag: &[u8]) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    tags.flat_map(|tags| tags.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag)
}

/// Whether a client that sends these headers takes gzip. One that says nothing takes everything.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT_ENCODING).iter().peekable();
    if accepted.peek().is_none() {
        return true;
    }
    let (mut named, mut any) = (None, None);
    for coding in accepted.filter_map(|value| value.to_str().ok()).flat_map(|all| all.split(',')) {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
        let wanted = quality.is_none_or(|quality| quality > 0.0);
        match name.as_str() {
            "gzip" | "x-gzip" => named = Some(wanted),
            "*" => any = Some(wanted),
            _ => {}
        }
    }
    named.or(any).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, header};

    use super::{matches, takes_gzip};

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (accepted, takes) in [
            ("gzip, deflate, br", true),
            ("br, GZIP;q=0.5", true),
            ("*", true),
            ("gzip;q=0, *", false),
            ("identity", false),
            ("br", false),
            ("", false),
            ("*;q=0", false),
        ] {
            let value = HeaderValue::from_static(accepted);
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, value)]);
            assert_eq!(takes_gzip(&headers), takes, "{accepted}");
        }
        assert!(takes_gzip(&HeaderMap::new()), "who says nothing takes everything");
    }

    #[test]
    fn a_tag_is_found_among_those_that_the_client_has() {
        for (tags, found) in
            [("\"a\"", true), ("\"b\", W/\"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            let value = HeaderValue::from_static(tags);
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]);
            assert_eq!(matches(&headers, b"\"a\""), found, "{tags}");
        }
    }
}
