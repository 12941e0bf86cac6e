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
        let failed = loaded.iter().filter(|(_, (_, result))| result.is_err());
        let fallen_back: Vec<Arc<Plugin>> = failed.filter_map(|(name, _)| before(name)).collect();
        let fresh = loaded.values().filter_map(|(_, result)| result.as_ref().ok());
        let fallen_back = fallen_back.iter().map(|before| &**before);
        let shared = Shared::of(kept().chain(fresh).chain(fallen_back).chain(stale()));
        let differs =
            |result: &Loaded| result.as_ref().is_ok_and(|plugin| !plugin.is_made_with(&shared));
        let mut again: Vec<&Job<'_>> =
            loaded.values().filter(|(_, result)| differs(result)).map(|(job, _)| *job).collect();
        let users = standing.iter().filter(|there| !there.plugin.is_made_with(&shared));
        again.extend(users.map(|there| &there.job));
        let results = self.load_all(&again, &shared);
        for (job, result) in again.iter().zip(results) {
            loaded.insert(job.name, (job, result));
        }
        loaded.into_values().map(|(job, result)| (job, result.and_then(Plugin::complete))).collect()
    }
}
