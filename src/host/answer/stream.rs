//! The `out` of `stream(type, |out| …)`: what a script writes goes to the client at once.
//!
//! A write waits while the client reads slowly, no longer than the script may run, and raises once
//! the client is gone, or once more was written than a stream may have.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use hyper::body::Bytes;
use rhai::{Blob, FuncRegistration, ImmutableString, Module};
use tokio::{
    runtime::Handle,
    sync::mpsc::{Sender, error::TrySendError},
    time::timeout,
};

use crate::{
    host::error::mistake,
    script::{Native, budget},
};

/// Where a script writes the body of a response.
#[derive(Debug, Clone)]
pub(crate) struct StreamWriter {
    pieces: Sender<std::io::Result<Bytes>>,
    runtime: Handle,
    room: Arc<Room>,
}

/// How much may be written.
#[derive(Debug)]
struct Room {
    most: u64,
    left: AtomicU64,
    is_overrun: AtomicBool,
}

impl Room {
    /// Takes room for a piece; false if there is no more.
    fn take(&self, bytes: usize) -> bool {
        let less = |left: u64| left.checked_sub(bytes as u64);
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok();
        if !taken {
            self.is_overrun.store(true, Ordering::Relaxed);
        }
        taken
    }
}

impl StreamWriter {
    /// A writer of at most `most` bytes into `pieces`, whose reader is the response's body. It waits on `runtime`
    /// and so must be used on a thread that may block, never on one that runs asynchronous tasks.
    pub(crate) fn new(pieces: Sender<std::io::Result<Bytes>>, runtime: Handle, most: u64) -> Self {
        let (left, is_overrun) = (AtomicU64::new(most), AtomicBool::new(false));
        Self { pieces, runtime, room: Arc::new(Room { most, left, is_overrun }) }
    }

    /// Whether the client is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.pieces.is_closed()
    }

    /// Tells that more was to be written than it may have, if so: what was sent is not whole then.
    pub(crate) fn overrun(&self) -> Option<String> {
        let Room { most, is_overrun, .. } = &*self.room;
        let told =
            || format!("the stream is larger than the {most} bytes that `stream_bytes` allows");
        is_overrun.load(Ordering::Relaxed).then(told)
    }

    fn write(&self, piece: Bytes) -> Native<()> {
        if piece.is_empty() {
            return Ok(());
        }
        if !self.room.take(piece.len())
            && let Some(overrun) = self.overrun()
        {
            return Err(mistake(overrun));
        }
        match self.pieces.try_send(Ok(piece)) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(_)) => gone(),
            Err(TrySendError::Full(piece)) => self.wait(piece),
        }
    }

    fn wait(&self, piece: std::io::Result<Bytes>) -> Native<()> {
        let sending = self.pieces.send(piece);
        let result = match budget::remaining() {
            None => Ok(budget::blocking(|| self.runtime.block_on(sending))?),
            Some(left) => {
                budget::blocking(|| self.runtime.block_on(async { timeout(left, sending).await }))?
            }
        };
        match result {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => gone(),
            Err(_) => {
                budget::check()?;
                Err(mistake("the client reads too slowly"))
            }
        }
    }
}

fn gone() -> Native<()> {
    Err(mistake("the client is gone"))
}

/// Adds the type `Stream`.
pub(super) fn register(module: &mut Module) {
    module.set_custom_type::<StreamWriter>("Stream");
    let write = |parameter| {
        FuncRegistration::new("write")
            .in_global_namespace()
            .with_params_info(["self: Stream", parameter, "()"])
            .with_comments(["/// Sends a piece to the client; raises once the client is gone."])
    };
    write("text: String").set_into_module(
        module,
        |out: &mut StreamWriter, text: ImmutableString| -> Native<()> {
            out.write(Bytes::from(text.into_owned()))
        },
    );
    write("bytes: Blob")
        .set_into_module(module, |out: &mut StreamWriter, bytes: Blob| -> Native<()> {
            out.write(Bytes::from(bytes))
        });
}
