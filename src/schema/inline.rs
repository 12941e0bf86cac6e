//! Definitions of a schema's own, put in the places that refer to them.
//!
//! In a document a reference leads from the document's root, where the `$defs` of one of its schemas are not.

use serde_json::{Map, Value, json};

use super::walk;

/// The keywords under which a schema keeps definitions, the older one too.
const KEPT: [&str; 2] = ["$defs", "definitions"];

/// How many schemas a schema may become.
const MOST: usize = 10_000;

/// A schema without definitions: each reference to one of them gave way to what it is.
///
/// # Errors
///
/// In words, where a definition is not there, holds itself, or would come up too often.
pub(crate) fn inlined(mut schema: Value) -> Result<Value, String> {
    let mut definitions = Map::new();
    let Some(members) = schema.as_object_mut() else { return Ok(schema) };
    for keyword in KEPT {
        if let Some(Value::Object(kept)) = members.remove(keyword) {
            definitions
                .extend(kept.into_iter().map(|(name, kept)| (format!("#/{keyword}/{name}"), kept)));
        }
    }
    let mut inlining = Inlining { definitions: &definitions, trail: Vec::new(), count: 0 };
    inlining.put_into(&mut schema)?;
    Ok(schema)
}

struct Inlining<'a> {
    definitions: &'a Map<String, Value>,
    /// The definitions that are being put in.
    trail: Vec<&'a str>,
    count: usize,
}

impl Inlining<'_> {
    fn put_into(&mut self, schema: &mut Value) -> Result<(), String> {
        self.count += 1;
        if self.count > MOST {
            return Err(format!("its definitions come up more than {MOST} times; give them names"));
        }
        let Some(members) = schema.as_object_mut() else { return Ok(()) };
        let mut outcome = Ok(());
        walk::each_mut(members, |part| {
            if outcome.is_ok() {
                outcome = self.put_into(part);
            }
        });
        outcome?;
        let Some(target) = members.get("$ref").and_then(Value::as_str) else { return Ok(()) };
        if !KEPT.iter().any(|keyword| target.starts_with(&format!("#/{keyword}/"))) {
            return Ok(());
        }
        let decoded = target.replace("~1", "/").replace("~0", "~");
        let Some((name, definition)) = self.definitions.get_key_value(&decoded) else {
            return Err(format!("`$ref` leads to `{target}`, which is not there"));
        };
        if self.trail.contains(&name.as_str()) {
            return Err(format!(
                "`{name}` holds itself; give it a name: `schema(\"Name\", json_schema(…))`, and refer to it \
                 by \"#/components/schemas/Name\""
            ));
        }
        let mut definition = definition.clone();
        self.trail.push(name);
        self.put_into(&mut definition)?;
        self.trail.pop();
        members.remove("$ref");
        *schema = if members.is_empty() {
            definition
        } else {
            let mut beside = std::mem::take(members);
            match beside.get_mut("allOf") {
                Some(Value::Array(all)) => all.push(definition),
                _ => drop(beside.insert("allOf".to_owned(), json!([definition]))),
            }
            Value::Object(beside)
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::inlined;

    #[test]
    fn a_definition_takes_the_place_of_what_refers_to_it() {
        let schema = json!({
            "$defs": { "n": { "type": "integer" }, "a/b": { "$ref": "#/$defs/n" } },
            "type": "object",
            "properties": {
                "x": { "$ref": "#/$defs/n" },
                "y": { "$ref": "#/$defs/a~1b", "description": "d" },
                "$ref": { "const": { "$ref": "#/$defs/n" } },
            },
        });
        let wanted = json!({
            "type": "object",
            "properties": {
                "x": { "type": "integer" },
                "y": { "description": "d", "allOf": [{ "type": "integer" }] },
                "$ref": { "const": { "$ref": "#/$defs/n" } },
            },
        });
        assert_eq!(inlined(schema), Ok(wanted));
    }

    #[test]
    fn what_cannot_be_put_in_is_told() {
        let circle =
            json!({ "$defs": { "n": { "items": { "$ref": "#/$defs/n" } } }, "$ref": "#/$defs/n" });
        assert!(inlined(circle).is_err_and(|why| why.contains("holds itself")));
        let lost = json!({ "items": { "$ref": "#/$defs/n" } });
        assert!(inlined(lost).is_err_and(|why| why.contains("not there")));
        let mut many = json!({ "$defs": { "d0": { "type": "null" } }, "$ref": "#/$defs/d20" });
        for level in 1..=20 {
            let below = json!({ "$ref": format!("#/$defs/d{}", level - 1) });
            many["$defs"][format!("d{level}")] = json!({ "anyOf": [below, below] });
        }
        assert!(inlined(many).is_err_and(|why| why.contains("more than")));
    }
}
