//! Loads that nobody asked for and nobody was told of: the watcher may be faster than who saves a file and
//! then asks.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::report::Report;

/// How long a load is news.
const NEWS: Duration = Duration::from_secs(10);

/// How long who asks for a plugin is told of its load though somebody else was told before: they saved at
/// the same time.
const SAME_TIME: Duration = Duration::from_secs(2);

/// How many loads are kept.
const MOST: usize = 100;

/// The loads of the last while that no report has told.
#[derive(Debug, Default)]
pub(super) struct Untold {
    loads: VecDeque<(Instant, Report)>,
    /// The last load of each plugin that was told, but to nobody who asked for that plugin.
    told_to_others: BTreeMap<String, (Instant, Arc<Report>)>,
}

impl Untold {
    /// Keeps a load that nobody waited for.
    pub(super) fn keep(&mut self, report: &Report) {
        self.loads.retain(|(at, _)| at.elapsed() < NEWS);
        if report.has_changes() || !report.changes.is_empty() {
            if self.loads.len() >= MOST {
                self.loads.pop_front();
            }
            self.loads.push_back((Instant::now(), report.what_changed()));
        }
    }

    /// All that is news, as one; it is none afterwards.
    pub(super) fn take(&mut self) -> Option<Report> {
        let all = std::mem::take(&mut self.loads).into_iter();
        let news = all.filter(|(at, _)| at.elapsed() < NEWS).map(|(_, report)| report);
        news.reduce(|before, after| after.after(Some(before)))
    }
    /// Keeps what is told now for those who ask for one of its plugins and were not told.
    pub(super) fn keep_for_others(&mut self, report: &Report) {
        self.told_to_others.retain(|_, (at, _)| at.elapsed() < SAME_TIME);
        let told = Arc::new(report.what_changed());
        for name in report.added.iter().chain(&report.changed).chain(&report.removed) {
            self.told_to_others.insert(name.clone(), (Instant::now(), Arc::clone(&told)));
        }
    }

    /// What somebody who asks for a plugin is told beside `report`, if that does not have it.
    pub(super) fn of_plugin(&mut self, name: &str, report: &Report) -> Option<Report> {
        let (at, told) = self.told_to_others.remove(name)?;
        let lists = [&report.added, &report.changed, &report.removed];
        let is_told = lists.into_iter().any(|names| names.iter().any(|there| there == name));
        (!is_told && at.elapsed() < SAME_TIME).then(|| told.of_plugin(name))
    }
}
