//! `/docs`: the page that shows the document, its files, and what tells it of each new generation.

use std::sync::Arc;

use http::{HeaderMap, Method, StatusCode, header};
use poem::Response;
use serde_json::Value;

use super::{
    HotplateEndpoint,
    endpoint::prefix,
    events::{self, Source},
};
use crate::{
    admin::Denied,
    documents::{docs, file},
    generation::Generation,
    host::problem::Problem,
    server::Request,
    settings::OpenApiAccess,
};

/// What is meant by a path at or below `/docs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// The page.
    Page,
    /// What is served, told again at each change.
    Events,
    /// What is served, told once.
    State,
    /// A file that the page needs.
    File(&'a str),
}

impl<'a> Part<'a> {
    /// What a canonical path means, if it is at or below `/docs`.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let rest = path.strip_prefix("/docs")?;
        Some(match rest.strip_prefix('/') {
            None if rest.is_empty() => Self::Page,
            None => return None,
            Some("events") => Self::Events,
            Some("state") => Self::State,
            Some(name) => Self::File(name),
        })
    }
}

impl HotplateEndpoint {
    /// Answers a request to `/docs` or below it.
    pub(super) fn docs(
        &self,
        part: Part<'_>,
        request: &Request<'_>,
        generation: &Arc<Generation>,
    ) -> Response {
        let headers = request.headers();
        let settings = &generation.settings;
        if settings.openapi_access() == OpenApiAccess::Off {
            return Denied::Absent.into_response();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return other_method(request.method());
        }
        if part == Part::Page && request.original_uri().path().ends_with('/') {
            // What the page names relative to itself is beside it, also where all this is nested.
            return Response::builder()
                .status(StatusCode::PERMANENT_REDIRECT)
                .header(header::LOCATION, above(request))
                .finish();
        }
        if let Part::File(name) = part {
            // They are in every copy of the program: nothing of this instance is in them.
            return docs::part(name, headers).unwrap_or_else(|| Denied::Absent.into_response());
        }
        let caller = self.caller(request);
        if let Err(denied) = caller.check_openapi(settings) {
            let refused = caller.refuse(denied, settings);
            // Behind the refusal is the page, which asks for the key itself, in a way that works for what it
            // loads too: whoever does not tell the browser a key sees it.
            return match (part, refused.status()) {
                (Part::Page, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                    docs::page_without_key(&refused)
                }
                _ => refused,
            };
        }
        let source =
            || Source { inner: Arc::clone(&self.inner), prefix: prefix(request).to_owned() };
        match part {
            Part::Events if request.method() == Method::HEAD => events::opening().finish(),
            Part::Events => self.inner.listeners.listen(source(), (&caller).into()),
            Part::State => state(headers, &source().state(generation)),
            Part::Page | Part::File(_) => docs::page(headers),
        }
    }
}

fn state(headers: &HeaderMap, state: &Value) -> Response {
    let state = state.to_string();
    let etag = file::etag(state.as_bytes());
    let answer = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    match file::matches(headers, etag.as_bytes()) {
        true => answer.status(StatusCode::NOT_MODIFIED).finish(),
        false => answer.content_type("application/json").body(state),
    }
}

/// The page without a slash at its end, with the query.
fn above(request: &Request<'_>) -> String {
    match request.uri().query() {
        Some(query) => format!("../docs?{query}"),
        None => "../docs".to_owned(),
    }
}

fn other_method(method: &Method) -> Response {
    let mut answer = match *method {
        Method::OPTIONS => Response::builder().status(StatusCode::NO_CONTENT).finish(),
        _ => Problem::new(StatusCode::METHOD_NOT_ALLOWED).into_response(),
    };
    let allow = header::HeaderValue::from_static("GET, HEAD, OPTIONS");
    answer.headers_mut().insert(header::ALLOW, allow);
    answer
}
