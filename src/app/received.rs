//! The body of a request, received within the limits, or what is answered where it is not.

use http::{
    StatusCode,
    header::{CONNECTION, HeaderValue},
};
use poem::Response;

use crate::{
    host::problem::Problem,
    middleware::body::{self, Received, Unread},
    server::Request,
    services::bodies::Sizes,
    settings::Settings,
};

/// Receives it whole.
pub(super) async fn receive(
    request: &mut Request<'_>,
    settings: &Settings,
) -> Result<Received, Response> {
    let Some(body) = request.body.take() else { return Ok(Received::default()) };
    let limits = &settings.limits;
    let sizes = Sizes { one: limits.body_bytes, together: limits.total_body_bytes };
    body::read(body, sizes).await.map_err(|unread| refused(&unread))
}

/// What comes of a body that is not read to its end: the connection ends with the answer.
#[cold]
fn refused(unread: &Unread) -> Response {
    let problem = match unread {
        Unread::TooLarge(_) => Problem::new(StatusCode::PAYLOAD_TOO_LARGE),
        Unread::Crowded(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE).retry_after(1),
        Unread::TooSlow => Problem::new(StatusCode::REQUEST_TIMEOUT),
        Unread::CutShort => Problem::new(StatusCode::BAD_REQUEST),
    };
    let mut response = problem.detail(unread.to_string()).into_response();
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
