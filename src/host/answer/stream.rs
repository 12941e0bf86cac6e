//! The `out` of `stream(type, |out| …)`: what a script writes goes to the client at once.
//!
//! A write waits while the client reads slowly, no longer than the script may run, and raises once
//! the client is gone.

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
}

impl StreamWriter {
    /// A writer into `pieces`, whose reader is the response's body. It waits on `runtime` and so must
    /// be used on a thread that may block, never on one that runs asynchronous tasks.
    pub(crate) fn new(pieces: Sender<std::io::Result<Bytes>>, runtime: Handle) -> Self {
        Self { pieces, runtime }
    }

    /// Whether the client is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.pieces.is_closed()
    }

    fn write(&self, piece: Bytes) -> Native<()> {
        if piece.is_empty() {
            return Ok(());
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
