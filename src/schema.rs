//! Schemas: what a value must be, as JSON Schema 2020-12, which is what OpenAPI 3.1 documents hold.
//!
//! A schema knows nothing of scripts or HTTP. It is immutable and cheap to clone.

pub(crate) mod check;
pub(crate) mod example;
pub(crate) mod inline;
pub(crate) mod pattern;
mod sentence;
mod settle;
pub(crate) mod walk;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

/// Where named schemas stand in a document; a reference is this and the name.
pub(crate) const COMPONENTS: &str = "#/components/schemas/";

/// What the names of the administration's own schemas begin with.
pub(crate) const OF_ADMINISTRATION: &str = "hotplate.";

/// Named schemas, by name.
pub(crate) type Components = BTreeMap<String, Value>;

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema(Arc<Parts>);

#[derive(Debug, PartialEq)]
struct Parts {
    json: Value,
    components: Components,
}

/// The named schemas with these names, and those that they refer to, at whatever depth; `known` gives the
/// one of a name.
pub(crate) fn closure<'v>(
    mut names: Vec<String>,
    known: impl Fn(&str) -> Option<&'v Value>,
) -> Components {
    let mut found = Components::new();
    while let Some(name) = names.pop() {
        if let Some(component) = known(&name)
            && !found.contains_key(&name)
        {
            names.extend(walk::references(component));
            found.insert(name, component.clone());
        }
    }
    found
}

impl Schema {
    /// A schema from its JSON and from the named schemas that it refers to, at whatever depth.
    pub(crate) fn new(json: Value, components: Components) -> Self {
        Self(Arc::new(Parts { json, components }))
    }

    /// A schema with those of `known` that it refers to, at whatever depth. What is not known is left
    /// out: see [`Schema::unknown`].
    pub(crate) fn gather(json: Value, known: &Components) -> Self {
        let components = closure(walk::references(&json), |name| known.get(name));
        Self::new(json, components)
    }

    /// It as JSON Schema 2020-12; a named one is `{"$ref": "#/components/schemas/Name"}`.
    pub(crate) fn json(&self) -> &Value {
        &self.0.json
    }

    /// The named schemas that it refers to, at whatever depth, by name.
    pub(crate) fn components(&self) -> &Components {
        &self.0.components
    }

    /// The names that it refers to and that nothing defines.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let mut unknown: Vec<String> = std::iter::once(self.json())
            .chain(self.components().values())
            .flat_map(walk::references)
            .filter(|name| !self.components().contains_key(name))
            .collect();
        unknown.sort();
        unknown.dedup();
        unknown
    }

    /// What it is when references are followed.
    pub(crate) fn resolved(&self) -> &Value {
        walk::resolved(self.json(), self.components())
    }

    /// Its default, if it has one.
    pub(crate) fn default(&self) -> Option<&Value> {
        walk::default_of(self.json(), self.components())
    }

    /// Whether every value that fits is a text.
    pub(crate) fn is_text(&self) -> bool {
        walk::kinds(self.json(), self.components()) == ["string"]
    }
}
