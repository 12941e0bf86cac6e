//! One request: checked, handed to the endpoint, answered whatever happens there.
//!
//! Invariants: a panic of the endpoint becomes an answer without its text; nothing here allocates for a
//! request without a body.

use std::{
    any::Any,
    convert::Infallible,
    future::poll_fn,
    io,
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use http::{StatusCode, request::Parts};
use http_body_util::combinators::BoxBody;
use hyper::{
    body::{Body as _, Bytes, Incoming},
    service::HttpService,
};
use poem::{Body, Response};

use super::{
    body::{Late, RequestBody, ResponseBody},
    check::{self, Refusal},
    request::{Answers, Request},
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
    pub(super) local: IpAddr,
    /// The peer's end.
    pub(super) remote: IpAddr,
    /// Whether there is TLS around it.
    pub(super) is_encrypted: bool,
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
    E: Answers,
{
    let context = Arc::new(context);
    hyper::service::service_fn(move |request| {
        // Before the future is first polled: the clock of the head must stop now.
        answer(InService::enter(Arc::clone(&context)), request)
    })
}

/// Held while a request is in the endpoint, and by its answer.
pub(super) struct InService<E> {
    pub(super) context: Arc<Context<E>>,
    has_left: bool,
}

impl<E> InService<E> {
    fn enter(context: Arc<Context<E>>) -> Self {
        context.vitals.enter();
        Self { context, has_left: false }
    }

    /// The endpoint has answered.
    fn leave(&mut self) {
        if !self.has_left {
            self.has_left = true;
            self.context.vitals.leave();
        }
    }
}

impl<E> Drop for InService<E> {
    fn drop(&mut self) {
        self.leave();
    }
}

fn answer<E: Answers>(
    mut in_service: InService<E>,
    request: http::Request<Incoming>,
) -> impl Future<Output = Result<http::Response<ResponseBody<E>>, Infallible>> + Send {
    let (mut parts, incoming) = request.into_parts();
    async move {
        let context = &*in_service.context;
        let version = parts.version;
        let (mut response, must_close) = match checked(context, &mut parts, incoming) {
            Err(refusal) => (refusal.into_response(), true),
            Ok(body) => {
                let (body, late) = body.unzip();
                let mut request = Request {
                    parts: &mut parts,
                    original: None,
                    body,
                    remote: Some(context.remote),
                    local: Some(context.local),
                    is_encrypted: context.is_encrypted,
                };
                // Pinned where it is made: it is large, and is not to be moved.
                let mut call = pin!(context.endpoint.answer(&mut request));
                let called = poll_fn(|cx| guarded(call.as_mut(), cx)).await;
                match late {
                    // Whatever the endpoint made of the failed body, the peer was too slow for its answer.
                    Some(late) if late.is_set() => (Refusal::Late.into_response(), true),
                    _ => (called, false),
                }
            }
        };
        if must_close || context.vitals.order() != Order::Run {
            check::close_after(response.headers_mut(), version);
        }
        in_service.leave();
        let response: http::Response<BoxBody<Bytes, io::Error>> = response.into();
        Ok(response.map(|body| ResponseBody::new(body, in_service)))
    }
}

/// Checks a request, and gives its body, if it has one, with whether that comes too late.
fn checked<E>(
    context: &Context<E>,
    parts: &mut Parts,
    incoming: Incoming,
) -> Result<Option<(Body, Late)>, Refusal> {
    let has_body = !incoming.is_end_stream();
    check::head(parts, &context.host)
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
    if !has_body {
        return Ok(None);
    }
    let late = Late::default();
    let vitals = Arc::clone(&context.vitals);
    let body = RequestBody::new(incoming, context.body_time, late.clone(), vitals);
    Ok(Some((Body::from(BoxBody::new(body)), late)))
}

/// Polls what answers, whose panic is an answer too.
fn guarded(
    call: Pin<&mut impl Future<Output = Response>>,
    cx: &mut TaskContext<'_>,
) -> Poll<Response> {
    match catch_unwind(AssertUnwindSafe(|| call.poll(cx))) {
        Ok(polled) => polled,
        Err(panic) => Poll::Ready(panicked(panic.as_ref())),
    }
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> Response {
    tracing::error!(panic = panic_text(panic), "endpoint panicked");
    check::problem(StatusCode::INTERNAL_SERVER_ERROR, "the request could not be served")
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("(no text)")
}
