//! One pair of documents for each rule about routes and what stands around schemas.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{compare, rule::RouteRule},
    BREAKING, COMPATIBLE, COSMETIC, Severity, graded, parsed, with_operation,
};

/// The rule, what it means, and two operations that differ by it.
#[rustfmt::skip]
const OPERATIONS: &[(&str, Severity, &str, &str)] = &[
    ("operation-id-changed", COSMETIC, r#"{"operationId":"a"}"#, r#"{"operationId":"b"}"#),
    ("operation-deprecated", COMPATIBLE, "{}", r#"{"deprecated":true}"#),
    ("operation-reinstated", COMPATIBLE, r#"{"deprecated":true}"#, "{}"),
    ("longer-paths-removed", BREAKING, r#"{"x-tail":true}"#, "{}"),
    ("longer-paths-added", COMPATIBLE, "{}", r#"{"x-tail":true}"#),
    ("summary-changed", COSMETIC, r#"{"summary":"a"}"#, r#"{"summary":"b"}"#),
    ("description-changed", COSMETIC, "{}", r#"{"description":"b"}"#),
    ("tags-changed", COSMETIC, r#"{"tags":["a"]}"#, r#"{"tags":["b"]}"#),
    ("extension-changed", COSMETIC, r#"{"x-a":1}"#, r#"{"x-a":2}"#),
    ("external-docs-changed", COSMETIC, "{}", r#"{"externalDocs":{"url":"https://example.com"}}"#),
    ("callbacks-changed", BREAKING, "{}", r#"{"callbacks":{"done":{}}}"#),
    ("unknown-field-changed", BREAKING, r#"{"speed":1}"#, r#"{"speed":2}"#),
    ("parameter-removed", BREAKING, r#"{"parameters":[{"in":"query","name":"q"}]}"#, "{}"),
    ("parameter-moved", BREAKING, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"header","name":"q"}]}"#),
    ("optional-parameter-added", COMPATIBLE, "{}", r#"{"parameters":[{"in":"query","name":"q"}]}"#),
    ("required-parameter-added", BREAKING, "{}", r#"{"parameters":[{"in":"header","name":"X-Q","required":true}]}"#),
    ("parameter-became-required", BREAKING, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"query","name":"q","required":true}]}"#),
    ("parameter-became-optional", COMPATIBLE, r#"{"parameters":[{"in":"cookie","name":"q","required":true}]}"#, r#"{"parameters":[{"in":"cookie","name":"q"}]}"#),
    ("parameter-style-changed", BREAKING, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"query","name":"q","explode":false}]}"#),
    ("parameter-deprecated", COMPATIBLE, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"query","name":"q","deprecated":true}]}"#),
    ("parameter-reinstated", COMPATIBLE, r#"{"parameters":[{"in":"query","name":"q","deprecated":true}]}"#, r#"{"parameters":[{"in":"query","name":"q"}]}"#),
    ("description-changed", COSMETIC, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"query","name":"q","description":"d"}]}"#),
    ("examples-changed", COSMETIC, r#"{"parameters":[{"in":"query","name":"q"}]}"#, r#"{"parameters":[{"in":"query","name":"q","example":1}]}"#),
    ("request-type-changed", BREAKING, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"boolean"}}]}"#, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"integer"}}]}"#),
    ("request-type-widened", COMPATIBLE, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"integer"}}]}"#, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"string"}}]}"#),
    ("request-type-narrowed", BREAKING, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"string"}}]}"#, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"integer"}}]}"#),
    ("request-default-changed", BREAKING, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"integer","default":1}}]}"#, r#"{"parameters":[{"in":"query","name":"q","schema":{"type":"integer","default":2}}]}"#),
    ("required-request-body-added", BREAKING, "{}", r#"{"requestBody":{"required":true,"content":{}}}"#),
    ("optional-request-body-added", COMPATIBLE, "{}", r#"{"requestBody":{"content":{}}}"#),
    ("request-body-removed", BREAKING, r#"{"requestBody":{"content":{}}}"#, "{}"),
    ("request-body-became-required", BREAKING, r#"{"requestBody":{"content":{}}}"#, r#"{"requestBody":{"required":true,"content":{}}}"#),
    ("request-body-became-optional", COMPATIBLE, r#"{"requestBody":{"required":true,"content":{}}}"#, r#"{"requestBody":{"content":{}}}"#),
    ("request-media-type-removed", BREAKING, r#"{"requestBody":{"content":{"text/plain":{},"text/csv":{}}}}"#, r#"{"requestBody":{"content":{"text/csv":{}}}}"#),
    ("request-media-type-added", COMPATIBLE, r#"{"requestBody":{"content":{"text/plain":{}}}}"#, r#"{"requestBody":{"content":{"text/plain":{},"text/csv":{}}}}"#),
    ("request-encoding-widened", COMPATIBLE, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"image/png"}}}}}}"#, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"image/jpeg, image/*"}}}}}}"#),
    ("request-encoding-widened", COMPATIBLE, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"image/png"}}}}}}"#, r#"{"requestBody":{"content":{"multipart/form-data":{}}}}"#),
    ("request-encoding-changed", BREAKING, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"image/png, image/gif"}}}}}}"#, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"image/png"}}}}}}"#),
    ("request-encoding-changed", BREAKING, r#"{"requestBody":{"content":{"multipart/form-data":{}}}}"#, r#"{"requestBody":{"content":{"multipart/form-data":{"encoding":{"a":{"contentType":"text/csv"}}}}}}"#),
    ("examples-changed", COSMETIC, r#"{"requestBody":{"content":{"text/plain":{}}}}"#, r#"{"requestBody":{"content":{"text/plain":{"example":"x"}}}}"#),
    ("response-body-removed", BREAKING, r#"{"responses":{"200":{"content":{"text/plain":{}}}}}"#, r#"{"responses":{"200":{}}}"#),
    ("response-body-added", COMPATIBLE, r#"{"responses":{"200":{}}}"#, r#"{"responses":{"200":{"content":{"text/plain":{}}}}}"#),
    ("response-media-type-removed", BREAKING, r#"{"responses":{"200":{"content":{"text/plain":{},"text/csv":{}}}}}"#, r#"{"responses":{"200":{"content":{"text/plain":{}}}}}"#),
    ("response-media-type-added", COMPATIBLE, r#"{"responses":{"200":{"content":{"text/plain":{}}}}}"#, r#"{"responses":{"200":{"content":{"text/plain":{},"text/csv":{}}}}}"#),
    ("response-encoding-changed", BREAKING, r#"{"responses":{"200":{"content":{"a/b":{}}}}}"#, r#"{"responses":{"200":{"content":{"a/b":{"encoding":{"a":{"contentType":"a/b"}}}}}}}"#),
    ("response-type-narrowed", COMPATIBLE, r#"{"responses":{"200":{"content":{"*/*":{}}}}}"#, r#"{"responses":{"200":{"content":{"application/json":{"schema":{"type":"object"}}}}}}"#),
    ("success-status-changed", BREAKING, r#"{"responses":{"200":{}}}"#, r#"{"responses":{"201":{}}}"#),
    ("success-status-removed", BREAKING, r#"{"responses":{"200":{},"202":{}}}"#, r#"{"responses":{"200":{}}}"#),
    ("success-status-added", COMPATIBLE, r#"{"responses":{"200":{}}}"#, r#"{"responses":{"200":{},"202":{}}}"#),
    ("error-status-removed", COMPATIBLE, r#"{"responses":{"404":{}}}"#, r#"{"responses":{}}"#),
    ("error-status-added", COMPATIBLE, r#"{"responses":{}}"#, r#"{"responses":{"409":{}}}"#),
    ("response-header-removed", BREAKING, r#"{"responses":{"200":{"headers":{"X-A":{}}}}}"#, r#"{"responses":{"200":{}}}"#),
    ("response-header-added", COMPATIBLE, r#"{"responses":{"200":{}}}"#, r#"{"responses":{"200":{"headers":{"X-A":{}}}}}"#),
    ("response-header-became-optional", BREAKING, r#"{"responses":{"200":{"headers":{"X-A":{"required":true}}}}}"#, r#"{"responses":{"200":{"headers":{"x-a":{}}}}}"#),
    ("response-header-became-required", COMPATIBLE, r#"{"responses":{"200":{"headers":{"X-A":{}}}}}"#, r#"{"responses":{"200":{"headers":{"X-A":{"required":true}}}}}"#),
    ("response-type-widened", BREAKING, r#"{"responses":{"200":{"headers":{"X-A":{"schema":{"type":"integer"}}}}}}"#, r#"{"responses":{"200":{"headers":{"X-A":{"schema":{"type":"string"}}}}}}"#),
    ("links-changed", COSMETIC, r#"{"responses":{"200":{}}}"#, r#"{"responses":{"200":{"links":{"next":{}}}}}"#),
    ("key-newly-demanded", BREAKING, "{}", r#"{"security":[{"key":[]}]}"#),
    ("key-newly-demanded", BREAKING, r#"{"security":[{},{"key":[]}]}"#, r#"{"security":[{"key":[]}]}"#),
    ("key-no-longer-demanded", COMPATIBLE, r#"{"security":[{"key":[]}]}"#, r#"{"security":[]}"#),
    ("scope-changed", BREAKING, r#"{"security":[{"key":["read"]}]}"#, r#"{"security":[{"key":["read","write"]}]}"#),
    ("scope-changed", BREAKING, r#"{"security":[{"key":["a"]}]}"#, r#"{"security":[{"key":["b"]}]}"#),
    ("scope-relaxed", COMPATIBLE, r#"{"security":[{"key":["a"]}]}"#, r#"{"security":[{"key":["a"]},{"key":["b"]}]}"#),
    ("security-scheme-removed", BREAKING, r#"{"security":[{"key":[]},{"bearer":[]}]}"#, r#"{"security":[{"key":[]}]}"#),
    ("security-scheme-added", COMPATIBLE, r#"{"security":[{"key":[]}]}"#, r#"{"security":[{"key":[]},{"bearer":[]}]}"#),
    ("server-removed", BREAKING, r#"{"servers":[{"url":"https://a.example"}]}"#, r#"{"servers":[{"url":"https://b.example"}]}"#),
    ("unresolved-reference-changed", BREAKING, r##"{"requestBody":{"$ref":"#/a"}}"##, r##"{"requestBody":{"$ref":"#/b"}}"##),
];

/// The rule, what it means, and two whole documents that differ by it.
fn documents() -> Vec<(&'static str, Severity, Value, Value)> {
    let paths = |paths: Value| json!({ "paths": paths });
    let answer = |properties: Value| json!({ "responses": { "200": { "content": { "application/json": { "schema": { "properties": properties } } } } } });
    let scheme = |name: &str| {
        json!({
            "paths": { "/t": { "get": { "security": [{ "key": [] }] } } },
            "components": { "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": name } } },
        })
    };
    vec![
        (
            "route-removed",
            BREAKING,
            paths(json!({ "/a": {}, "/b": {} })),
            paths(json!({ "/a": {} })),
        ),
        ("route-added", COMPATIBLE, paths(json!({})), paths(json!({ "/a": {} }))),
        (
            "method-removed",
            BREAKING,
            paths(json!({ "/a": { "get": {}, "put": {} } })),
            paths(json!({ "/a": { "get": {} } })),
        ),
        (
            "route-shadowed",
            BREAKING,
            paths(json!({ "/a/{id}": { "get": answer(json!({ "id": {} })) } })),
            paths(json!({
                "/a/{id}": { "get": answer(json!({ "id": {} })) },
                "/a/me": { "get": answer(json!({ "n": {} })) },
            })),
        ),
        (
            "head-left-to-get",
            COMPATIBLE,
            paths(json!({ "/a": { "get": {}, "head": {} } })),
            paths(json!({ "/a": { "get": {} } })),
        ),
        (
            "method-added",
            COMPATIBLE,
            paths(json!({ "/a": { "get": {} } })),
            paths(json!({ "/a": { "get": {}, "put": {} } })),
        ),
        (
            "path-parameter-renamed",
            COSMETIC,
            paths(json!({ "/a/{id}": {} })),
            paths(json!({ "/a/{name}": {} })),
        ),
        ("security-scheme-changed", BREAKING, scheme("X-Key"), scheme("X-Custom-Auth")),
        ("server-removed", BREAKING, json!({ "servers": [{ "url": "/a" }] }), json!({})),
        ("server-added", COMPATIBLE, json!({}), json!({ "servers": [{ "url": "/a" }] })),
        ("webhooks-changed", BREAKING, json!({}), json!({ "webhooks": { "a": {} } })),
        (
            "info-changed",
            COSMETIC,
            json!({ "info": { "version": "1" } }),
            json!({ "info": { "version": "2" } }),
        ),
        ("tags-changed", COSMETIC, json!({}), json!({ "tags": [{ "name": "a" }] })),
        (
            "key-newly-demanded",
            BREAKING,
            paths(json!({ "/a": { "get": {} } })),
            json!({ "paths": { "/a": { "get": {} } }, "security": [{ "key": [] }] }),
        ),
    ]
}

#[test]
fn every_pair_of_operations_shows_its_rule() {
    let mut wrong = Vec::new();
    for (rule, severity, old, new) in OPERATIONS {
        let changes = compare(&with_operation(parsed(old)), &with_operation(parsed(new)));
        if graded(&changes) != [format!("{severity} {rule}")] {
            wrong.push(format!("{severity} {rule}: {changes:#?}"));
        }
    }
    for (rule, severity, old, new) in documents() {
        let changes = compare(&old, &new);
        if graded(&changes) != [format!("{severity} {rule}")] {
            wrong.push(format!("{severity} {rule}: {changes:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_rule_about_routes_has_a_pair() {
    let documents = documents();
    let shown: BTreeSet<&str> =
        OPERATIONS.iter().map(|row| row.0).chain(documents.iter().map(|row| row.0)).collect();
    let missing: Vec<&str> = RouteRule::ALL
        .iter()
        .map(|rule| rule.name())
        .filter(|name| !shown.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
