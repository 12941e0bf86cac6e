//! The OpenAPI 3.1 document of what is served.
//!
//! Each plugin has a fragment, made once for each version of it and carried over with it. A document is
//! put together of the fragments of one generation, the configuration it was made with and the
//! administration, when it is first asked for: a reload does not pay for it.

mod clash;
pub(crate) mod contract;
pub(crate) mod diff;
mod document;
mod fragment;
mod identity;
mod operation;
mod order;
mod rendering;
mod responses;
mod security;
#[cfg(test)]
mod tests;
mod upgrade;
mod yaml;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
};

use serde_json::Value;

use self::rendering::Document;
pub(crate) use self::{
    clash::clashes, fragment::Fragment, rendering::Rendering, security::Access, upgrade::upgrade,
};
use crate::{plugin::Plugin, settings::Settings};

/// The API of one generation: what becomes its document.
#[derive(Debug, Default)]
pub(crate) struct Api {
    parts: Vec<Arc<Part>>,
    places: Arc<Places>,
    document: OnceLock<Document>,
}

/// One version of a plugin and what the document says of it.
#[derive(Debug)]
struct Part {
    plugin: Arc<Plugin>,
    fragment: OnceLock<Fragment>,
}

impl Part {
    /// What the document says of it; the settings are those that the plugin was loaded with.
    fn fragment(&self, settings: &Settings) -> &Fragment {
        let make = || Fragment::of_plugin(&self.plugin, settings.plugin(self.plugin.name()).auth);
        self.fragment.get_or_init(make)
    }
}

/// Which parts have a route at a path of some shape, shown or not; found out when it is first asked for.
#[derive(Debug, Default)]
struct Places(OnceLock<HashMap<String, Vec<usize>>>);

/// Where routes are, compared with the generation before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Routes {
    /// The same plugins have them at the same places.
    Unmoved,
    /// Some came, went or moved.
    Moved,
}

/// In which of its two forms a document is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// What a document says beside the routes of plugins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The configuration of the generation.
    pub(crate) settings: &'a Settings,
    /// Its number.
    pub(crate) generation: u64,
    /// The routes of the server itself.
    pub(crate) administration: Option<&'a Fragment>,
}

impl Api {
    /// The API of `served`, the plugins by name. What `previous` knows of versions that are still served
    /// is carried over.
    pub(crate) fn following(previous: &Self, served: &[Arc<Plugin>], routes: Routes) -> Self {
        let mut before = previous.parts.iter().peekable();
        let part = |plugin: &Arc<Plugin>| {
            while before.next_if(|part| part.plugin.name() < plugin.name()).is_some() {}
            match before.peek() {
                Some(part) if Arc::ptr_eq(&part.plugin, plugin) => Arc::clone(part),
                _ => Arc::new(Part { plugin: Arc::clone(plugin), fragment: OnceLock::new() }),
            }
        };
        let places = match routes {
            Routes::Unmoved => Arc::clone(&previous.places),
            Routes::Moved => Arc::default(),
        };
        Self { parts: served.iter().map(part).collect(), places, document: OnceLock::new() }
    }

    /// What the document says of the plugins that have a route at a path of one of these shapes.
    pub(crate) fn at<'a>(
        &'a self,
        shapes: &BTreeSet<String>,
        settings: &'a Settings,
    ) -> impl Iterator<Item = &'a Fragment> + use<'a> {
        let places = self.places.0.get_or_init(|| self.placed());
        let there = shapes.iter().filter_map(|shape| places.get(shape)).flatten();
        let there: BTreeSet<usize> = there.copied().collect();
        there.into_iter().filter_map(|part| Some(self.parts.get(part)?.fragment(settings)))
    }

    fn placed(&self) -> HashMap<String, Vec<usize>> {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, part) in self.parts.iter().enumerate() {
            for route in part.plugin.routes() {
                let shape = fragment::Path::of(route.pattern.segments()).shape;
                places.entry(shape).or_default().push(index);
            }
        }
        places
    }

    /// What the document says of each plugin, by the plugin's name.
    pub(crate) fn fragments<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = (&'a str, &'a Fragment)> {
        self.parts.iter().map(|part| (part.plugin.name(), part.fragment(settings)))
    }

    /// What the document says of the plugins whose version is another one than in `other`, or that are not
    /// there.
    pub(crate) fn differing<'a>(
        &'a self,
        other: &'a Self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = &'a Fragment> {
        let mut others = other.parts.iter().peekable();
        let differs = move |part: &&'a Arc<Part>| {
            // Most are the very same; only beside one that is not, names are compared.
            if others.next_if(|other| Arc::ptr_eq(other, part)).is_some() {
                return false;
            }
            let name = part.plugin.name();
            while others.next_if(|other| other.plugin.name() < name).is_some() {}
            !others.peek().is_some_and(|other| Arc::ptr_eq(&other.plugin, &part.plugin))
        };
        self.parts.iter().filter(differs).map(|part| part.fragment(settings))
    }

    /// The document as data, without servers; made anew.
    pub(crate) fn assemble(&self, around: Surroundings<'_>) -> Value {
        let fragments = self.fragments(around.settings).map(|(_, fragment)| fragment);
        document::assemble(fragments.chain(around.administration), around)
    }

    /// The document as it is sent. `prefix` is the path below which everything is served, empty if it is
    /// the root.
    pub(crate) fn render(
        &self,
        format: Format,
        prefix: &str,
        around: Surroundings<'_>,
    ) -> Rendering {
        let document = self.document.get_or_init(|| {
            Document::new(self.assemble(around), around.settings.openapi.info.servers.clone())
        });
        document.render(format, prefix)
    }
}
