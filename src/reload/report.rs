//! What one load did.

use std::time::Duration;

use serde::Serialize;

use crate::{
    diagnostic::Diagnostic,
    openapi::{contract::Standing, diff::Change},
};

/// What one load did, as its caller sees it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The generation that is served after it.
    pub generation: u64,
    /// Plugins that are served for the first time.
    pub added: Vec<String>,
    /// Plugins that are served in a new version.
    pub changed: Vec<String>,
    /// Plugins that are served no more.
    pub removed: Vec<String>,
    /// How many plugins were carried over as they were.
    pub unchanged: usize,
    /// Plugins whose newest version is not served.
    pub failed: Vec<String>,
    /// All that is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// How the API differs from the generation before.
    pub changes: Vec<Change>,
    /// How the API stands to the accepted document.
    pub contract: ContractStanding,
    /// Settings that differ from those in force and need a restart.
    pub restart_needed: Vec<String>,
    /// Every plugin that is served, older versions included.
    pub loaded_plugins: Vec<String>,
    /// How long it took, in milliseconds.
    pub milliseconds: f64,
}

/// How the API stands to the accepted document, `openapi/contract.json`.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct ContractStanding {
    /// Whether there is an accepted document.
    pub accepted: bool,
    /// How many changes are breaking.
    pub breaking: usize,
    /// How many are compatible.
    pub compatible: usize,
    /// How many are cosmetic.
    pub cosmetic: usize,
    /// The breaking changes, then the compatible ones; at most 200 of them.
    pub changes: Vec<Change>,
}

impl From<Standing> for ContractStanding {
    fn from(standing: Standing) -> Self {
        let Standing { accepted, breaking, compatible, cosmetic, changes } = standing;
        Self { accepted, breaking, compatible, cosmetic, changes }
    }
}

impl Report {
    /// Whether everything is served as written.
    pub fn is_good(&self) -> bool {
        self.failed.is_empty() && !self.diagnostics.iter().any(Diagnostic::is_error)
    }

    /// Whether it published anything.
    pub fn has_changes(&self) -> bool {
        !(self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty())
    }

    /// Says of plugins that what their files say now is not served yet: who asked is told nothing that is not
    /// so.
    pub(crate) fn hold<'a>(&mut self, names: impl Iterator<Item = &'a String>) {
        for name in names {
            let message = format!("`{name}` is not loaded yet: its files do not come to rest");
            let help = "its last version is served until they do; ask again then";
            let fault = Diagnostic::error("not-at-rest", message).help(help);
            self.diagnostics.push(fault.of_plugin(name));
            self.failed.push(name.clone());
        }
        self.failed.sort();
        self.failed.dedup();
    }

    /// No more of it than what it changed.
    pub(crate) fn what_changed(&self) -> Self {
        Self {
            added: self.added.clone(),
            changed: self.changed.clone(),
            removed: self.removed.clone(),
            changes: self.changes.clone(),
            loaded_plugins: self.loaded_plugins.clone(),
            milliseconds: self.milliseconds,
            ..Self::default()
        }
    }

    /// No more of it than what it changed in one plugin, with all that changed of the API meanwhile.
    pub(crate) fn of_plugin(&self, name: &str) -> Self {
        let only =
            |names: &[String]| names.iter().filter(|there| *there == name).cloned().collect();
        Self {
            added: only(&self.added),
            changed: only(&self.changed),
            removed: only(&self.removed),
            changes: self.changes.clone(),
            milliseconds: self.milliseconds,
            ..Self::default()
        }
    }

    /// Sets the time it took.
    pub(crate) fn took(&mut self, time: Duration) {
        self.milliseconds = (time.as_secs_f64() * 1e6).round() / 1e3;
    }

    /// This load, told together with the ones before it that the same caller waited through.
    #[must_use]
    pub(crate) fn after(mut self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let merge = |names: &mut Vec<String>, earlier: Vec<String>| {
            names.extend(earlier);
            names.sort();
            names.dedup();
        };
        merge(&mut self.added, before.added);
        merge(&mut self.changed, before.changed);
        merge(&mut self.removed, before.removed);
        // What came and went left nothing, and what went and came is another version.
        let (added, removed) = (self.added.clone(), self.removed.clone());
        self.added.retain(|name| !removed.contains(name));
        self.removed.retain(|name| !added.contains(name));
        let both = added.iter().filter(|name| removed.contains(name));
        self.changed.extend(both.filter(|name| self.loaded_plugins.contains(name)).cloned());
        let (added, removed) = (&self.added, &self.removed);
        self.changed.retain(|name| !added.contains(name) && !removed.contains(name));
        self.changed.sort();
        self.changed.dedup();
        self.changes.splice(0..0, before.changes);
        let fresh = self.added.len() + self.changed.len();
        self.unchanged = self.loaded_plugins.len().saturating_sub(fresh);
        self.milliseconds += before.milliseconds;
        self
    }
}
