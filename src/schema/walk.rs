//! Reading JSON Schemas: their parts, references and types.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{COMPONENTS, Components};

/// Keywords that hold a schema.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];

/// Keywords that hold a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Keywords that hold schemas by name.
const NAMED: [&str; 4] = ["$defs", "dependentSchemas", "patternProperties", "properties"];

/// How many references in a row are followed.
const MOST_STEPS: usize = 32;

/// Calls `visit` with each schema that stands directly in `schema`.
pub(crate) fn each<'a>(schema: &'a Map<String, Value>, mut visit: impl FnMut(&'a Value)) {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            (keyword, Value::Array(items)) if LIST.contains(&keyword) => {
                items.iter().for_each(&mut visit);
            }
            (keyword, Value::Object(items)) if NAMED.contains(&keyword) => {
                items.values().for_each(&mut visit);
            }
            (keyword, value) if ONE.contains(&keyword) => visit(value),
            _ => {}
        }
    }
}

/// Calls `change` with each schema that stands directly in `schema`.
pub(crate) fn each_mut(schema: &mut Map<String, Value>, mut change: impl FnMut(&mut Value)) {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            (keyword, Value::Array(items)) if LIST.contains(&keyword) => {
                items.iter_mut().for_each(&mut change);
            }
            (keyword, Value::Object(items)) if NAMED.contains(&keyword) => {
                items.values_mut().for_each(&mut change);
            }
            (keyword, value) if ONE.contains(&keyword) => change(value),
            _ => {}
        }
    }
}

/// The name that a schema refers to at once.
pub(crate) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
}

/// The names that a schema refers to, at whatever depth, without following them.
pub(crate) fn references(schema: &Value) -> Vec<String> {
    found(schema).into_iter().map(str::to_owned).collect()
}

fn found(schema: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    let mut left = vec![schema];
    while let Some(schema) = left.pop() {
        found.extend(reference(schema));
        if let Value::Object(parts) = schema {
            each(parts, |part| left.push(part));
        }
    }
    found
}

/// A named schema that is defined only as itself, or as something that is: no value could be checked
/// against it.
pub(crate) fn circular(components: &Components) -> Option<&str> {
    fn leads_back<'a>(
        schema: &'a Value,
        components: &'a Components,
        trail: &mut Vec<&'a str>,
        done: &mut Vec<&'a str>,
    ) -> bool {
        if let Some(name) = reference(schema) {
            if trail.contains(&name) {
                return true;
            }
            if let Some(next) = components.get(name).filter(|_| !done.contains(&name)) {
                trail.push(name);
                let back = leads_back(next, components, trail, done);
                trail.pop();
                if back {
                    return true;
                }
                done.push(name);
            }
        }
        let lists =
            ["allOf", "anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array());
        let ones = ["not", "if", "then", "else"].into_iter().filter_map(|key| schema.get(key));
        let mut parts = lists.flatten().chain(ones);
        parts.any(|part| leads_back(part, components, trail, done))
    }
    let mut done = Vec::new();
    components
        .iter()
        .find(|(name, schema)| leads_back(schema, components, &mut vec![name], &mut done))
        .map(|(name, _)| name.as_str())
}

/// How many references are followed where each is written out; `None` if there is no end to them.
pub(super) fn expansions(schema: &Value, components: &Components) -> Option<u64> {
    fn of<'a>(
        name: &'a str,
        components: &'a Components,
        known: &mut BTreeMap<&'a str, Option<u64>>,
    ) -> Option<u64> {
        if let Some(count) = known.get(name) {
            return *count;
        }
        let Some((name, schema)) = components.get_key_value(name) else { return Some(0) };
        // Until it is known, to come back to it has no end.
        known.insert(name, None);
        let mut count: u64 = 0;
        for below in found(schema) {
            count = count.saturating_add(1).saturating_add(of(below, components, known)?);
        }
        known.insert(name, Some(count));
        Some(count)
    }
    let mut known = BTreeMap::new();
    found(schema).into_iter().try_fold(0_u64, |count, name| {
        Some(count.saturating_add(1).saturating_add(of(name, components, &mut known)?))
    })
}

/// A named schema that requires itself again and again: a value that fits would have no end.
pub(crate) fn endless(components: &Components) -> Option<&str> {
    let mut open: BTreeSet<&str> = components.keys().map(String::as_str).collect();
    loop {
        let ended: Vec<&str> = components
            .iter()
            .filter(|(name, schema)| open.contains(name.as_str()) && ends(schema, &open))
            .map(|(name, _)| name.as_str())
            .collect();
        if ended.is_empty() {
            return open.first().copied();
        }
        open.retain(|name| !ended.contains(name));
    }
}

/// Whether a value can be made that fits a schema, without one of a schema that is still `open`.
fn ends(schema: &Value, open: &BTreeSet<&str>) -> bool {
    if reference(schema).is_some_and(|name| open.contains(name)) {
        return false;
    }
    let list = |key: &str| schema.get(key).and_then(Value::as_array);
    let some = |key| list(key).is_none_or(|all| all.iter().any(|part| ends(part, open)));
    if !some("anyOf") || !some("oneOf") {
        return false;
    }
    if list("allOf").is_some_and(|all| !all.iter().all(|part| ends(part, open))) {
        return false;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => {
            let required = list("required").into_iter().flatten().filter_map(Value::as_str);
            let properties = schema.get("properties");
            required.filter_map(|name| properties?.get(name)).all(|property| ends(property, open))
        }
        Some("array") => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            least == 0 || schema.get("items").is_none_or(|items| ends(items, open))
        }
        _ => true,
    }
}

/// What a schema is when its references are followed; what leads nowhere is left as it is.
pub(crate) fn resolved<'a>(schema: &'a Value, components: &'a Components) -> &'a Value {
    let mut schema = schema;
    for _ in 0..MOST_STEPS {
        match reference(schema).and_then(|name| components.get(name)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// The default of a schema, or of what it refers to.
pub(crate) fn default_of<'a>(schema: &'a Value, components: &'a Components) -> Option<&'a Value> {
    schema.get("default").or_else(|| resolved(schema, components).get("default"))
}

/// What refers to a schema with a default may be absent, as what has one itself may.
pub(crate) fn loosen(schema: &mut Value, known: &Components) {
    let Some(members) = schema.as_object_mut() else { return };
    let properties = members.get("properties").and_then(Value::as_object);
    let absent: Vec<String> = properties
        .into_iter()
        .flatten()
        .filter(|(_, property)| {
            reference(property).is_some() && default_of(property, known).is_some()
        })
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(required) = members.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|name| !absent.iter().any(|absent| name == absent));
        if required.is_empty() {
            members.remove("required");
        }
    }
    each_mut(members, |part| loosen(part, known));
}

/// The JSON types that a value of a schema may have, sorted; all of them where it does not say.
pub(crate) fn kinds(schema: &Value, components: &Components) -> Vec<&'static str> {
    kinds_at(schema, components, &mut BTreeSet::new(), 0)
}

/// A named schema that was `seen` adds nothing, however many alternatives lead to it.
fn kinds_at<'a>(
    schema: &'a Value,
    components: &'a Components,
    seen: &mut BTreeSet<&'a str>,
    depth: usize,
) -> Vec<&'static str> {
    let schema = resolved(schema, components);
    let mut kinds: Vec<&'static str> = match (schema.get("type"), schema.get("enum")) {
        (Some(Value::String(kind)), _) => known(kind).into_iter().collect(),
        (Some(Value::Array(several)), _) => {
            several.iter().filter_map(Value::as_str).filter_map(known).collect()
        }
        (_, Some(Value::Array(values))) => values.iter().map(kind_of).collect(),
        _ => match (schema.get("const"), alternatives(schema)) {
            (Some(value), _) => vec![kind_of(value)],
            (None, Some(several)) if depth < MOST_STEPS => several
                .iter()
                .filter(|schema| reference(schema).is_none_or(|name| seen.insert(name)))
                .collect::<Vec<_>>()
                .into_iter()
                .flat_map(|schema| kinds_at(schema, components, seen, depth + 1))
                .collect(),
            _ => KINDS.to_vec(),
        },
    };
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The schemas of which a value must fit one.
pub(super) fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()
}

const KINDS: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];

fn known(kind: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|known| *known == kind)
}

/// The JSON type of a value.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Whether a schema is that of a file.
pub(crate) fn is_file(schema: &Value, components: &Components) -> bool {
    resolved(schema, components).get("format").and_then(Value::as_str) == Some("binary")
}
