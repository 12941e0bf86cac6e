//! Examples that fit, and what has none.

use serde_json::{Value, json};

use super::{Allowance, seed};
use crate::schema::{Components, Schema, check::Checker};

fn example(schema: &Schema, seed: u64) -> Value {
    super::example(schema, seed, &mut Allowance::default()).expect("it is small")
}

#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
#[track_caller]
fn fits(json: Value) {
    let node = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "children": { "type": "array", "items": { "$ref": "#/components/schemas/Node" } },
            "next": { "anyOf": [{ "$ref": "#/components/schemas/Node" }, { "type": "null" }] },
        },
        "required": ["name", "children", "next"],
    });
    let schema = Schema::gather(json.clone(), &Components::from([("Node".to_owned(), node)]));
    let checker = Checker::new(&schema).expect("it is a schema");
    for seed in 0..50 {
        let made = example(&schema, seed);
        assert_eq!(checker.faults(&made), [], "{made} for {json}");
        assert_eq!(made, example(&schema, seed), "{json}");
    }
}

#[test]
fn an_example_fits_its_schema() {
    for json in [
        json!({}),
        json!({ "type": "integer", "minimum": 3, "maximum": 4 }),
        json!({ "type": "integer", "format": "int64", "maximum": -5 }),
        json!({ "type": "integer", "minimum": 1, "maximum": 100, "multipleOf": 7 }),
        json!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.01 }),
        json!({ "type": "number", "minimum": 5 }),
        json!({ "type": ["string", "null"], "minLength": 40 }),
        json!({ "type": "string", "maxLength": 1 }),
        json!({ "type": "string", "pattern": "^[A-Z]{2}-\\d{4}(x|y)+$" }),
        json!({ "type": "string", "pattern": "^\\w+@\\w+\\.de$", "minLength": 20 }),
        json!({ "type": "array", "items": { "type": "boolean" }, "minItems": 5 }),
        json!({ "type": "array", "items": { "type": "integer" }, "uniqueItems": true }),
        json!({ "type": "object", "additionalProperties": { "type": "number" }, "minProperties": 3 }),
        json!({ "type": "object", "required": ["a", "b"] }),
        json!({ "required": ["a"], "additionalProperties": { "type": "integer" } }),
        json!({ "type": "object", "minProperties": 3, "additionalProperties": false,
                "patternProperties": { "^x-[a-z]+$": { "type": "integer" } } }),
        json!({ "type": "object", "minProperties": 2, "propertyNames": { "pattern": "^[A-Z]+$" } }),
        json!({ "type": "object", "minProperties": 2, "propertyNames": { "enum": ["a", "b"] } }),
        json!({ "type": "object", "maxProperties": 2, "required": ["c"],
                "properties": { "a": {}, "b": {}, "c": { "type": "integer" } } }),
        json!({ "allOf": [{ "properties": { "a": { "type": "integer" } } }, { "required": ["a"] }] }),
        json!({ "required": ["a"], "properties": { "a": { "minimum": 3 } },
                "allOf": [{ "properties": { "a": { "type": "integer", "maximum": 4 } } },
                          { "properties": { "b": { "type": "boolean" } }, "required": ["b"] }] }),
        json!({ "type": "string", "allOf": [{ "minLength": 30 }, { "maxLength": 31 }] }),
        json!({ "type": "integer", "format": "int32", "minimum": 2_147_483_640 }),
        json!({ "type": "integer", "format": "int32", "maximum": -2_147_483_640 }),
        json!({ "type": "integer", "minimum": 3, "exclusiveMinimum": 7, "maximum": 8 }),
        json!({ "type": "string", "pattern": "b$", "minLength": 5 }),
        json!({ "type": "string", "pattern": "^b", "minLength": 5, "maxLength": 5 }),
        json!({ "type": "string", "pattern": "[0-9]", "minLength": 50 }),
        json!({ "enum": [1, "a", null] }),
        json!({ "anyOf": [{ "type": "integer" }, { "const": "x" }] }),
        json!({ "$ref": "#/components/schemas/Node" }),
        json!({ "type": "array", "items": { "$ref": "#/components/schemas/Node" }, "minItems": 1 }),
    ] {
        fits(json);
    }
    for format in [
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
    ] {
        fits(json!({ "type": "string", "format": format }));
    }
    for (format, least, most) in [
        ("email", 40, 60),
        ("email", 100, 200),
        ("email", 0, 8),
        ("hostname", 100, 130),
        ("hostname", 0, 5),
        ("uri", 200, 200),
        ("uri", 0, 4),
        ("ipv4", 13, 14),
        ("ipv4", 0, 9),
        ("ipv6", 30, 39),
        ("ipv6", 0, 5),
        ("date-time", 22, 25),
        ("byte", 100, 110),
        ("password", 50, 50),
    ] {
        fits(json!({ "type": "string", "format": format, "minLength": least, "maxLength": most }));
    }
}

#[test]
fn what_the_schema_gives_comes_first() {
    let made = |json: Value| example(&Schema::new(json, Components::new()), 7);
    assert_eq!(made(json!({ "type": "string", "examples": ["tea"], "default": "cake" })), "tea");
    assert_eq!(made(json!({ "type": "string", "default": "cake" })), "cake");
}

#[test]
fn what_asks_for_too_much_has_no_example() {
    let nested =
        |least: u64, inner: Value| json!({ "type": "array", "items": inner, "minItems": least });
    let long = json!({ "type": "string", "minLength": 90_000 });
    for json in [
        json!({ "type": "object", "additionalProperties": { "type": "integer" },
                "minProperties": 1_000_000_000 }),
        nested(1_000, nested(1_000, nested(1_000, json!({ "type": "integer" })))),
        nested(100, long.clone()),
        nested(100, json!({ "const": "x".repeat(90_000) })),
        nested(100, json!({ "type": "string", "pattern": "^(([a-z]{100}){100})$" })),
    ] {
        let schema = Schema::new(json, Components::new());
        assert_eq!(super::example(&schema, 0, &mut Allowance::default()), None);
    }
    fits(long);
    fits(nested(1_000, json!({ "type": "string", "pattern": "^[a-z]{3}-\\d+$" })));
}

#[test]
fn what_may_be_left_out_is_left_out_where_there_is_much() {
    let mut json = json!({ "type": "boolean" });
    for _ in 0..5 {
        let properties = (0..12).map(|index| (format!("p{index}"), json.clone()));
        let properties: serde_json::Map<String, Value> = properties.collect();
        json = json!({ "type": "object", "properties": properties });
    }
    fits(json);
}

#[test]
fn another_request_gets_another_example() {
    let schema = Schema::new(json!({ "type": "integer" }), Components::new());
    let made = |path: &str| example(&schema, seed([path.as_bytes()]));
    assert_eq!(made("/a"), made("/a"));
    assert_ne!(made("/a"), made("/b"));
}
