//! What is known of the runs of one job.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// When a job is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Not before its plugin is served; then at the moment that an earlier version had planned, if any.
    Held(Option<Instant>),
    /// At a moment of the clock that only goes forward.
    At(Instant),
    /// At a moment of the clock on the wall.
    On(Timestamp),
    /// At once: since then it waits for other jobs of its plugin.
    Waiting(Instant),
    /// Not any more.
    Never,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Ok,
    /// With a fault, in one line.
    Failed(String),
}

/// The last run that ended.
#[derive(Debug, Clone)]
pub(crate) struct Last {
    /// When it began.
    pub(crate) began: Timestamp,
    /// How long it took.
    pub(crate) took: Duration,
    /// How it ended.
    pub(crate) outcome: Outcome,
}

/// What is known at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Runs that began.
    pub(crate) runs: u64,
    /// Runs that failed.
    pub(crate) failures: u64,
    /// Runs that were due and did not begin: the one before went on.
    pub(crate) skips: u64,
    /// Since when it runs now.
    pub(crate) since: Option<Timestamp>,
    /// The last run that ended.
    pub(crate) last: Option<Last>,
    /// When it is due.
    pub(crate) due: Due,
}

/// The runs of one job, for whoever wants to know. Its scheduler and its runs write it.
#[derive(Debug)]
pub(crate) struct Record(Mutex<Standing>);

impl Default for Record {
    fn default() -> Self {
        let due = Due::Held(None);
        let standing = Standing { runs: 0, failures: 0, skips: 0, since: None, last: None, due };
        Self(Mutex::new(standing))
    }
}

impl Record {
    /// What is known now.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().clone()
    }

    /// Counts a run that begins.
    pub(super) fn begin(&self) {
        let mut standing = self.lock();
        standing.runs += 1;
        standing.since = Some(Timestamp::now());
    }

    /// Notes how a run ended. Gives the run before it.
    pub(crate) fn end(&self, took: Duration, outcome: Outcome) -> Option<Last> {
        let mut standing = self.lock();
        standing.failures += u64::from(outcome != Outcome::Ok);
        let began = standing.since.take().unwrap_or_else(Timestamp::now);
        standing.last.replace(Last { began, took, outcome })
    }

    /// Counts runs that were due and did not begin.
    pub(super) fn skip(&self, runs: u64) {
        let mut standing = self.lock();
        standing.skips = standing.skips.saturating_add(runs);
    }

    pub(super) fn plan(&self, due: Due) {
        self.lock().due = due;
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Due {
    /// The moment of the clock on the wall, as far as it can be told.
    pub(crate) fn on_the_wall(self) -> Option<Timestamp> {
        match self {
            Self::On(moment) => Some(moment),
            Self::At(moment) => {
                let left = moment.saturating_duration_since(Instant::now());
                Timestamp::now().checked_add(SignedDuration::try_from(left).ok()?).ok()
            }
            Self::Waiting(_) => Some(Timestamp::now()),
            Self::Held(_) | Self::Never => None,
        }
    }
}
