//! Versions that are served no more, kept until the last request on them has ended.

use std::sync::Arc;

use crate::plugin::{Plugin, execute::Executor};

/// Retired versions that have something to run at their end.
#[derive(Debug, Default)]
pub(super) struct Retired(Vec<Arc<Plugin>>);

impl Retired {
    /// Takes a version out of service.
    pub(super) fn push(&mut self, plugin: Arc<Plugin>) {
        if plugin.has_on_stop() {
            self.0.push(plugin);
        }
    }

    /// Whether any version is still in use.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Runs `on_stop` of the versions that nothing uses any more.
    pub(super) fn run(&mut self, executor: &Executor) {
        let (unused, used) = std::mem::take(&mut self.0)
            .into_iter()
            .partition(|plugin| Arc::strong_count(plugin) == 1);
        self.0 = used;
        let unused: Vec<Arc<Plugin>> = unused;
        for plugin in unused {
            let name = plugin.name().to_owned();
            if executor.pool().run(move || plugin.stop()).is_err() {
                tracing::error!(plugin = name, "no thread is free to run `on_stop`");
            }
        }
    }
}
