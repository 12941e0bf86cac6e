//! One request: checked, handed to the endpoint, answered whatever happens there.
//!
//! Invariants: a panic or an error of the endpoint becomes an answer without its text; nothing here
//! allocates for a request without a body that the endpoint's own request does not need.

use std::{
    any::Any,
    convert::Infallible,
    future::poll_fn,
    io,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use http::{StatusCode, uri::Scheme};
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body as _, Bytes, Incoming},
    service::HttpService,
};
use poem::{
    Body, Endpoint, Request, RequestParts, Response,
    web::{LocalAddr, RemoteAddr},
};

use super::{
    body::{Late, RequestBody, ResponseBody},
    check::{self, Refusal},
    vitals::{InService, Order, Vitals},
};

/// What the requests of one connection have in common.
pub(super) struct Context<E> {
    /// Answers requests.
    pub(super) endpoint: Arc<E>,
    /// The marks of the connection.
    pub(super) vitals: Arc<Vitals>,
    /// Our end of the connection.
    pub(super) local: SocketAddr,
    /// The peer's end.
    pub(super) remote: SocketAddr,
    /// Whether there is TLS around it.
    pub(super) scheme: Scheme,
    /// Time for a body.
    pub(super) body_time: Duration,
    /// Announced body size that is refused.
    pub(super) body_bytes: u64,
}

/// The hyper service of one connection.
pub(super) fn service<E>(
    context: Context<E>,
) -> impl HttpService<
    Incoming,
    ResBody = ResponseBody,
    Error = Infallible,
    Future: Future<Output = Result<http::Response<ResponseBody>, Infallible>> + Send + 'static,
> + Send
+ 'static
where
    E: Endpoint<Output = Response> + 'static,
{
    let context = Arc::new(context);
    hyper::service::service_fn(move |request| {
        // Before the future is first polled: the clock of the head must stop now.
        let in_service = context.vitals.enter();
        answer(Arc::clone(&context), request, in_service)
    })
}

async fn answer<E>(
    context: Arc<Context<E>>,
    request: http::Request<Incoming>,
    in_service: InService,
) -> Result<http::Response<ResponseBody>, Infallible>
where
    E: Endpoint<Output = Response>,
{
    let (mut parts, incoming) = request.into_parts();
    let version = parts.version;
    let (mut response, must_close) = match check::request(&mut parts, context.body_bytes) {
        Ok(()) => call(&context, parts, incoming).await,
        Err(refusal) => {
            if !incoming.is_end_stream() {
                context.vitals.left_unread();
            }
            (refusal.into_response(), true)
        }
    };
    if must_close || context.vitals.order() != Order::Run {
        check::close_after(response.headers_mut(), version);
    }
    let response: http::Response<BoxBody<Bytes, io::Error>> = response.into();
    Ok(response.map(|body| ResponseBody::new(body, Arc::clone(in_service.vitals()))))
}

/// The endpoint's answer, and whether the connection has to end with it.
async fn call<E>(
    context: &Context<E>,
    parts: http::request::Parts,
    incoming: Incoming,
) -> (Response, bool)
where
    E: Endpoint<Output = Response>,
{
    let local = LocalAddr(context.local.into());
    let remote = RemoteAddr(context.remote.into());
    let parts = RequestParts::from((parts, local, remote, context.scheme.clone()));
    if incoming.is_end_stream() {
        return (guarded(context, Request::from_parts(parts, Body::empty())).await, false);
    }
    let late = Late::default();
    let body =
        RequestBody::new(incoming, context.body_time, late.clone(), Arc::clone(&context.vitals));
    let body = Body::from(BoxBody::new(body));
    let response = guarded(context, Request::from_parts(parts, body)).await;
    // Whatever the endpoint made of the failed body, the peer was too slow for any answer to it.
    if late.is_set() { (Refusal::Late.into_response(), true) } else { (response, false) }
}

async fn guarded<E>(context: &Context<E>, request: Request) -> Response
where
    E: Endpoint<Output = Response>,
{
    let mut call = pin!(async { context.endpoint.call(request).await });
    let result = poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => std::task::Poll::Ready(Err(panic)),
    })
    .await;
    match result {
        Ok(Ok(response)) => response,
        Ok(Err(error)) if error.is_from_response() => error.into_response(),
        Ok(Err(error)) => {
            let status = error.status();
            if status.is_server_error() {
                tracing::error!(%error, %status, "endpoint failed");
            }
            check::problem(status, status.canonical_reason().unwrap_or("Error"))
        }
        Err(panic) => {
            tracing::error!(panic = panic_text(panic.as_ref()), "endpoint panicked");
            check::problem(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be served")
        }
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}
