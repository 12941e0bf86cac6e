//! Bodies with a deadline (requests) and bodies that say when they wait for their producer (answers).
//!
//! Invariants: a request without a body is never wrapped; a timer exists only while a body is awaited.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};

use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::{service::InService, vitals::Vitals};

/// Set once a request's body did not arrive in time.
#[derive(Debug, Default, Clone)]
pub(super) struct Late(Arc<AtomicBool>);

impl Late {
    /// Whether the deadline has passed while the body was awaited.
    pub(super) fn is_set(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// A request body that fails with [`io::ErrorKind::TimedOut`] when it is not whole in time.
pub(super) struct RequestBody {
    incoming: Incoming,
    deadline: Instant,
    timer: Option<Pin<Box<Sleep>>>,
    late: Late,
    is_done: bool,
    vitals: Arc<Vitals>,
}

impl RequestBody {
    /// Gives `incoming` the time `limit` from now.
    pub(super) fn new(
        incoming: Incoming,
        limit: Duration,
        late: Late,
        vitals: Arc<Vitals>,
    ) -> Self {
        let deadline = Instant::now() + limit;
        Self { incoming, deadline, timer: None, late, is_done: false, vitals }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        if this.late.is_set() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.incoming).poll_frame(cx) {
            this.is_done = frame.is_none() || this.incoming.is_end_stream();
            return Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)));
        }
        let deadline = this.deadline;
        let timer = this.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        ready!(timer.as_mut().poll(cx));
        this.late.0.store(true, Relaxed);
        Poll::Ready(Some(Err(io::ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.is_done && !self.incoming.is_end_stream() {
            self.vitals.left_unread();
        }
    }
}

/// An answer's body, counted as busy while it waits for its producer.
pub(super) struct ResponseBody<E> {
    inner: BoxBody<Bytes, io::Error>,
    service: InService<E>,
    waits: bool,
}

impl<E> ResponseBody<E> {
    /// The body of the answer to what was in `service`.
    pub(super) fn new(inner: BoxBody<Bytes, io::Error>, service: InService<E>) -> Self {
        service.context.vitals.answer_begins();
        Self { inner, service, waits: false }
    }
}

impl<E> Body for ResponseBody<E> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_pending() != this.waits {
            this.waits = polled.is_pending();
            if this.waits {
                this.service.context.vitals.producer_waits();
            } else {
                this.service.context.vitals.producer_done();
            }
        }
        let vitals = &this.service.context.vitals;
        polled.map_ok(|frame| frame.map_data(|bytes| Unsent::counted(bytes, vitals)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A part of an answer of HTTP/2, which is kept until the peer's windows let all of it pass.
struct Unsent {
    bytes: Bytes,
    vitals: Arc<Vitals>,
}

impl Unsent {
    fn counted(bytes: Bytes, vitals: &Arc<Vitals>) -> Bytes {
        if bytes.is_empty() || !vitals.is_http2() {
            return bytes;
        }
        vitals.answer_begins();
        Bytes::from_owner(Self { bytes, vitals: Arc::clone(vitals) })
    }
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.vitals.answer_ends();
    }
}

impl<E> Drop for ResponseBody<E> {
    fn drop(&mut self) {
        if self.waits {
            self.service.context.vitals.producer_done();
        }
        self.service.context.vitals.answer_ends();
    }
}
