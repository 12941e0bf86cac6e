//! Schemas: what a value must be, as JSON Schema 2020-12, which is what OpenAPI 3.1 documents hold.
//!
//! A schema knows nothing of scripts or HTTP. It is immutable and cheap to clone.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

/// Where named schemas stand in a document; a reference is this and the name.
pub(crate) const COMPONENTS: &str = "#/components/schemas/";

/// What a value must be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schema(Arc<Parts>);

#[derive(Debug, PartialEq)]
struct Parts {
    json: Value,
    components: BTreeMap<String, Value>,
}

impl Schema {
    /// A schema from its JSON and from the named schemas that it refers to, at whatever depth.
    pub(crate) fn new(json: Value, components: BTreeMap<String, Value>) -> Self {
        Self(Arc::new(Parts { json, components }))
    }

    /// It as JSON Schema 2020-12; a named one is `{"$ref": "#/components/schemas/Name"}`.
    pub(crate) fn json(&self) -> &Value {
        &self.0.json
    }

    /// The named schemas that it refers to, at whatever depth, by name.
    pub(crate) fn components(&self) -> &BTreeMap<String, Value> {
        &self.0.components
    }
}
