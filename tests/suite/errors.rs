//! What a client is told when something goes wrong.

use serde_json::json;

use crate::harness::{Answer, Project, Server, answer, assert_tells};

#[track_caller]
fn of(expression: &str) -> Answer {
    answer(&format!("get(|req| {{ {expression} }});"))
}

#[test]
fn every_raising_function_has_its_status() {
    for (name, status) in [
        ("bad_request", 400),
        ("unauthorized", 401),
        ("forbidden", 403),
        ("not_found", 404),
        ("conflict", 409),
        ("unsupported_media_type", 415),
        ("unprocessable", 422),
        ("too_many_requests", 429),
        ("bad_gateway", 502),
        ("unavailable", 503),
    ] {
        let script = format!(
            "get(|r| {name}());\nget(\"/t\", |r| {name}(\"why\"));\nget(\"/m\", |r| {name}(#{{ detail: \"why\", field: \"f\" }}));"
        );
        let server = Server::start(&[("e.rhai", &script)]);
        for path in ["/e", "/e/t", "/e/m"] {
            let answer = server.get(path);
            assert_eq!(answer.status, status, "{name} {path}");
            assert_eq!(answer.header("content-type"), Some("application/problem+json"));
            assert_eq!(answer.json()["status"], status);
            assert!(answer.json()["title"].is_string());
        }
        assert_eq!(server.get("/e/t").json()["detail"], "why");
        assert_eq!(server.get("/e/m").json()["field"], "f");
    }
}

#[test]
fn retry_after_is_a_header() {
    let answer = of("too_many_requests(#{ detail: \"slow down\", retry_after: 7 })");
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("7")));
}

#[test]
fn fail_takes_any_error_status() {
    let answer = of("fail(418, \"teapot\")");
    assert_eq!((answer.status, answer.json()["detail"].clone()), (418, json!("teapot")));
    let answer = of("fail(200, \"no error\")");
    assert_eq!(answer.status, 500);
    assert_tells(&answer.json()["rendered"], &["400 to 599"]);
}

#[test]
fn a_thrown_map_with_a_status_is_that_problem() {
    let answer = of("throw #{ status: 409, title: \"Taken\", detail: \"by another\", who: 3 }");
    assert_eq!(answer.status, 409);
    let wanted = json!({ "status": 409, "title": "Taken", "detail": "by another", "who": 3 });
    assert_eq!(answer.json(), wanted);
}

#[test]
fn a_problem_of_the_script_is_raised_through_functions() {
    let script =
        "fn find(id) { not_found(`no ${id}`) }\nfn outer(id) { find(id) }\nget(|r| outer(3));";
    let answer = answer(script);
    assert_eq!((answer.status, answer.json()["detail"].clone()), (404, json!("no 3")));
}

#[test]
fn a_thrown_text_is_500_and_hidden_from_strangers_but_not_from_the_log() {
    let server = Server::start(&[("e.rhai", "get(|r| { throw \"the secret cause\" });")]);
    let answer = server.get("/e");
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    let id = answer.json()["error_id"].as_str().expect("an error id").to_owned();
    server.wait_for_log(&id);
    server.wait_for_log("the secret cause");
}

#[test]
fn a_fault_in_development_shows_its_line_and_the_calls_that_led_there() {
    let script =
        "fn inner(x) {\n  x.missing()\n}\n\nfn outer(x) { inner(x) }\n\nget(|req| outer(1));\n";
    let server =
        Server::dev(&[("e.rhai", "get(|r| {\n  let a = [1];\n  a[9]\n});"), ("s.rhai", script)]);
    let told = server.get("/e").json();
    assert_eq!(told["diagnostic"]["line"], 3);
    assert_tells(&told["rendered"], &["e.rhai:3", "a[9]", "^"]);
    let called = match server.plugin("s")["diagnostics"][0].clone() {
        serde_json::Value::Null => server.get("/s").json()["rendered"].clone(),
        refused => refused,
    };
    assert_tells(&called, &["s.rhai:2", "missing"]);
}

#[test]
fn the_calls_that_led_to_a_fault_are_told() {
    let script = "fn inner(a) {\n  a[9]\n}\nfn outer(a) {\n  inner(a)\n}\nget(|req| outer([1]));\n";
    let told = answer(script).json();
    assert_tells(&told["rendered"], &["t.rhai:2", "inner", "t.rhai:5", "outer"]);
    assert_eq!(told["diagnostic"]["stack"][0]["function"], "inner");
}

#[test]
fn a_method_that_takes_a_closure_over_what_it_is_called_on_is_told_where_it_is() {
    for compiled in ["true", "false"] {
        let script = "get(\"/other\", |req| {\n  let b = [];\n  b.push(2);\n  b.push(|| b);\n  b.len()\n});\n\
                      get(\"/copy\", |req| {\n  let b = [7];\n  let copy = b;\n  b.push(|| copy);\n  b[1].call().len()\n});\n\
                      get(\"/named\", |req| {\n  let b = #{};\n  b.f = || b.keys();\n  let f = b.f;\n  f.call()\n});\n\
                      get(\"/through\", |req| {\n  let b = #{};\n  b.f = || b.keys();\n  b.f.call()\n});\n";
        let server = Project::new(&[("t.rhai", script)])
            .arg("--dev")
            .env("HOTPLATE_LIMITS__COMPILE", compiled)
            .start();
        let told = server.get("/t/other").json();
        assert_tells(
            &told["rendered"],
            &["`push` is given the value that it is called on", "t.rhai:3", "t.rhai:4", "copy"],
        );
        let told = server.get("/t/through").json();
        let parts =
            ["a closure uses the value that it is called through", "t.rhai:22", "take it out"];
        assert_tells(&told["rendered"], &parts);
        assert_eq!(server.get("/t/copy").json(), 1);
        assert_eq!(server.get("/t/named").json(), serde_json::json!(["f"]));
    }
}

#[test]
fn a_missing_path_is_a_problem_too() {
    let server = Server::start(&[("e.rhai", "get(|r| 1);")]);
    let answer = server.get("/none");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["title"], "Not Found");
}

#[test]
fn an_unauthorized_answer_says_how_to_authenticate() {
    assert_eq!(of("unauthorized()").header("www-authenticate"), Some("Bearer"));
}

#[test]
fn a_native_type_error_names_the_types() {
    let answer = of("let a = [1]; a - #{}");
    assert_eq!(answer.status, 500);
    assert_tells(&answer.json()["rendered"], &["array", "map"]);
}
