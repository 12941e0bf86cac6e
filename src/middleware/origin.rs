//! Whether a browser sends a request on behalf of a page of another site.

use http::{HeaderMap, Method, header};

/// Headers that a proxy adds: the client is then not who the connection says.
const FORWARDING: [&str; 6] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via"];

/// Whether a page of another site is behind a request to `host` (as in its `Host`, port included).
/// What cannot be read counts as foreign.
pub(crate) fn is_cross_site(headers: &HeaderMap, host: &str) -> bool {
    let fetch_site = headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    if fetch_site.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return true;
    }
    [header::ORIGIN, header::REFERER]
        .iter()
        .flat_map(|name| headers.get_all(name))
        .any(|value| value.to_str().map_or(true, |page| authority(page) != Some(host)))
}

/// Whether a browser says that a page of our own, or a person at the address bar, is behind a request that
/// is not [cross-site](is_cross_site). A request without any such mark may be anyone's: browsers leave out
/// what a page tells them to, and on plain HTTP much else.
pub(crate) fn is_our_own(headers: &HeaderMap) -> bool {
    ["sec-fetch-site", "origin", "referer"].iter().any(|name| headers.contains_key(*name))
}

/// Whether a browser asks for a page to show to a person, who can be asked for a key.
pub(crate) fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    if *method != Method::GET {
        return false;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if ["sec-fetch-mode", "sec-fetch-site", "sec-fetch-dest"]
        .iter()
        .any(|name| headers.contains_key(*name))
    {
        return text("sec-fetch-mode") == Some("navigate");
    }
    text("accept").is_some_and(|kinds| kinds.to_ascii_lowercase().contains("text/html"))
}

/// Whether a proxy forwarded a request.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    FORWARDING.iter().any(|name| headers.contains_key(*name))
}

fn authority(page: &str) -> Option<&str> {
    let rest = page.strip_prefix("http://").or_else(|| page.strip_prefix("https://"))?;
    rest.split(['/', '?', '#']).next()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::is_cross_site;

    fn with(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn a_page_of_another_site_is_told_by_any_of_its_marks() {
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:8081"),
            ("origin", "http://127.0.0.1:8080.evil.example"),
            ("referer", "http://evil.example/127.0.0.1:8080"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert!(is_cross_site(&with(name, value), "127.0.0.1:8080"), "{name}: {value}");
        }
    }

    #[test]
    fn our_own_pages_and_programs_are_not_cross_site() {
        for (name, value) in [
            ("origin", "http://127.0.0.1:8080"),
            ("referer", "http://127.0.0.1:8080/docs?a"),
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-site", "none"),
            ("accept", "*/*"),
        ] {
            assert!(!is_cross_site(&with(name, value), "127.0.0.1:8080"), "{name}: {value}");
        }
    }
}
