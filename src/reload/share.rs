//! Plugins loaded with the named schemas of one another.
//!
//! A plugin may refer to a schema that another declares, also both ways round, so it is not known what
//! there is before all are loaded. They are loaded with what is known, and those that were made with
//! something else than what there is in the end are made once more.

use std::{collections::BTreeMap, sync::Arc};

use super::build::{Job, Workshop};
use crate::{
    plugin::{Plugin, load::Loaded},
    schema::Components,
};

/// A plugin that is served and need not be loaded for its own sake.
pub(super) struct Standing<'a> {
    /// How it would be loaded.
    pub(super) job: Job<'a>,
    /// The version that is served.
    pub(super) plugin: Arc<Plugin>,
}

impl Workshop<'_> {
    /// Loads `jobs`, and of those that stand the ones that were made with schemas which are other ones
    /// now. `before` are the versions to fall back on.
    pub(super) fn load_sharing<'j>(
        &self,
        jobs: &'j [Job<'j>],
        standing: &'j [Standing<'j>],
        before: impl Fn(&str) -> Option<Arc<Plugin>>,
    ) -> Vec<(&'j Job<'j>, Loaded)> {
        let mut kept = Components::new();
        standing.iter().for_each(|there| add(&mut kept, &there.plugin));
        let first: Vec<&Job<'_>> = jobs.iter().collect();
        let mut loaded: BTreeMap<&str, (&Job<'_>, Loaded)> = BTreeMap::new();
        for (job, result) in first.iter().zip(self.load_all(&first, &kept)) {
            loaded.insert(job.name, (job, result));
        }
        let mut shared = kept;
        for (name, (_, result)) in &loaded {
            match (result, before(name)) {
                (Ok(plugin), _) => add(&mut shared, plugin),
                (Err(_), Some(before)) => add(&mut shared, &before),
                (Err(_), None) => {}
            }
        }
        let stale =
            |result: &Loaded| result.as_ref().is_ok_and(|plugin| !plugin.is_made_with(&shared));
        let mut again: Vec<&Job<'_>> =
            loaded.values().filter(|(_, result)| stale(result)).map(|(job, _)| *job).collect();
        let users = standing.iter().filter(|there| !there.plugin.is_made_with(&shared));
        again.extend(users.map(|there| &there.job));
        for (job, result) in again.iter().zip(self.load_all(&again, &shared)) {
            loaded.insert(job.name, (job, result));
        }
        loaded.into_values().map(|(job, result)| (job, result.and_then(Plugin::complete))).collect()
    }
}

/// Adds what a plugin declares; of two that differ the first counts, and assembling refuses the other.
fn add(shared: &mut Components, plugin: &Plugin) {
    for (name, component) in plugin.components() {
        shared.entry(name.clone()).or_insert_with(|| component.json.clone());
    }
}
