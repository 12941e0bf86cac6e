//! Objects: their properties, and other objects made from them.

use rhai::{Array, Dynamic, Map};
use serde_json::{Value, json};

use super::{Json, Medium, Presence, ScriptSchema, build::check_fields, wrong, wrong_but};
use crate::{diagnostic::nearest, schema::walk, script::Native};

/// `object(#{…})`: these properties and no others.
pub(super) fn object(properties: &Map) -> Native<ScriptSchema> {
    let empty = ScriptSchema::new(
        json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    );
    empty.extended(properties)
}

impl ScriptSchema {
    /// The object that it is, without a name, to be changed.
    fn as_object(&self, method: &str) -> Native<Self> {
        let schema = self.opened()?;
        if schema.json.get("properties").is_some_and(Value::is_object) {
            return Ok(schema);
        }
        Err(wrong(format!("`{method}` is for objects, not for {}", self.in_words())))
    }

    /// A copy of the properties.
    fn properties(&self) -> Json {
        self.json.get("properties").and_then(Value::as_object).cloned().unwrap_or_default()
    }

    fn set_properties(&mut self, properties: Json) {
        self.json.insert("properties".to_owned(), Value::Object(properties));
    }

    fn require(&mut self, change: impl FnOnce(&mut Vec<String>)) {
        let listed = self.json.get("required").and_then(Value::as_array);
        let names = listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        let mut names: Vec<String> = names.collect();
        change(&mut names);
        names.sort();
        names.dedup();
        match names.is_empty() {
            true => drop(self.json.remove("required")),
            false => drop(self.json.insert("required".to_owned(), names.into())),
        }
    }

    /// `.extend(#{…})`: with more properties, or others of the same names.
    pub(super) fn extended(&self, more: &Map) -> Native<Self> {
        let mut schema = self.as_object("extend")?;
        let mut properties = schema.properties();
        for (name, value) in more {
            if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong_but(
                    format!(
                        "`{name}` is no property: digits are statuses, in `returns` and `errors`"
                    ),
                    "a property with such a name is written by `json_schema(#{ … })`",
                ));
            }
            let property = Self::part(value).map_err(|error| in_property(name, error))?;
            let absent = property.may_be_absent();
            properties.insert(name.to_string(), property.value());
            schema.require(|names| {
                names.retain(|there| there != name.as_str());
                if !absent {
                    names.push(name.to_string());
                }
            });
            schema.brings(&property);
        }
        schema.set_properties(properties);
        schema.fitting_its_way()?.fitting()
    }

    /// `.extend(other)`: with the properties of another object.
    pub(super) fn merged(&self, other: &Self) -> Native<Self> {
        let mut schema = self.as_object("extend")?;
        let mut other = other.as_object("extend")?;
        let more = other.properties();
        let names: Vec<String> = more.keys().cloned().collect();
        let mut required = Vec::new();
        other.require(|names| required.clone_from(names));
        let mut properties = schema.properties();
        properties.extend(more);
        schema.set_properties(properties);
        schema.require(|there| {
            there.retain(|name| !names.contains(name));
            there.extend(required);
        });
        schema.brings(&other);
        schema.fitting_its_way()?.fitting()
    }

    /// Checks that a form is still one.
    fn fitting_its_way(self) -> Native<Self> {
        if self.medium == Medium::Form {
            check_fields(&self)?;
        }
        Ok(self)
    }

    /// `.pick([…])` and `.omit([…])`.
    pub(super) fn chosen(&self, method: &str, names: &Array, picked: bool) -> Native<Self> {
        let mut schema = self.as_object(method)?;
        let mut properties = schema.properties();
        let mut wanted = Vec::new();
        for name in names {
            let name = name.clone().into_string().map_err(|kind| {
                wrong(format!("`{method}` takes names of properties, not {kind}"))
            })?;
            if !properties.contains_key(&name) {
                let message = format!("`{method}` names `{name}`, which is not a property here");
                let known: Vec<&str> = properties.keys().map(String::as_str).collect();
                return Err(match nearest(&name, known.iter().copied()) {
                    Some(near) => wrong_but(message, format!("did you mean `{near}`?")),
                    None => wrong_but(message, format!("it has {}", known.join(", "))),
                });
            }
            wanted.push(name);
        }
        properties.retain(|name, _| wanted.contains(name) == picked);
        schema.set_properties(properties);
        schema.require(|there| there.retain(|name| wanted.contains(name) == picked));
        schema.json.remove("examples");
        schema.json.remove("default");
        Ok(schema)
    }

    /// `.partial()`: each property may be absent, and stays so: defaults are dropped.
    pub(super) fn partial(&self) -> Native<Self> {
        let mut schema = self.as_object("partial")?;
        let components = schema.components.clone();
        let mut properties = schema.properties();
        for property in properties.values_mut() {
            let inherited = walk::default_of(property, &components).is_some();
            if inherited && property.get("default").is_none() {
                // The default comes with a named schema, so it stands here without its name.
                *property = walk::resolved(property, &components).clone();
            }
            if let Some(parts) = property.as_object_mut() {
                parts.remove("default");
            }
        }
        schema.set_properties(properties);
        schema.require(Vec::clear);
        schema.json.remove("default");
        schema.bounded_itself()
    }

    /// `.additional_properties(…)`: whether there may be other properties, and what they must be.
    pub(super) fn additional(&self, value: &Dynamic) -> Native<Self> {
        let schema = self.as_object("additional_properties")?;
        if let Ok(any) = value.as_bool() {
            return schema.with("additionalProperties", any).fitting();
        }
        let other = Self::part(value)?;
        let mut schema = schema.with("additionalProperties", other.value());
        schema.brings(&other);
        schema.fitting()
    }

    /// `.optional()`.
    pub(super) fn optional(mut self) -> Self {
        self.presence = Presence::Optional;
        self
    }

    /// `.nullable()`.
    pub(super) fn nullable(&self) -> Native<Self> {
        let mut schema = self.clone();
        let kinds = match schema.json.get("type") {
            Some(Value::String(kind)) => Some(vec![kind.clone()]),
            Some(Value::Array(kinds)) => {
                Some(kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            }
            _ => None,
        };
        let Some(mut kinds) = kinds else {
            if schema.json.is_empty() {
                return Ok(schema);
            }
            let mut outer = Self::new(json!({}));
            // What is said about the value stays outside, where documents show it.
            for key in ["description", "default", "examples"] {
                if let Some(value) = schema.json.remove(key) {
                    outer.json.insert(key.to_owned(), value);
                }
            }
            let inner = schema.value();
            return Self { json: outer.json, ..schema }
                .with("anyOf", json!([inner, { "type": "null" }]))
                .bounded_itself();
        };
        if let Some(constant) = schema.json.remove("const") {
            schema.json.insert("enum".to_owned(), json!([constant]));
        }
        if let Some(Value::Array(values)) = schema.json.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
        if !kinds.iter().any(|kind| kind == "null") {
            kinds.push("null".to_owned());
        }
        Ok(schema.with("type", kinds))
    }
}

/// Names the property that a mistake is in.
fn in_property(name: &str, error: Box<rhai::EvalAltResult>) -> Box<rhai::EvalAltResult> {
    use crate::script::mistake::Mistake;
    let rhai::EvalAltResult::ErrorRuntime(value, _) = &*error else { return error };
    let Some(mistake) = value.read_lock::<Mistake>().map(|mistake| mistake.clone()) else {
        return error;
    };
    let inside = std::iter::once(name.to_owned()).chain(mistake.inside).collect();
    Mistake { inside, ..mistake }.raised()
}
