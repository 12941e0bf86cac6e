//! The start page of development mode: what is served, what is broken, what to try.

use http::{StatusCode, header};
use poem::Response;

/// Nothing from elsewhere, nothing inline: a title from a script cannot become one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The start page.
pub(crate) fn page() -> Response {
    file("text/html; charset=utf-8", include_bytes!("../../static/index.html"))
}

/// One of the files that the start page needs, by its name below `/_hotplate/`.
pub(crate) fn part(name: &str) -> Option<Response> {
    Some(match name {
        "start.css" => file("text/css; charset=utf-8", include_bytes!("../../static/start.css")),
        "start.js" => {
            file("text/javascript; charset=utf-8", include_bytes!("../../static/start.js"))
        }
        _ => return None,
    })
}

/// One of the built-in style sheets of pages, by its name below `/_hotplate/`.
pub(crate) fn style(name: &str) -> Option<Response> {
    let content: &[u8] = match name {
        "markdown.css" => include_bytes!("../../static/markdown.css"),
        "highlight.css" => include_bytes!("../../static/highlight.css"),
        _ => return None,
    };
    Some(file("text/css; charset=utf-8", content))
}

/// The icon.
pub(crate) fn icon() -> Response {
    file("image/x-icon", include_bytes!("../../static/favicon.ico"))
}

fn file(kind: &'static str, content: &'static [u8]) -> Response {
    Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, kind)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .body(content)
}
