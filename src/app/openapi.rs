//! `/openapi.json` and `/openapi.yaml`: the document of the generation that a request began on.

use http::{Method, StatusCode, header};
use poem::Response;

use crate::{
    admin::Caller,
    documents::file,
    generation::Generation,
    host::problem::Problem,
    openapi::{Format, Fragment},
};

/// What may be done with the document.
const METHODS: &str = "GET, HEAD, OPTIONS";

/// The form that is served at a canonical path, if the document is.
pub(super) fn format_at(path: &str) -> Option<Format> {
    match path {
        "/openapi.json" => Some(Format::Json),
        "/openapi.yaml" => Some(Format::Yaml),
        _ => None,
    }
}

/// Answers a request for the document; `prefix` is the path below which everything is served.
pub(super) fn answer(
    format: Format,
    method: &Method,
    prefix: &str,
    caller: &Caller<'_>,
    generation: &Generation,
    administration: &Fragment,
) -> Response {
    if let Err(denied) = caller.check_openapi(&generation.settings) {
        return caller.refuse(denied, &generation.settings);
    }
    match *method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => {
            return Response::builder()
                .status(StatusCode::NO_CONTENT)
                .header(header::ALLOW, METHODS)
                .finish();
        }
        _ => {
            let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED).into_response();
            let methods = header::HeaderValue::from_static(METHODS);
            response.headers_mut().insert(header::ALLOW, methods);
            return response;
        }
    }
    let document = generation.document(format, prefix, administration);
    let response = Response::builder()
        .header(header::ETAG, document.etag.clone())
        .header(header::CACHE_CONTROL, "no-cache")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if file::matches(caller.headers, document.etag.as_bytes()) {
        return response.status(StatusCode::NOT_MODIFIED).finish();
    }
    let kind = match format {
        Format::Json => "application/json",
        Format::Yaml => "application/yaml",
    };
    response.status(StatusCode::OK).content_type(kind).body(document.bytes)
}
