//! Loads that nobody asked for and nobody was told of: the watcher may be faster than who saves a file and
//! then asks.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::report::Report;

/// How long a load is news.
const NEWS: Duration = Duration::from_secs(10);

/// How many loads are kept.
const MOST: usize = 100;

/// The loads of the last while that no report has told.
#[derive(Debug, Default)]
pub(super) struct Untold(VecDeque<(Instant, Report)>);

impl Untold {
    /// Keeps a load that nobody waited for.
    pub(super) fn keep(&mut self, report: &Report) {
        self.0.retain(|(at, _)| at.elapsed() < NEWS);
        if report.has_changes() || !report.changes.is_empty() {
            if self.0.len() >= MOST {
                self.0.pop_front();
            }
            self.0.push_back((Instant::now(), report.what_changed()));
        }
    }

    /// All that is news, as one; it is none afterwards.
    pub(super) fn take(&mut self) -> Option<Report> {
        let all = std::mem::take(&mut self.0).into_iter();
        let news = all.filter(|(at, _)| at.elapsed() < NEWS).map(|(_, report)| report);
        news.reduce(|before, after| after.after(Some(before)))
    }
}
