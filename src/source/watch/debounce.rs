//! Holds back what is still being written, and lets through at once what is whole.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{Changed, Wake};

/// Collects changes and wakes the reloader when they are ripe.
pub(super) struct Debouncer(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    settle: Duration,
    wake: Wake,
}

#[derive(Default)]
struct State {
    pending: Option<Changed>,
    /// When what is pending is told.
    due: Option<Instant>,
    ended: bool,
}

impl Debouncer {
    /// Files that are being written are told when they were quiet for `settle`.
    pub(super) fn new(settle: Duration, wake: Wake) -> Self {
        let shared = Shared { state: Mutex::default(), changed: Condvar::new(), settle, wake };
        let shared = Arc::new(shared);
        let works = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("hotplate-settle".to_owned());
        if let Err(error) = thread.spawn(move || works.work()) {
            tracing::error!(%error, "files that are written slowly will be noticed late");
        }
        Self(shared)
    }

    /// A file is being written: tell of it once it is quiet.
    pub(super) fn writing(&self, path: PathBuf) {
        let mut state = self.0.lock();
        let due = Instant::now() + self.0.settle;
        state.add(Changed::Files(vec![path]));
        state.due = Some(due);
        self.0.changed.notify_one();
    }

    /// Something is whole: tell of it now, and of all that was held back.
    pub(super) fn whole(&self, changed: Changed) {
        let pending = {
            let mut state = self.0.lock();
            state.due = None;
            state.add(changed);
            state.pending.take()
        };
        if let Some(pending) = pending {
            (self.0.wake)(pending);
        }
    }
}

impl Drop for Debouncer {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

impl State {
    fn add(&mut self, changed: Changed) {
        self.pending = Some(match self.pending.take() {
            None => changed,
            Some(before) => before.and(changed),
        });
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut state = self.lock();
        while !state.ended {
            let wait = state.due.map(|due| due.saturating_duration_since(Instant::now()));
            state = match wait {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    state.due = None;
                    let pending = state.pending.take();
                    drop(state);
                    if let Some(pending) = pending {
                        (self.wake)(pending);
                    }
                    self.lock()
                }
                Some(wait) => {
                    let waited = self.changed.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}
