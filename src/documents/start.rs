//! The start page of development mode: what is served, what is broken, what to try.

use http::HeaderMap;
use poem::Response;

use super::{file::File, look};

/// Nothing from elsewhere, nothing inline: a title from a script cannot become one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static PAGE: File =
    File::plain("text/html; charset=utf-8", include_bytes!("../../static/index.html"));
static STYLE: File =
    File::plain("text/css; charset=utf-8", include_bytes!("../../static/start.css"));
static SCRIPT: File =
    File::plain("text/javascript; charset=utf-8", include_bytes!("../../static/start.js"));
static MARKDOWN: File =
    File::plain("text/css; charset=utf-8", include_bytes!("../../static/markdown.css"));
static HIGHLIGHT: File =
    File::plain("text/css; charset=utf-8", include_bytes!("../../static/highlight.css"));
static LIVE: File = File::plain("text/javascript", include_bytes!("../../static/live.js"));
static ICON: File = File::plain("image/x-icon", include_bytes!("../../static/favicon.ico"));

/// The start page.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    PAGE.answer(headers, POLICY)
}

/// One of the files that pages of development mode need, by its name below `/_hotplate/`.
pub(crate) fn part(name: &str, headers: &HeaderMap) -> Option<Response> {
    let file = match name {
        "start.css" => &STYLE,
        "start.js" => &SCRIPT,
        "live.js" => &LIVE,
        _ => look::part(name)?,
    };
    Some(file.answer(headers, POLICY))
}

/// One of the built-in style sheets of pages, by its name below `/_hotplate/`.
pub(crate) fn style(name: &str, headers: &HeaderMap) -> Option<Response> {
    let file = match name {
        "markdown.css" => &MARKDOWN,
        "highlight.css" => &HIGHLIGHT,
        _ => return None,
    };
    Some(file.answer(headers, POLICY))
}

/// The icon.
pub(crate) fn icon(headers: &HeaderMap) -> Response {
    ICON.answer(headers, POLICY)
}
