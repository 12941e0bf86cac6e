//! Jobs: what runs by the clock, each in its turn, never twice at once.
//!
//! The scheduler decides when a run begins; where it runs is up to the work it was given, which must not
//! block. One thread looks at what is due, and there is none while there are no jobs.

mod agenda;
mod record;
mod timetable;
mod wall;

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use self::agenda::{Agenda, Moment};
pub(crate) use self::{
    record::{Due, Last, Outcome, Record, Worth},
    timetable::{NoTimetable, SHORTEST, Timetable, zones},
};
use super::unbroken;

/// What a job does when it is due: hands itself over to a thread, with the proof that it runs.
pub(crate) type Work = Arc<dyn Fn(Running) + Send + Sync>;

/// A job to be scheduled.
pub(crate) type Assignment = agenda::Assignment<Work>;

/// Jobs that are held until this is dropped, whatever becomes of who has it.
#[derive(Debug)]
pub(crate) struct Held {
    scheduler: Scheduler,
    number: u64,
}

/// Runs jobs when they are due. Clones are the same scheduler.
#[derive(Clone)]
pub(crate) struct Scheduler(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Something changed that the thread should look at.
    changed: Condvar,
    /// A run has ended.
    ended: Condvar,
    /// The stack of the thread, in bytes: work may be dropped on it.
    stack: usize,
}

#[derive(Default)]
struct State {
    agenda: Agenda<Work>,
    has_thread: bool,
    /// Since when no run begins any more.
    closed: Option<Instant>,
}

impl State {
    fn left(&self, grace: Duration) -> Duration {
        grace.saturating_sub(self.closed.map(|closed| closed.elapsed()).unwrap_or_default())
    }
}

impl std::fmt::Debug for Scheduler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scheduler").finish_non_exhaustive()
    }
}

/// The proof that a job runs: as long as it is there, the job does not begin again.
pub(crate) struct Running {
    scheduler: Scheduler,
    plugin: Arc<str>,
    name: Arc<str>,
}

impl Scheduler {
    /// One without jobs, whose thread will have a stack of so many bytes.
    pub(crate) fn new(stack: usize) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            ended: Condvar::new(),
            stack,
        }))
    }

    /// Takes the jobs of a new version of a plugin, in place of those of the version before. None of them
    /// is due before what is given is dropped.
    pub(crate) fn put(&self, plugin: &str, assignments: Vec<Assignment>) -> Held {
        let (held, before) = self.lock().agenda.put(plugin, assignments);
        // What it holds of the version before is dropped outside the lock.
        drop(before);
        Held { scheduler: self.clone(), number: held }
    }

    /// Lets jobs be due from now on.
    fn release(&self, held: u64) {
        let mut state = self.lock();
        if state.closed.is_some() {
            return;
        }
        state.agenda.release(held, Moment::now());
        if state.has_thread || state.agenda.is_empty() {
            drop(state);
            self.0.changed.notify_one();
            return;
        }
        let scheduler = self.clone();
        let spawned = std::thread::Builder::new()
            .name("hotplate-schedule".to_owned())
            .stack_size(self.0.stack)
            .spawn(move || unbroken::until_done("the schedule of jobs", || scheduler.work()));
        match spawned {
            Ok(_) => state.has_thread = true,
            Err(error) => tracing::error!(%error, "no thread runs jobs before the next reload"),
        }
    }

    /// Forgets the jobs of a plugin. A run that goes on goes on.
    pub(crate) fn remove(&self, plugin: &str) {
        let before = self.lock().agenda.remove(plugin);
        drop(before);
        self.0.changed.notify_one();
    }

    /// Begins no run from now on.
    pub(crate) fn close(&self) {
        self.lock().closed.get_or_insert_with(Instant::now);
        self.0.changed.notify_one();
    }

    /// How much is left of `grace`, which began when it was closed.
    pub(crate) fn left(&self, grace: Duration) -> Duration {
        self.lock().left(grace)
    }

    /// Waits until no run goes on, for as long as is left of `grace` since it was closed; the plugins whose
    /// runs go on all the same.
    pub(crate) fn wait(&self, grace: Duration) -> BTreeSet<String> {
        let mut state = self.lock();
        loop {
            let running = state.agenda.running();
            let left = state.left(grace);
            if running.is_empty() || left.is_zero() {
                drop(state);
                for (plugin, job) in &running {
                    tracing::warn!(plugin, job, "a job did not end in time");
                }
                return running.into_iter().map(|(plugin, _)| plugin).collect();
            }
            let waited = self.0.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn work(&self) {
        let mut state = self.lock();
        while state.closed.is_none() && !state.agenda.is_empty() {
            let starts = state.agenda.look(Moment::now());
            if starts.is_empty() {
                state = match state.agenda.quiet(Moment::now()) {
                    None => self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    Some(time) => {
                        let waited = self.0.changed.wait_timeout(state, time);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                };
                continue;
            }
            drop(state);
            for start in starts {
                let (plugin, name) = (start.plugin, start.name);
                let running = Running { scheduler: self.clone(), plugin, name };
                let begin = AssertUnwindSafe(|| (start.work)(running));
                if catch_unwind(begin).is_err() {
                    tracing::error!("a job could not be begun");
                }
            }
            state = self.lock();
        }
        state.has_thread = false;
    }

    // A panic under the lock leaves whole entries behind.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.scheduler.release(self.number);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.scheduler.lock().agenda.ended(&self.plugin, &self.name);
        self.scheduler.0.ended.notify_all();
        self.scheduler.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_run_that_panics_stops_neither_its_job_nor_the_others() {
        let (sender, begun) = mpsc::channel();
        let assignment = |name: &'static str, panics: bool| {
            let sender = sender.clone();
            let work: Work = Arc::new(move |_running| {
                // Nobody listens once enough have begun.
                sender.send(name).unwrap_or_default();
                assert!(!panics, "as a fault of ours would");
            });
            let timetable = Timetable::every(SHORTEST).unwrap();
            Assignment { name: name.into(), timetable, record: Arc::default(), work }
        };
        let scheduler = Scheduler::new(1 << 20);
        drop(scheduler.put("t", vec![assignment("bad", true), assignment("good", false)]));
        let patience = Duration::from_secs(20);
        let mut times = [0, 0];
        while times.iter().any(|&times| times < 3) {
            let name = begun.recv_timeout(patience).unwrap();
            times[usize::from(name == "good")] += 1;
        }
        scheduler.close();
        assert!(scheduler.wait(patience).is_empty());
    }
}
