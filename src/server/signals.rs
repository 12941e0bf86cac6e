//! Signals of the operating system as orders to the server.
//!
//! Invariants: the first ending signal drains, any later one stops at once; a hangup is a level, not
//! a count: many before the receiver looks are one.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use signal_hook::{
    SigId,
    consts::{SIGABRT, SIGHUP, SIGINT, SIGTERM},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::StreamExt;

use super::shutdown::{Phase, Shutdown};

/// Why signals cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("cannot handle signals: {0}")]
pub(crate) struct SignalError(#[from] std::io::Error);

/// Handles signals until dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    handle: signal_hook_tokio::Handle,
    task: JoinHandle<()>,
}

impl Signals {
    /// Lets SIGINT, SIGTERM and SIGABRT end the server through `shutdown`, and SIGHUP send on
    /// `hangup`, where a message that still waits stands for later ones too. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`SignalError`] when the system refuses the handlers.
    pub(crate) fn handle(
        shutdown: Shutdown,
        hangup: mpsc::Sender<()>,
    ) -> Result<Self, SignalError> {
        let mut signals = signal_hook_tokio::Signals::new([SIGINT, SIGTERM, SIGABRT, SIGHUP])?;
        let handle = signals.handle();
        let task = tokio::spawn(async move {
            while let Some(signal) = signals.next().await {
                if signal == SIGHUP {
                    tracing::info!("SIGHUP: looking again");
                    if let Err(mpsc::error::TrySendError::Closed(())) = hangup.try_send(()) {
                        tracing::debug!("nobody listens for SIGHUP");
                    }
                } else if shutdown.phase() == Phase::Running {
                    tracing::info!(signal, "draining, a second signal stops at once");
                    shutdown.drain();
                } else {
                    tracing::warn!(signal, "stopping at once");
                    shutdown.now();
                }
            }
        });
        Ok(Self { handle, task })
    }
}

/// A SIGHUP that comes while the server starts: it is kept until somebody listens, where else it would end
/// the process.
#[derive(Debug)]
pub(crate) struct EarlyHangup {
    came: Arc<AtomicBool>,
    id: SigId,
}

impl EarlyHangup {
    /// Keeps one from now on, until dropped.
    ///
    /// # Errors
    /// [`SignalError`] when the system refuses the handler.
    pub(crate) fn keep() -> Result<Self, SignalError> {
        let came = Arc::new(AtomicBool::new(false));
        let id = signal_hook::flag::register(SIGHUP, Arc::clone(&came))?;
        Ok(Self { came, id })
    }

    /// Whether one came.
    pub(crate) fn came(&self) -> bool {
        self.came.load(Ordering::Relaxed)
    }
}

impl Drop for EarlyHangup {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.id);
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.handle.close();
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // One test for all signals: they reach every handler of the process.
    #[tokio::test]
    async fn the_first_drains_the_second_stops_and_a_hangup_is_passed_on() {
        let shutdown = Shutdown::new();
        let (sender, mut hangups) = mpsc::channel(1);
        let signals = Signals::handle(shutdown.clone(), sender).unwrap();
        signal_hook::low_level::raise(SIGHUP).unwrap();
        hangups.recv().await.unwrap();
        assert_eq!(shutdown.phase(), Phase::Running);
        signal_hook::low_level::raise(SIGTERM).unwrap();
        shutdown.reached(Phase::Draining).await;
        assert_eq!(shutdown.phase(), Phase::Draining);
        signal_hook::low_level::raise(SIGINT).unwrap();
        shutdown.reached(Phase::Stopped).await;
        drop(signals);
    }
}
