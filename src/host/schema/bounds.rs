//! Bounds and notes: `.min .max .pattern .format .default .describe .example`.

use rhai::Dynamic;
use serde_json::{Value, json};

use super::{ScriptSchema, files, plain, wrong, wrong_but};
use crate::{
    diagnostic::nearest,
    schema::{check::check_pattern, pattern},
    script::Native,
};

/// The formats of texts: those of JSON Schema, and those that OpenAPI adds.
const TEXT_FORMATS: [&str; 19] = [
    "byte",
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "password",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// Which end of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Least,
    Most,
}

impl End {
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Least => "min",
            Self::Most => "max",
        }
    }

    /// The keyword at this end for a JSON type.
    fn keyword(self, kind: &str) -> Option<&'static str> {
        Some(match (self, kind) {
            (Self::Least, "integer" | "number") => "minimum",
            (Self::Most, "integer" | "number") => "maximum",
            (Self::Least, "string") => "minLength",
            (Self::Most, "string") => "maxLength",
            (Self::Least, "array") => "minItems",
            (Self::Most, "array") => "maxItems",
            (Self::Least, "object") => "minProperties",
            (Self::Most, "object") => "maxProperties",
            _ => return None,
        })
    }
}

impl ScriptSchema {
    /// `.min(n)` and `.max(n)`: of a number its value, of a string, array or map its length.
    pub(super) fn bounded(&self, end: End, value: &Dynamic) -> Native<Self> {
        let method = end.method();
        let schema = self.opened()?;
        if schema.is_file() {
            return files::sized(schema, end, value);
        }
        let kind = schema.kind().unwrap_or_default().to_owned();
        let Some(keyword) = end.keyword(&kind).filter(|_| !schema.json.contains_key("enum")) else {
            let message = format!(
                "`.{method}` is for numbers, strings, arrays and maps, not for {}",
                self.in_words()
            );
            return Err(match schema.json.contains_key("anyOf") {
                true => wrong_but(message, "say it of the alternatives, before `.nullable()`"),
                false => wrong(message),
            });
        };
        let limit = match (kind.as_str(), value.as_int(), value.as_float()) {
            ("integer" | "number", Ok(limit), _) => json!(limit),
            ("number", _, Ok(limit)) if limit.is_finite() => json!(limit),
            ("integer" | "number", ..) => {
                let kind = if kind == "integer" { "an integer" } else { "a number" };
                let given = crate::host::define::words(value.type_name());
                return Err(wrong(format!(
                    "`.{method}` of {} takes {kind}, not {given}",
                    self.in_words()
                )));
            }
            (_, Ok(limit @ 0..), _) => json!(limit),
            _ => {
                return Err(wrong(format!(
                    "`.{method}` of {} is a length: an integer from 0 on",
                    self.in_words()
                )));
            }
        };
        let other = match end {
            End::Least => End::Most,
            End::Most => End::Least,
        };
        let there = other.keyword(&kind).and_then(|keyword| schema.json.get(keyword));
        if let Some(there) = there {
            let (least, most) = match end {
                End::Least => (&limit, there),
                End::Most => (there, &limit),
            };
            if least.as_f64() > most.as_f64() {
                return Err(wrong(format!(
                    "`.min({least})` is more than `.max({most})`: nothing fits"
                )));
            }
        }
        schema.with(keyword, limit).fitting()
    }

    /// `.pattern("…")`: a regular expression that must be found in the text.
    pub(super) fn patterned(&self, pattern: &str) -> Native<Self> {
        let schema = self.opened()?;
        if schema.kind() != Some("string") || schema.is_file() {
            return Err(wrong(format!("`.pattern` is for strings, not for {}", self.in_words())));
        }
        if check_pattern(pattern).is_err() {
            return Err(wrong_but(
                format!(
                    "{} is not a regular expression that can be used here",
                    crate::host::define::quoted(pattern)
                ),
                "it is written as in JavaScript, without looking ahead or behind and without \
                 references back; in a script a backslash is written twice, or the text in back-ticks",
            ));
        }
        if let Err(why) = pattern::check(pattern) {
            return Err(wrong_but(
                format!("{} is not as in JavaScript: {why}", crate::host::define::quoted(pattern)),
                "the API document holds it as it is, and other tools read it so",
            ));
        }
        schema.with("pattern", pattern).fitting()
    }

    /// `.format("…")`.
    pub(super) fn formatted(&self, format: &str) -> Native<Self> {
        let schema = self.opened()?;
        let known: &[&str] = match schema.kind() {
            Some("string") if !schema.is_file() => &TEXT_FORMATS,
            Some("integer") => &["int32", "int64"],
            Some("number") => &["float", "double"],
            _ => {
                return Err(wrong(format!(
                    "`.format` is for strings and numbers, not for {}",
                    self.in_words()
                )));
            }
        };
        if known.contains(&format) {
            return schema.with("format", format).fitting();
        }
        let message = format!(
            "{} is not a format of {}",
            crate::host::define::quoted(format),
            self.in_words()
        );
        Err(match nearest(format, known.iter().copied()) {
            Some(near) => wrong_but(message, format!("did you mean \"{near}\"?")),
            None => wrong_but(message, format!("there are {}", known.join(", "))),
        })
    }

    /// `.default(v)`: what an absent value is.
    pub(super) fn defaulted(&self, value: &Dynamic) -> Native<Self> {
        if self.is_file() {
            return Err(wrong("a file has no default"));
        }
        self.clone().with("default", plain("default", value)?).fitting()
    }

    /// `.describe("…")`: Markdown.
    pub(super) fn described(&self, text: &str) -> Self {
        self.clone().with("description", text)
    }

    /// `.example(v)`: one example, or one more.
    pub(super) fn exemplified(&self, value: &Dynamic) -> Native<Self> {
        let value = plain("example", value)?;
        let mut schema = self.clone();
        match schema.json.get_mut("examples") {
            Some(Value::Array(examples)) => examples.push(value),
            _ => drop(schema.json.insert("examples".to_owned(), json!([value]))),
        }
        schema.fitting()
    }
}
