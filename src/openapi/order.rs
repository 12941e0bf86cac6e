//! The order in which the members of a document are written: as the specification lists them, and by name
//! where it does not say.
//!
//! It depends on nothing but the names, so that equal documents are equal bytes.

use std::{collections::HashMap, sync::LazyLock};

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use serde_json::{Map, Value};

/// Members that have a place of their own, in that order.
const FIRST: [&str; 45] = [
    "openapi",
    "info",
    "title",
    "name",
    "in",
    "url",
    "version",
    "operationId",
    "tags",
    "summary",
    "description",
    "termsOfService",
    "contact",
    "license",
    "deprecated",
    "servers",
    "security",
    "$ref",
    "type",
    "format",
    "required",
    "parameters",
    "requestBody",
    "content",
    "schema",
    "get",
    "put",
    "post",
    "delete",
    "options",
    "head",
    "patch",
    "responses",
    "headers",
    "properties",
    "patternProperties",
    "additionalProperties",
    "items",
    "oneOf",
    "anyOf",
    "allOf",
    "enum",
    "const",
    "default",
    "paths",
];

/// Members that come last.
const LAST: [&str; 4] = ["schemas", "securitySchemes", "components", "x-hotplate"];

/// A value that is written in that order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ordered<'a> {
    value: &'a Value,
    /// A member that is written with it and is not in it.
    extra: Option<(&'a str, &'a Value)>,
}

impl<'a> Ordered<'a> {
    /// A value as it is.
    pub(super) fn new(value: &'a Value) -> Self {
        Self { value, extra: None }
    }

    /// An object with one member more.
    pub(super) fn with(value: &'a Value, name: &'a str, member: &'a Value) -> Self {
        Self { value, extra: Some((name, member)) }
    }

    /// The value itself.
    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    /// The members of an object, in the order in which they are written.
    pub(super) fn members(&self, map: &'a Map<String, Value>) -> Vec<(&'a str, &'a Value)> {
        let extra = self.extra.map(|(name, value)| (rank(name), name, value));
        let mut members: Vec<_> = map
            .iter()
            .map(|(name, value)| (rank(name), name.as_str(), value))
            .chain(extra)
            .collect();
        members.sort_unstable_by_key(|(rank, name, _)| (*rank, *name));
        members.into_iter().map(|(_, name, value)| (name, value)).collect()
    }
}

impl Serialize for Ordered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Object(map) => {
                let members = self.members(map);
                let mut object = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    object.serialize_entry(name, &Self::new(value))?;
                }
                object.end()
            }
            Value::Array(items) => serializer.collect_seq(items.iter().map(Self::new)),
            scalar => scalar.serialize(serializer),
        }
    }
}

fn rank(name: &str) -> usize {
    /// The places of all members that have one.
    static PLACES: LazyLock<HashMap<&str, usize>> = LazyLock::new(|| {
        let last = LAST.iter().zip(FIRST.len() + 1..);
        FIRST.iter().zip(0..).chain(last).map(|(name, place)| (*name, place)).collect()
    });
    PLACES.get(name).copied().unwrap_or(FIRST.len())
}
