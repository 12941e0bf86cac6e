use serde_json::{Value, json};

use super::ScriptSchema;
use crate::{
    host::{declare, natives},
    script::mistake::Mistake,
};

fn evaluated(script: &str) -> Result<Value, Mistake> {
    let engine = natives().engine(32);
    let (result, _) = declare::collect(|| engine.eval::<ScriptSchema>(script));
    match result {
        Ok(schema) => Ok(schema.value()),
        Err(error) => match error.unwrap_inner() {
            rhai::EvalAltResult::ErrorRuntime(value, _) => {
                Err(value.read_lock::<Mistake>().map(|mistake| mistake.clone()).expect("a mistake"))
            }
            other => panic!("{other}"),
        },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it reads better where it is called")]
#[track_caller]
fn is(script: &str, json: Value) {
    assert_eq!(evaluated(script).expect("it is a schema"), json, "{script}");
}

#[track_caller]
fn mistaken(script: &str, message: &str) {
    let mistake = evaluated(script).expect_err("it is a mistake");
    let told = match &mistake.help {
        Some(help) => format!("{mistake} ({help})"),
        None => mistake.to_string(),
    };
    assert_eq!(told, message, "{script}");
}

#[test]
fn each_builder_is_json_schema() {
    is("int()", json!({ "type": "integer", "format": "int64" }));
    is(
        "float().min(1).max(2.5)",
        json!({ "type": "number", "format": "double", "minimum": 1, "maximum": 2.5 }),
    );
    is(
        "string().min(1).max(9).pattern(\"^a\")",
        json!({ "type": "string", "minLength": 1, "maxLength": 9, "pattern": "^a" }),
    );
    is(
        "string().format(\"date\").describe(\"When\")",
        json!({ "type": "string", "format": "date", "description": "When" }),
    );
    is("bool().default(false)", json!({ "type": "boolean", "default": false }));
    is(
        "array(int()).min(1)",
        json!({ "type": "array", "items": { "type": "integer", "format": "int64" }, "minItems": 1 }),
    );
    is(
        "map(bool()).max(3)",
        json!({ "type": "object", "additionalProperties": { "type": "boolean" }, "maxProperties": 3 }),
    );
    is("one_of([\"a\", \"b\"])", json!({ "type": "string", "enum": ["a", "b"] }));
    is("one_of([1, \"b\"])", json!({ "enum": [1, "b"] }));
    is(
        "one_of([int(), 'x'])",
        json!({ "anyOf": [{ "type": "integer", "format": "int64" }, { "type": "string", "const": "x" }] }),
    );
    is("literal(5)", json!({ "type": "integer", "const": 5 }));
    is("any_value()", json!({}));
    is(
        "json_schema(#{ \"type\": \"integer\", multipleOf: 5 })",
        json!({ "type": "integer", "multipleOf": 5 }),
    );
    is(
        "string().example(\"a\").example(\"b\")",
        json!({ "type": "string", "examples": ["a", "b"] }),
    );
}

#[test]
fn null_is_one_more_type() {
    is("string().min(1).nullable()", json!({ "type": ["string", "null"], "minLength": 1 }));
    is("one_of([\"a\"]).nullable()", json!({ "type": ["string", "null"], "enum": ["a", null] }));
    is("literal(1).nullable()", json!({ "type": ["integer", "null"], "enum": [1, null] }));
    is(
        "schema(\"A\", int()).nullable()",
        json!({ "anyOf": [{ "$ref": "#/components/schemas/A" }, { "type": "null" }] }),
    );
    is("any_value().nullable()", json!({}));
    is(
        "int().nullable().default(null)",
        json!({ "type": ["integer", "null"], "format": "int64", "default": null }),
    );
}

#[test]
fn a_map_is_an_objects_properties_and_no_others() {
    let text = json!({ "type": "string" });
    is(
        "object(#{ a: string(), b: string().optional(), c: bool().default(true), d: #{ e: string() } })",
        json!({
            "type": "object",
            "properties": {
                "a": text,
                "b": text,
                "c": { "type": "boolean", "default": true },
                "d": {
                    "type": "object",
                    "properties": { "e": text },
                    "required": ["e"],
                    "additionalProperties": false,
                },
            },
            "required": ["a", "d"],
            "additionalProperties": false,
        }),
    );
    is(
        "object(#{}).additional_properties(true)",
        json!({ "type": "object", "properties": {}, "additionalProperties": true }),
    );
}

#[test]
fn objects_are_made_from_objects() {
    const BASE: &str = "let base = object(#{ a: string(), b: bool().default(true) });";
    let object = |properties: Value, required: Value| {
        let mut json =
            json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if required != json!([]) {
            json["required"] = required;
        }
        json
    };
    let (a, b) = (json!({ "type": "string" }), json!({ "type": "boolean", "default": true }));
    is(
        &format!("{BASE} base.extend(#{{ c: string(), a: string().optional() }})"),
        object(json!({ "a": a, "b": b, "c": a }), json!(["c"])),
    );
    is(
        &format!("{BASE} base.extend(object(#{{ c: string() }}))"),
        object(json!({ "a": a, "b": b, "c": a }), json!(["a", "c"])),
    );
    is(&format!("{BASE} base.pick([\"b\"])"), object(json!({ "b": b }), json!([])));
    is(&format!("{BASE} base.omit([\"b\"])"), object(json!({ "a": a }), json!(["a"])));
    is(
        &format!("{BASE} base.partial()"),
        object(json!({ "a": a, "b": { "type": "boolean" } }), json!([])),
    );
    is(
        &format!("{BASE} schema(\"N\", base).partial()"),
        object(json!({ "a": a, "b": { "type": "boolean" } }), json!([])),
    );
    is(
        "schema(\"L\", int().default(5)); object(#{ l: schema(\"L\", int().default(5)) }).partial()",
        object(json!({ "l": { "type": "integer", "format": "int64" } }), json!([])),
    );
}

#[test]
fn a_name_is_referred_to_until_it_is_changed() {
    is("schema(\"A\", int())", json!({ "$ref": "#/components/schemas/A" }));
    is(
        "schema(\"A\", int()).describe(\"x\")",
        json!({ "$ref": "#/components/schemas/A", "description": "x" }),
    );
    is(
        "schema(\"A\", int()).min(5)",
        json!({ "type": "integer", "format": "int64", "minimum": 5 }),
    );
    is(
        "array(ref(\"Later\"))",
        json!({ "type": "array", "items": { "$ref": "#/components/schemas/Later" } }),
    );
}

#[test]
fn files_have_a_size_and_types() {
    let file = |more: Value| {
        let mut json = json!({ "type": "string", "format": "binary" });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json
    };
    is(
        "file().max(\"5MB\")",
        file(json!({ "contentMediaType": "application/octet-stream", "maxLength": 5_000_000 })),
    );
    is("file().types([\"image/png\"])", file(json!({ "contentMediaType": "image/png" })));
    is(
        "file().types([\"image/png\", \"image/gif\"])",
        file(json!({ "x-content-types": ["image/png", "image/gif"] })),
    );
}

#[test]
fn mistakes_say_what_to_write() {
    mistaken("int().min(5).max(3)", "`.min(5)` is more than `.max(3)`: nothing fits");
    mistaken(
        "int().default(\"a\")",
        "the default \"a\" does not fit its own schema: it must be an integer",
    );
    mistaken(
        "int().default(5).max(3)",
        "the default 5 does not fit its own schema: it must be at most 3",
    );
    mistaken(
        "object(#{ a: int() }).example(#{ a: \"x\" })",
        "the example {\"a\":\"x\"} does not fit its own schema, at `/a`: it must be an integer",
    );
    mistaken(
        "string().format(\"dat\")",
        "\"dat\" is not a format of string() (did you mean \"date\"?)",
    );
    mistaken("bool().min(1)", "`.min` is for numbers, strings, arrays and maps, not for bool()");
    mistaken("string().min(-1)", "`.min` of string() is a length: an integer from 0 on");
    mistaken("int().min(1.5)", "`.min` of int() takes an integer, not a float");
    mistaken("int().pattern(\"a\")", "`.pattern` is for strings, not for int()");
    mistaken(
        "string().pattern(\"(?=a)\")",
        "\"(?=a)\" is not a regular expression that can be used here (it is written as in JavaScript, \
         without looking ahead or behind and without references back; in a script a backslash is \
         written twice, or the text in back-ticks)",
    );
    mistaken(
        "array(5)",
        "a schema is wanted here, not an integer (write one such as `string()`, or a map of properties; a single value is `literal(…)`)",
    );
    mistaken(
        "object(#{ a: \"x\" })",
        "`a`: a schema is wanted here, not a string (write one such as `string()`, or a map of properties; a single value is `literal(…)`)",
    );
    mistaken(
        "object(#{ \"200\": int() })",
        "`200` is no property: digits are statuses, in `returns` and `errors` (a property with such a name is written by `json_schema(#{ … })`)",
    );
    mistaken(
        "object(#{ title: int() }).omit([\"titel\"])",
        "`omit` names `titel`, which is not a property here (did you mean `title`?)",
    );
    mistaken("int().extend(#{})", "`extend` is for objects, not for int()");
    mistaken("one_of([])", "`one_of` needs at least one value or schema");
    mistaken("one_of([1, 1])", "`one_of` has 1 twice");
    mistaken(
        "schema(\"a b\", int())",
        "\"a b\" cannot be the name of a schema (a name begins with a letter and goes on with letters, digits, `_`, `-` and `.`)",
    );
    mistaken(
        "schema(\"A\", int()); schema(\"A\", string())",
        "the schema `A` is another one at :1 (give one of them another name)",
    );
    mistaken(
        "file().max(\"much\")",
        "`.max` of a file is a size such as \"5MB\", \"300kB\" or \"1MiB\"",
    );
    mistaken(
        "form(#{ a: #{ b: int() } })",
        "the field `a` cannot travel in a form (fields of a form are strings, numbers, bools and files, or arrays of these; what may be left out is `.optional()`, not `.nullable()`)",
    );
    mistaken(
        "json_schema(#{ \"type\": \"strin\" })",
        "this is no JSON Schema of draft 2020-12: at `/type`: \"strin\" is not valid under any of the schemas listed in the 'anyOf' keyword",
    );
    mistaken(
        "ref(\"A\").extend(#{})",
        "`ref(\"A\")` cannot be changed, because it is not known here (keep what `schema(\"A\", …)` gives in a constant, and change that)",
    );
}
