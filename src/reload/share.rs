//! Plugins loaded with the named schemas of one another.
//!
//! A plugin may refer to a schema that another declares, also both ways round, so it is not known what
//! there is before all are loaded. They are loaded with what is known, and those that were made with
//! something else than what there is in the end are made once more.

use std::{collections::BTreeMap, sync::Arc};

use super::build::{Job, Workshop};
use crate::plugin::{
    Plugin,
    load::{Loaded, Shared},
};

/// How often plugins are loaded again because others failed.
const MOST_ROUNDS: usize = 8;

/// A plugin that is served and need not be loaded for its own sake.
pub(super) struct Standing<'a> {
    /// How it would be loaded.
    pub(super) job: Job<'a>,
    /// The version that is served.
    pub(super) plugin: Arc<Plugin>,
}

impl Workshop<'_> {
    /// Loads `jobs`, and of those that stand the ones that were made with schemas which are other ones
    /// now. `stale` are versions that are served because the newest has failed, and `before` those to fall
    /// back on.
    pub(super) fn load_sharing<'j>(
        &self,
        jobs: &'j [Job<'j>],
        standing: &'j [Standing<'j>],
        stale: &[Arc<Plugin>],
        before: impl Fn(&str) -> Option<Arc<Plugin>>,
    ) -> Vec<(&'j Job<'j>, Loaded)> {
        let kept = || standing.iter().map(|there| &*there.plugin);
        // What is out of date says last what a name means.
        let stale = || stale.iter().map(|plugin| &**plugin);
        let first: Vec<&Job<'_>> = jobs.iter().collect();
        let results = self.load_all(&first, &Shared::of(kept().chain(stale())));
        let mut loaded: BTreeMap<&str, (&Job<'_>, Loaded)> =
            first.iter().zip(results).map(|(job, result)| (job.name, (*job, result))).collect();
        // What fails takes its schemas away from those that were made with them, which may then fail too.
        for _ in 0..MOST_ROUNDS {
            let again: Vec<(&Job<'_>, Loaded)> = {
                let failed = loaded.values().filter(|(_, result)| result.is_err());
                let fallen_back: Vec<Arc<Plugin>> =
                    failed.filter_map(|(job, _)| before(job.name)).collect();
                let mut all: Vec<&Plugin> = Vec::new();
                kept().for_each(|plugin| all.push(plugin));
                all.extend(loaded.values().filter_map(|(_, result)| result.as_ref().ok()));
                all.extend(fallen_back.iter().map(|before| &**before));
                stale().for_each(|plugin| all.push(plugin));
                let shared = Shared::of(all.into_iter());
                let differs = |result: &Loaded| {
                    result.as_ref().is_ok_and(|plugin| !plugin.is_made_with(&shared))
                };
                let users = standing.iter().filter(|there| {
                    !loaded.contains_key(there.job.name) && !there.plugin.is_made_with(&shared)
                });
                let again = loaded.values().filter(|(_, result)| differs(result));
                let again: Vec<&Job<'_>> =
                    again.map(|(job, _)| *job).chain(users.map(|there| &there.job)).collect();
                let results = self.load_all(&again, &shared);
                again.into_iter().zip(results).collect()
            };
            let mut has_failed = false;
            for (job, result) in again {
                has_failed |= result.is_err();
                loaded.insert(job.name, (job, result));
            }
            for (_, result) in loaded.values_mut() {
                if result.as_ref().is_ok_and(|plugin| !plugin.is_complete()) {
                    let lacking = std::mem::replace(result, Err(Vec::new()));
                    *result = lacking.and_then(Plugin::complete);
                    has_failed = true;
                }
            }
            if !has_failed {
                break;
            }
        }
        loaded.into_values().map(|(job, result)| (job, result.and_then(Plugin::complete))).collect()
    }
}
