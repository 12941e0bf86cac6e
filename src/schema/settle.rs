//! Making a value that fits its schema what a handler expects: defaults filled in, numbers of the type
//! that the schema names.

use std::{collections::BTreeMap, sync::Arc};

use jsonschema::Validator;
use serde_json::{Map, Number, Value};

use super::{
    Components,
    check::compile,
    walk::{self, alternatives},
};

/// How deep a value is followed; the parser allows no deeper ones.
const DEEPEST: usize = 128;

/// What there is to do for the values of one schema.
#[derive(Debug, Default)]
pub(super) struct Shape {
    here: Part,
    named: Arc<BTreeMap<String, Part>>,
}

/// What there is to do at one place of a value.
#[derive(Debug, Default)]
struct Part {
    number: Option<Kind>,
    defaults: Vec<(String, Value)>,
    properties: BTreeMap<String, Part>,
    other_properties: Option<Box<Part>>,
    items: Option<Box<Part>>,
    all: Vec<Part>,
    any: Vec<(Validator, Part)>,
    named: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Integer,
    Float,
}

impl Shape {
    pub(super) fn of(json: &Value, components: &Components) -> Result<Self, String> {
        let mut named = BTreeMap::new();
        for (name, schema) in components {
            let part = Part::of(schema, components)?;
            if !part.is_idle() {
                named.insert(name.clone(), part);
            }
        }
        Ok(Self { here: Part::of(json, components)?, named: Arc::new(named) })
    }

    pub(super) fn settle(&self, value: &mut Value) {
        self.here.settle(value, &self.named, 0);
    }
}

impl Part {
    fn of(json: &Value, components: &Components) -> Result<Self, String> {
        let mut part = Self::default();
        let Value::Object(schema) = json else { return Ok(part) };
        part.named = walk::reference(json).map(str::to_owned);
        part.number = kind(schema.get("type"));
        part.other_properties = Self::below(schema.get("additionalProperties"), components)?;
        for (name, property) in
            schema.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            if let Some(default) = walk::default_of(property, components) {
                part.defaults.push((name.clone(), default.clone()));
            }
            let below = Self::of(property, components)?;
            // Where the others are settled, it must be known which are not among them.
            if !below.is_idle() || part.other_properties.is_some() {
                part.properties.insert(name.clone(), below);
            }
        }
        part.items = Self::below(schema.get("items"), components)?;
        for schema in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            part.all.extend(Some(Self::of(schema, components)?).filter(|part| !part.is_idle()));
        }
        let several = alternatives(json).map(Vec::as_slice).unwrap_or_default();
        let parts = several
            .iter()
            .map(|schema| Self::of(schema, components))
            .collect::<Result<Vec<_>, _>>()?;
        if parts.iter().any(|part| !part.is_idle()) {
            for (schema, below) in several.iter().zip(parts) {
                part.any.push((compile(schema, components)?, below));
            }
        }
        Ok(part)
    }

    fn below(json: Option<&Value>, components: &Components) -> Result<Option<Box<Self>>, String> {
        let Some(json) = json else { return Ok(None) };
        let part = Self::of(json, components)?;
        Ok((!part.is_idle()).then(|| Box::new(part)))
    }

    /// Whether there is nothing to do. A named schema may turn out to have nothing to do either.
    fn is_idle(&self) -> bool {
        self.number.is_none()
            && self.defaults.is_empty()
            && self.properties.is_empty()
            && self.other_properties.is_none()
            && self.items.is_none()
            && self.all.is_empty()
            && self.any.is_empty()
            && self.named.is_none()
    }

    fn settle(&self, value: &mut Value, named: &BTreeMap<String, Self>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        if let Some(part) = self.named.as_ref().and_then(|name| named.get(name)) {
            part.settle(value, named, depth + 1);
        }
        for part in &self.all {
            part.settle(value, named, depth + 1);
        }
        if let Some((_, part)) = self.any.iter().find(|(validator, _)| validator.is_valid(value)) {
            part.settle(value, named, depth + 1);
        }
        match value {
            Value::Object(fields) => self.settle_fields(fields, named, depth),
            Value::Array(items) => {
                if let Some(part) = &self.items {
                    items.iter_mut().for_each(|item| part.settle(item, named, depth + 1));
                }
            }
            Value::Number(number) => {
                if let Some(settled) = self.number.and_then(|kind| kind.settle(number)) {
                    *number = settled;
                }
            }
            _ => {}
        }
    }

    fn settle_fields(
        &self,
        fields: &mut Map<String, Value>,
        named: &BTreeMap<String, Self>,
        depth: usize,
    ) {
        for (name, default) in &self.defaults {
            if !fields.contains_key(name) {
                fields.insert(name.clone(), default.clone());
            }
        }
        for (name, part) in &self.properties {
            if let Some(value) = fields.get_mut(name) {
                part.settle(value, named, depth + 1);
            }
        }
        if let Some(part) = &self.other_properties {
            let others = fields.iter_mut().filter(|(name, _)| !self.properties.contains_key(*name));
            others.for_each(|(_, value)| part.settle(value, named, depth + 1));
        }
    }
}

/// The one kind of number that a type names.
fn kind(of: Option<&Value>) -> Option<Kind> {
    let names = |name: &str| match of {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(several)) => several.iter().any(|one| one == name),
        _ => false,
    };
    match (names("integer"), names("number")) {
        (true, false) => Some(Kind::Integer),
        (false, true) => Some(Kind::Float),
        _ => None,
    }
}

impl Kind {
    /// The number as this kind, if it is of the other.
    fn settle(self, number: &Number) -> Option<Number> {
        match self {
            Self::Integer if number.is_f64() => {
                let whole = number.as_f64().filter(|float| float.fract() == 0.0)?;
                // Inside this range a float is an integer of 64 bits.
                #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
                (whole.abs() < 9.2e18).then(|| Number::from(whole as i64))
            }
            Self::Integer => None,
            Self::Float if number.is_f64() => None,
            Self::Float => Number::from_f64(number.as_f64()?),
        }
    }
}
