//! The parameters that a spec declares.

use http::HeaderName;
use rhai::{Dynamic, Map};
use serde_json::Value;

use super::{Read, Reading, SpecFault, map};
use crate::{
    diagnostic::nearest,
    host::schema::{Presence, ScriptSchema},
    plugin::spec::{Location, Parameter},
    schema::{Schema, walk},
};

/// Headers that a document describes otherwise than as parameters.
const OTHERWISE: [(&str, &str); 3] = [
    ("accept", "what is answered is said by `returns`"),
    ("authorization", "who may call is said by `auth`"),
    ("content-type", "what is taken is said by `body`"),
];

pub(super) fn read(spec: &Map, reading: Reading<'_>) -> Read<Vec<Parameter>> {
    let mut parameters = Vec::new();
    for (key, location) in [
        ("params", Location::Path),
        ("query", Location::Query),
        ("headers", Location::Header),
        ("cookies", Location::Cookie),
    ] {
        let Some(value) = spec.get(key) else { continue };
        if value.is::<ScriptSchema>() {
            let message = format!("`{key}` in a spec is a map of names, not one schema");
            let help = format!("write `{key}: #{{ name: string() }}`");
            return Err(SpecFault::new(&[key], message).help(help));
        }
        for (name, value) in map(&[key], value, "a map of names and schemas")?.iter() {
            let parameter = parameter(key, location, name, value, reading)?;
            if parameters.iter().any(|there: &Parameter| {
                there.location == location
                    && there.name.eq_ignore_ascii_case(&parameter.name)
                    && location == Location::Header
            }) {
                let message = format!("the header `{}` is declared twice", parameter.name);
                return Err(SpecFault::new(&[key, name], message));
            }
            parameters.push(parameter);
        }
    }
    Ok(parameters)
}

fn parameter(
    key: &str,
    location: Location,
    name: &str,
    value: &Dynamic,
    reading: Reading<'_>,
) -> Read<Parameter> {
    let path = [key, name];
    let written = named(location, name, reading).map_err(|(message, help)| {
        let fault = SpecFault::new(&path, message);
        match help {
            Some(help) => fault.help(help),
            None => fault,
        }
    })?;
    let schema = super::schema(&path, value)?;
    let presence = schema.presence();
    let schema = reading.complete(&schema);
    let required = presence == Presence::Required && schema.default().is_none();
    if location == Location::Path && !required {
        let what = match presence {
            Presence::Optional => "be optional",
            Presence::Required => "have a default",
        };
        let message =
            format!("the path parameter `{name}` cannot {what}: without it the path is another");
        return Err(SpecFault::new(&path, message).help("declare a second route without it"));
    }
    if let Some(why) = unfit(location, &schema) {
        let message = format!("the parameter `{name}` cannot be {why}");
        let help = match location {
            Location::Query | Location::Header => {
                "a parameter is a string, a number, a bool or an array of these; what may be left out \
                 is `.optional()`"
            }
            Location::Path | Location::Cookie => {
                "a parameter here is a string, a number or a bool; an array can stand in the query"
            }
        };
        return Err(SpecFault::new(&path, message).help(help));
    }
    Ok(Parameter { name: written, location, schema, required })
}

/// The name as it is written in a request.
fn named(
    location: Location,
    name: &str,
    reading: Reading<'_>,
) -> Result<String, (String, Option<String>)> {
    match location {
        Location::Query => Ok(name.to_owned()),
        Location::Path => {
            let known: Vec<&str> = reading.pattern.names().collect();
            if known.contains(&name) {
                return Ok(name.to_owned());
            }
            let message =
                format!("`params` names `{name}`, which is not in the path {}", reading.pattern);
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => {
                    format!("write it in the path as `{{{name}}}`, or declare it in `query`")
                }
                None => format!("the path has {}", known.join(", ")),
            };
            Err((message, Some(help)))
        }
        Location::Header => {
            let written = name.replace('_', "-");
            if HeaderName::from_bytes(written.as_bytes()).is_err() {
                return Err((format!("`{name}` cannot be the name of a header"), None));
            }
            let otherwise =
                OTHERWISE.iter().find(|(there, _)| there.eq_ignore_ascii_case(&written));
            match otherwise {
                Some((there, help)) => Err((
                    format!("the header `{there}` is not declared as a parameter"),
                    Some((*help).to_owned()),
                )),
                None => Ok(written),
            }
        }
        Location::Cookie => {
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            match !name.is_empty() && name.bytes().all(token) {
                true => Ok(name.to_owned()),
                false => Err((format!("`{name}` cannot be the name of a cookie"), None)),
            }
        }
    }
}

/// Why a schema is not one that a text in a request can have.
fn unfit(location: Location, schema: &Schema) -> Option<&'static str> {
    let components = schema.components();
    if walk::is_file(schema.json(), components) {
        return Some("a file, which travels in a form");
    }
    let scalar = |json: &Value| {
        let kinds = walk::kinds(json, components);
        if kinds.len() == 7 {
            return None;
        }
        kinds.iter().find_map(|kind| match *kind {
            "object" => Some("an object"),
            "array" => Some("an array"),
            "null" => Some("null"),
            _ => None,
        })
    };
    let resolved = schema.resolved();
    let is_list = walk::kinds(resolved, components) == ["array"];
    match (is_list, location) {
        (true, Location::Query | Location::Header) => match resolved.get("items") {
            Some(items) => {
                scalar(items).map(|_| "an array of anything but texts, numbers and bools")
            }
            None => None,
        },
        (true, _) => Some("an array"),
        (false, _) => scalar(resolved),
    }
}
