//! The page at `/docs`: the Swagger UI, and what follows each new generation around it.

use http::{
    HeaderMap,
    header::{self, HeaderValue},
};
use poem::Response;

use super::{file::File, look};

/// Scripts, styles and connections from this server only, and nothing inline. The Swagger UI sets styles
/// through the object model, which a policy does not see; its icons are `data:` images, and pictures that
/// a request is answered with are `blob:` ones.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

static PAGE: File =
    File::plain("text/html; charset=utf-8", include_bytes!("../../static/docs.html"));
static STYLE: File =
    File::plain("text/css; charset=utf-8", include_bytes!("../../static/docs.css"));
static SCRIPT: File =
    File::plain("text/javascript; charset=utf-8", include_bytes!("../../static/docs.js"));
static BUNDLE: File = File::gzip(
    "text/javascript; charset=utf-8",
    include_bytes!("../../static/swagger-ui/swagger-ui-bundle.js.gz"),
);
static BUNDLE_STYLE: File = File::gzip(
    "text/css; charset=utf-8",
    include_bytes!("../../static/swagger-ui/swagger-ui.css.gz"),
);
static LICENCES: File = File::plain(
    "text/plain; charset=utf-8",
    concat!(
        include_str!("../../static/swagger-ui/NOTICE"),
        "\n",
        include_str!("../../static/swagger-ui/LICENSE"),
        "\n",
        include_str!("../../static/swagger-ui/swagger-ui-bundle.js.LICENSE.txt"),
    )
    .as_bytes(),
);

/// The page.
pub(crate) fn page(headers: &HeaderMap) -> Response {
    PAGE.answer(headers, POLICY)
}

/// The page for whoever has not presented a key yet: the same, with the status of the refusal and what that
/// says besides. It asks for the key, and shows nothing without it.
pub(crate) fn page_without_key(refused: &Response) -> Response {
    let mut answer = PAGE.answer(&HeaderMap::new(), POLICY);
    answer.set_status(refused.status());
    let never = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, never);
    for name in [header::WWW_AUTHENTICATE, header::RETRY_AFTER] {
        if let Some(value) = refused.headers().get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// One of the files that the page needs, by its name below `/docs/`.
pub(crate) fn part(name: &str, headers: &HeaderMap) -> Option<Response> {
    let file = match name {
        "docs.css" => &STYLE,
        "docs.js" => &SCRIPT,
        "swagger-ui-bundle.js" => &BUNDLE,
        "swagger-ui.css" => &BUNDLE_STYLE,
        "licences.txt" => &LICENCES,
        _ => look::part(name)?,
    };
    Some(file.answer(headers, POLICY))
}

#[cfg(test)]
mod tests {
    use super::POLICY;

    #[test]
    fn nothing_inline_and_nothing_from_elsewhere_is_allowed() {
        assert!(POLICY.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"));
        for loose in ["unsafe", "http", "*", "script-src 'self' "] {
            assert!(!POLICY.contains(loose), "{loose}");
        }
    }
}
