//! Looking again and again, where no event arrives.

use std::{
    sync::mpsc::{self, RecvTimeoutError, Sender},
    time::Duration,
};

use super::{Changed, Wake};

/// Wakes the reloader at an interval until it is dropped.
#[derive(Debug)]
pub(super) struct Poller {
    /// Dropped to end the thread.
    _alive: Sender<()>,
}

impl Poller {
    /// Begins to wake.
    pub(super) fn start(every: Duration, wake: Wake) -> Self {
        let (alive, ended) = mpsc::channel::<()>();
        let work = move || {
            while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                wake(Changed::Unclear);
            }
        };
        let thread = std::thread::Builder::new().name("hotplate-poll".to_owned());
        if let Err(error) = thread.spawn(work) {
            tracing::error!(%error, "changes will not be noticed");
        }
        Self { _alive: alive }
    }
}
