//! Threads of our own, for scripts that may not run where the request was taken: in a runtime that is
//! not ours, for streams, for plugins that are known to be slow, and for what runs at the beginning and
//! end of a plugin.
//!
//! Threads are made when all are at work and end when they were idle for a while, so a program that
//! runs no scripts has none.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::script::{
    budget::Thread,
    stack::{self, STACK},
};

/// How long a thread waits for work before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// How many jobs of one plugin may run whatever the others do: their threads come on top of the most.
const PROMISED: usize = 4;

/// A bounded set of threads.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    most: usize,
    precedence: Precedence,
}

/// How the threads stand to the others of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precedence {
    /// As all others.
    Usual,
    /// Behind the workers: what is slow waits when there is not enough processor for all.
    BehindWorkers,
}

/// How much less processor a thread behind the workers gets, as the system counts it.
const NICE: i32 = 10;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for work.
    idle: usize,
    /// Jobs that are not over, those in the queue too.
    taken: usize,
    /// How many of them are there because it was promised, beyond the most.
    promised: usize,
}

/// What one version of a plugin has of the threads.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    plugin: Arc<str>,
    /// How many of its jobs are on threads.
    jobs: Arc<AtomicUsize>,
}

impl Share {
    /// That of a plugin by its name: nothing yet.
    pub(crate) fn of(plugin: &str) -> Self {
        Self { plugin: plugin.into(), jobs: Arc::default() }
    }

    /// A thread of our own for it, where it takes turns with the others.
    pub(crate) fn thread(&self) -> Thread {
        Thread::InTurn(Arc::clone(&self.plugin))
    }
}

/// A place among the jobs of a pool: free again when it is dropped. A job gives it up before it reports, so that
/// who hears of its end and asks again finds it free, even if the thread has not got back to its queue.
pub(super) struct Place {
    pool: Arc<Shared>,
    is_promised: bool,
    share: Option<Share>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.taken -= 1;
        if self.is_promised {
            state.promised -= 1;
        }
        if let Some(share) = &self.share {
            share.jobs.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("most", &self.0.most).finish_non_exhaustive()
    }
}

/// No thread could be had for the work.
#[derive(Debug)]
pub(crate) struct NoThread;

impl Pool {
    /// At most `most` threads.
    pub(crate) fn new(most: usize, precedence: Precedence) -> Self {
        let state = Mutex::new(State::default());
        Self(Arc::new(Shared { state, work: Condvar::new(), most, precedence }))
    }

    /// A place for a job of a plugin that is to run now, if there is one: each may have a few, however many
    /// the others have.
    pub(super) fn place(&self, share: &Share) -> Option<Place> {
        let mut state = self.0.lock();
        let is_promised = state.taken - state.promised >= self.0.most;
        if is_promised && share.jobs.load(Ordering::Relaxed) >= PROMISED {
            return None;
        }
        state.taken += 1;
        state.promised += usize::from(is_promised);
        share.jobs.fetch_add(1, Ordering::Relaxed);
        Some(Place { pool: Arc::clone(&self.0), is_promised, share: Some(share.clone()) })
    }

    /// Runs `job` on one of the threads in a place of this pool, which it gives back.
    pub(super) fn run_in(
        &self,
        place: Place,
        job: impl FnOnce(Place) + Send + 'static,
    ) -> Result<(), NoThread> {
        self.take(self.0.lock(), Box::new(move || job(place)))
    }

    /// Runs `job` on one of the threads, as soon as one is free.
    pub(crate) fn run(&self, job: impl FnOnce() + Send + 'static) -> Result<(), NoThread> {
        let mut state = self.0.lock();
        let place = self.taken(&mut state);
        let job = move || {
            job();
            drop(place);
        };
        self.take(state, Box::new(job))
    }

    fn taken(&self, state: &mut State) -> Place {
        state.taken += 1;
        Place { pool: Arc::clone(&self.0), is_promised: false, share: None }
    }

    fn take(&self, mut state: MutexGuard<'_, State>, job: Job) -> Result<(), NoThread> {
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads >= self.0.most + state.promised {
            self.0.work.notify_one();
            return Ok(());
        }
        state.threads += 1;
        let shared = Arc::clone(&self.0);
        let spawned = std::thread::Builder::new()
            .name("hotplate-script".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.work());
        if spawned.is_err() {
            state.threads -= 1;
            if state.threads == 0 {
                let job = state.jobs.pop_back();
                // It gives its place back.
                drop(state);
                drop(job);
                return Err(NoThread);
            }
        }
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        stack::is_large_here();
        if self.precedence == Precedence::BehindWorkers
            // Of this thread alone: that is what the system means by no process.
            && let Err(error) = rustix::process::setpriority_process(None, NICE)
        {
            tracing::debug!(%error, "a script thread stands beside the workers");
        }
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                // A job reports through its own channel; a panic in one must not cost the thread.
                if std::panic::catch_unwind(std::panic::AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a script thread panicked");
                }
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let (next, waited) =
                self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = next;
            state.idle -= 1;
            if waited.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}
