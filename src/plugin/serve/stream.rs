//! Answers that a script writes piece by piece.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use hyper::body::Frame;
use poem::{Body, Response};
use rhai::Dynamic;
use tokio::{runtime::Handle, sync::mpsc};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::{Plugin, busy};
use crate::{
    host::{
        answer::{StreamSpec, StreamWriter},
        current::{self, Phase},
        declare::callback::Callback,
    },
    plugin::execute::Executor,
    script::{budget, cells, memory},
};

/// How many pieces of a stream may wait for a slow client.
const STREAM_PIECES: usize = 16;

impl Plugin {
    /// Answers with a body that the script writes as it goes, on a thread of our own.
    pub(super) fn stream(
        self: &Arc<Self>,
        spec: StreamSpec,
        time: Duration,
        executor: &Executor,
    ) -> Response {
        let (sender, pieces) = mpsc::channel(STREAM_PIECES);
        let plugin = Arc::clone(self);
        let runtime = Handle::current();
        let (write, most) = (spec.write, self.context.stream_bytes);
        let queued = executor.pool().run(move || {
            let writer = StreamWriter::new(sender.clone(), runtime, most);
            if plugin.write_stream(&write, writer, time).is_err() {
                // The client sees that the body is not whole, or it is gone already.
                drop(sender.try_send(Err(std::io::Error::other("the stream was cut"))));
            }
        });
        if queued.is_err() {
            return busy("no thread is free to answer this request");
        }
        let pieces = ReceiverStream::new(pieces).then(|piece| async move {
            if piece.is_err() {
                // What ends a connection goes before what it would still write: that has its turn first.
                tokio::task::yield_now().await;
            }
            piece.map(Frame::data)
        });
        let body = http_body_util::StreamBody::new(pieces);
        let mut response = Response::builder().status(spec.status).body(Body::from(body.boxed()));
        *response.headers_mut() = spec.headers;
        response
    }

    fn write_stream(&self, write: &Callback, out: StreamWriter, time: Duration) -> Result<(), ()> {
        let _much = memory::give_back_what_is_freed();
        let budget = budget::enter(self.budget(Instant::now() + time), self.share.thread());
        let _cells = cells::remember();
        let _current = current::enter(Arc::clone(&self.context), Phase::Stream);
        let written = out.clone();
        let result =
            catch_unwind(AssertUnwindSafe(|| write.call(&self.engine, [Dynamic::from(out)])));
        let message = match (budget.spent(), result) {
            (Some(spent), _) => spent.to_string(),
            (None, Ok(Err(_))) if written.is_closed() => return Ok(()),
            (None, Ok(Ok(_))) => match written.overrun() {
                // The script did not mind.
                Some(overrun) => overrun,
                None => return Ok(()),
            },
            (None, Ok(Err(error))) => self.diagnose(&error, write.file()).render(false),
            (None, Err(_)) => "a native function gave up".to_owned(),
        };
        self.counters.faults.fetch_add(1, Ordering::Relaxed);
        tracing::error!(plugin = self.name, "a stream was cut: {message}");
        Err(())
    }
}
