//! Where scripts run: on the worker that took the request, or on threads of our own.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::oneshot};

use super::pool::{Pool, Precedence};
use crate::script::budget::{Slow, Thread};

/// How many scripts may be slow at a time, in all plugins together.
const SLOW: usize = 256;

/// How many threads of our own run scripts.
const THREADS: usize = 64;

/// Which threads a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as most: it runs where its request was taken.
    Quick,
    /// It took long lately: it runs on threads of our own, so that no worker has to give up its other
    /// requests for it.
    Slow,
}

/// Where scripts run.
#[derive(Debug, Clone)]
pub(crate) struct Executor {
    workers: Option<Arc<Slow>>,
    pool: Pool,
}

impl Executor {
    /// Scripts run on the workers of a runtime that was made for them: multi-threaded, with stacks of
    /// [`super::pool::STACK`].
    pub(crate) fn on_workers() -> Self {
        Self { workers: Some(Slow::new(SLOW)), pool: Pool::new(THREADS, Precedence::BehindWorkers) }
    }

    /// Scripts run on threads of our own, whatever runtime serves the requests.
    pub(crate) fn on_own_threads() -> Self {
        Self { workers: None, pool: Pool::new(THREADS, Precedence::Usual) }
    }

    /// The threads of our own.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Runs `job` to its end; `None` when there was no thread for it, or it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        pace: Pace,
        job: impl FnOnce(Thread) -> T + Send + 'static,
    ) -> Option<T> {
        if let (Some(slow), Pace::Quick) = (&self.workers, pace) {
            return Some(job(Thread::Worker(Arc::clone(slow))));
        }
        let (answer, answered) = oneshot::channel();
        let runtime = Handle::current();
        let job = move || {
            let _runtime = runtime.enter();
            // The caller may have gone away, and then nobody wants the answer.
            drop(answer.send(job(Thread::Own)));
        };
        let queued = match self.workers {
            // Beside workers, whoever finds no thread is turned away: those who wait are in the queue of
            // their plugin already.
            Some(_) => self.pool.run_now(job),
            None => self.pool.run(job),
        };
        match queued {
            Ok(()) => answered.await.ok(),
            Err(_) => None,
        }
    }
}
