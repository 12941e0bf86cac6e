//! Texts of a request as values of the types that a schema names.

use serde_json::{Number, Value};

use crate::schema::{Schema, check::Checker, walk};

/// How often faults are looked for in what was read: each time, as many are mended as are told.
const MOST_ROUNDS: usize = 4;

/// The types that a text may be read as.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    kinds: Vec<&'static str>,
    /// Whether there may be several of a name.
    pub(super) is_list: bool,
}

impl Reading {
    pub(super) fn of(schema: &Schema) -> Self {
        Self::of_json(schema.json(), schema)
    }

    /// How a part of a schema is read.
    pub(super) fn of_json(json: &Value, whole: &Schema) -> Self {
        let components = whole.components();
        let resolved = walk::resolved(json, components);
        let kinds = walk::kinds(resolved, components);
        if kinds != ["array"] {
            return Self { kinds: scalars(kinds), is_list: false };
        }
        let kinds = resolved.get("items").map(|items| walk::kinds(items, components));
        Self { kinds: scalars(kinds.unwrap_or_default()), is_list: true }
    }

    /// The value that a text stands for; a text that is none of the types stays a text, for the schema to
    /// refuse.
    pub(super) fn value(&self, text: &str) -> Value {
        let has = |kind: &str| self.kinds.contains(&kind);
        if (has("integer") || has("number"))
            && let Some(number) = number(text)
        {
            return Value::Number(number);
        }
        match text {
            "true" if has("boolean") => Value::Bool(true),
            "false" if has("boolean") => Value::Bool(false),
            text => Value::String(text.to_owned()),
        }
    }
}

impl Reading {
    /// Whether a text may be meant as a text although it could be read as something else.
    pub(super) fn is_doubtful(&self) -> bool {
        self.kinds.contains(&"string")
            && ["integer", "number", "boolean"].iter().any(|kind| self.kinds.contains(kind))
    }
}

/// A value that was read from texts, or the one with texts in the places where what they were read as does not
/// fit. `doubtful` are those texts, each with the pointer to its place.
pub(super) fn reread(value: Value, doubtful: &[(String, String)], checker: &Checker) -> Value {
    if doubtful.is_empty() || checker.is_valid(&value) {
        return value;
    }
    let mut other = value.clone();
    for _ in 0..MOST_ROUNDS {
        for fault in checker.faults(&other) {
            let text = doubtful.iter().find(|(pointer, _)| *pointer == fault.pointer);
            if let Some((pointer, text)) = text
                && let Some(there) = other.pointer_mut(pointer)
            {
                *there = Value::String(text.clone());
            }
        }
        if checker.is_valid(&other) {
            return other;
        }
    }
    value
}

/// Where anything fits, a text is a text.
fn scalars(kinds: Vec<&'static str>) -> Vec<&'static str> {
    if kinds.len() == 7 { Vec::new() } else { kinds }
}

/// A number as JSON writes it.
fn number(text: &str) -> Option<Number> {
    let mut bytes = text.bytes();
    let first = bytes.next()?;
    let last = bytes.next_back().unwrap_or(first);
    let begins = first.is_ascii_digit() || first == b'-';
    (begins && last.is_ascii_digit()).then(|| serde_json::from_str(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Reading;
    use crate::schema::{Components, Schema};

    fn read(schema: Value, text: &str) -> Value {
        Reading::of(&Schema::new(schema, Components::new())).value(text)
    }

    #[test]
    fn a_text_is_read_as_the_type_that_is_declared() {
        assert_eq!(read(json!({ "type": "integer" }), "5"), json!(5));
        assert_eq!(read(json!({ "type": "number" }), "5"), json!(5));
        assert_eq!(read(json!({ "type": "number" }), "-1.5e3"), json!(-1500.0));
        assert_eq!(read(json!({ "type": "boolean" }), "true"), json!(true));
        assert_eq!(read(json!({ "type": "string" }), "5"), json!("5"));
        assert_eq!(read(json!({}), "5"), json!("5"));
        assert_eq!(read(json!({ "enum": [1, 2] }), "2"), json!(2));
        assert_eq!(
            read(json!({ "anyOf": [{ "type": "integer" }, { "const": "all" }] }), "all"),
            json!("all")
        );
        assert_eq!(read(json!({ "type": "array", "items": { "type": "integer" } }), "2"), json!(2));
    }

    #[test]
    fn what_is_no_number_in_json_stays_a_text() {
        for text in ["", " 5", "5 ", "+5", "05", "0x5", "5.", ".5", "NaN", "inf", "1e999", "1_000"]
        {
            assert_eq!(read(json!({ "type": "number" }), text), json!(text), "{text}");
        }
        assert_eq!(read(json!({ "type": "boolean" }), "1"), json!("1"));
    }
}
