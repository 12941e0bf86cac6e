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

use std::sync::{Arc, OnceLock};

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
    document: OnceLock<Document>,
}

/// One version of a plugin and what the document says of it.
#[derive(Debug)]
struct Part {
    plugin: Arc<Plugin>,
    fragment: OnceLock<Fragment>,
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
    pub(crate) fn following(previous: &Self, served: &[Arc<Plugin>]) -> Self {
        let mut before = previous.parts.iter().peekable();
        let part = |plugin: &Arc<Plugin>| {
            while before.next_if(|part| part.plugin.name() < plugin.name()).is_some() {}
            match before.peek() {
                Some(part) if Arc::ptr_eq(&part.plugin, plugin) => Arc::clone(part),
                _ => Arc::new(Part { plugin: Arc::clone(plugin), fragment: OnceLock::new() }),
            }
        };
        Self { parts: served.iter().map(part).collect(), document: OnceLock::new() }
    }

    /// What the document says of each plugin, by the plugin's name.
    pub(crate) fn fragments<'a>(
        &'a self,
        settings: &'a Settings,
    ) -> impl Iterator<Item = (&'a str, &'a Fragment)> {
        self.parts.iter().map(|part| {
            let name = part.plugin.name();
            let make = || Fragment::of_plugin(&part.plugin, settings.plugin(name).auth);
            (name, part.fragment.get_or_init(make))
        })
    }

    /// The plugins whose version is another one than in `other`, or that are not there.
    pub(crate) fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter(|part| !other.has(part)).map(|part| part.plugin.name())
    }

    fn has(&self, part: &Arc<Part>) -> bool {
        let place =
            self.parts.binary_search_by(|other| other.plugin.name().cmp(part.plugin.name()));
        place.is_ok_and(|place| {
            self.parts.get(place).is_some_and(|other| Arc::ptr_eq(&other.plugin, &part.plugin))
        })
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
