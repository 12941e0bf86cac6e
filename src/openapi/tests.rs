//! Documents of routes that are made by hand.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    Surroundings, document,
    fragment::{Fragment, Shown},
};
use crate::{
    diagnostic::Place,
    host::declare::pattern::Pattern,
    plugin::spec::{Answer, Auth, Body, Location, Parameter, Rate, Spec},
    schema::Schema,
    settings::{PluginAuth, Secret, Settings},
};

fn schema(json: Value) -> Schema {
    Schema::new(json, BTreeMap::new())
}

/// A reference to a named schema.
fn named(name: &str, json: Value) -> Schema {
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    Schema::new(reference, BTreeMap::from([(name.to_owned(), json)]))
}

fn parameter(name: &str, location: Location, json: Value, required: bool) -> Parameter {
    Parameter { name: name.to_owned(), location, schema: schema(json), required }
}

/// A fragment of one plugin with these routes.
fn fragment(plugin: &str, routes: &[(&'static str, &str, Spec)]) -> Fragment {
    let routes: Vec<_> = routes
        .iter()
        .map(|(method, path, spec)| ([*method], Pattern::parse(path).unwrap(), spec))
        .collect();
    let place = Place { line: 3, ..Place::file(format!("{plugin}.rhai")) };
    let shown = routes.iter().map(|(methods, pattern, spec)| Shown {
        methods,
        pattern,
        spec,
        place: &place,
    });
    Fragment::of_routes(plugin, "", PluginAuth::None, shown)
}

fn assemble(fragments: &[Fragment], settings: &Settings) -> Value {
    let around = Surroundings { settings, generation: 7, administration: None };
    document::assemble(fragments.iter(), around)
}

/// The operation of one route.
fn operation(method: &'static str, path: &str, spec: Spec) -> Value {
    let document = assemble(&[fragment("t", &[(method, path, spec)])], &Settings::default());
    let item = document["paths"].as_object().unwrap().values().next().unwrap();
    item[method.to_lowercase()].clone()
}

#[test]
fn parameters_are_shown_as_declared_and_those_of_the_path_always() {
    let spec = Spec {
        parameters: vec![
            parameter("limit", Location::Query, json!({ "type": "integer", "default": 20 }), false),
            parameter(
                "b",
                Location::Path,
                json!({ "type": "integer", "description": "The line." }),
                true,
            ),
            parameter("X-Trace", Location::Header, json!({ "type": "string" }), true),
            parameter(
                "theme",
                Location::Cookie,
                json!({ "enum": ["dark"], "deprecated": true }),
                false,
            ),
            parameter("stray", Location::Path, json!({ "type": "integer" }), true),
        ],
        ..Spec::default()
    };
    let operation = operation("GET", "/{a}/{b}", spec);
    assert_eq!(
        operation["parameters"],
        json!([
            { "name": "a", "in": "path", "required": true, "schema": { "type": "string" } },
            { "name": "b", "in": "path", "required": true, "description": "The line.",
              "schema": { "type": "integer", "description": "The line." } },
            { "name": "limit", "in": "query", "schema": { "type": "integer", "default": 20 } },
            { "name": "X-Trace", "in": "header", "required": true, "schema": { "type": "string" } },
            { "name": "theme", "in": "cookie", "deprecated": true,
              "schema": { "enum": ["dark"], "deprecated": true } },
        ])
    );
    let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["400", "422", "default"]);
}

#[test]
fn a_body_is_shown_with_its_media_types_and_examples() {
    let spec = Spec {
        body: Some(Body {
            required: true,
            content: vec![
                ("application/json".to_owned(), schema(json!({ "type": "object" }))),
                ("multipart/form-data".to_owned(), schema(json!({ "type": "object" }))),
            ],
            encoding: BTreeMap::new(),
            largest_file: None,
        }),
        examples: BTreeMap::from([("small".to_owned(), json!({ "a": 1 }))]),
        ..Spec::default()
    };
    let operation = operation("POST", "/", spec);
    let content = json!({
        "schema": { "type": "object" },
        "examples": { "small": { "value": { "a": 1 } } },
    });
    assert_eq!(
        operation["requestBody"],
        json!({
            "required": true,
            "content": { "application/json": content, "multipart/form-data": content },
        })
    );
    for (status, name) in
        [("400", "BadRequest"), ("415", "UnsupportedMediaType"), ("422", "UnprocessableContent")]
    {
        let reference = format!("#/components/responses/{name}");
        assert_eq!(operation["responses"][status], json!({ "$ref": reference }));
    }
}

#[test]
fn answers_are_shown_as_declared_and_other_failures_are_problems() {
    let spec = Spec {
        returns: BTreeMap::from([
            (
                201,
                Answer {
                    description: None,
                    content: Some((
                        "application/json".to_owned(),
                        named("Todo", json!({ "type": "object" })),
                    )),
                    ..Answer::default()
                },
            ),
            (204, Answer::default()),
        ]),
        errors: BTreeMap::from([(
            404,
            Answer {
                description: Some("No such todo.".to_owned()),
                content: None,
                ..Answer::default()
            },
        )]),
        ..Spec::default()
    };
    let fragment = fragment("t", &[("POST", "/", spec)]);
    let document = assemble(&[fragment], &Settings::default());
    let problem = json!({
        "application/problem+json": { "schema": { "$ref": "#/components/schemas/hotplate.Problem" } },
    });
    assert_eq!(
        document["paths"]["/"]["post"]["responses"],
        json!({
            "201": {
                "description": "Created",
                "content": {
                    "application/json": { "schema": { "$ref": "#/components/schemas/Todo" } },
                },
            },
            "204": { "description": "No Content" },
            "404": { "description": "No such todo.", "content": problem },
            "default": { "$ref": "#/components/responses/Problem" },
        })
    );
    let schemas: Vec<&String> =
        document["components"]["schemas"].as_object().unwrap().keys().collect();
    assert_eq!(schemas, ["Todo", "hotplate.Problem"]);
    let responses = document["components"]["responses"].as_object().unwrap();
    assert_eq!(responses.keys().collect::<Vec<_>>(), ["Problem"], "what nothing uses is left out");
}

#[test]
fn a_key_and_a_rate_have_answers_of_their_own() {
    let spec = || Spec {
        auth: Auth::AnyOf(vec!["a:read".to_owned(), "a:write".to_owned()]),
        rate_limit: Some(Rate { times: 60, per: Duration::from_secs(60) }),
        ..Spec::default()
    };
    let mut settings = Settings::default();
    settings.auth.url_key = false;
    let document = assemble(&[fragment("t", &[("GET", "/", spec())])], &settings);
    let operation = &document["paths"]["/"]["get"];
    assert_eq!(
        operation["security"],
        json!([
            { "bearer": ["a:read"] }, { "header": ["a:read"] }, { "basic": ["a:read"] },
            { "bearer": ["a:write"] }, { "header": ["a:write"] }, { "basic": ["a:write"] },
        ])
    );
    let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["403", "429", "default"]);
    let too_many = &document["components"]["responses"]["TooManyRequests"];
    assert_eq!(too_many["headers"]["Retry-After"]["schema"]["type"], "integer");
    assert!(document["components"]["securitySchemes"].get("query").is_none());

    let open = Spec { auth: Auth::Open, ..Spec::default() };
    settings.auth.apikey = Some(Secret::new("a key"));
    let document = assemble(&[fragment("t", &[("GET", "/", open)])], &settings);
    assert!(document["paths"]["/"]["get"].get("security").is_none());
    assert!(document["components"]["securitySchemes"]["bearer"].is_object(), "they are in force");
}

#[test]
fn one_schema_of_several_plugins_is_there_once() {
    let answer = |json: Value| Spec {
        returns: BTreeMap::from([(
            200,
            Answer {
                description: None,
                content: Some(("application/json".to_owned(), named("Item", json))),
                ..Answer::default()
            },
        )]),
        ..Spec::default()
    };
    let same = || answer(json!({ "type": "object" }));
    let fragments = [
        fragment("a", &[("GET", "/a", same())]),
        fragment("b", &[("GET", "/b", same())]),
        fragment(
            "c/d",
            &[(
                "GET",
                "/c/d",
                answer(json!({
                    "type": "object",
                    "properties": { "next": { "$ref": "#/components/schemas/Item" } },
                })),
            )],
        ),
    ];
    let document = assemble(&fragments, &Settings::default());
    let of = |path: &str| {
        let answer = &document["paths"][path]["get"]["responses"]["200"];
        answer["content"]["application/json"]["schema"]["$ref"].as_str().unwrap().to_owned()
    };
    assert_eq!(of("/a"), "#/components/schemas/Item");
    assert_eq!(of("/a"), of("/b"));
    // Two plugins may be served that differ about a name: neither is shown with what it does not mean.
    assert_eq!(of("/c/d"), "#/components/schemas/Item.c.d");
    assert_eq!(
        document["components"]["schemas"]["Item.c.d"]["properties"]["next"]["$ref"],
        "#/components/schemas/Item.c.d"
    );
}

#[test]
fn a_schema_that_refers_to_one_that_differs_is_shown_for_each() {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let answer = |kind: &str| {
        let outer = json!({ "type": "object", "properties": { "inner": reference("Inner") } });
        let top = json!({ "type": "array", "items": reference("Outer") });
        let components = BTreeMap::from([
            ("Inner".to_owned(), json!({ "type": kind })),
            ("Outer".to_owned(), outer),
            ("Top".to_owned(), top),
        ]);
        let schema = Schema::new(reference("Top"), components);
        let content = Some(("application/json".to_owned(), schema));
        Spec {
            returns: BTreeMap::from([(
                200,
                Answer { description: None, content, ..Answer::default() },
            )]),
            ..Spec::default()
        }
    };
    let fragments = [
        fragment("a", &[("GET", "/a", answer("integer"))]),
        fragment("b", &[("GET", "/b", answer("string"))]),
    ];
    let document = assemble(&fragments, &Settings::default());
    let schemas = &document["components"]["schemas"];
    for (path, end, kind) in [("/a", "", "integer"), ("/b", ".b", "string")] {
        let answer = &document["paths"][path]["get"]["responses"]["200"];
        let top = &answer["content"]["application/json"]["schema"];
        assert_eq!(*top, reference(&format!("Top{end}")));
        assert_eq!(schemas[format!("Top{end}")]["items"], reference(&format!("Outer{end}")));
        let inner = &schemas[format!("Outer{end}")]["properties"]["inner"];
        assert_eq!(*inner, reference(&format!("Inner{end}")));
        assert_eq!(schemas[format!("Inner{end}")]["type"], kind);
    }
}

#[test]
fn what_a_path_says_is_what_a_client_sends() {
    let document = assemble(
        &[fragment("t", &[("GET", "/straße/a+b/{id}", Spec::default())])],
        &Settings::default(),
    );
    assert!(document["paths"].get("/stra%C3%9Fe/a+b/{id}").is_some(), "{}", document["paths"]);
}

#[test]
fn files_and_generations_are_shown_in_development_only() {
    let fragments = [fragment("t", &[("GET", "/", Spec::default())])];
    let mut settings = Settings::default();
    let document = assemble(&fragments, &settings);
    assert!(!document.to_string().contains("x-hotplate"));
    settings.server.development = true;
    let document = assemble(&fragments, &settings);
    assert_eq!(document["x-hotplate"], json!({ "generation": 7 }));
    assert_eq!(
        document["paths"]["/"]["get"]["x-hotplate"],
        json!({ "plugin": "t", "file": "t.rhai", "line": 3 })
    );
}
