//! How a server is told to end.
//!
//! Invariant: the phase only moves forward, so a drain cannot undo an order to stop at once.

use std::sync::Arc;

use tokio::sync::watch;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Serving.
    Running,
    /// No new connections; what was accepted is finished.
    Draining,
    /// Everything is dropped.
    Stopped,
}

/// A handle to end a server; clones share one phase.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown {
    phase: Arc<watch::Sender<Phase>>,
}

impl Shutdown {
    /// A handle in [`Phase::Running`].
    pub(crate) fn new() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Running)) }
    }

    /// Stops accepting and lets accepted requests finish within the grace time.
    pub(crate) fn drain(&self) {
        self.advance(Phase::Draining);
    }

    /// Ends at once.
    pub(crate) fn now(&self) {
        self.advance(Phase::Stopped);
    }

    /// The phase at this moment.
    pub(crate) fn phase(&self) -> Phase {
        *self.phase.borrow()
    }

    /// Waits until the phase is `wanted` or later. Long-lived answers (streams, sockets) wait for
    /// [`Phase::Draining`] to say goodbye in time.
    pub(crate) async fn reached(&self, wanted: Phase) {
        // The sender lives in `self`, so the channel cannot close while this waits.
        drop(self.phase.subscribe().wait_for(|phase| *phase >= wanted).await);
    }

    fn advance(&self, to: Phase) {
        self.phase.send_if_modified(|phase| {
            let later = *phase < to;
            *phase = to.max(*phase);
            later
        });
    }
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}
