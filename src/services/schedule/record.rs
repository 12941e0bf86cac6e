//! What is known of the runs of one job.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// How long the same failure is no news: a job may run many times a second.
const KNOWN_FOR: Duration = Duration::from_secs(60);

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
    /// When the failure of the last run was news.
    told: Option<Instant>,
}

/// Whether what became of a run is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    /// It is something new, or was not told for a while.
    News,
    /// It was told just now.
    Known,
}

/// The runs of one job, for whoever wants to know. Its scheduler and its runs write it.
#[derive(Debug)]
pub(crate) struct Record(Mutex<Standing>);

impl Default for Record {
    fn default() -> Self {
        let due = Due::Held(None);
        let (runs, failures, skips) = (0, 0, 0);
        let standing = Standing { runs, failures, skips, since: None, last: None, due, told: None };
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

    /// Notes how a run ended, at a moment.
    pub(crate) fn end(&self, took: Duration, outcome: Outcome, now: Instant) -> Worth {
        let mut standing = self.lock();
        standing.failures += u64::from(outcome != Outcome::Ok);
        let is_same = standing.last.as_ref().is_some_and(|last| last.outcome == outcome);
        let told = standing.told.filter(|_| is_same);
        let is_known = told.is_some_and(|told| now.saturating_duration_since(told) < KNOWN_FOR);
        if !is_known {
            standing.told = Some(now);
        }
        let began = standing.since.take().unwrap_or_else(Timestamp::now);
        standing.last = Some(Last { began, took, outcome });
        if is_known { Worth::Known } else { Worth::News }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_goes_on_is_told_each_minute() {
        let record = Record::default();
        let began = Instant::now();
        let end = |outcome: &str, seconds| {
            record.begin();
            let outcome = match outcome {
                "ok" => Outcome::Ok,
                fault => Outcome::Failed(fault.to_owned()),
            };
            record.end(Duration::ZERO, outcome, began + Duration::from_secs(seconds))
        };
        assert_eq!(end("a", 0), Worth::News);
        assert_eq!(end("a", 1), Worth::Known);
        assert_eq!(end("a", 59), Worth::Known);
        assert_eq!(end("a", 61), Worth::News);
        assert_eq!(end("b", 62), Worth::News);
        assert_eq!(end("ok", 63), Worth::News);
        assert_eq!(end("b", 64), Worth::News);
        assert_eq!(end("b", 65), Worth::Known);
        let standing = record.standing();
        assert_eq!((standing.runs, standing.failures), (8, 7));
    }
}
