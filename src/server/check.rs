//! What is refused before the endpoint sees it, and the shape in which all else reaches it.
//!
//! Invariants, for every request that passes:
//! - it has exactly one valid `Host` header, save an HTTP/1.0 request, which may have none;
//! - its target is a path (or `*` of OPTIONS), so nothing can be taken for a proxy request;
//! - its body is framed one way only.

use std::sync::OnceLock;

use http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING},
    request::Parts,
};
use poem::{Body, Response};

use crate::middleware::hosts::HostName;

/// Why a request is not served; the answer says it and closes the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The head contradicts the protocol.
    Bad(&'static str),
    /// A method that this server will never have.
    Method,
    /// The announced body is over the limit.
    TooLarge,
    /// The body did not arrive in time.
    Late,
}

impl Refusal {
    /// The answer: a short problem document.
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Bad(detail) => problem(StatusCode::BAD_REQUEST, detail),
            Self::Method => problem(StatusCode::NOT_IMPLEMENTED, "CONNECT is not supported"),
            Self::TooLarge => {
                problem(StatusCode::PAYLOAD_TOO_LARGE, "the request body is too large")
            }
            Self::Late => {
                problem(StatusCode::REQUEST_TIMEOUT, "the request body did not arrive in time")
            }
        }
    }
}

/// A problem document (RFC 9457) with nothing in it but the given words.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Error");
    let document = serde_json::json!({
        "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail,
    });
    let mut response = Response::builder().status(status).body(Body::from(document.to_string()));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// Marks an answer as the last of its connection; HTTP/2 has frames for that and no such header.
pub(super) fn close_after(headers: &mut HeaderMap, version: Version) {
    if version <= Version::HTTP_11 {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}

/// A `Host` header that was found valid, kept so that its repetitions need not be parsed.
#[derive(Debug, Default)]
pub(super) struct KnownHost(OnceLock<HeaderValue>);

impl KnownHost {
    fn check(&self, host: &HeaderValue) -> Result<(), Refusal> {
        if self.0.get().is_some_and(|known| known == host) {
            return Ok(());
        }
        if host.to_str().ok().and_then(HostName::parse).is_none() {
            return Err(Refusal::Bad("the Host header is not a host"));
        }
        // A copy of its own: a clone would keep the whole buffer that the head was read into.
        if let Ok(own) = HeaderValue::from_bytes(host.as_bytes()) {
            self.0.get_or_init(|| own);
        }
        Ok(())
    }
}

/// Checks a request head and brings its target into the form `/path?query` beside a `Host` header.
///
/// # Errors
/// The [`Refusal`] to answer with.
pub(super) fn head(parts: &mut Parts, known: &KnownHost) -> Result<(), Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::Method);
    }
    host(parts, known)?;
    target(parts)
}

fn host(parts: &mut Parts, known: &KnownHost) -> Result<(), Refusal> {
    let headers = &parts.headers;
    let host = headers.get(HOST);
    // Where no name comes twice, as mostly, nobody has to look for a second one.
    if headers.len() != headers.keys_len() && headers.get_all(HOST).iter().nth(1).is_some() {
        return Err(Refusal::Bad("more than one Host header"));
    }
    if let Some(host) = host {
        known.check(host)?;
    } else if parts.version == Version::HTTP_11 {
        return Err(Refusal::Bad("no Host header"));
    }
    let Some(authority) = parts.uri.authority() else {
        return match (host, parts.version) {
            (None, Version::HTTP_2) => Err(Refusal::Bad("no authority")),
            _ => Ok(()),
        };
    };
    if HostName::parse(authority.as_str()).is_none() {
        return Err(Refusal::Bad("the authority is not a host"));
    }
    // In HTTP/2 two names would let two parts of a system believe different ones; in HTTP/1 the
    // target wins by rule (RFC 9112, 3.2.2).
    if parts.version == Version::HTTP_2
        && host.is_some_and(|host| {
            !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
        })
    {
        return Err(Refusal::Bad("Host and :authority differ"));
    }
    let value = HeaderValue::from_str(authority.as_str())
        .map_err(|_| Refusal::Bad("the authority is not a host"))?;
    parts.headers.insert(HOST, value);
    Ok(())
}

fn target(parts: &mut Parts) -> Result<(), Refusal> {
    let uri = &parts.uri;
    let path = uri.path();
    let is_asterisk = path == "*" && parts.method == Method::OPTIONS;
    if !path.starts_with('/') && !is_asterisk {
        return Err(Refusal::Bad("the request target is not a path"));
    }
    let Some(scheme) = uri.scheme_str() else {
        return match uri.authority() {
            Some(_) => Err(Refusal::Bad("the request target is not a path")),
            None => Ok(()),
        };
    };
    if scheme != "http" && scheme != "https" {
        return Err(Refusal::Bad("the scheme of the request target is not HTTP"));
    }
    let path = uri.path_and_query().cloned();
    parts.uri = path.map(Uri::from).unwrap_or_default();
    Ok(())
}

/// Checks how a body is framed and how large it says it is.
///
/// # Errors
/// The [`Refusal`] to answer with.
pub(super) fn body(headers: &HeaderMap, body_bytes: u64) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    if let Some(coding) = codings.next() {
        // "chunked, chunked" is one chunked body to us and a body in a body to others.
        if codings.next().is_some()
            || !coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
        {
            return Err(Refusal::Bad("the only transfer coding is chunked, once"));
        }
        if headers.contains_key(CONTENT_LENGTH) {
            return Err(Refusal::Bad("both Content-Length and Transfer-Encoding"));
        }
        return Ok(());
    }
    let announced =
        headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > body_bytes) {
        return Err(Refusal::TooLarge);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version: Version, method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
        let mut builder = http::Request::builder().version(version).method(method).uri(uri);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let mut parts = builder.body(()).unwrap().into_parts().0;
        let checked = head(&mut parts, &KnownHost::default());
        match checked.and_then(|()| body(&parts.headers, 100)) {
            Ok(()) => {
                let host = parts.headers.get(HOST).map_or("-", |host| host.to_str().unwrap());
                format!("{} at {host}", parts.uri)
            }
            Err(refusal) => refusal.into_response().status().as_u16().to_string(),
        }
    }

    #[test]
    fn a_target_becomes_a_path_beside_a_host() {
        let one = Version::HTTP_11;
        let two = Version::HTTP_2;
        let own = [("host", "a:1")];
        assert_eq!(check(one, "GET", "/x?y", &own), "/x?y at a:1");
        assert_eq!(check(one, "OPTIONS", "*", &own), "* at a:1");
        assert_eq!(check(one, "GET", "http://b/x", &own), "/x at b");
        assert_eq!(check(one, "GET", "http://b", &own), "/ at b");
        assert_eq!(check(two, "GET", "https://b:2/x", &[]), "/x at b:2");
        assert_eq!(check(two, "GET", "https://a:1/x", &own), "/x at a:1");
        assert_eq!(check(Version::HTTP_10, "GET", "/", &[]), "/ at -");
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        let one = Version::HTTP_11;
        let own = ("host", "a");
        for (method, uri, headers) in [
            ("GET", "/", &[][..]),
            ("GET", "/", &[own, own]),
            ("GET", "/", &[("host", "a b")]),
            ("GET", "/", &[("host", "")]),
            ("GET", "*", &[own]),
            ("GET", "evil.example:80", &[own]),
            ("GET", "ftp://a/x", &[own]),
            ("GET", "http://u@a/x", &[own]),
            ("POST", "/", &[own, ("transfer-encoding", "chunked, chunked")]),
            (
                "POST",
                "/",
                &[own, ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            ),
            ("POST", "/", &[own, ("transfer-encoding", "gzip, chunked")]),
            ("POST", "/", &[own, ("transfer-encoding", "chunked"), ("content-length", "3")]),
        ] {
            assert_eq!(check(one, method, uri, headers), "400", "{method} {uri} {headers:?}");
        }
        assert_eq!(check(Version::HTTP_2, "GET", "https://b/", &[own]), "400");
        assert_eq!(check(one, "CONNECT", "a:80", &[own]), "501");
        assert_eq!(check(one, "POST", "/", &[own, ("content-length", "101")]), "413");
        assert_eq!(check(one, "POST", "/", &[own, ("content-length", "100")]), "/ at a");
    }
}
