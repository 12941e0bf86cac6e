//! The OpenAPI document: what it says, who may read it, and that it is of one generation.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::{Ask, Project, Server, assert_problem, assert_tells, wait_until};

const KEY: &str = "the-global-key";

/// The document of a server.
#[track_caller]
fn document(server: &Server) -> Value {
    let answer = server.get("/openapi.json");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    answer.json()
}

/// The document of one script, served as `/t` in development.
#[track_caller]
fn document_of(script: &str) -> Value {
    document(&Server::dev(&[("t.rhai", script)]))
}

/// All operation ids.
fn operation_ids(document: &Value) -> Vec<String> {
    let items = document["paths"].as_object().unwrap().values();
    let operations = items.flat_map(|item| item.as_object().unwrap().values());
    operations.map(|operation| operation["operationId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_stands_above_a_handler_function_is_said_of_its_routes_and_the_spec_wins() {
    let document = document_of(
        "/// All of them.\n///\n/// In any order.\nfn all(req) { [] }\n\
         /// Not this.\nfn one(req) { 1 }\n\
         get(all);\n\
         get(\"/{id}\", #{ summary: \"One of them\", description: \"By its number.\" }, one);\n\
         /// Above the route.\nput(\"/{id}\", one);",
    );
    let said = |path: &str, method: &str| {
        let operation = &document["paths"][path][method];
        (operation["summary"].clone(), operation["description"].clone())
    };
    assert_eq!(said("/t", "get"), (json!("All of them"), json!("In any order.")));
    assert_eq!(said("/t/{id}", "get"), (json!("One of them"), json!("By its number.")));
    assert_eq!(said("/t/{id}", "put").0, "Above the route");
}

#[test]
fn a_route_is_shown_with_what_is_known_of_it() {
    let document = document_of(
        "//! Things to do.\n\
         /// List them.\n\
         ///\n\
         /// Newest *first*.\n\
         get(\"/{id}\", #{ deprecated: true }, |req| 1);",
    );
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["info"], json!({ "title": "API", "version": "0.1.0" }));
    assert_eq!(document["servers"], json!([{ "url": "/" }]));
    assert_eq!(document["tags"][0], json!({ "name": "t", "description": "Things to do." }));
    let mut get = document["paths"]["/t/{id}"]["get"].clone();
    let at = get.as_object_mut().unwrap().remove("x-hotplate").unwrap();
    assert_eq!(at, json!({ "plugin": "t", "file": "t.rhai", "line": 5 }));
    assert_eq!(
        get,
        json!({
            "operationId": "get_t_by_id",
            "summary": "List them",
            "description": "Newest *first*.",
            "deprecated": true,
            "tags": ["t"],
            "parameters": [
                { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
            ],
            "responses": {
                "400": { "$ref": "#/components/responses/BadRequest" },
                "default": { "description": "What the handler answers; it does not say more." },
            },
        })
    );
}

#[test]
fn any_is_five_methods_and_a_tail_is_a_parameter() {
    let document = document_of("any(|req| 1); get(\"/files/{*rest}\", |req| 2);");
    let methods: Vec<&str> =
        document["paths"]["/t"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(methods.len(), 5, "{methods:?}");
    for method in ["get", "post", "put", "patch", "delete"] {
        assert!(methods.contains(&method), "{methods:?}");
    }
    let tail = &document["paths"]["/t/files/{rest}"]["get"];
    assert_eq!(tail["parameters"][0]["name"], "rest");
    assert_tells(&tail["parameters"][0], &["slashes"]);
}

#[test]
fn what_is_hidden_is_left_out_and_is_still_there() {
    let server =
        Server::dev(&[("t.rhai", "get(|| 1); get(\"/secret\", #{ hidden: true }, || 2);")]);
    assert!(document(&server)["paths"].get("/t/secret").is_none());
    assert_eq!(server.get("/t/secret").ok(), "2");
}

#[test]
fn routes_that_call_one_parameter_differently_share_a_path() {
    let server = Server::dev(&[(
        "t.rhai",
        "get(\"/{a}/x/{b}\", |req| req.params); post(\"/{c}/x/{d}\", |req| req.params);",
    )]);
    let document = document(&server);
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(paths.iter().filter(|path| path.starts_with("/t/")).count(), 1, "{paths:?}");
    let item = &document["paths"]["/t/{a}/x/{b}"];
    for method in ["get", "post"] {
        let names: Vec<_> =
            (0..2).map(|at| item[method]["parameters"][at]["name"].clone()).collect();
        assert_eq!(names, ["a", "b"]);
    }
    assert_eq!(item["post"]["operationId"], "post_t_by_c_x_by_d");
    assert_eq!(server.ask(Ask::post("/t/1/x/2")).json(), json!({ "c": "1", "d": "2" }));
}

#[test]
fn a_tail_beside_a_parameter_is_shown_or_warned_of() {
    let server =
        Server::dev(&[("t.rhai", "get(\"/{id}\", |req| 1);\nany(\"/{*rest}\", |req| 2);")]);
    let item = document(&server)["paths"]["/t/{id}"].clone();
    assert_eq!(item["get"]["operationId"], "get_t_by_id");
    assert_eq!(item["put"]["operationId"], "put_t_all_rest");
    assert_eq!(item["put"]["parameters"][0]["name"], "id");
    assert_eq!(server.ask(Ask::new("PUT", "/t/1")).ok(), "2");
    let report = server.report();
    let warning = &report["diagnostics"][0];
    assert_eq!((&warning["severity"], &warning["line"]), (&json!("warning"), &json!(2)));
    assert_tells(warning, &["shows GET /t/{id} and not /t/{*rest}", "hidden: true"]);
    assert_eq!(report["diagnostics"].as_array().unwrap().len(), 1);
    assert_eq!(report["status"], "All plugins reloaded");
}

#[test]
fn names_of_operations_are_unique_and_do_not_change_with_other_plugins() {
    let server = Server::dev(&[(
        "b.rhai",
        "get(\"/x_y\", || 1); get(\"/x/y\", || 1); get(\"/{x}/y\", |r| 1); any(\"/x\", || 1);",
    )]);
    let before: HashSet<String> = operation_ids(&document(&server)).into_iter().collect();
    server.save("a.rhai", "get(\"/x\", || 1); get(\"/b/x_y\", || 1);");
    server.report();
    let after = operation_ids(&document(&server));
    let distinct: HashSet<String> = after.iter().cloned().collect();
    assert_eq!(distinct.len(), after.len());
    assert!(before.is_subset(&distinct), "{before:?} {after:?}");
}

#[test]
fn an_operation_is_named_as_its_route_says_unless_another_is_named_so() {
    let server = Server::dev(&[
        (
            "a.rhai",
            "get(#{ operation_id: \"listA\" }, || 1);".replace("get(#", "get(\"/\", #").leak()
                as &str,
        ),
        (
            "b.rhai",
            "get(\"/\", #{ operation_id: \"listA\" }, || 1);\n\
             any(\"/x\", #{ operation_id: \"x\" }, || 1);\n\
             get(\"/y\", #{ operation_id: \"get_a\" }, || 1);\n\
             post(\"/a\", #{ operation_id: \"get_b_a\" }, || 1); get(\"/a\", || 1);\n\
             get(\"/z\", #{ operation_id: \"x_put\" }, || 1); get(\"/v\", #{ operation_id: \"x\" }, || 1);",
        ),
    ]);
    let document = document(&server);
    let paths = &document["paths"];
    assert_eq!(paths["/a"]["get"]["operationId"], "listA");
    assert_eq!(paths["/b"]["get"]["operationId"], "get_b");
    assert_eq!(paths["/b/x"]["put"]["operationId"], "x_put");
    assert_eq!(paths["/b/a"]["post"]["operationId"], "post_b_a");
    // Of a route of several methods no operation has the bare name.
    assert_eq!(paths["/b/z"]["get"]["operationId"], "get_b_z");
    assert_eq!(paths["/b/v"]["get"]["operationId"], "x");
    let ids = operation_ids(&document);
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
    let report = server.report();
    let told: Vec<&str> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["message"].as_str().unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "`operation_id` \"listA\" is the name of another operation",
            "`operation_id` \"get_a\" is the name that hotplate makes of GET /a",
            "`operation_id` \"get_b_a\" is the name that hotplate makes of GET /b/a",
            "`operation_id` \"x_put\" is the name of another operation",
        ]
    );
}

#[test]
fn a_body_is_shown_of_the_methods_that_have_one() {
    let document = document_of("any(\"/\", #{ body: #{ a: int() } }, |r| 1);");
    let item = &document["paths"]["/t"];
    assert!(item["get"].get("requestBody").is_none());
    assert_eq!(item["get"]["responses"].as_object().unwrap().len(), 1);
    for method in ["post", "put", "patch", "delete"] {
        assert_eq!(item[method]["requestBody"]["required"], true, "{method}");
        assert!(item[method]["responses"]["415"].is_object(), "{method}");
    }
}

#[test]
fn a_schema_that_no_reader_could_read_is_refused_and_one_of_fifty_levels_is_printed() {
    let script = |levels: usize| {
        format!(
            "let s = int();\nfor i in 0..{levels} {{ s = object(#{{ a: s }}); }}\n\
             get(\"/\", #{{ returns: s }}, |r| 1);"
        )
    };
    let project = Project::new(&[("t.rhai", &script(49))]);
    let ended = project.hotplate(&["openapi"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(document["paths"]["/t"].is_object());
    project.save("t.rhai", &script(130));
    let ended = project.hotplate(&["openapi"]);
    assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(2), ""));
    assert!(ended.stderr.contains("deeper than 100 levels"), "{}", ended.stderr);
    assert!(ended.stderr.contains("t.rhai:2:23"), "{}", ended.stderr);
}

#[test]
fn a_document_is_fetched_again_only_when_it_changed() {
    let server = Server::dev(&[("t.rhai", "get(|| 1);")]);
    let first = server.get("/openapi.json");
    let etag = first.header("etag").unwrap().to_owned();
    assert_eq!(first.header("cache-control"), Some("no-cache"));
    for tags in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
        let again = server.ask(Ask::get("/openapi.json").header("If-None-Match", &tags));
        assert_eq!((again.status, again.header("etag")), (304, Some(etag.as_str())), "{tags}");
        assert!(again.body.is_empty());
    }
    let yaml = server.get("/openapi.yaml");
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    assert_ne!(yaml.header("etag"), Some(etag.as_str()));
    server.save("t.rhai", "get(|| 1); post(|| 2);");
    server.report();
    let changed = server.ask(Ask::get("/openapi.json").header("If-None-Match", &etag));
    assert_eq!(changed.status, 200);
    assert!(changed.json()["paths"]["/t"].get("post").is_some());
}

#[test]
fn a_document_is_read_with_get_and_head() {
    let server = Server::dev(&[("t.rhai", "get(|| 1);")]);
    for target in ["/openapi.json", "/openapi.yaml", "/openapi.json/"] {
        let (get, head) = (server.get(target), server.ask(Ask::new("HEAD", target)));
        assert_eq!((head.status, head.body.len()), (200, 0));
        for name in ["etag", "content-length", "content-type"] {
            assert_eq!(head.header(name), get.header(name), "{name}");
        }
        let options = server.ask(Ask::new("OPTIONS", target));
        assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
        let post = server.ask(Ask::post(target));
        assert_problem(&post, 405);
        assert_eq!(post.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
}

#[test]
fn in_production_it_asks_for_a_key_unless_it_is_said_otherwise() {
    let serve = |config: &str| Project::new(&[("t.rhai", "get(|| 1);")]).config(config).start();
    let server = serve(&format!(
        "[auth]\napikey = \"{KEY}\"\n[auth.keys.docs]\nkey = \"reader\"\nscopes = [\"openapi\"]\n\
         [auth.keys.other]\nkey = \"other\"\nscopes = [\"orders\"]\n"
    ));
    for (key, status) in [(KEY, 200), ("reader", 200), ("other", 403), ("wrong", 403)] {
        let ask = Ask::get("/openapi.json").header("Authorization", &format!("Bearer {key}"));
        assert_eq!(server.ask(ask).status, status, "{key}");
    }
    assert_eq!(server.get("/openapi.json").status, 403);
    assert_eq!(server.get(&format!("/openapi.yaml?apikey={KEY}")).status, 200);
    let foreign = Ask::get(&format!("/openapi.json?apikey={KEY}"));
    assert_eq!(server.ask(foreign.header("Origin", "http://evil.example")).status, 403);

    let server = serve("[openapi]\naccess = \"open\"\n");
    assert_eq!(server.ask(Ask::get("/openapi.json").header("Host", "api.example")).status, 200);
    let server = serve("[openapi]\naccess = \"off\"\n");
    assert_problem(&server.get("/openapi.json"), 404);
    assert_problem(&server.ask(Ask::post("/openapi.yaml")), 404);

    let server = serve("");
    assert_eq!(server.get("/openapi.json").status, 200, "a program on this machine needs no key");
    let forwarded = Ask::get("/openapi.json").header("X-Forwarded-For", "192.0.2.1");
    assert_eq!(server.ask(forwarded).status, 403);
}

#[test]
fn in_development_it_is_open_to_our_own_names() {
    let server = Server::dev(&[("t.rhai", "get(|| 1);")]);
    assert_eq!(server.get("/openapi.json").status, 200);
    let named = Ask::get("/openapi.json").header("Host", "evil.example");
    assert_eq!(server.ask(named).status, 421);
}

#[test]
fn in_production_it_shows_no_file_and_no_generation() {
    let server = Server::start(&[("t.rhai", "get(|| 1);")]);
    let json = server.get("/openapi.json").ok();
    assert!(!json.contains("x-hotplate") && !json.contains("rhai"), "{json}");
    let yaml = server.get("/openapi.yaml").ok();
    assert!(!yaml.contains("x-hotplate") && !yaml.contains("rhai"), "{yaml}");
    let before = server.get("/openapi.json");
    server.save("u.rhai", "get(#{}");
    server.report();
    let after = server.get("/openapi.json");
    assert_eq!(before.header("etag"), after.header("etag"), "the API is the same");
}

#[test]
fn keys_are_described_as_they_are_in_force() {
    let config = format!(
        "[auth]\napikey = \"{KEY}\"\nurl_key = false\n[plugins.t]\nauth = \"global\"\n\
         [openapi]\naccess = \"open\"\n"
    );
    let server =
        Project::new(&[("t.rhai", "get(|| 1);"), ("u.rhai", "get(|| 1);")]).config(&config).start();
    let document_now = document(&server);
    let schemes = &document_now["components"]["securitySchemes"];
    assert_eq!(
        (&schemes["bearer"]["type"], &schemes["bearer"]["scheme"]),
        (&json!("http"), &json!("bearer"))
    );
    assert_eq!(schemes["header"]["name"], "X-Custom-Auth");
    assert!(schemes.get("query").is_none());
    let guarded = &document_now["paths"]["/t"]["get"];
    assert_eq!(
        guarded["security"],
        json!([{ "bearer": ["plugin:t"] }, { "header": ["plugin:t"] }, { "basic": ["plugin:t"] }])
    );
    assert!(guarded["responses"]["403"]["$ref"].is_string());
    assert!(document_now["paths"]["/u"]["get"].get("security").is_none());
    assert_eq!(document_now["security"], json!([]));
    let unload = &document_now["paths"]["/unload/{plugin}"]["post"];
    assert_eq!(
        unload["security"],
        json!([{ "bearer": ["admin"] }, { "header": ["admin"] }, { "basic": ["admin"] }])
    );
    assert_eq!(schemes["basic"]["scheme"], "basic");
    assert!(document_now["paths"]["/healthz"]["get"].get("security").is_none());

    server.save_config(&config.replace("url_key = false\n", ""));
    wait_until("a key in the query", || {
        let query = document(&server)["components"]["securitySchemes"]["query"].clone();
        query["in"] == "query" && query["name"] == "apikey"
    });
}

#[test]
fn without_keys_no_operation_asks_for_one() {
    let document = document_of("get(|| 1);");
    assert!(document["components"].get("securitySchemes").is_none());
    assert!(document["paths"]["/unload/{plugin}"]["post"].get("security").is_none());
}

#[test]
fn the_administration_is_a_group_of_its_own() {
    let document = document_of("get(|| 1);");
    let reload = &document["paths"]["/reload/{plugin}"]["post"];
    assert_eq!(reload["tags"], json!(["Administration"]));
    assert_eq!(reload["operationId"], "post_reload_by_plugin");
    let schema = &reload["responses"]["404"]["content"]["application/json"]["schema"];
    assert_eq!(*schema, json!({ "$ref": "#/components/schemas/hotplate.Refusal" }));
    let schemas = &document["components"]["schemas"];
    assert!(schemas["hotplate.Refusal"]["properties"].is_object());
    assert_eq!(schemas["hotplate.Reload"]["anyOf"].as_array().map(Vec::len), Some(2));
}

/// The document of the plugins that come with hotplate, as it is in production.
fn document_of_the_repository() -> String {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut project = Project::new(&[]).config("[openapi]\naccess = \"open\"\n");
    project = project.env("HOTPLATE_PATHS__PLUGINS", &root.join("plugins").to_string_lossy());
    std::fs::create_dir(project.root().join("openapi")).unwrap();
    std::fs::copy(root.join("openapi/info.toml"), project.root().join("openapi/info.toml"))
        .unwrap();
    project.start().get("/openapi.yaml").ok()
}

/// Whoever changes the document on purpose writes it again with `HOTPLATE_BLESS=1`.
#[test]
fn the_document_of_the_plugins_that_come_with_hotplate_is_as_it_was() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/openapi.yaml");
    let document = document_of_the_repository();
    if std::env::var_os("HOTPLATE_BLESS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &document).unwrap();
    }
    let was = std::fs::read_to_string(&golden).unwrap_or_default();
    for (line, (now, was)) in document.lines().zip(was.lines()).enumerate() {
        assert_eq!(now, was, "line {} of {}", line + 1, golden.display());
    }
    assert_eq!(document.len(), was.len(), "one of them ends earlier");
}

/// A request begins and ends on one generation, and so does the document.
#[test]
fn a_document_is_never_of_two_generations() {
    let script = |number: usize| format!("get(\"/v{number}\", || 1);");
    let server = Server::dev(&[("a.rhai", &script(0)), ("b.rhai", &script(0)), ("lib/x.rhai", "")]);
    let asked = std::thread::scope(|scope| {
        let saving = scope.spawn(|| {
            for number in 1..=20 {
                server.save("a.rhai", &script(number));
                server.save("b.rhai", &script(number));
                server.report();
            }
        });
        let mut asked = 0;
        while !saving.is_finished() || asked == 0 {
            let document = document(&server);
            let version = |plugin: &str| {
                let paths = document["paths"].as_object().unwrap();
                let mut of_plugin = paths.keys().filter_map(|path| path.strip_prefix(plugin));
                let version: usize =
                    of_plugin.next().unwrap().trim_start_matches("/v").parse().unwrap();
                assert_eq!(of_plugin.next(), None);
                version
            };
            // The first may have been saved and seen before the second.
            assert!(version("/a").abs_diff(version("/b")) <= 1, "{document}");
            let generation = document["x-hotplate"]["generation"].as_u64().unwrap();
            assert!(generation >= 1);
            asked += 1;
        }
        asked
    });
    assert!(asked > 0);
    let document = document(&server);
    assert!(document["paths"].get("/a/v20").is_some() && document["paths"].get("/b/v20").is_some());
}

/// Whatever a route says of a status, the server may answer with it as it always does.
#[test]
fn what_the_server_itself_answers_is_shown_beside_what_a_route_declares() {
    let document = document_of(
        "get(\"/key\", #{ auth: \"x\", returns: int(), errors: #{ \"403\": \"not yours\" } }, |req| 1);\n\
         post(#{ body: #{ a: int() }, rate_limit: \"1/1h\", errors: #{ \"422\": #{ code: int() }, \
         \"429\": #{ code: int() }, \"409\": #{ code: int() } } }, |req| 1);",
    );
    let content = |path: &str, method: &str, status: &str| {
        document["paths"][path][method]["responses"][status]["content"].clone()
    };
    let forbidden = content("/t/key", "get", "403");
    let names: Vec<&String> = forbidden.as_object().unwrap().keys().collect();
    assert_eq!(names, ["application/json", "application/problem+json"]);
    for status in ["422", "429"] {
        let schema = &content("/t", "post", status)["application/problem+json"]["schema"];
        let both = schema["anyOf"].as_array().unwrap();
        assert_eq!(both[1], json!({ "$ref": "#/components/schemas/hotplate.Problem" }));
        assert!(
            both[0]["properties"]["code"].is_object()
                && both[0]["properties"]["detail"].is_object()
        );
    }
    assert!(
        document["paths"]["/t"]["post"]["responses"]["429"]["headers"]["Retry-After"].is_object()
    );
    let conflict = &content("/t", "post", "409")["application/problem+json"]["schema"];
    assert!(conflict["properties"]["code"].is_object(), "{conflict}");
}
