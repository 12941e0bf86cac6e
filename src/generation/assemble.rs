//! Plugins put together to a generation, and what to do where two want the same route.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Entry, Generation, State,
    router::{Builder, Router},
};
use crate::{
    diagnostic::Diagnostic,
    openapi::{self, Api, Routes, contract::Standing},
    plugin::Plugin,
    settings::Settings,
    source::ScriptName,
};

/// A plugin on its way into a generation.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    /// How it stands, were there no other plugin.
    pub(crate) entry: Arc<Entry>,
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

/// Puts candidates together to what follows `previous`.
pub(crate) fn assemble(
    previous: &Generation,
    settings: Arc<Settings>,
    candidates: BTreeMap<ScriptName, Candidate>,
    mut diagnostics: Vec<Diagnostic>,
) -> Generation {
    let places = routes(previous, &candidates);
    let (plugins, served, router) = match places {
        Routes::Unmoved => {
            let plugins: BTreeMap<ScriptName, Arc<Entry>> =
                candidates.into_iter().map(|(name, candidate)| (name, candidate.entry)).collect();
            let served = served(&plugins);
            (plugins, served, Arc::clone(&previous.router))
        }
        Routes::Moved => routed(candidates),
    };
    diagnostics.extend(super::mounts::diagnose(&settings, &served));
    let watching = String::new();
    diagnostics.extend(openapi::clashes(&served));
    let api = Api::following(&previous.api, &served, places);
    let documents = previous.documents.follow(&previous.settings, &settings);
    Generation {
        number: 0,
        watching,
        has_cors: settings.has_cors(),
        settings,
        plugins,
        served,
        router,
        api,
        changes: Vec::new(),
        standing: Standing::default(),
        documents,
        diagnostics,
    }
}

/// Whether every route is where it was, so that the router can stay.
fn routes(previous: &Generation, candidates: &BTreeMap<ScriptName, Candidate>) -> Routes {
    let mut before = previous.served.iter();
    let same =
        candidates.values().filter_map(|candidate| candidate.entry.plugin.as_ref()).all(|plugin| {
            before.next().is_some_and(|before| {
                Arc::ptr_eq(plugin, before)
                    || plugin.name() == before.name()
                        && plugin.has_routes_of(before)
                        && plugin.has_schemas_of(before)
            })
        });
    match same && before.next().is_none() {
        true => Routes::Unmoved,
        false => Routes::Moved,
    }
}

/// The plugins, those of them that are served, and the router over these.
type Routed = (BTreeMap<ScriptName, Arc<Entry>>, Vec<Arc<Plugin>>, Arc<Router>);

/// Enters all routes. Plugins that are as they were come first, so that of two that collide the one just
/// changed fails; among the changed, the later by name.
fn routed(candidates: BTreeMap<ScriptName, Candidate>) -> Routed {
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
            let plugin = candidate.before.filter(|before| builder.add(before).is_ok());
            let state = if plugin.is_some() { State::Stale } else { State::Failed };
            let diagnostics =
                entry.diagnostics.iter().cloned().chain(faults.into_iter().map(of_plugin));
            entry = Arc::new(Entry {
                diagnostics: diagnostics.collect(),
                mount: entry.mount.clone(),
                file: entry.file.clone(),
                plugin,
                state,
            });
        }
        plugins.insert(name, entry);
    }
    let served = served(&plugins);
    let router = Arc::new(builder.build(&served));
    (plugins, served, router)
}

fn served(plugins: &BTreeMap<ScriptName, Arc<Entry>>) -> Vec<Arc<Plugin>> {
    plugins.values().filter_map(|entry| entry.plugin.clone()).collect()
}
