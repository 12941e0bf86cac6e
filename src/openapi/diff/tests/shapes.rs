//! Schemas that are written differently and mean the same, and changes deep inside.

use serde_json::{Value, json};

use super::{
    super::{change::Side, compare},
    graded, parsed, told, with_operation, with_schema,
};

/// Two ways to write the same.
const SAME: &[(&str, &str)] = &[
    ("{}", "true"),
    (r#"{"type":"string"}"#, r#"{"type":["string"]}"#),
    (r#"{"type":["string","null"]}"#, r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#),
    (r#"{"type":["string","null"]}"#, r#"{"oneOf":[{"type":"null"},{"type":"string"}]}"#),
    (r#"{"type":["string","integer"]}"#, r#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#),
    (
        r#"{"anyOf":[{"type":"integer"},{"type":"string"}]}"#,
        r#"{"oneOf":[{"type":"string"},{"type":"integer"}]}"#,
    ),
    (r#"{"enum":["a","b"]}"#, r#"{"type":"string","enum":["b","a"]}"#),
    (r#"{"const":1}"#, r#"{"enum":[1.0]}"#),
    (r#"{"type":"integer","minimum":1}"#, r#"{"type":"integer","exclusiveMinimum":0}"#),
    (r#"{"type":"number","minimum":1}"#, r#"{"type":"number","minimum":1.0}"#),
    (r#"{"type":"string","format":"password"}"#, r#"{"type":"string"}"#),
    (r#"{"type":"number","format":"double"}"#, r#"{"type":"number"}"#),
    (r#"{"enum":[1,2],"format":"int64","minimum":1}"#, r#"{"enum":[1,2]}"#),
    (r#"{"type":"string","minLength":0}"#, r#"{"type":"string"}"#),
    (r#"{"type":"string","minimum":3}"#, r#"{"type":"string","minItems":4}"#),
    (r#"{"allOf":[{"type":"string"},{"minLength":1}]}"#, r#"{"type":"string","minLength":1}"#),
    (
        r#"{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}},"required":["a"]}]}"#,
        r#"{"properties":{"a":{},"b":{}},"required":["a"]}"#,
    ),
    (
        r#"{"allOf":[{"properties":{"a":{}}},{"properties":{"b":{}}}],"unevaluatedProperties":false}"#,
        r#"{"properties":{"a":{},"b":{}},"additionalProperties":false}"#,
    ),
    (
        r##"{"$defs":{"n":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/n"}}}"##,
        r#"{"properties":{"a":{"type":"string"}}}"#,
    ),
    (r#"{"type":"array","items":true}"#, r#"{"type":"array"}"#),
    (r#"{"type":"object","required":["a","b"]}"#, r#"{"type":"object","required":["b","a"]}"#),
    (r#"{"type":"array","items":{},"uniqueItems":false}"#, r#"{"type":"array"}"#),
    (
        r#"{"type":"object","additionalProperties":{}}"#,
        r#"{"type":"object","additionalProperties":true}"#,
    ),
];

#[test]
fn two_ways_to_write_the_same_are_no_change() {
    for (a, b) in SAME {
        for (old, new) in [(a, b), (b, a)] {
            for side in [Side::Request, Side::Response] {
                let changes =
                    compare(&with_schema(side, parsed(old)), &with_schema(side, parsed(new)));
                assert_eq!(graded(&changes), [""; 0], "{old} → {new}: {changes:#?}");
            }
        }
    }
}

#[track_caller]
fn says(side: Side, old: Value, new: Value, wanted: &[&str]) {
    assert_eq!(told(&with_schema(side, old), &with_schema(side, new)), wanted);
}

#[test]
fn a_change_is_told_where_it_is() {
    let user = |city: Value| json!({ "type": "array", "items": { "properties": { "address": { "properties": { "city": city } } } } });
    says(
        Side::Response,
        user(json!({ "type": "string" })),
        user(json!({ "type": ["string", "null"] })),
        &["GET /t: response property \"[].address.city\" may now be null: breaking"],
    );
    says(
        Side::Request,
        json!({ "type": "object", "additionalProperties": { "type": "integer", "maximum": 9 } }),
        json!({ "type": "object", "additionalProperties": { "type": "integer", "maximum": 5 } }),
        &["GET /t: request value \"*\" maximum changed from 9 to 5: breaking"],
    );
    says(
        Side::Request,
        json!({ "type": "array", "prefixItems": [{ "type": "string" }] }),
        json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "integer" }] }),
        &["GET /t: request item \"[1]\" type changed from anything to integer: breaking"],
    );
    says(
        Side::Response,
        json!({ "properties": { "email": { "type": "string" } }, "required": ["email"] }),
        json!({ "properties": {} }),
        &["GET /t: response property \"email\" removed: breaking"],
    );
}

#[test]
fn variants_are_brought_together_by_what_names_them() {
    let pets = |cat: Value, second: &str| {
        json!({ "oneOf": [
            { "properties": { "kind": { "const": second } } },
            { "properties": { "kind": { "const": "cat" }, "lives": cat } },
        ] })
    };
    let whole = json!({ "type": "integer" });
    says(
        Side::Response,
        pets(whole.clone(), "dog"),
        pets(json!({ "type": "number" }), "dog"),
        &[
            "GET /t: response property \"<kind=\"cat\">.lives\" type changed from integer to number: breaking",
        ],
    );
    says(
        Side::Request,
        pets(whole.clone(), "dog"),
        pets(whole, "bird"),
        &[
            "GET /t: request body variant kind=\"dog\" removed: breaking",
            "GET /t: request body variant kind=\"bird\" added: compatible",
        ],
    );
}

#[test]
fn a_variant_that_another_one_has_room_for_makes_no_difference() {
    let text = json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] });
    let more = json!({ "anyOf": [{ "type": "string" }, { "type": "integer" }, { "type": "string", "maxLength": 3 }] });
    says(Side::Response, text.clone(), more.clone(), &[]);
    says(Side::Request, more, text, &[]);
}

#[test]
fn text_takes_a_free_string_for_anything() {
    for media in ["application/x-www-form-urlencoded", "multipart/form-data"] {
        let form = |schema: Value| {
            let content = json!({ media: { "schema": { "properties": { "a": schema } } } });
            with_operation(json!({ "requestBody": { "content": content } }))
        };
        let (number, text) =
            (form(json!({ "type": "integer" })), form(json!({ "type": "string" })));
        let short = form(json!({ "type": "string", "maxLength": 1 }));
        assert_eq!(graded(&compare(&number, &text)), ["compatible request-type-widened"]);
        assert_eq!(graded(&compare(&number, &short)), ["breaking request-type-changed"]);
    }
}

/// What a script writes, the severity in requests and in answers, and what comes in its place.
const BUILT: &[(&str, &str, &str, &str)] = &[
    // int() → float()
    (
        r#"{"type":"integer","format":"int64"}"#,
        r#"{"type":"number","format":"double"}"#,
        "compatible request-type-widened",
        "breaking response-type-widened",
    ),
    // float() → int()
    (
        r#"{"type":"number","format":"double"}"#,
        r#"{"type":"integer","format":"int64"}"#,
        "breaking request-type-narrowed",
        "compatible response-type-narrowed",
    ),
    // int() → literal(1)
    (
        r#"{"type":"integer","format":"int64"}"#,
        r#"{"type":"integer","const":1}"#,
        "breaking request-const-added",
        "compatible response-const-added",
    ),
    // one_of([1, 2]) → int().min(1)
    (
        r#"{"type":"integer","enum":[1,2]}"#,
        r#"{"type":"integer","format":"int64","minimum":1}"#,
        "compatible request-enum-removed",
        "breaking response-enum-removed",
    ),
    // string().format("date") → one_of(["2026-01-31"])
    (
        r#"{"type":"string","format":"date"}"#,
        r#"{"type":"string","enum":["2026-01-31"]}"#,
        "breaking request-enum-added",
        "compatible response-enum-added",
    ),
    // one_of([float(), string()]) → int()
    (
        r#"{"anyOf":[{"type":"number","format":"double"},{"type":"string"}]}"#,
        r#"{"type":"integer","format":"int64"}"#,
        "breaking request-variant-removed breaking request-variant-removed",
        "compatible response-variant-removed compatible response-variant-removed",
    ),
];

#[test]
fn the_formats_that_builders_add_are_no_reason_of_their_own() {
    for (old, new, request, response) in BUILT {
        for (side, wanted) in [(Side::Request, request), (Side::Response, response)] {
            let changes = compare(&with_schema(side, parsed(old)), &with_schema(side, parsed(new)));
            assert_eq!(graded(&changes).join(" "), *wanted, "{old} → {new}");
        }
    }
}

#[test]
fn a_listed_value_beyond_a_limit_of_the_other_side_is_told() {
    says(
        Side::Request,
        json!({ "type": "integer", "enum": [0, 1] }),
        json!({ "type": "integer", "minimum": 1 }),
        &[
            "GET /t: request body minimum set to 1: breaking",
            "GET /t: request body no longer limited to an enum: compatible",
        ],
    );
    says(
        Side::Response,
        json!({ "type": "string", "format": "date" }),
        json!({ "type": "string", "enum": ["soon"] }),
        &[
            "GET /t: response body format date removed: breaking",
            "GET /t: response body limited to an enum: compatible",
        ],
    );
}

#[test]
fn a_new_route_may_take_requests_away() {
    let answer = |properties: Value| json!({ "responses": { "200": { "content": { "application/json": { "schema": { "properties": properties } } } } } });
    let by_id = answer(json!({ "id": {} }));
    let with = |path: &str, operation: Value| json!({ "paths": { "/a/{id}": { "get": by_id.clone() }, path: { "get": operation } } });
    let old = json!({ "paths": { "/a/{id}": { "get": by_id.clone() } } });
    let found = |path: &str, operation: Value| told(&old, &with(path, operation));
    assert_eq!(
        found("/a/me", answer(json!({ "n": {} }))),
        ["GET /a/me: takes requests from /a/{id}, and breaks what that promised \
             (response-property-removed): breaking",]
    );
    let more = answer(json!({ "id": {}, "n": {} }));
    assert_eq!(found("/a/me", more), ["/a/me: route added: compatible"]);
    for other in ["/b/me", "/a/b/c", "/a"] {
        let added = format!("{other}: route added: compatible");
        assert_eq!(found(other, answer(json!({}))), [added]);
    }
    let tail = json!({ "paths": { "/t/{rest}": { "get": { "x-tail": true } } } });
    let deep = json!({ "paths": {
        "/t/{rest}": { "get": { "x-tail": true } },
        "/t/a/b": { "get": { "parameters": [{ "in": "query", "name": "q", "required": true }] } },
    } });
    assert_eq!(graded(&compare(&tail, &deep)), ["breaking route-shadowed"]);
}

#[test]
fn what_is_meant_where_nothing_is_said_is_no_change() {
    let form = |encoding: Value| {
        let content = json!({ "application/x-www-form-urlencoded": { "encoding": encoding } });
        with_operation(json!({ "requestBody": { "content": content } }))
    };
    let said = form(json!({ "a": { "style": "form", "explode": true } }));
    let nothing = with_operation(
        json!({ "requestBody": { "content": { "application/x-www-form-urlencoded": {} } } }),
    );
    for (old, new) in [(&said, &nothing), (&nothing, &said), (&form(json!({})), &said)] {
        assert_eq!(graded(&compare(old, new)), [""; 0]);
    }
}
