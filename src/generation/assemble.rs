//! Plugins put together to a generation, and what to do where two want the same route.

use std::{collections::BTreeMap, sync::Arc};

use super::{Entry, Generation, State, router::Builder};
use crate::{diagnostic::Diagnostic, plugin::Plugin, settings::Settings};

/// A plugin on its way into a generation.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// How it stands, were there no other plugin.
    pub(crate) entry: Entry,
    /// The version that was served before, to fall back on.
    pub(crate) before: Option<Arc<Plugin>>,
}

impl Candidate {
    /// Whether the version is another than the one that was served before.
    fn is_changed(&self) -> bool {
        match (&self.entry.plugin, &self.before) {
            (Some(plugin), Some(before)) => !Arc::ptr_eq(plugin, before),
            (plugin, _) => plugin.is_some(),
        }
    }
}

/// Puts candidates together. Those that are as they were come first, so that of two that collide the
/// one just changed fails; among the changed, the later by name.
pub(crate) fn assemble(
    number: u64,
    settings: Arc<Settings>,
    candidates: BTreeMap<String, Candidate>,
    diagnostics: Vec<Diagnostic>,
) -> Generation {
    let mut builder = Builder::default();
    let mut plugins = BTreeMap::new();
    let (changed, same): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(_, candidate)| candidate.is_changed());
    for (name, candidate) in same.into_iter().chain(changed) {
        let mut entry = candidate.entry;
        if let Some(plugin) = &entry.plugin
            && let Err(faults) = builder.add(plugin)
        {
            let of_plugin = |fault: Diagnostic| fault.of_plugin(name.as_str());
            entry.diagnostics.extend(faults.into_iter().map(of_plugin));
            entry.plugin = candidate.before.filter(|before| builder.add(before).is_ok());
            entry.state = if entry.plugin.is_some() { State::Stale } else { State::Failed };
        }
        plugins.insert(name, entry);
    }
    Generation {
        number,
        watching: String::new(),
        settings,
        plugins,
        router: builder.build(),
        diagnostics,
    }
}
