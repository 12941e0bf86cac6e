//! The body that a spec declares.

use std::collections::BTreeMap;

use rhai::Dynamic;
use serde_json::Value;

use super::{Read, Reading, SpecFault, map, plain};
use crate::{
    host::schema::{Medium, Presence, media_types},
    plugin::spec::{Body, takes_body},
    schema::{Schema, check::Checker, walk},
};

/// The media types of forms.
pub(crate) const URLENCODED: &str = "application/x-www-form-urlencoded";
pub(crate) const MULTIPART: &str = "multipart/form-data";

/// The media type of what is neither text, form nor file.
pub(crate) const JSON: &str = "application/json";

pub(super) fn read(value: &Dynamic, reading: Reading<'_>) -> Read<Body> {
    let path = ["body"];
    // Of several methods, those that may have a body are held to it.
    if let (Some(method), false) =
        (reading.methods.first(), reading.methods.iter().any(|method| takes_body(method)))
    {
        let message = format!("{method} has no body");
        let help = "declare what it takes in `query`, or answer to POST";
        return Err(SpecFault::new(&path, message).help(help));
    }
    let script = super::schema(&path, value)?;
    let schema = reading.complete(&script);
    let required = script.presence() == Presence::Required && schema.default().is_none();
    let mut encoding = BTreeMap::new();
    let kinds: Vec<String> = match script.medium() {
        Medium::Form => {
            let properties = schema.resolved().get("properties").and_then(Value::as_object);
            let files = properties.into_iter().flatten().filter(|(_, field)| {
                let field = walk::resolved(field, schema.components());
                let item = field.get("items").unwrap_or(field);
                walk::is_file(item, schema.components())
            });
            let mut has_files = false;
            for (name, field) in files {
                has_files = true;
                let field = walk::resolved(field, schema.components());
                let types = media_types(field.get("items").unwrap_or(field), schema.components());
                if !types.is_empty() {
                    encoding.insert(name.clone(), types.join(", "));
                }
            }
            match has_files {
                true => vec![MULTIPART.to_owned()],
                false => vec![URLENCODED.to_owned(), MULTIPART.to_owned()],
            }
        }
        Medium::Value if walk::is_file(schema.json(), schema.components()) => {
            let types = media_types(schema.json(), schema.components());
            match types.is_empty() {
                true => vec!["application/octet-stream".to_owned()],
                false => types,
            }
        }
        Medium::Value => {
            refuse_files(&path, &schema)?;
            let kind = if schema.is_text() { "text/plain" } else { JSON };
            vec![kind.to_owned()]
        }
    };
    let content = kinds.into_iter().map(|kind| (kind, schema.clone())).collect();
    let largest_file = largest_file(&schema);
    Ok(Body { required, content, encoding, largest_file })
}

/// The most bytes that a schema allows a file to have: itself, or one of its fields.
fn largest_file(schema: &Schema) -> Option<u64> {
    let fields = schema.resolved().get("properties").and_then(Value::as_object);
    let parts = fields.into_iter().flatten().map(|(_, field)| field).chain([schema.json()]);
    let parts = parts.map(|part| {
        let part = walk::resolved(part, schema.components());
        walk::resolved(part.get("items").unwrap_or(part), schema.components())
    });
    let files = parts.filter(|part| walk::is_file(part, schema.components()));
    files.filter_map(|file| file.get("maxLength")?.as_u64()).max()
}

/// A file cannot be a part of JSON.
pub(super) fn refuse_files(path: &[&str], schema: &Schema) -> Read<()> {
    let mut left: Vec<&Value> = vec![schema.json()];
    left.extend(schema.components().values());
    while let Some(part) = left.pop() {
        if part.get("format").and_then(Value::as_str) == Some("binary") {
            let message =
                format!("`{}` has a file, which cannot be a part of JSON", path.join("."));
            let help = "a file travels in a form: `body: form(#{ … })`, or is the whole body";
            return Err(SpecFault::new(path, message).help(help));
        }
        if let Value::Object(parts) = part {
            walk::each(parts, |part| left.push(part));
        }
    }
    Ok(())
}

pub(super) fn examples(
    value: Option<&Dynamic>,
    body: Option<&Body>,
) -> Read<BTreeMap<String, Value>> {
    let mut examples = BTreeMap::new();
    let Some(value) = value else { return Ok(examples) };
    let schema = body.and_then(|body| body.content.first()).map(|(_, schema)| schema);
    let Some(schema) = schema else {
        let message = "`examples` in a spec are examples of its body, which is not declared";
        return Err(SpecFault::new(&["examples"], message)
            .help("declare `body`, or say `.example(…)` of a schema"));
    };
    let checker = match schema.unknown().is_empty() {
        true => Checker::new(schema).ok(),
        false => None,
    };
    for (name, value) in map(&["examples"], value, "a map of names and values")?.iter() {
        let path = ["examples", name.as_str()];
        let example = plain(&path, value)?;
        let faults = checker.as_ref().map(|checker| checker.faults(&example)).unwrap_or_default();
        if let Some(fault) = faults.first() {
            let part = if fault.pointer.is_empty() { "it" } else { &fault.pointer };
            let message = format!(
                "the example `{name}` is not what `body` declares: {part} {}",
                fault.message
            );
            return Err(SpecFault::new(&path, message));
        }
        examples.insert(name.to_string(), example);
    }
    Ok(examples)
}
