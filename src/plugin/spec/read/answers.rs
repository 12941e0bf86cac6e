//! The answers that a spec promises.

use std::collections::BTreeMap;

use rhai::{Dynamic, Map};
use serde_json::{Value, json};

use super::{
    Read, Reading, SpecFault,
    body::{JSON, refuse_files},
};
use crate::{
    host::{
        problem,
        schema::{Medium, Presence, media_types},
    },
    plugin::spec::Answer,
    schema::{Schema, walk},
};

/// Statuses whose answers have no body.
const BODILESS: [u16; 3] = [204, 205, 304];

/// `returns`: a schema, or schemas by status.
pub(super) fn returns(
    value: Option<&Dynamic>,
    reading: Reading<'_>,
) -> Read<BTreeMap<u16, Answer>> {
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let map = value.read_lock::<Map>();
    let is_status = |key: &str| is_digits(key) || is_range(key);
    let Some(map) = map.filter(|map| map.keys().any(|key| is_status(key))) else {
        let answer = answer(&["returns"], value, reading)?;
        let status = if answer.content.is_none() { 204 } else { 200 };
        return Ok(BTreeMap::from([(status, answer)]));
    };
    let mut answers = BTreeMap::new();
    for (key, value) in map.iter() {
        let path = ["returns", key.as_str()];
        let status = status(&path, 200..=399)?;
        let answer = answer(&path, value, reading)?;
        if BODILESS.contains(&status) && answer.content.is_some() {
            let message = format!("an answer of {status} has no body");
            return Err(SpecFault::new(&path, message).help(format!("write `\"{status}\": null`")));
        }
        answers.insert(status, answer);
    }
    Ok(answers)
}

fn answer(path: &[&str], value: &Dynamic, reading: Reading<'_>) -> Read<Answer> {
    if value.is_unit() {
        return Ok(Answer::default());
    }
    let script = super::schema(path, value)?;
    if script.presence() == Presence::Optional {
        let message = format!("`{}` cannot be optional", path.join("."));
        let help = "an answer without a body has a status of its own: \
                    `returns: #{ \"200\": …, \"204\": null }`";
        return Err(SpecFault::new(path, message).help(help));
    }
    if script.medium() == Medium::Form {
        let message = format!("`{}` is a form, and forms are what clients send", path.join("."));
        let help = "write the map of its fields, without `form(…)`";
        return Err(SpecFault::new(path, message).help(help));
    }
    let schema = reading.complete(&script);
    let mut more = Vec::new();
    let kind = if walk::is_file(schema.json(), schema.components()) {
        let mut types = media_types(schema.json(), schema.components()).into_iter();
        let first = types.next().unwrap_or_else(|| "application/octet-stream".to_owned());
        more.extend(types);
        first
    } else {
        refuse_files(path, &schema)?;
        match schema.is_text() {
            // Without its parameters, as documents name media types.
            true => reading.string_type.split(';').next().unwrap_or_default().to_owned(),
            false => JSON.to_owned(),
        }
    };
    let description = schema.json().get("description").and_then(Value::as_str);
    let description = description.map(str::to_owned);
    Ok(Answer { description, content: Some((kind, schema)), more })
}

/// `errors`: texts or schemas by status.
pub(super) fn errors(value: Option<&Dynamic>, reading: Reading<'_>) -> Read<BTreeMap<u16, Answer>> {
    let mut answers = BTreeMap::new();
    let Some(value) = value else { return Ok(answers) };
    for (key, value) in super::map(&["errors"], value, "a map of statuses")?.iter() {
        let path = ["errors", key.as_str()];
        let status = status(&path, 400..=599)?;
        let answer = if let Ok(text) = value.clone().into_string() {
            Answer { description: Some(text), ..Answer::default() }
        } else {
            let schema = reading.complete(&super::schema(&path, value)?);
            refuse_misfits(&path, &schema)?;
            problem(&schema)
        };
        answers.insert(status, answer);
    }
    Ok(answers)
}

/// Refuses what no problem document fits, so that nothing that is raised would.
fn refuse_misfits(path: &[&str; 2], schema: &Schema) -> Read<()> {
    let [_, status] = *path;
    let kinds = walk::kinds(schema.json(), schema.components());
    if !kinds.is_empty() && !kinds.iter().any(|kind| matches!(*kind, "object" | "array")) {
        let message =
            format!("the error {status} is a problem document, not {}", kinds.join(" or "));
        let help = format!("say what it means, `\"{status}\": \"…\"`, or a map of members");
        return Err(SpecFault::new(path, message).help(help));
    }
    let own = schema.resolved().get("properties").and_then(Value::as_object);
    for (name, member) in own.into_iter().flatten() {
        let (usual, words) = match name.as_str() {
            "status" => ("integer", "an integer"),
            "type" | "title" | "detail" => ("string", "a string"),
            _ => continue,
        };
        let kinds = walk::kinds(member, schema.components());
        if !kinds.is_empty() && !kinds.iter().any(|kind| [usual, "number"].contains(kind)) {
            let message = format!("`{name}` of a problem document is {words}");
            let help = "give the member of your own another name";
            return Err(SpecFault::new(&[path[0], status, name], message).help(help));
        }
    }
    Ok(())
}

/// An error with members of its own beside those of a problem document; what is no object is the whole
/// body.
fn problem(schema: &Schema) -> Answer {
    let resolved = schema.resolved();
    let description = resolved.get("description").and_then(Value::as_str).map(str::to_owned);
    let Some(own) = resolved.get("properties").and_then(Value::as_object) else {
        let content = Some((JSON.to_owned(), schema.clone()));
        return Answer { description, content, ..Answer::default() };
    };
    let mut properties =
        problem::schema().get_mut("properties").map(Value::take).unwrap_or_default();
    let mut required = vec![json!("status"), json!("title")];
    if let Some(properties) = properties.as_object_mut() {
        properties.extend(own.iter().map(|(name, json)| (name.clone(), json.clone())));
    }
    let listed = resolved.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    required.extend(listed);
    required.sort_by_key(ToString::to_string);
    required.dedup();
    let json = json!({ "type": "object", "properties": properties, "required": required });
    let schema = Schema::gather(json, schema.components());
    let content = Some((problem::MEDIA_TYPE.to_owned(), schema));
    Answer { description, content, ..Answer::default() }
}

fn status(path: &[&str; 2], range: std::ops::RangeInclusive<u16>) -> Read<u16> {
    let [part, key] = *path;
    // Three digits: `0200` would be the same status again.
    let is_one = key.len() == 3 && is_digits(key);
    let status = key.parse().ok().filter(|status| is_one && range.contains(status));
    status.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        let message = format!("`{part}` has `{key}`, which is not a status from {least} to {most}");
        let fault = SpecFault::new(path, message);
        if is_range(key) {
            return fault.help("write each status that the handler answers with");
        }
        match (part, key.parse::<u16>()) {
            ("returns", Ok(400..=599)) => fault.help("failures stand in `errors`"),
            ("errors", Ok(200..=399)) => fault.help("successes stand in `returns`"),
            ("errors", _) => fault.help("write `errors: #{ \"404\": … }`"),
            _ => fault.help(format!("write `{part}: #{{ \"{least}\": … }}`")),
        }
    })
}

/// Whether a key is what OpenAPI writes for all statuses of a hundred: `2XX`.
fn is_range(key: &str) -> bool {
    matches!(key.as_bytes(), [b'1'..=b'5', b'x' | b'X', b'x' | b'X'])
}

fn is_digits(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit())
}
