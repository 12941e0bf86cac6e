//! The administration: what its clients rely on, and who may use it.

use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Project, Server, assert_tells};

const KEY: &str = "the-global-key";

fn guarded() -> Server {
    Project::new(&[
        ("hello.rhai", "get(|r| \"hello\");"),
        ("shop/orders.rhai", "get(|r| \"orders\");"),
    ])
    .config(&format!("[auth]\napikey = \"{KEY}\"\n"))
    .start()
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (403, json!({ "error": "unauthorized" })));
    assert_eq!(
        answer.header("content-type").map(|kind| kind.starts_with("application/json")),
        Some(true)
    );
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn plugins_lists_what_is_served() {
    let server = Server::start(&[
        ("hello.rhai", "//! Says hello.\nget(|r| \"hello\");\npost(\"/{id}\", |r| 1);"),
        ("broken.rhai", "get(|r| "),
    ]);
    for ask in [Ask::get("/plugins"), Ask::post("/plugins"), Ask::get("/plugins/")] {
        let listing = server.ask(ask).json();
        assert_eq!(listing["loaded_plugins"], json!(["hello"]));
        assert_eq!(listing["memory"], "enforced");
        assert_eq!(listing["generation"], 1);
    }
    let hello = server.plugin("hello");
    assert_eq!((&hello["path"], &hello["state"]), (&json!("/hello"), &json!("serving")));
    assert_eq!(hello["routes"][0]["methods"], json!(["GET"]));
    assert_eq!(hello["routes"][1]["path"], "/hello/{id}");
    let broken = server.plugin("broken");
    assert_eq!(broken["state"], "failed");
    assert_tells(&broken["diagnostics"][0], &["broken.rhai:1"]);
}

#[test]
fn reloading_one_plugin_gives_the_keys_that_clients_know_and_the_report() {
    let server = guarded();
    for ask in [Ask::get("/reload/hello"), Ask::post("/reload/hello")] {
        let answer = server.ask(ask.header("X-Custom-Auth", KEY));
        assert_eq!(answer.status, 200);
        let reply = answer.json();
        assert_eq!((&reply["reloaded"], &reply["success"]), (&json!("hello"), &json!(true)));
        for key in [
            "generation",
            "added",
            "changed",
            "removed",
            "unchanged",
            "failed",
            "diagnostics",
            "restart_needed",
            "loaded_plugins",
            "milliseconds",
        ] {
            assert!(keys(&reply).contains(&key), "{key} is not in {reply}");
        }
    }
    let nested = server.ask(Ask::post("/reload/shop/orders").header("X-Custom-Auth", KEY));
    assert_eq!((nested.status, &nested.json()["reloaded"]), (200, &json!("shop/orders")));
    let unknown = server.ask(Ask::post("/reload/nobody").header("X-Custom-Auth", KEY));
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].is_string());
}

#[test]
fn reloading_everything_gives_the_keys_that_clients_know() {
    let server = Server::start(&[("a.rhai", "get(|r| 1);"), ("b.rhai", "get(|r| 2);")]);
    let answer = server.get("/reload/all");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["status"], "All plugins reloaded");
    assert_eq!(answer.json()["loaded_plugins"], json!(["a", "b"]));
}

#[test]
fn a_failed_reload_is_422_and_tells_why_and_what_is_served() {
    let server = Server::start(&[("a.rhai", "get(|r| \"good\");"), ("b.rhai", "get(|r| 2);")]);
    server.save("a.rhai", "get(|r| {\n  oops(\n});");
    let all = server.ask(Ask::post("/reload/all"));
    assert_eq!(all.status, 422);
    let reply = all.json();
    assert_eq!(reply["status"], "Some plugins failed");
    assert_eq!(reply["loaded_plugins"], json!(["a", "b"]));
    assert_eq!(reply["failed"], json!(["a"]));
    assert_eq!(reply["diagnostics"][0]["plugin"], "a");
    assert_tells(&reply["diagnostics"][0], &["a.rhai:3"]);
    let one = server.ask(Ask::post("/reload/a"));
    assert_eq!((one.status, &one.json()["success"]), (422, &json!(false)));
    assert_eq!(server.ask(Ask::post("/reload/b")).status, 200);
    assert_eq!(server.get("/a").ok(), "good");
}

#[test]
fn a_plugin_is_unloaded_and_loaded_again() {
    let server = Server::start(&[("a.rhai", "get(|r| \"a\");"), ("b.rhai", "get(|r| \"b\");")]);
    let unloaded = server.ask(Ask::post("/unload/a"));
    assert_eq!(unloaded.status, 200);
    let reply = unloaded.json();
    assert_eq!((&reply["unloaded"], &reply["success"]), (&json!("a"), &json!(true)));
    assert_eq!(reply["removed"], json!(["a"]));
    assert_eq!(server.get("/a").status, 404);
    assert_eq!(server.plugin("a")["state"], "unloaded");
    server.save("a.rhai", "get(|r| \"A\");");
    server.report();
    assert_eq!(server.get("/a").status, 404);
    let reloaded = server.ask(Ask::post("/reload/a"));
    assert!(reloaded.text().contains("call /load/a to serve it again"), "{}", reloaded.text());
    let loaded = server.ask(Ask::get("/load/a"));
    assert_eq!(loaded.status, 200);
    let reply = loaded.json();
    assert_eq!((&reply["loaded"], &reply["success"]), (&json!("a"), &json!(true)));
    assert_eq!(server.get("/a").ok(), "A");
    for path in ["/load/nobody", "/unload/nobody"] {
        let unknown = server.ask(Ask::post(path));
        assert_eq!((unknown.status, unknown.json()["error"].is_string()), (404, true), "{path}");
    }
}

#[test]
fn health_needs_no_key_and_readiness_names_what_is_stale() {
    let server = guarded();
    assert_eq!(server.get("/healthz").json(), json!({ "status": "alive" }));
    assert_eq!(
        server.get("/readyz").json(),
        json!({ "status": "ready", "generation": 1, "stale": [] })
    );
    server.save("hello.rhai", "get(|r| ");
    crate::harness::wait_until("it is stale", || {
        server.get("/readyz").json()["stale"] == json!(["hello"])
    });
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn the_key_is_taken_from_each_of_its_four_carriers() {
    let server = guarded();
    let carried = |key: &str| {
        [
            Ask::get(&format!("/plugins?apikey={key}")),
            Ask::post("/plugins").json(&json!({ "apikey": key })),
            Ask::get("/plugins").header("Authorization", &format!("Bearer {key}")),
            Ask::get("/plugins").header("X-Custom-Auth", key),
        ]
    };
    for ask in carried(KEY) {
        assert_eq!(server.ask(ask.clone()).status, 200, "{ask:?}");
    }
    for wrong in ["wrong", "", "the-global-ke", "the-global-key1", "THE-GLOBAL-KEY"] {
        for ask in carried(wrong) {
            assert_refused(&server.ask(ask));
        }
    }
    for path in [
        "/plugins",
        "/reload/all",
        "/reload/hello",
        "/reload/nobody",
        "/load/hello",
        "/unload/hello",
    ] {
        assert_refused(&server.get(path));
        assert_refused(&server.ask(Ask::post(path)));
    }
    for odd in [
        json!({ "apikey": null }),
        json!({ "apikey": [KEY] }),
        json!({ "apikey": true }),
        json!([KEY]),
    ] {
        assert_refused(&server.post("/plugins", &odd));
    }
    assert!(!server.log().contains(KEY), "{}", server.log());
}

#[test]
fn a_key_in_a_body_that_a_foreign_form_could_send_does_not_count() {
    let server = guarded();
    let body = json!({ "apikey": KEY }).to_string();
    assert_refused(&server.ask(Ask::post("/plugins").body("text/plain", body)));
}

#[test]
fn the_key_of_a_plugin_opens_only_its_plugin() {
    let server = Project::new(&[("p.rhai", "get(|r| \"p\");"), ("g.rhai", "get(|r| \"g\");")])
        .config(&format!(
            "[auth]\napikey = \"{KEY}\"\n[plugins.p]\nauth = \"plugin\"\napikey = \"own-of-p\"\n\
             [plugins.g]\nauth = \"global\"\n"
        ))
        .start();
    let with = |path: &str, key: &str| server.ask(Ask::get(path).header("X-Custom-Auth", key));
    assert_eq!(with("/p", "own-of-p").ok(), "p");
    assert_eq!(with("/g", KEY).ok(), "g");
    for path in ["/plugins", "/reload/p", "/g"] {
        assert_refused(&with(path, "own-of-p"));
    }
    assert_refused(&server.get("/p"));
    assert_refused(&server.get("/g"));
}

#[test]
fn a_page_of_another_site_is_refused_even_with_the_key() {
    for server in [guarded(), Server::start(&[("hello.rhai", "get(|r| 1);")])] {
        let foreign = [
            ("Origin", "http://evil.example"),
            ("Origin", "null"),
            ("Referer", "http://evil.example/x"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Site", "same-site"),
        ];
        for (name, value) in foreign {
            let ask = Ask::get("/reload/all").header("X-Custom-Auth", KEY).header(name, value);
            assert_refused(&server.ask(ask));
        }
        let own = format!("http://{}", server.address());
        let ask = Ask::get("/reload/all").header("X-Custom-Auth", KEY).header("Origin", &own);
        assert_eq!(server.ask(ask).status, 200);
    }
}

#[test]
fn without_a_key_a_forwarded_request_is_refused() {
    let server = Server::start(&[("hello.rhai", "get(|r| \"hello\");")]);
    assert_eq!(server.get("/plugins").status, 200);
    for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host", "Via"] {
        assert_refused(&server.ask(Ask::get("/plugins").header(name, "127.0.0.1")));
    }
}

#[test]
fn a_host_that_is_not_ours_is_misdirected() {
    let server = Server::dev(&[("hello.rhai", "get(|r| \"hello\");")]);
    for host in
        ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "127.0.0.2x"]
    {
        for path in ["/plugins", "/reload/all", "/"] {
            assert_eq!(
                server.ask(Ask::get(path).header("Host", host)).status,
                421,
                "{path} {host}"
            );
        }
        assert_eq!(server.ask(Ask::get("/hello").header("Host", host)).ok(), "hello");
    }
    // Nobody asks for a name of ours by asking for none.
    assert_eq!(server.raw(b"GET /plugins HTTP/1.0\r\n\r\n").status, 400);
    for host in ["localhost", "127.0.0.1", "[::1]"] {
        let host = format!("{host}:{}", server.port());
        assert_eq!(server.ask(Ask::get("/plugins").header("Host", &host)).status, 200, "{host}");
    }
}

#[test]
fn a_configured_name_is_ours_but_opens_nothing_without_a_key() {
    let server = Project::new(&[("hello.rhai", "get(|r| 1);")])
        .config(&format!("[network]\nhosts = [\"app.example\"]\n[auth]\napikey = \"{KEY}\"\n"))
        .start();
    let ask = Ask::get("/plugins").header("Host", "app.example").header("X-Custom-Auth", KEY);
    assert_eq!(server.ask(ask).status, 200);
    let server = Project::new(&[("hello.rhai", "get(|r| 1);")])
        .config("[network]\nhosts = [\"app.example\"]\n")
        .start();
    assert_refused(&server.ask(Ask::get("/plugins").header("Host", "app.example")));
}

#[test]
fn the_path_has_no_way_round_the_guard() {
    let server = guarded();
    for path in [
        "/plugins/",
        "/plugins?x",
        "/%70lugins",
        "//plugins",
        "/plugins/.",
        "/reload%2fall",
        "/PLUGINS",
        "/reload/../plugins",
    ] {
        let answer = server.get(path);
        assert!([400, 403, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("loaded_plugins"), "{path}");
    }
}

#[test]
fn other_methods_are_told_what_is_allowed() {
    let server = Server::start(&[("hello.rhai", "get(|r| 1);")]);
    let answer = server.ask(Ask::new("DELETE", "/plugins"));
    assert_eq!(answer.status, 405);
    assert!(answer.header("allow").unwrap().contains("POST"));
    assert_eq!(server.ask(Ask::new("HEAD", "/plugins")).status, 200);
}

#[test]
fn a_disabled_plugin_is_listed_and_not_served() {
    let server =
        Project::new(&[("a.rhai", "get(|r| 1);")]).config("[plugins.a]\nenabled = false\n").start();
    assert_eq!(server.get("/a").status, 404);
    assert_eq!(server.plugin("a")["state"], "disabled");
    for path in ["/load/a", "/reload/a"] {
        let refused = server.ask(Ask::post(path));
        assert_eq!((refused.status, &refused.json()["success"]), (422, &json!(false)));
        assert!(refused.text().contains("the configuration turns this plugin off"), "{path}");
    }
    server.save_config("# Nothing is set.\n");
    server.wait_for("/a", "1");
}

#[test]
fn a_configuration_that_is_refused_is_no_good_reload_of_any_plugin() {
    let server = Server::start(&[("a.rhai", "get(|| 1);"), ("b.rhai", "get(|| 1);")]);
    assert_eq!(server.get("/reload/a").status, 200);
    server.save_config("[nope]\n");
    let refused = server.get("/reload/a");
    assert_eq!((refused.status, &refused.json()["success"]), (422, &json!(false)));
    server.save_config("# fine\n");
    // Another one that is broken is not its fault.
    server.save("b.rhai", "get(|| ");
    assert_eq!(server.get("/reload/a").status, 200);
    assert_eq!(server.get("/reload/b").status, 422);
}
