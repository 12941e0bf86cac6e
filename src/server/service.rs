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
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll},
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
    vitals::{Order, Vitals},
};
use crate::middleware::certificate::PeerCert;

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
    /// What the first valid `Host` header said: the next ones mostly say the same.
    pub(super) host: check::KnownHost,
    /// What the peer's certificate says, if it showed one.
    pub(super) client: Option<PeerCert>,
}

/// The hyper service of one connection.
pub(super) fn service<E>(
    context: Context<E>,
) -> impl HttpService<
    Incoming,
    ResBody = ResponseBody<E>,
    Error = Infallible,
    Future: Future<Output = Result<http::Response<ResponseBody<E>>, Infallible>> + Send + 'static,
> + Send
+ 'static
where
    E: Endpoint<Output = Response> + 'static,
{
    let context = Arc::new(context);
    hyper::service::service_fn(move |request| {
        // Before the future is first polled: the clock of the head must stop now.
        answer(InService::enter(Arc::clone(&context)), request)
    })
}

/// Held while a request is in the endpoint.
struct InService<E> {
    context: Arc<Context<E>>,
}

impl<E> InService<E> {
    fn enter(context: Arc<Context<E>>) -> Self {
        context.vitals.enter();
        Self { context }
    }
}

impl<E> Drop for InService<E> {
    fn drop(&mut self) {
        self.context.vitals.leave();
    }
}

#[expect(clippy::manual_async_fn, reason = "it would hold the request twice")]
fn answer<E>(
    in_service: InService<E>,
    request: http::Request<Incoming>,
) -> impl Future<Output = Result<http::Response<ResponseBody<E>>, Infallible>> + Send
where
    E: Endpoint<Output = Response>,
{
    async move {
        let context = &*in_service.context;
        let version = request.version();
        let (mut response, must_close) = match request_of(context, request) {
            Err(refusal) => (refusal.into_response(), true),
            Ok((request, late)) => {
                // Pinned where it is made: it is large, and is not to be moved.
                let mut call = pin!(context.endpoint.call(request));
                let called = poll_fn(|cx| guarded(call.as_mut(), cx)).await;
                match late {
                    // Whatever the endpoint made of the failed body, the peer was too slow for its answer.
                    Some(late) if late.is_set() => (Refusal::Late.into_response(), true),
                    _ => (called.unwrap_or_else(Failed::into_response), false),
                }
            }
        };
        if must_close || context.vitals.order() != Order::Run {
            check::close_after(response.headers_mut(), version);
        }
        let response: http::Response<BoxBody<Bytes, io::Error>> = response.into();
        Ok(response.map(|body| ResponseBody::new(body, Arc::clone(&in_service.context))))
    }
}

/// The endpoint's request, and for one with a body whether that came too late.
fn request_of<E>(
    context: &Context<E>,
    request: http::Request<Incoming>,
) -> Result<(Request, Option<Late>), Refusal> {
    let (mut parts, incoming) = request.into_parts();
    let has_body = !incoming.is_end_stream();
    check::head(&mut parts, &context.host)
        .and_then(
            |()| if has_body { check::body(&parts.headers, context.body_bytes) } else { Ok(()) },
        )
        .inspect_err(|_| {
            if has_body {
                context.vitals.left_unread();
            }
        })?;
    if let Some(client) = &context.client {
        parts.extensions.insert(Arc::clone(client));
    }
    let local = LocalAddr(context.local.into());
    let remote = RemoteAddr(context.remote.into());
    let parts = RequestParts::from((parts, local, remote, context.scheme.clone()));
    if !has_body {
        return Ok((Request::from_parts(parts, Body::empty()), None));
    }
    let late = Late::default();
    let vitals = Arc::clone(&context.vitals);
    let body = RequestBody::new(incoming, context.body_time, late.clone(), vitals);
    Ok((Request::from_parts(parts, Body::from(BoxBody::new(body))), Some(late)))
}

/// How an endpoint failed to answer.
enum Failed {
    Error(poem::Error),
    Panic(Box<dyn Any + Send>),
}

/// Polls the call of an endpoint, whose panic is an answer too.
fn guarded(
    call: Pin<&mut impl Future<Output = poem::Result<Response>>>,
    cx: &mut TaskContext<'_>,
) -> Poll<Result<Response, Failed>> {
    match catch_unwind(AssertUnwindSafe(|| call.poll(cx))) {
        Ok(polled) => polled.map_err(Failed::Error),
        Err(panic) => Poll::Ready(Err(Failed::Panic(panic))),
    }
}

impl Failed {
    #[cold]
    fn into_response(self) -> Response {
        match self {
            Self::Error(error) if error.is_from_response() => error.into_response(),
            Self::Error(error) => {
                let status = error.status();
                if status.is_server_error() {
                    tracing::error!(%error, %status, "endpoint failed");
                }
                check::problem(status, status.canonical_reason().unwrap_or("Error"))
            }
            Self::Panic(panic) => {
                tracing::error!(panic = panic_text(panic.as_ref()), "endpoint panicked");
                check::problem(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be served")
            }
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
