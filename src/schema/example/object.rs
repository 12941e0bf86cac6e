//! Objects: the members that are declared, that are demanded, and as many more as must be there.

use serde_json::{Map, Value, json};

use super::{Maker, text, usize_of};

/// How many names are tried for one more member.
const TRIES: usize = 32;

impl Maker<'_> {
    pub(super) fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut fields = Map::new();
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let most = usize_of(schema, "maxProperties").unwrap_or(usize::MAX);
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            let is_required = required.contains(&name.as_str());
            if is_required || (self.fills(depth) && fields.len() + required.len() < most) {
                self.allowance.take_bytes(name.len());
                fields.insert(name.clone(), self.any(property, name, depth + 1));
            }
        }
        for name in required {
            if !fields.contains_key(name) && self.allowance.take_bytes(name.len()) {
                let value = self.any(&of_others(schema), name, depth + 1);
                fields.insert(name.to_owned(), value);
            }
        }
        let least = usize_of(schema, "minProperties").unwrap_or(0);
        let is_map = schema.get("additionalProperties").is_some_and(Value::is_object);
        let usual = usize::from(is_map && fields.is_empty() && self.fills(depth));
        for index in fields.len()..least.max(usual).min(most) {
            let found = (0..TRIES).find_map(|more| {
                let (name, value) = self.other(schema, index + more);
                (!fields.contains_key(&name)).then_some((name, value))
            });
            let Some((name, of_it)) = found else { break };
            if !self.allowance.take_bytes(name.len()) {
                break;
            }
            let value = self.any(&of_it, &name, depth + 1);
            fields.insert(name, value);
        }
        Value::Object(fields)
    }

    /// The name of a member that is not declared, the `index`th one, and the schema of its value.
    fn other(&mut self, schema: &Value, index: usize) -> (String, Value) {
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        if let Some((pattern, of_it)) = patterns.and_then(|patterns| patterns.iter().next())
            && let Some(name) = text::matching(pattern, index + 1, self.allowance)
        {
            return (name, of_it.clone());
        }
        let name = match schema.get("propertyNames").and_then(Value::as_object) {
            Some(names) => {
                let mut names = names.clone();
                names.entry("type").or_insert_with(|| json!("string"));
                if let Some(pattern) = names.get("pattern").and_then(Value::as_str) {
                    text::matching(pattern, index + 1, self.allowance).unwrap_or_default()
                } else {
                    let made = self.any(&Value::Object(names), &format!("key{}", index + 1), 0);
                    made.as_str().unwrap_or_default().to_owned()
                }
            }
            None => format!("key{}", index + 1),
        };
        (name, of_others(schema))
    }
}

/// The schema of members that are not declared.
fn of_others(schema: &Value) -> Value {
    let other = schema.get("additionalProperties").filter(|other| other.is_object());
    other.cloned().unwrap_or_else(|| json!({ "type": "string" }))
}
