//! Files: their size and their types.

use rhai::{Array, Dynamic};
use serde_json::{Value, json};

use super::{ScriptSchema, bounds::End, wrong, wrong_but};
use crate::{schema::walk, script::Native};

/// Where the media types of a file stand when there are several: JSON Schema has a keyword for one only.
const TYPES: &str = "x-content-types";

/// `.max("5MB")` of a file.
pub(super) fn sized(schema: ScriptSchema, end: End, value: &Dynamic) -> Native<ScriptSchema> {
    if end == End::Least {
        return Err(wrong("`.min` is not for files, which have only a `.max`"));
    }
    let bytes = match (value.as_int(), value.as_immutable_string_ref()) {
        (Ok(bytes @ 1..), _) => u64::try_from(bytes).ok(),
        (_, Ok(text)) => parse_size(&text),
        _ => None,
    };
    match bytes {
        Some(bytes) => Ok(schema.with("maxLength", bytes)),
        None => Err(wrong("`.max` of a file is a size such as \"5MB\", \"300kB\" or \"1MiB\"")),
    }
}

/// A size as people write it, in bytes.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

impl ScriptSchema {
    /// `.types([…])`: the media types that a file may have.
    pub(super) fn typed(&self, types: &Array) -> Native<Self> {
        let schema = self.opened()?;
        if !schema.is_file() {
            return Err(wrong(format!("`.types` is for files, not for {}", self.in_words())));
        }
        let mut names = Vec::new();
        for name in types {
            let name = name.clone().into_string().ok().filter(|name| is_media_type(name));
            let Some(name) = name else {
                return Err(wrong_but(
                    "`.types` takes media types",
                    "write `.types([\"image/png\", \"image/*\"])`",
                ));
            };
            names.push(name);
        }
        let mut schema = schema;
        schema.json.remove(TYPES);
        match names.as_slice() {
            [] => Err(wrong("`.types` needs at least one media type")),
            [one] => Ok(schema.with("contentMediaType", one.clone())),
            _ => {
                schema.json.remove("contentMediaType");
                Ok(schema.with(TYPES, json!(names)))
            }
        }
    }
}

fn is_media_type(name: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-*".contains(&b))
    };
    name.split_once('/').is_some_and(|(kind, sub)| part(kind) && part(sub))
}

/// The media types that a file may have; none where any may come.
pub(crate) fn media_types(schema: &Value, components: &crate::schema::Components) -> Vec<String> {
    let schema = walk::resolved(schema, components);
    if let Some(Value::Array(several)) = schema.get(TYPES) {
        return several.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    }
    match schema.get("contentMediaType").and_then(Value::as_str) {
        None | Some("application/octet-stream") => Vec::new(),
        Some(one) => vec![one.to_owned()],
    }
}
