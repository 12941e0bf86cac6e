//! Schemas as scripts build them: `string().min(1).optional()`.
//!
//! A [`ScriptSchema`] is JSON Schema from the first call on; each method gives another one. What a
//! method is told wrongly is a diagnostic at its place. A bare map is always an object's properties.

mod bounds;
mod build;
mod files;
mod object;
mod register;

use rhai::{Dynamic, EvalAltResult, Map};
use serde_json::{Value, json};

pub(crate) use files::media_types;
pub(crate) use register::register;

use crate::{
    schema::{
        COMPONENTS, Components, Schema,
        check::Checker,
        walk::{self, reference},
    },
    script::{Native, json, mistake::Mistake},
};

/// The JSON object of a schema.
type Json = serde_json::Map<String, Value>;

/// How many levels of JSON a schema may have. A document holds it some levels down, and readers of JSON take
/// 127 of them.
const DEEPEST: usize = 100;

/// How many values of JSON a schema may have.
const LARGEST: usize = 100_000;

/// A schema in a script.
#[derive(Debug, Clone)]
pub(crate) struct ScriptSchema {
    json: Json,
    components: Components,
    presence: Presence,
    medium: Medium,
}

/// Whether a property or parameter may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It must be there.
    Required,
    /// It may be absent.
    Optional,
}

/// How a body travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Medium {
    /// As its type says: JSON, text or bytes.
    Value,
    /// As a form.
    Form,
}

/// A mistake in a schema.
fn wrong(message: impl Into<String>) -> Box<EvalAltResult> {
    Mistake::new("schema", message).raised()
}

/// A mistake in a schema, and what to write instead.
fn wrong_but(message: impl Into<String>, help: impl Into<String>) -> Box<EvalAltResult> {
    Mistake::new("schema", message).help(help).raised()
}

impl ScriptSchema {
    fn new(json: Value) -> Self {
        let json = match json {
            Value::Object(json) => json,
            _ => Json::new(),
        };
        Self {
            json,
            components: Components::new(),
            presence: Presence::Required,
            medium: Medium::Value,
        }
    }

    /// The schema that a script's value stands for: itself, or an object with the properties of a map.
    pub(crate) fn of(value: &Dynamic) -> Native<Self> {
        if let Some(schema) = value.read_lock::<Self>() {
            return Ok(schema.clone());
        }
        if let Some(map) = value.read_lock::<Map>() {
            return object::object(&map);
        }
        let help = match value.read_lock::<rhai::FnPtr>() {
            Some(function) => format!("call it: `{}()`", function.fn_name()),
            None if value.is_unit() => "write `any_value()` for any value".to_owned(),
            None => "write one such as `string()`, or a map of properties; a single value is \
                     `literal(…)`"
                .to_owned(),
        };
        let kind = crate::host::define::words(value.type_name());
        Err(wrong_but(format!("a schema is wanted here, not {kind}"), help))
    }

    /// The schema that a script's value stands for as a part of another one.
    fn part(value: &Dynamic) -> Native<Self> {
        let part = Self::of(value)?;
        if part.medium == Medium::Form {
            return Err(wrong_but(
                "a form is a whole body and no part of anything",
                "write the map of its fields, without `form(…)`",
            ));
        }
        Ok(part)
    }

    /// Whether a property or parameter of it may be absent: it is optional, or has a default.
    pub(crate) fn may_be_absent(&self) -> bool {
        self.presence == Presence::Optional
            || walk::default_of(&self.value(), &self.components).is_some()
    }

    /// Whether `.optional()` was said.
    pub(crate) fn presence(&self) -> Presence {
        self.presence
    }

    /// How it travels as a body.
    pub(crate) fn medium(&self) -> Medium {
        self.medium
    }

    /// Its JSON.
    pub(crate) fn value(&self) -> Value {
        Value::Object(self.json.clone())
    }

    /// The named schemas it brings along.
    pub(crate) fn components(&self) -> &Components {
        &self.components
    }

    /// What is wanted of a part in words, such as `string()`.
    fn in_words(&self) -> String {
        if let Some(name) = self.named() {
            return format!("the schema `{name}`");
        }
        match self.kind() {
            Some("integer") => "int()",
            Some("number") => "float()",
            Some("boolean") => "bool()",
            Some("array") => "array(…)",
            Some("object") if self.json.contains_key("properties") => "an object",
            Some("object") => "map(…)",
            Some("string") if self.is_file() => "file()",
            Some("string") => "string()",
            _ if self.json.contains_key("const") => "literal(…)",
            _ if self.json.contains_key("enum") || self.json.contains_key("anyOf") => "one_of(…)",
            _ => "this schema",
        }
        .to_owned()
    }

    /// The name it refers to.
    fn named(&self) -> Option<&str> {
        self.json.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
    }

    /// Its JSON type, null aside.
    fn kind(&self) -> Option<&str> {
        match self.json.get("type")? {
            Value::String(kind) => Some(kind),
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null")
            }
            _ => None,
        }
    }

    fn is_file(&self) -> bool {
        self.json.get("format").and_then(Value::as_str) == Some("binary")
    }

    /// The schema without its name, to be changed: what has a name stays as it is.
    fn opened(&self) -> Native<Self> {
        if self.named().is_none() {
            return Ok(self.clone());
        }
        let value = self.value();
        let resolved = walk::resolved(&value, &self.components);
        let Value::Object(inner) = resolved else { return Ok(self.clone()) };
        if let Some(name) = reference(resolved) {
            return Err(wrong_but(
                format!("`ref(\"{name}\")` cannot be changed, because it is not known here"),
                format!("keep what `schema(\"{name}\", …)` gives in a constant, and change that"),
            ));
        }
        let mut json = inner.clone();
        let beside = self.json.iter().filter(|(key, _)| *key != "$ref");
        json.extend(beside.map(|(key, value)| (key.clone(), value.clone())));
        Ok(Self { json, ..self.clone() })
    }

    fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.json.insert(key.to_owned(), value.into());
        self
    }

    /// Takes over the named schemas of a part.
    fn brings(&mut self, part: &Self) {
        let new = part.components.iter().filter(|(name, _)| !self.components.contains_key(*name));
        let new: Vec<_> = new.map(|(name, json)| (name.clone(), json.clone())).collect();
        self.components.extend(new);
    }

    /// Checks that it is neither too deep nor too large.
    fn bounded_itself(self) -> Native<Self> {
        let mut left: Vec<(&Value, usize)> = self.json.values().map(|value| (value, 2)).collect();
        let mut count = 1;
        while let Some((value, level)) = left.pop() {
            count += 1;
            if count > LARGEST {
                return Err(wrong_but(
                    format!("this schema has more than {LARGEST} parts"),
                    "give parts that come again names: `schema(\"Name\", …)`",
                ));
            }
            let before = left.len();
            match value {
                Value::Array(items) => left.extend(items.iter().map(|item| (item, level + 1))),
                Value::Object(parts) => left.extend(parts.values().map(|part| (part, level + 1))),
                _ => {}
            }
            if left.len() > before && level > DEEPEST {
                return Err(wrong_but(
                    format!("this schema is nested deeper than {DEEPEST} levels of JSON"),
                    "give a part of it a name: `schema(\"Name\", …)`",
                ));
            }
        }
        Ok(self)
    }

    /// Checks that it is not too much, and that a default and examples fit.
    fn fitting(self) -> Native<Self> {
        let schema = self.bounded_itself()?;
        schema.fitting_stated()
    }

    fn fitting_stated(self) -> Native<Self> {
        let examples = self.json.get("examples").and_then(Value::as_array);
        let stated = self.json.get("default").map(|value| ("default", value));
        let stated = stated
            .into_iter()
            .chain(examples.into_iter().flatten().map(|value| ("example", value)));
        let stated: Vec<(&str, Value)> =
            stated.map(|(what, value)| (what, value.clone())).collect();
        if stated.is_empty() {
            return Ok(self);
        }
        let schema = Schema::new(self.value(), self.components.clone());
        if !schema.unknown().is_empty() {
            // Checked again when all names are known.
            return Ok(self);
        }
        let checker = Checker::new(&schema).map_err(wrong)?;
        for (what, value) in stated {
            if let Some(fault) = checker.faults(&value).first() {
                let part = match fault.pointer.as_str() {
                    "" => String::new(),
                    pointer => format!(", at `{pointer}`"),
                };
                return Err(wrong(format!(
                    "the {what} {value} does not fit its own schema{part}: it {}",
                    fault.message
                )));
            }
        }
        Ok(self)
    }
}

/// A script's value as JSON, for a method that keeps it.
fn plain(method: &str, value: &Dynamic) -> Native<Value> {
    json::to_value(value).map_err(|error| wrong(format!("`{method}` takes a value: {error}")))
}

/// The schema that refers to a named one.
fn referring(name: &str) -> ScriptSchema {
    ScriptSchema::new(json!({ "$ref": format!("{COMPONENTS}{name}") }))
}

#[cfg(test)]
mod tests;
