//! One schema out of those of an `allOf` and what stands beside them, as far as an example needs it.

use serde_json::{Map, Value, json};

use super::{
    super::{Components, walk},
    Allowance,
};

/// How deep an `allOf` in an `allOf` is followed.
const DEEPEST: usize = 8;

/// A schema whose examples are most likely ones of all parts; the caller checks what is made of it.
pub(super) fn whole(schema: &Value, components: &Components, allowance: &mut Allowance) -> Value {
    let mut whole = Map::new();
    gather(schema, components, allowance, 0, &mut whole);
    Value::Object(whole)
}

fn gather(
    schema: &Value,
    components: &Components,
    allowance: &mut Allowance,
    depth: usize,
    whole: &mut Map<String, Value>,
) {
    let Value::Object(keywords) = walk::resolved(schema, components) else { return };
    if depth > DEEPEST || !allowance.take_value() || !allowance.take_all(schema) {
        return;
    }
    for part in keywords.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        gather(part, components, allowance, depth + 1, whole);
    }
    for (keyword, value) in keywords {
        if keyword == "allOf" {
            continue;
        }
        let both = match whole.remove(keyword) {
            Some(there) => narrower(keyword, there, value),
            None => value.clone(),
        };
        whole.insert(keyword.clone(), both);
    }
}

/// What two values of one keyword come to.
fn narrower(keyword: &str, there: Value, more: &Value) -> Value {
    let less = |one: &Value, other: &Value| one.as_f64() < other.as_f64();
    match (keyword, there, more) {
        ("properties" | "patternProperties", Value::Object(mut there), Value::Object(more)) => {
            for (name, schema) in more {
                let both = match there.remove(name) {
                    Some(before) if before != *schema => json!({ "allOf": [before, schema] }),
                    _ => schema.clone(),
                };
                there.insert(name.clone(), both);
            }
            Value::Object(there)
        }
        ("required", Value::Array(mut there), Value::Array(more)) => {
            there.extend(more.iter().cloned());
            Value::Array(there)
        }
        ("type" | "enum", there, more) => {
            let list = |value: &Value| match value {
                Value::Array(list) => list.clone(),
                one => vec![one.clone()],
            };
            let mut left = list(more);
            left.retain(|one| list(&there).contains(one));
            match left.as_slice() {
                [] => more.clone(),
                [one] if keyword == "type" => one.clone(),
                _ => Value::Array(left),
            }
        }
        (
            "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties",
            there,
            more,
        ) if less(more, &there) => there,
        (
            "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties",
            there,
            more,
        ) if less(&there, more) => there,
        ("additionalProperties" | "items" | "propertyNames", there, more)
            if there.is_object() && more.is_object() =>
        {
            json!({ "allOf": [there, more] })
        }
        (_, _, more) => more.clone(),
    }
}
