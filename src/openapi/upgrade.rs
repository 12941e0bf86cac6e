//! A document of OpenAPI 3.0, as poem-openapi writes it, made one of 3.1.
//!
//! Schemas are JSON Schema 2020-12 there: what may be null says so in `type`, limits that are not
//! themselves allowed are numbers, and examples are lists.

use serde_json::{Map, Value, json};

use crate::schema::COMPONENTS;

/// Upgrades a document; its schemas get names that begin with `prefix`.
pub(crate) fn upgrade(mut document: Value, prefix: &str) -> Value {
    if let Some(members) = document.as_object_mut() {
        members.insert("openapi".to_owned(), "3.1.0".into());
        let schemas = members.get_mut("components").and_then(|all| all.get_mut("schemas"));
        if let Some(Value::Object(schemas)) = schemas {
            let old = std::mem::take(schemas);
            schemas.extend(old.into_iter().map(|(name, mut value)| {
                schema(&mut value, prefix);
                // It is the name without its prefix, under which a script may have a schema of its own.
                if let Some(members) = value.as_object_mut() {
                    members.remove("title");
                }
                (format!("{prefix}{name}"), value)
            }));
        }
        if let Some(paths) = members.get_mut("paths") {
            outside(paths, prefix);
        }
    }
    document
}

/// Looks for schemas in what is none itself, and leaves out what goes without saying.
fn outside(value: &mut Value, prefix: &str) {
    match value {
        Value::Object(members) => {
            members.retain(|name, member| {
                let unsaid = match name.as_str() {
                    "deprecated" => *member == Value::Bool(false),
                    // Only lists and objects can be exploded, and no operation here takes any.
                    "explode" => true,
                    _ => false,
                };
                !unsaid
            });
            for (name, member) in members {
                match name.as_str() {
                    "schema" => schema(member, prefix),
                    "example" | "examples" => {}
                    "content" => {
                        plain_types(member);
                        outside(member, prefix);
                    }
                    _ => outside(member, prefix),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| outside(item, prefix)),
        _ => {}
    }
}

/// `application/json; charset=utf-8` as `application/json`, which is what clients look for.
fn plain_types(content: &mut Value) {
    let Value::Object(members) = content else { return };
    let old = std::mem::take(members);
    members.extend(old.into_iter().map(|(name, member)| {
        let plain = name.split(';').next().unwrap_or_default().trim().to_owned();
        (plain, member)
    }));
}

fn schema(value: &mut Value, prefix: &str) {
    let Value::Object(members) = value else { return };
    for (name, member) in members.iter_mut() {
        match (name.as_str(), member) {
            ("$ref", Value::String(reference)) => {
                if let Some(name) = reference.strip_prefix(COMPONENTS) {
                    *reference = format!("{COMPONENTS}{prefix}{name}");
                }
            }
            ("properties", Value::Object(properties)) => {
                properties.values_mut().for_each(|property| schema(property, prefix));
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|inner| schema(inner, prefix));
            }
            ("items" | "additionalProperties" | "not", inner) => schema(inner, prefix),
            _ => {}
        }
    }
    limit(members, "exclusiveMinimum", "minimum");
    limit(members, "exclusiveMaximum", "maximum");
    if let Some(example) = members.remove("example") {
        members.insert("examples".to_owned(), json!([example]));
    }
    if members.get("format").and_then(Value::as_str) == Some("binary") {
        members.remove("format");
        members.insert("contentMediaType".to_owned(), "application/octet-stream".into());
    }
    described(members);
    if members.remove("nullable") == Some(Value::Bool(true)) {
        let whole = std::mem::take(members);
        *members = nullable(whole);
    }
}

/// `minimum: 1, exclusiveMinimum: true` as `exclusiveMinimum: 1`.
fn limit(members: &mut Map<String, Value>, exclusive: &str, inclusive: &str) {
    match members.get(exclusive) {
        Some(Value::Bool(true)) => match members.remove(inclusive) {
            Some(bound) => members.insert(exclusive.to_owned(), bound),
            None => members.remove(exclusive),
        },
        Some(Value::Bool(false)) => members.remove(exclusive),
        _ => None,
    };
}

/// A reference with a description beside it, which 3.0 could only say by `allOf`.
fn described(members: &mut Map<String, Value>) {
    let Some(Value::Array(all)) = members.get("allOf") else { return };
    let [Value::Object(first), Value::Object(second)] = all.as_slice() else { return };
    let (Some(reference), Some(about)) = (first.get("$ref"), second.get("description")) else {
        return;
    };
    if first.len() == 1 && second.len() == 1 {
        let (reference, about) = (reference.clone(), about.clone());
        members.remove("allOf");
        members.insert("$ref".to_owned(), reference);
        members.insert("description".to_owned(), about);
    }
}

fn nullable(mut members: Map<String, Value>) -> Map<String, Value> {
    match members.get_mut("type") {
        Some(kind @ Value::String(_)) => *kind = json!([kind.take(), "null"]),
        Some(Value::Array(kinds)) => kinds.push("null".into()),
        _ => {
            let either = json!({ "anyOf": [members, { "type": "null" }] });
            return either.as_object().cloned().unwrap_or_default();
        }
    }
    if let Some(Value::Array(values)) = members.get_mut("enum") {
        values.push(Value::Null);
    }
    members
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[track_caller]
    fn becomes(old: Value, new: &Value) {
        let mut value = old;
        super::schema(&mut value, "h.");
        assert_eq!(value, *new);
    }

    #[test]
    fn what_may_be_null_says_so_in_its_type() {
        becomes(
            json!({ "type": "string", "nullable": true }),
            &json!({ "type": ["string", "null"] }),
        );
        becomes(json!({ "type": "string", "nullable": false }), &json!({ "type": "string" }));
        becomes(
            json!({ "allOf": [{ "$ref": "#/components/schemas/A" }, { "description": "one" }] }),
            &json!({ "$ref": "#/components/schemas/h.A", "description": "one" }),
        );
        becomes(
            json!({ "type": "string", "enum": ["a"], "nullable": true }),
            &json!({ "type": ["string", "null"], "enum": ["a", null] }),
        );
        becomes(
            json!({ "allOf": [{ "$ref": "#/components/schemas/A" }], "nullable": true }),
            &json!({ "anyOf": [
                { "allOf": [{ "$ref": "#/components/schemas/h.A" }] },
                { "type": "null" },
            ] }),
        );
    }

    #[test]
    fn a_limit_that_is_not_allowed_itself_is_a_number() {
        becomes(
            json!({ "minimum": 1, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": false }),
            &json!({ "exclusiveMinimum": 1, "maximum": 9 }),
        );
        becomes(json!({ "exclusiveMaximum": true }), &json!({}));
    }

    #[test]
    fn what_a_property_is_called_is_not_what_it_is() {
        becomes(
            json!({ "properties": { "nullable": { "type": "boolean", "example": true } } }),
            &json!({ "properties": { "nullable": { "type": "boolean", "examples": [true] } } }),
        );
    }

    #[test]
    fn schemas_are_found_wherever_operations_have_them() {
        let old = json!({
            "openapi": "3.0.0",
            "paths": { "/a": { "get": {
                "deprecated": false,
                "parameters": [{ "name": "b", "in": "query", "explode": true,
                                 "schema": { "type": "string", "nullable": true } }],
                "responses": { "200": { "content": { "application/json; charset=utf-8": {
                    "schema": { "$ref": "#/components/schemas/A" },
                } } } },
            } } },
            "components": { "schemas": { "A": { "type": "object" } } },
        });
        let new = super::upgrade(old, "h.");
        let get = &new["paths"]["/a"]["get"];
        let schema = json!({ "type": ["string", "null"] });
        let parameter = json!({ "name": "b", "in": "query", "schema": schema });
        assert_eq!((&get["parameters"][0], get.get("deprecated")), (&parameter, None));
        let content = &get["responses"]["200"]["content"]["application/json"];
        assert_eq!(content["schema"], json!({ "$ref": "#/components/schemas/h.A" }));
        assert_eq!(new["components"]["schemas"], json!({ "h.A": { "type": "object" } }));
    }
}
