//! Whole documents: components, cycles, renamed parameters, and as many routes as anybody has.

use std::{fmt::Write as _, time::Instant};

use serde_json::{Value, json};

use super::{super::compare, graded, told};

/// A document whose operations answer with a component.
fn answering(paths: &[&str], components: Value) -> Value {
    let content =
        json!({ "application/json": { "schema": { "$ref": "#/components/schemas/User" } } });
    let item = json!({ "get": { "responses": { "200": { "content": content } } } });
    let paths: serde_json::Map<String, Value> =
        paths.iter().map(|path| ((*path).to_owned(), item.clone())).collect();
    json!({ "paths": paths, "components": { "schemas": components } })
}

#[test]
fn a_component_is_compared_where_it_is_used() {
    let old = answering(
        &["/users/{id}", "/me"],
        json!({ "User": { "properties": { "email": {} } }, "Unused": { "type": "string" } }),
    );
    let new = answering(
        &["/users/{id}", "/me"],
        json!({ "User": { "properties": {} }, "Unused": { "type": "integer" } }),
    );
    assert_eq!(
        told(&old, &new),
        [
            "GET /me: response property \"email\" removed: breaking",
            "GET /users/{id}: response property \"email\" removed: breaking",
        ]
    );
}

#[test]
fn a_component_of_another_name_is_no_change() {
    let old = answering(
        &["/a"],
        json!({ "User": { "$ref": "#/components/schemas/Old" }, "Old": { "type": "string" } }),
    );
    let new = answering(
        &["/a"],
        json!({ "User": { "$ref": "#/components/schemas/New" }, "New": { "type": "string" } }),
    );
    assert_eq!(told(&old, &new), [""; 0]);
}

#[test]
fn a_schema_that_refers_to_itself_is_told_once() {
    let tree = |name: &str| {
        json!({ "User": { "properties": {
            (name): { "type": "string" },
            "left": { "$ref": "#/components/schemas/User" },
            "right": { "anyOf": [{ "$ref": "#/components/schemas/User" }, { "type": "null" }] },
        } } })
    };
    let (old, new) = (answering(&["/a"], tree("a")), answering(&["/a"], tree("b")));
    assert_eq!(
        graded(&compare(&old, &new)),
        ["breaking response-property-removed", "compatible response-property-added"]
    );
}

#[test]
fn references_that_lead_round_or_nowhere_do_no_harm() {
    for (old, new) in [
        (
            json!({ "User": { "$ref": "#/components/schemas/User" } }),
            json!({ "User": { "$ref": "#/components/schemas/B" }, "B": { "$ref": "#/components/schemas/User" } }),
        ),
        (
            json!({ "User": { "anyOf": [{ "$ref": "#/components/schemas/User" }] } }),
            json!({ "User": { "allOf": [{ "$ref": "#/components/schemas/User" }], "not": { "$ref": "#/components/schemas/User" } } }),
        ),
        (
            json!({ "User": { "allOf": [{ "$ref": "#" }] } }),
            json!({ "User": { "$ref": "#/paths" } }),
        ),
        (json!({}), json!({ "User": { "$dynamicRef": "#node" } })),
    ] {
        let (old, new) = (answering(&["/a"], old), answering(&["/a"], new));
        compare(&old, &new);
        compare(&new, &old);
        assert_eq!(told(&old, &old.clone()), [""; 0]);
    }
}

#[test]
fn schemas_that_grow_without_end_are_cut_short() {
    // Each component refers twice to the next: followed plainly, that are 2^40 places.
    let bushy = |leaf: &str| {
        let mut all = serde_json::Map::new();
        for level in 0..40 {
            let next = json!({ "$ref": format!("#/components/schemas/S{}", level + 1) });
            let union =
                json!({ "anyOf": [next, { "properties": { "x": next } }, { "items": next }] });
            all.insert(
                format!("S{level}"),
                json!({ "properties": { "a": next, "b": next, "c": union } }),
            );
        }
        all.insert("S40".to_owned(), json!({ "type": leaf }));
        all.insert("User".to_owned(), json!({ "$ref": "#/components/schemas/S0" }));
        answering(&["/a"], Value::Object(all))
    };
    let began = Instant::now();
    let changes = compare(&bushy("string"), &bushy("integer"));
    assert!(changes.iter().any(super::Change::is_breaking), "{changes:#?}");
    assert!(changes.len() < 1000, "{}", changes.len());
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn more_changes_than_anybody_reads_are_cut_short() {
    let many = |prefix: &str| {
        let properties: serde_json::Map<String, Value> =
            (0..20_000).map(|index| (format!("{prefix}{index}"), json!({}))).collect();
        answering(&["/a"], json!({ "User": { "properties": properties } }))
    };
    let changes = compare(&many("a"), &many("b"));
    assert!((1000..6000).contains(&changes.len()), "{}", changes.len());
    let cut = "GET /a: response property \"";
    let told = changes.iter().find(|change| change.rule_name() == "response-undecidable-change");
    assert!(told.unwrap().message.starts_with(cut));
}

#[test]
fn a_renamed_path_parameter_keeps_its_schema() {
    let document = |name: &str, kind: &str| {
        let parameter =
            json!({ "in": "path", "name": name, "required": true, "schema": { "type": kind } });
        json!({ "paths": { (format!("/users/{{{name}}}/pets")): { "get": { "parameters": [parameter] } } } })
    };
    let old = document("id", "integer");
    assert_eq!(
        told(&old, &document("user", "integer")),
        ["/users/{id}/pets: path parameter \"id\" renamed to \"user\": cosmetic"]
    );
    assert_eq!(
        told(&old, &document("user", "boolean")),
        [
            "/users/{id}/pets: path parameter \"id\" renamed to \"user\": cosmetic",
            "GET /users/{id}/pets: path parameter \"id\" type changed from integer to boolean: breaking",
        ]
    );
}

#[test]
fn a_success_in_the_place_of_another_has_its_answer_compared() {
    let document = |status: &str, schema: Value| {
        json!({ "paths": { "/a": { "post": { "responses": {
            (status): { "content": { "application/json": { "schema": schema } } },
            "404": { "description": "none" },
        } } } } })
    };
    let old = document("200", json!({ "properties": { "id": {} } }));
    let new = document("201", json!({ "properties": {} }));
    assert_eq!(
        told(&old, &new),
        [
            "POST /a: success status 200 changed to 201: breaking",
            "POST /a: response property \"id\" removed: breaking",
        ]
    );
}

#[test]
fn statuses_may_be_promised_as_a_range_or_not_at_all() {
    let document =
        |responses: Value| json!({ "paths": { "/a": { "get": { "responses": responses } } } });
    let content = |kind: &str| json!({ "content": { (kind): { "schema": { "type": "object" } } } });
    let graded = |old: &Value, new: &Value| graded(&compare(old, new));
    let range = document(json!({ "2XX": content("application/json") }));
    let exact = document(json!({ "200": content("application/json") }));
    assert_eq!(graded(&range, &exact), [""; 0]);
    assert_eq!(graded(&exact, &range), ["breaking success-status-changed"]);
    // What a route answers that says nothing, and then says what.
    let silent = document(json!({ "default": { "description": "anything" } }));
    let failures = json!({ "description": "anything", "content": content("application/problem+json")["content"] });
    let said = document(json!({ "200": content("application/json"), "default": failures }));
    let breaks = |all: Vec<String>| all.iter().any(|one| one.starts_with("breaking"));
    assert!(!breaks(graded(&silent, &said)), "{:?}", graded(&silent, &said));
    assert!(graded(&said, &silent).contains(&"breaking success-status-removed".to_owned()));
    // The answer to all failures says nothing of another success.
    let more = json!({ "200": content("application/json"), "202": content("text/plain"), "default": failures });
    assert_eq!(graded(&said, &document(more)), ["compatible success-status-added"]);
}

#[test]
fn errors_are_compared_under_their_status() {
    let document = |kind: &str| {
        let schema = json!({ "properties": { "detail": { "type": kind } } });
        json!({ "paths": { "/a": { "get": { "responses": {
            "200": {}, "404": { "content": { "application/json": { "schema": schema } } },
        } } } } })
    };
    assert_eq!(
        told(&document("string"), &document("integer")),
        ["GET /a: response 404 property \"detail\" type changed from string to integer: breaking"]
    );
}

#[test]
fn thousands_of_routes_are_compared_in_no_time() {
    let document = |change: Option<usize>| {
        let mut text = String::from(r#"{"paths":{"#);
        for route in 0..3000 {
            let kind = if change == Some(route) { "integer" } else { "string" };
            write!(
                text,
                r##"{}"/r{route}/{{id}}":{{"get":{{"operationId":"r{route}","parameters":[{{"in":"path","name":"id","required":true,"schema":{{"type":"{kind}"}}}}],"responses":{{"200":{{"content":{{"application/json":{{"schema":{{"$ref":"#/components/schemas/User"}}}}}}}}}}}}}}"##,
                if route == 0 { "" } else { "," },
            )
            .unwrap();
        }
        text.push_str(
            r#"},"components":{"schemas":{"User":{"properties":{"id":{"type":"integer"}}}}}}"#,
        );
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let (old, new) = (document(None), document(Some(1234)));
    let began = Instant::now();
    let changes = compare(&old, &new);
    let time = began.elapsed();
    assert_eq!(graded(&changes), ["breaking request-type-narrowed"]);
    assert!(time.as_millis() < 2000, "{time:?}");
}

#[test]
fn whatever_is_no_document_is_compared_without_harm() {
    for odd in [
        json!(null),
        json!([]),
        json!({ "paths": [] }),
        json!({ "paths": { "/a": 5, "b": {} } }),
        json!({ "paths": { "/a": { "get": [], "post": { "parameters": 5, "responses": [], "security": {}, "requestBody": [] } } } }),
    ] {
        let plain = json!({ "paths": { "/a": { "get": {}, "post": {} } } });
        compare(&odd, &plain);
        compare(&plain, &odd);
        assert_eq!(told(&odd, &odd.clone()), [""; 0]);
    }
}
