//! Versions that are served no more, kept until the last request on them has ended.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::plugin::{Plugin, execute::Executor};

/// How often it is looked at the end whether a version is still in use.
const AT_THE_END: Duration = Duration::from_millis(5);

/// Retired versions that have something to run at their end.
#[derive(Debug, Default)]
pub(super) struct Retired {
    versions: Vec<Arc<Plugin>>,
    /// Shared with each `on_stop` that was handed to a thread, until it has ended.
    stopping: Arc<()>,
}

impl Retired {
    /// Takes a version out of service.
    pub(super) fn push(&mut self, plugin: Arc<Plugin>) {
        if plugin.has_on_stop() {
            self.versions.push(plugin);
        }
    }

    /// Whether any version is still in use.
    pub(super) fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Runs `on_stop` of the versions that nothing uses any more.
    pub(super) fn run(&mut self, executor: &Executor) {
        for plugin in self.take_unused() {
            let name = plugin.name().to_owned();
            let stopping = Arc::clone(&self.stopping);
            let stop = move || {
                plugin.stop();
                drop(stopping);
            };
            if executor.pool().run(stop).is_err() {
                tracing::error!(plugin = name, "no thread is free to run `on_stop`");
            }
        }
    }

    /// The same on this thread.
    pub(super) fn run_here(&mut self) {
        self.take_unused().iter().for_each(|plugin| plugin.stop());
    }

    /// Runs `on_stop` of all that nothing uses before the deadline, and waits for what was handed to
    /// threads.
    pub(super) fn end(&mut self, deadline: Instant) {
        loop {
            self.run_here();
            let is_over = self.versions.is_empty() || Instant::now() >= deadline;
            if is_over && Arc::strong_count(&self.stopping) == 1 {
                break;
            }
            std::thread::sleep(AT_THE_END);
        }
        for plugin in &self.versions {
            let plugin = plugin.name();
            tracing::warn!(
                plugin,
                "`on_stop` of an older version does not run beside its requests"
            );
        }
    }

    fn take_unused(&mut self) -> Vec<Arc<Plugin>> {
        let (unused, used) = std::mem::take(&mut self.versions)
            .into_iter()
            .partition(|plugin| Arc::strong_count(plugin) == 1);
        self.versions = used;
        unused
    }
}
