//! The order in which the members of a document are written: as the specification lists them, and by name
//! where it does not say.
//!
//! It depends on nothing but the names, so that equal documents are equal bytes.

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
        let mut members: Vec<_> =
            map.iter().map(|(name, value)| (name.as_str(), value)).chain(self.extra).collect();
        members.sort_by_cached_key(|(name, _)| (rank(name), *name));
        members
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
    if let Some(place) = FIRST.iter().position(|first| *first == name) {
        return place;
    }
    let last = LAST.iter().position(|last| *last == name);
    FIRST.len() + last.map_or(0, |place| place + 1)
}
