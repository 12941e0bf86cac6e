//! Where scripts run: on the worker that took the request, or on threads of our own.

use std::sync::Arc;

use tokio::{runtime::Handle, sync::oneshot};

use super::pool::{Pool, Precedence, Share};
use crate::script::budget::{Slow, Thread};

/// How many scripts may be found slow on a worker at a time, for each thread of our own: the next calls
/// of their routes go to those threads, so this many are not there for long.
const FOUND_SLOW: usize = 4;

/// Which threads scripts are for, if they are quick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The workers of a runtime that was made for them: multi-threaded, with stacks of
    /// [`crate::script::stack::STACK`].
    Workers,
    /// Threads of our own, whatever runtime serves the requests.
    Own,
}

/// Which threads a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Nobody knows yet: it runs on threads of our own if there is room, so that no worker finds out.
    New,
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
    jobs: Pool,
}

impl Executor {
    /// Quick scripts run on `threads`, slow ones of all plugins together on `most` threads of our own, and
    /// jobs on half as many more.
    pub(crate) fn new(threads: Threads, most: usize) -> Self {
        let (workers, precedence) = match threads {
            Threads::Workers => {
                (Some(Slow::new(most.saturating_mul(FOUND_SLOW))), Precedence::BehindWorkers)
            }
            Threads::Own => (None, Precedence::Usual),
        };
        let jobs = Pool::new(most.div_ceil(2), precedence);
        Self { workers, pool: Pool::new(most, precedence), jobs }
    }

    /// The threads of our own.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The threads of our own for jobs: others than those of requests, so that neither waits for the other.
    pub(crate) fn jobs(&self) -> &Pool {
        &self.jobs
    }

    /// The thread that asks, if a script of that pace runs there.
    pub(crate) fn at_once(&self, pace: Pace) -> Option<Thread> {
        let slow = self.workers.as_ref().filter(|_| pace == Pace::Quick)?;
        Some(Thread::Worker(Arc::clone(slow)))
    }

    /// Runs `job` of a plugin, whose share that is, to its end, where it need not run at once; `None` when there
    /// was no thread for it, or it panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        pace: Pace,
        share: &Share,
        job: impl FnOnce(Thread) -> T + Send + 'static,
    ) -> Option<T> {
        let room = match (&self.workers, pace) {
            (None, _) => self.pool.place(share),
            (Some(slow), Pace::New | Pace::Quick) => match self.pool.place(share) {
                Some(room) => Some(room),
                None => return Some(job(Thread::Worker(Arc::clone(slow)))),
            },
            // Beside workers, whoever finds no thread is turned away: those who wait are in the queue of
            // their plugin already.
            (Some(_), Pace::Slow) => Some(self.pool.place(share)?),
        };
        let (answer, answered) = oneshot::channel();
        let (runtime, thread) = (Handle::current(), share.thread());
        let job = move || {
            let _runtime = runtime.enter();
            job(thread)
        };
        // The caller may have gone away, and then nobody wants the answer.
        let report = |done| drop(answer.send(done));
        let queued = match room {
            Some(room) => self.pool.run_in(room, move |room| {
                let done = job();
                drop(room);
                report(done);
            }),
            None => self.pool.run(move || report(job())),
        };
        match queued {
            Ok(()) => answered.await.ok(),
            Err(_) => None,
        }
    }
}
