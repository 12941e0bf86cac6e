//! The thread that takes expired sessions away. There is none before sessions are used.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::services::unbroken;

/// Has the thread, and ends it when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Sweeper {
    signal: Arc<Signal>,
    began: AtomicBool,
}

/// What the thread is told.
#[derive(Debug, Default)]
pub(super) struct Signal {
    said: Mutex<Said>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    is_over: bool,
    is_woken: bool,
}

impl Sweeper {
    /// Begins, if it has not begun: `sweep` tells how long to wait until the next time, or that there is none.
    pub(super) fn begin(&self, sweep: impl Fn(&Signal) -> Option<Duration> + Send + 'static) {
        if self.began.swap(true, Ordering::Relaxed) {
            return;
        }
        let signal = Arc::clone(&self.signal);
        let thread = std::thread::Builder::new().name("hotplate-sessions".to_owned());
        let spawned = thread.spawn(move || {
            unbroken::until_done("what takes expired sessions away", || {
                while let Some(pause) = sweep(&signal) {
                    if signal.wait(pause) {
                        break;
                    }
                }
            });
        });
        if let Err(error) = spawned {
            self.began.store(false, Ordering::Relaxed);
            tracing::error!(%error, "no thread takes expired sessions away");
        }
    }

    /// Sweeps soon.
    pub(super) fn wake(&self) {
        self.signal.say(|said| said.is_woken = true);
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.signal.say(|said| said.is_over = true);
    }
}

impl Signal {
    /// Whether no more is to be done.
    pub(super) fn is_over(&self) -> bool {
        self.lock().is_over
    }

    fn say(&self, say: impl FnOnce(&mut Said)) {
        say(&mut self.lock());
        self.changed.notify_all();
    }

    /// Waits so long, or until woken; whether it is over.
    fn wait(&self, pause: Duration) -> bool {
        let idle = |said: &mut Said| !said.is_over && !said.is_woken;
        let waited = self.changed.wait_timeout_while(self.lock(), pause, idle);
        let mut said = waited.unwrap_or_else(PoisonError::into_inner).0;
        said.is_woken = false;
        said.is_over
    }

    fn lock(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{atomic::AtomicUsize, mpsc};

    use super::*;

    #[test]
    fn a_sweep_that_panics_is_not_the_last() {
        let (sender, swept) = mpsc::channel();
        let times = AtomicUsize::new(0);
        let sweeper = Sweeper::default();
        sweeper.begin(move |_| {
            let time = times.fetch_add(1, Ordering::Relaxed);
            sender.send(time).unwrap();
            assert_ne!(time, 0, "as a fault of ours would");
            (time < 2).then_some(Duration::ZERO)
        });
        let patience = Duration::from_secs(20);
        assert_eq!([0, 1, 2].map(|_| swept.recv_timeout(patience).unwrap()), [0, 1, 2]);
    }
}
