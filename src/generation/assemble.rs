//! Plugins put together to a generation, and what to do where two want the same route.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

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
    diagnostics.extend(super::bodies::diagnose(&settings, &served));
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
/// changed fails; then the changed, first those that claim nothing of what another one had and keeps; among
/// these, the later by name fails.
fn routed(candidates: BTreeMap<ScriptName, Candidate>) -> Routed {
    let (changed, same): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(_, candidate)| candidate.is_changed());
    let kept = kept(&changed);
    let claims = |candidate: &Candidate| candidate.entry.plugin.iter().any(|it| claims(it, &kept));
    let (late, changed): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|(_, candidate)| claims(candidate));
    let order: Vec<_> = same.into_iter().chain(changed).chain(late).collect();
    let mut lost = BTreeMap::new();
    loop {
        match entered(&order, &lost) {
            Ok(routed) => return routed,
            // What was served before fits together, so that with each of them it comes nearer to it.
            Err((name, faults)) => drop(lost.insert(name, faults)),
        }
    }
}

/// A method, and a path without the names of its parameters.
type Claim = (String, &'static str);

fn claimed(plugin: &Plugin) -> impl Iterator<Item = Claim> {
    plugin.routes().iter().flat_map(|route| {
        let shape = route.shape();
        route.methods.iter().map(move |method| (shape.clone(), *method))
    })
}

/// What changed plugins had and still claim, each with its plugin.
fn kept(changed: &[(ScriptName, Candidate)]) -> HashMap<Claim, String> {
    let mut kept = HashMap::new();
    for (_, candidate) in changed {
        let (Some(plugin), Some(before)) = (&candidate.entry.plugin, &candidate.before) else {
            continue;
        };
        let had: HashSet<Claim> = claimed(before).collect();
        let keeps = claimed(plugin).filter(|claim| had.contains(claim));
        kept.extend(keeps.map(|claim| (claim, plugin.name().to_owned())));
    }
    kept
}

/// Whether a plugin claims what another one had and keeps.
fn claims(plugin: &Plugin, kept: &HashMap<Claim, String>) -> bool {
    claimed(plugin).any(|claim| kept.get(&claim).is_some_and(|name| name != plugin.name()))
}

/// Enters all routes in this order, after the last versions of those that would lose theirs otherwise. An
/// error is another one that would: its newest version collides, and so does its last one.
fn entered(
    order: &[(ScriptName, Candidate)],
    lost: &BTreeMap<ScriptName, Vec<Diagnostic>>,
) -> Result<Routed, (ScriptName, Vec<Diagnostic>)> {
    let mut builder = Builder::default();
    let mut plugins = BTreeMap::new();
    let (first, rest): (Vec<_>, Vec<_>) =
        order.iter().partition(|(name, _)| lost.contains_key(name));
    for (name, candidate) in first.into_iter().chain(rest) {
        let Some(plugin) = &candidate.entry.plugin else {
            plugins.insert(name.clone(), Arc::clone(&candidate.entry));
            continue;
        };
        let faults = match lost.get(name) {
            Some(faults) => faults.clone(),
            None => match builder.add(plugin) {
                Ok(()) => {
                    plugins.insert(name.clone(), Arc::clone(&candidate.entry));
                    continue;
                }
                Err(faults) => faults,
            },
        };
        let before = candidate.before.clone();
        let plugin = before.as_ref().filter(|before| builder.add(before).is_ok()).cloned();
        if plugin.is_none() && before.is_some() && !lost.contains_key(name) {
            return Err((name.clone(), faults));
        }
        plugins.insert(name.clone(), Arc::new(fallen_back(name, &candidate.entry, plugin, faults)));
    }
    let served = served(&plugins);
    let router = Arc::new(builder.build(&served));
    Ok((plugins, served, router))
}

/// A plugin whose newest version collides.
fn fallen_back(
    name: &ScriptName,
    entry: &Entry,
    plugin: Option<Arc<Plugin>>,
    faults: Vec<Diagnostic>,
) -> Entry {
    let state = if plugin.is_some() { State::Stale } else { State::Failed };
    let faults = faults.into_iter().map(|fault| fault.of_plugin(name.as_str()));
    let diagnostics = entry.diagnostics.iter().cloned().chain(faults).collect();
    let (mount, file) = (entry.mount.clone(), entry.file.clone());
    Entry { plugin, state, mount, file, diagnostics }
}

fn served(plugins: &BTreeMap<ScriptName, Arc<Entry>>) -> Vec<Arc<Plugin>> {
    plugins.values().filter_map(|entry| entry.plugin.clone()).collect()
}
