//! Answers held against what their route promises, and the mocks of routes that nobody has written yet.

use serde_json::{Value, json};

use crate::harness::{Ask, Project, Server, assert_problem, assert_tells, wait_until};

const BROKEN: &str = r#"
get("/", #{ returns: array(#{ id: int(), title: string() }) }, |req| [#{ id: 1, title: 5 }]);
"#;

#[test]
fn in_development_a_broken_promise_is_a_fault_with_its_place() {
    let server = Server::dev(&[("t.rhai", BROKEN)]);
    let answer = server.get("/t");
    assert_problem(&answer, 500);
    assert_tells(
        &answer.json(),
        &["GET /t answered 200, but `/0/title` must be a string", "t.rhai:2:1", "broken-promise"],
    );
    assert_eq!(server.plugin("t")["broken_promises"], 1);
}

#[test]
fn in_production_a_broken_promise_is_logged_and_counted() {
    let server = Server::start(&[("t.rhai", BROKEN)]);
    assert_eq!(server.get("/t").json(), json!([{ "id": 1, "title": 5 }]));
    server.wait_for_log("GET /t answered 200, but `/0/title` must be a string");
    assert_eq!(server.plugin("t")["broken_promises"], 1);
    assert_eq!(server.plugin("t")["faults"], 0);
}

#[test]
fn the_configuration_decides_what_becomes_of_a_broken_promise() {
    let with = |responses: &str, arguments: &[&str]| {
        let project = Project::new(&[("t.rhai", BROKEN)])
            .config(&format!("[openapi]\nresponses = \"{responses}\"\n"));
        arguments.iter().fold(project, |project, argument| project.arg(argument)).start()
    };
    let refused = with("refuse", &[]).get("/t");
    assert_problem(&refused, 500);
    assert!(!refused.text().contains("must be"), "{}", refused.text());
    assert_eq!(with("log", &["--dev"]).get("/t").status, 200);
    let off = with("off", &["--dev"]);
    assert_eq!(off.get("/t").status, 200);
    assert_eq!(off.plugin("t")["broken_promises"], 0);
}

#[test]
fn a_change_of_the_setting_is_noticed() {
    let server =
        Project::new(&[("t.rhai", BROKEN)]).config("[openapi]\nresponses = \"off\"\n").start();
    assert_eq!(server.get("/t").status, 200);
    server.save_config("[openapi]\nresponses = \"refuse\"\n");
    wait_until("the setting counts", || server.get("/t").status == 500);
}

#[test]
fn statuses_and_media_types_are_promised_too() {
    let server = Server::dev(&[(
        "t.rhai",
        r#"get("/status", #{ returns: string() }, |req| status(202, "x"));
        get("/redirect", #{ returns: string() }, |req| redirect("/elsewhere"));
        get("/type", #{ returns: #{ a: int() } }, |req| html("<p>"));
        get("/null", #{ returns: #{ a: int() } }, |req| null);
        get("/body", #{ returns: #{ "200": null } }, |req| "x");
        get("/error", #{ returns: string() }, |req| not_found("undeclared errors are problems as ever"));
        get("/member", #{ errors: #{ "409": #{ left: int() } } }, |req| conflict(#{ left: "x" }));
        get("/returned", #{ errors: #{ "409": #{ left: int() } } }, |req| status(409, #{ left: 5 }));
        get("/kept", #{ errors: #{ "409": #{ left: int() } } }, |req| conflict(#{ left: 5, detail: "no" }));
        get("/before", #{ returns: #{ "201": #{ a: int() } } }, |req| #{ a: 1 });"#,
    )]);
    let told =
        |path: &str| server.get(&format!("/t{path}")).json()["detail"].as_str().map(str::to_owned);
    for (path, fault) in [
        ("/status", "answered 202, which `returns` does not name"),
        ("/redirect", "answered 303, which `returns` does not name"),
        ("/type", "answered 200 with text/html, and promised application/json"),
        ("/null", "answered 204, which `returns` does not name"),
        ("/body", "answered 200 with a body, and promised none"),
        ("/member", "answered 409, but `/left` must be an integer"),
        ("/returned", "answered 409 with application/json, and promised application/problem+json"),
    ] {
        let detail = told(path).unwrap_or_default();
        assert!(detail.contains(fault), "{path}: {detail}");
    }
    assert_eq!(server.get("/t/error").status, 404);
    assert_eq!(server.get("/t/kept").status, 409);
    assert_eq!(server.get("/t/before").status, 201);
}

#[test]
fn a_plain_value_is_answered_as_the_route_says() {
    let server = Server::dev(&[(
        "t.rhai",
        r#"const ITEM = #{ a: int() };
        post("/created", #{ returns: #{ "201": ITEM } }, |req| #{ a: 1 });
        post("/several", #{ returns: #{ "200": ITEM, "202": ITEM } }, |req| #{ a: 1 });
        post("/empty", #{ returns: #{ "202": null } }, |req| null);
        post("/nothing", #{ returns: null }, |req| null);
        post("/null", #{ returns: object(ITEM).nullable() }, |req| null);
        post("/either", #{ returns: #{ "200": object(ITEM).nullable(), "204": null } }, |req| null);
        post("/text", #{ returns: string() }, |req| "x");
        post("/json", #{ returns: one_of([string(), int()]) }, |req| "x");
        post("/said", #{ returns: #{ "201": ITEM, "202": ITEM } }, |req| status(202, #{ a: 1 }));"#,
    )]);
    for (path, status, kind, body) in [
        ("/created", 201, Some("application/json"), "{\"a\":1}"),
        ("/several", 200, Some("application/json"), "{\"a\":1}"),
        ("/empty", 202, None, ""),
        ("/nothing", 204, None, ""),
        ("/null", 200, Some("application/json"), "null"),
        ("/either", 204, None, ""),
        ("/text", 200, Some("text/plain; charset=utf-8"), "x"),
        ("/json", 200, Some("application/json"), "\"x\""),
        ("/said", 202, Some("application/json"), "{\"a\":1}"),
    ] {
        let answer = server.ask(Ask::post(&format!("/t{path}")));
        let told = (answer.status, answer.header("content-type"), answer.text());
        assert_eq!(told, (status, kind, body.to_owned()), "{path}");
    }
}

const MOCK: &str = r#"
const ORDER = schema("Order", #{
    id: int().min(1),
    buyer: string().example("Ann"),
    placed: string().format("date-time"),
    state: one_of(["open", "paid"]).default("open"),
    lines: array(#{ sku: string().pattern("^[A-Z]{3}-[0-9]{2}$"), amount: int().min(1).max(9) }).min(1),
});
get("/{id}", #{ params: #{ id: int() }, returns: ORDER });
get("/", #{ query: #{ page: int().default(1) }, returns: array(ORDER) });
post("/", #{ body: ORDER.omit(["id", "placed"]), returns: #{ "201": ORDER } });
delete("/{id}", #{ returns: #{ "204": null } });
get("/word", #{ returns: string().min(3) });
"#;

#[test]
fn a_route_without_a_handler_answers_with_an_example() {
    let server = Server::dev(&[("t.rhai", MOCK)]);
    let answer = server.get("/t/7");
    assert_eq!((answer.status, answer.header("x-hotplate-mock")), (200, Some("true")));
    let order = answer.json();
    assert_eq!(
        (&order["id"], &order["buyer"], &order["state"]),
        (&json!(7), &json!("Ann"), &json!("open"))
    );
    assert_eq!(server.get("/t/7").json(), order, "the same request has the same answer");
    let pages: Vec<Value> =
        (1..5).map(|page| server.get(&format!("/t?page={page}")).json()).collect();
    assert!(pages.iter().any(|page| *page != pages[0]), "other requests have other answers");
    let bodies = ["Ann", "Ben", "Cem", "Dan"].map(|buyer| {
        let lines = json!([{ "sku": "ABC-12", "amount": 2 }]);
        server.post("/t", &json!({ "buyer": buyer, "lines": lines })).json()["placed"].clone()
    });
    assert!(bodies.iter().any(|placed| *placed != bodies[0]), "another body is another request");
    let deleted = server.ask(Ask::new("DELETE", "/t/7"));
    assert_eq!((deleted.status, deleted.header("x-hotplate-mock")), (204, Some("true")));
    let word = server.get("/t/word");
    assert_eq!(word.header("content-type"), Some("text/plain"));
    assert!(word.text().len() >= 3);
    let mocks = server.plugin("t")["routes"].as_array().cloned().unwrap_or_default();
    assert!(mocks.iter().all(|route| route["mock"] == true));
}

#[test]
fn a_mock_holds_its_requests_to_the_spec_and_takes_over_what_they_say() {
    let server = Server::dev(&[("t.rhai", MOCK)]);
    assert_problem(&server.get("/t/x"), 422);
    assert_problem(&server.post("/t", &json!({ "buyer": 5 })), 422);
    let body =
        json!({ "buyer": "Ben", "state": "paid", "lines": [{ "sku": "ABC-12", "amount": 2 }] });
    let added = server.post("/t", &body);
    assert_eq!(added.status, 201);
    let order = added.json();
    assert_eq!((&order["buyer"], &order["lines"]), (&body["buyer"], &body["lines"]));
}

#[test]
fn a_mock_grows_into_the_real_thing() {
    let server = Server::dev(&[("t.rhai", r#"get("/", #{ returns: #{ n: int() } });"#)]);
    assert_eq!(server.get("/t").header("x-hotplate-mock"), Some("true"));
    server.save("t.rhai", r#"get("/", #{ returns: #{ n: int() } }, |req| #{ n: 42 });"#);
    server.wait_for("/t", "{\"n\":42}");
    assert_eq!(server.get("/t").header("x-hotplate-mock"), None);
}

#[test]
fn failures_are_what_the_document_says_too() {
    let server = Server::dev(&[(
        "t.rhai",
        r#"get("/text", #{ errors: #{ "404": "there is none" } }, |r| status(404, #{ x: 1 }));
        get("/raised", #{ errors: #{ "404": "there is none" } }, |r| not_found("x"));
        get("/other", #{ returns: int() }, |r| status(418, "t"));
        get("/mine", #{ returns: int() }, |r| unavailable());
        get("/free", |r| status(418, #{ x: 1 }));
        get("/none", #{ returns: #{ "204": () } }, |r| 5);
        get("/empty", #{ returns: #{ "204": () } }, |r| ());"#,
    )]);
    let tells = |path: &str, what: &str| {
        let answer = server.get(path);
        assert_problem(&answer, 500);
        assert_tells(&answer.json(), &[what, "broken-promise"]);
    };
    tells("/t/text", "answered 404 with application/json, and promised application/problem+json");
    tells("/t/other", "answered 418 with text/plain, which `errors` does not name");
    tells("/t/none", "answered 204 with a body, and promised none");
    assert_problem(&server.get("/t/raised"), 404);
    assert_problem(&server.get("/t/mine"), 503);
    assert_eq!(server.get("/t/free").status, 418);
    assert_eq!(server.get("/t/empty").status, 204);
}

#[test]
fn a_file_that_is_larger_than_promised_and_json_failures_are_held_to_it() {
    let server = Server::dev(&[(
        "t.rhai",
        r#"get("/blob", #{ returns: file().max("2B") }, |r| bytes("abcdef", "application/octet-stream"));
        get("/json", #{ errors: #{ "404": map(string()) } }, |r| status(404, #{ error: "no" }));
        get("/own", #{ errors: #{ "404": #{ error: string() } } }, |r| not_found(#{ error: "no" }));
        get("/none", #{ errors: #{ "404": #{ error: string() } } }, |r| not_found());"#,
    )]);
    assert_tells(&server.get("/t/blob").json(), &["the file must have at most 2 bytes"]);
    assert_eq!(server.get("/t/json").json(), json!({ "error": "no" }));
    let own = server.get("/t/own");
    assert_problem(&own, 404);
    assert_eq!(own.json()["error"], "no");
    assert_tells(&server.get("/t/none").json(), &["`/error` is missing"]);
}

#[test]
fn a_file_may_be_of_each_type_that_is_declared() {
    let server = Server::dev(&[(
        "f.rhai",
        r#"const PIC = file().types(["image/png", "text/csv"]);
        get("/csv", #{ returns: PIC }, || bytes("a", "text/csv"));
        get("/png", #{ returns: PIC }, || bytes("a", "image/png"));
        get("/gif", #{ returns: PIC }, || bytes("a", "image/gif"));"#,
    )]);
    assert_eq!(server.get("/f/csv").status, 200);
    assert_eq!(server.get("/f/png").status, 200);
    assert_eq!(server.get("/f/gif").status, 500);
    let document = server.get("/openapi.json").json();
    let content = &document["paths"]["/f/csv"]["get"]["responses"]["200"]["content"];
    assert!(content["image/png"].is_object() && content["text/csv"].is_object(), "{content}");
}
