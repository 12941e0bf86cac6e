//! The immutable whole of what is being served: plugins, their routes, and what is wrong with the rest.
//!
//! A request takes one generation and keeps it to its end. Nothing in a generation is behind a lock.

pub(crate) mod assemble;
mod bodies;
mod mounts;
pub(crate) mod path;
pub(crate) mod router;

use std::{collections::BTreeMap, sync::Arc};

use self::router::Router;
use crate::{
    diagnostic::Diagnostic,
    documents::Documents,
    openapi::{Api, Format, Fragment, Rendering, Surroundings, contract::Standing, diff::Change},
    plugin::Plugin,
    settings::Settings,
    source::ScriptName,
};

/// All that is served at a time.
#[derive(Debug)]
pub(crate) struct Generation {
    /// Counts from 1; every publishing makes a new one.
    pub(crate) number: u64,
    /// How changes are noticed.
    pub(crate) watching: String,
    /// The configuration it was made with.
    pub(crate) settings: Arc<Settings>,
    /// Every plugin that is known, served or not, by name. An entry that is as it was is the same one.
    pub(crate) plugins: BTreeMap<ScriptName, Arc<Entry>>,
    /// The plugins that are served, by name: what the router's targets point into.
    pub(crate) served: Vec<Arc<Plugin>>,
    /// Where requests go. The same as before where no route came, went or moved.
    pub(crate) router: Arc<Router>,
    /// What becomes its OpenAPI document.
    pub(crate) api: Api,
    /// How that differs from the generation before.
    pub(crate) changes: Vec<Change>,
    /// How it stands to the accepted document.
    pub(crate) standing: Standing,
    /// The folders of documents. The same as before where their configuration is.
    pub(crate) documents: Arc<Documents>,
    /// Whether pages of other origins are answered anywhere.
    pub(crate) has_cors: bool,
    /// What is wrong with no plugin in particular: the configuration, the folder, odd names.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// One plugin in a generation.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The version that is served, if one is.
    pub(crate) plugin: Option<Arc<Plugin>>,
    /// How it stands.
    pub(crate) state: State,
    /// The path it owns.
    pub(crate) mount: String,
    /// The file, relative to the plugin folder.
    pub(crate) file: String,
    /// What is wrong with the newest version.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// How a plugin stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// Its newest version is served.
    Serving,
    /// An older version is served, because the newest one failed or cannot be read.
    Stale,
    /// No version of it ever loaded.
    Failed,
    /// The configuration turned it off.
    Disabled,
    /// It was unloaded by hand.
    Unloaded,
}

impl Generation {
    /// The first one, which serves nothing.
    pub(crate) fn empty(settings: Arc<Settings>) -> Self {
        Self {
            number: 0,
            watching: String::new(),
            documents: Documents::new(&settings),
            has_cors: settings.has_cors(),
            settings,
            plugins: BTreeMap::new(),
            served: Vec::new(),
            router: Arc::default(),
            api: Api::default(),
            changes: Vec::new(),
            standing: Standing::default(),
            diagnostics: Vec::new(),
        }
    }

    /// The plugins that are being served, by name.
    pub(crate) fn served(&self) -> impl Iterator<Item = (&str, &Arc<Plugin>)> {
        self.served.iter().map(|plugin| (plugin.name(), plugin))
    }

    /// The plugin that is served under that name.
    pub(crate) fn serving(&self, name: &str) -> Option<&Arc<Plugin>> {
        let place = self.served.binary_search_by(|plugin| plugin.name().cmp(name)).ok()?;
        self.served.get(place)
    }

    /// Its OpenAPI document, with the routes of the server itself; `prefix` is the path below which
    /// everything is served, empty if it is the root. Made when it is first asked for.
    pub(crate) fn document(
        &self,
        format: Format,
        prefix: &str,
        administration: &Fragment,
    ) -> Rendering {
        let around = Surroundings {
            settings: &self.settings,
            generation: self.number,
            administration: Some(administration),
        };
        self.api.render(format, prefix, around)
    }

    /// The names of the plugins that are served in an older version than the newest.
    pub(crate) fn stale(&self) -> Vec<&str> {
        self.named(State::Stale)
    }

    /// The names of the plugins in that state.
    pub(crate) fn named(&self, state: State) -> Vec<&str> {
        let in_state = self.plugins.iter().filter(|(_, entry)| entry.state == state);
        in_state.map(|(name, _)| name.as_str()).collect()
    }

    /// All that is wrong, plugin by plugin, then the rest.
    pub(crate) fn all_diagnostics(&self) -> impl Iterator<Item = &Diagnostic> {
        self.plugins.values().flat_map(|entry| &entry.diagnostics).chain(&self.diagnostics)
    }

    /// The failed plugin that owns a path, if that is why nothing answers there.
    pub(crate) fn failed_owner(&self, path: &str) -> Option<(&str, &Entry)> {
        let owns = |mount: &str| {
            let mount = mount.trim_end_matches('/');
            path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.plugins
            .iter()
            .filter(|(_, entry)| entry.state == State::Failed && owns(&entry.mount))
            .max_by_key(|(_, entry)| entry.mount.len())
            .map(|(name, entry)| (name.as_str(), &**entry))
    }
}
