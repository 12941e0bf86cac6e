//! The jobs of what is served: scheduled when their version is published, forgotten when it is not
//! served any more. Those of a version that is carried over go on as they were.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::Reloader;
use crate::{
    generation::Generation,
    plugin::{Plugin, pool::Pool},
    services::schedule::{Assignment, Held, Outcome, Work},
};

impl Reloader {
    /// Forgets the jobs of versions that were served and are no more.
    pub(super) fn forget_jobs(&self, old: &Generation, new: &Generation) {
        for (name, before) in old.served().filter(|(_, plugin)| !plugin.jobs().is_empty()) {
            // Those of a new version take the place of those before, and go on with their beat.
            let goes_on =
                |after: &Arc<Plugin>| Arc::ptr_eq(after, before) || !after.jobs().is_empty();
            if !new.serving(name).is_some_and(goes_on) {
                self.parts.scheduler.remove(name);
            }
        }
    }

    /// Hands over the jobs of a version that is served from now on; they begin once what is given is dropped.
    pub(super) fn put_jobs(&self, plugin: &Arc<Plugin>) -> Option<Held> {
        if plugin.jobs().is_empty() {
            return None;
        }
        let pool = self.parts.executor.jobs();
        let assignments = plugin.jobs().iter().enumerate().map(|(index, job)| Assignment {
            name: Arc::clone(&job.name),
            timetable: job.timetable.clone(),
            record: Arc::clone(&job.record),
            work: work(plugin, index, pool),
        });
        Some(self.parts.scheduler.put(plugin.name(), assignments.collect()))
    }
}

/// Runs a job on a thread for it.
fn work(plugin: &Arc<Plugin>, index: usize, pool: &Pool) -> Work {
    let (plugin, pool) = (Arc::clone(plugin), pool.clone());
    Arc::new(move |running| {
        let owner = Arc::clone(&plugin);
        let queued = pool.run(move || {
            owner.run_job(index);
            // Its version may be unused from now on, and must be before it counts as ended.
            drop(owner);
            drop(running);
        });
        if queued.is_err()
            && let Some(job) = plugin.jobs().get(index)
        {
            let outcome = Outcome::Failed("no thread was free to run it".to_owned());
            job.record.end(Duration::ZERO, outcome, Instant::now());
            tracing::error!(
                plugin = plugin.name(),
                job = &*job.name,
                "no thread is free to run a job"
            );
        }
    })
}
