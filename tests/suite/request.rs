//! What a script sees of a request.

use serde_json::json;

use crate::harness::{Ask, Connection, Project, Server, assert_tells};

/// A server that answers any request with what an expression makes of it.
#[track_caller]
fn seeing(expression: &str) -> Server {
    Server::dev(&[("r.rhai", &format!("any(\"/{{*rest}}\", |req| json({expression}));"))])
}

#[test]
fn method_path_and_url_are_as_asked() {
    let server = seeing("[req.method, req.path, req.subpath, req.params.rest]");
    let wanted = json!(["PUT", "/r/a b/c", "/a b/c", "a b/c"]);
    assert_eq!(server.ask(Ask::new("PUT", "/r/a%20b/c?x=1")).json(), wanted);
    let server = seeing("req.url");
    let url = server.get("/r/a?x=1").json();
    assert!(url.as_str().unwrap().ends_with(&format!("{}/r/a?x=1", server.port())), "{url}");
}

#[test]
fn the_query_is_strings_and_a_name_that_is_not_there_is_null() {
    let server = seeing("[req.query.a, req.query.b, req.query.c, req.query[\"d e\"]]");
    assert_eq!(server.get("/r?a=1&b=x%20+y&d+e=%C3%A9").json(), json!(["1", "x  y", null, "é"]));
}

#[test]
fn headers_are_found_in_any_case_and_with_underscores() {
    let server = seeing("[req.headers[\"X-My-Key\"], req.headers.x_my_key, req.headers.nope]");
    let answer = server.ask(Ask::get("/r").header("x-MY-key", "v"));
    assert_eq!(answer.json(), json!(["v", "v", null]));
}

#[test]
fn cookies_are_parsed() {
    let server = seeing("[req.cookies.a, req.cookies.b, req.cookies.c]");
    let answer = server.ask(Ask::get("/r").header("Cookie", "a=1; b=two"));
    assert_eq!(answer.json(), json!(["1", "two", null]));
}

#[test]
fn the_body_is_read_by_its_content_type() {
    let server = seeing("#{ body: req.body, kind: type_of(req.body) }");
    let json_body = server.ask(Ask::post("/r").body("application/json", "{\"a\":[1,2.5,null]}"));
    assert_eq!(json_body.json()["body"], json!({ "a": [1, 2.5, null] }));
    let form = server.ask(Ask::post("/r").body("application/x-www-form-urlencoded", "a=1&b=x+y"));
    assert_eq!(form.json()["body"], json!({ "a": "1", "b": "x y" }));
    let text = server.ask(Ask::post("/r").body("text/plain; charset=utf-8", "plain é"));
    assert_eq!(text.json()["body"], "plain é");
    assert_eq!(server.ask(Ask::post("/r")).json()["body"], json!(null));
}

#[test]
fn text_bytes_and_json_read_the_body_as_they_say() {
    let server = seeing("[req.text(), req.bytes().len(), req.json().a]");
    let answer = server.ask(Ask::post("/r").body("text/plain", "{\"a\": 7}"));
    assert_eq!(answer.json(), json!(["{\"a\": 7}", 8, 7]));
    let server = seeing("req.form().b");
    let form = |kind: &str| server.ask(Ask::post("/r").body(kind, "a=1&b=2"));
    assert_eq!(form("application/x-www-form-urlencoded").json(), "2");
    assert_eq!(form("text/plain").status, 415);
}

#[test]
fn vars_are_body_and_query_and_the_query_wins() {
    let server = seeing("req.vars");
    let answer = server.ask(Ask::post("/r?a=q&c=3").json(&json!({ "a": "b", "b": 2 })));
    assert_eq!(answer.json(), json!({ "a": "q", "b": 2, "c": "3" }));
}

#[test]
fn vars_have_a_json_object_whatever_its_content_type() {
    let server = seeing("req.vars");
    let ask = |kind: &str, body: &str| server.ask(Ask::post("/r?c=3").body(kind, body.to_owned()));
    let object = r#" {"b": 2}"#;
    for kind in ["application/x-www-form-urlencoded", "text/javascript", "application/octet-stream"]
    {
        assert_eq!(ask(kind, object).json(), json!({ "b": 2, "c": "3" }), "{kind}");
    }
    assert_eq!(
        ask("application/x-www-form-urlencoded", "{=1").json(),
        json!({ "{": "1", "c": "3" })
    );
    assert_eq!(ask("text/plain", "[1]").json(), json!({ "c": "3" }));
    assert_eq!(ask("application/json", "{").status, 400);
    // The body itself is what its content type says.
    let server = seeing("type_of(req.body)");
    let answer = server.ask(Ask::post("/r").body("text/plain", object.to_owned()));
    assert_eq!(answer.json(), "string");
}

#[test]
fn a_json_body_that_is_cut_short_is_a_bad_request() {
    let server = seeing("req.body");
    let answer = server.ask(Ask::post("/r").body("application/json", "{\"a\": [1, 2"));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["detail"].is_string());
}

#[test]
fn a_body_of_the_wrong_encoding_is_a_bad_request() {
    let server = seeing("req.text()");
    let answer = server.ask(Ask::post("/r").body("text/plain", vec![0xff, 0xfe]));
    assert_eq!(answer.status, 400, "{}", answer.text());
    let deep = "[".repeat(100_000);
    let server = seeing("req.body");
    let answer = server.ask(Ask::post("/r").body("application/json", deep));
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(server.ask(Ask::post("/r").json(&json!(1))).json(), json!(1));
}

#[test]
fn the_client_is_the_peer_unless_a_trusted_proxy_says_otherwise() {
    let server = seeing("req.client_ip");
    let forwarded = || Ask::get("/r").header("X-Forwarded-For", "203.0.113.7");
    assert_eq!(server.ask(forwarded()).json(), "127.0.0.1");
    let server = Project::new(&[("r.rhai", "get(|req| req.client_ip);")])
        .env("HOTPLATE_NETWORK__TRUSTED_PROXIES", "127.0.0.0/8")
        .start();
    assert_eq!(server.ask(forwarded()).ok(), "203.0.113.7");
}

#[test]
fn each_request_has_an_id_of_its_own() {
    let server = seeing("req.id");
    let ids: std::collections::BTreeSet<_> = (0..20).map(|_| server.get("/r").text()).collect();
    assert_eq!(ids.len(), 20);
    assert!(!ids.contains("null"));
}

#[test]
fn auth_is_who_presented_the_key() {
    let server = Project::new(&[("r.rhai", "get(|req| json(req.auth));"), ("o.rhai", "get(|req| json(req.auth));")])
        .config(
            "[auth]\napikey = \"global-key-1\"\n[plugins.r]\nauth = \"plugin\"\napikey = \"own-key-1\"\n",
        )
        .start();
    assert_eq!(server.get("/r").status, 403);
    assert_eq!(server.get("/r").json(), json!({ "error": "unauthorized" }));
    let with =
        |key: &str| server.ask(Ask::get("/r").header("Authorization", &format!("Bearer {key}")));
    assert_eq!(with("own-key-1").json()["name"], "r");
    assert_eq!(with("global-key-1").status, 403);
    assert_eq!(server.get("/o").json(), json!(null));
}

#[test]
fn an_unknown_property_of_the_request_is_told_with_the_right_one() {
    let server = seeing("req.quary");
    let answer = server.get("/r");
    assert_eq!(answer.status, 500);
    assert_tells(&answer.json()["rendered"], &["quary", "did you mean `query`"]);
}

#[test]
fn the_request_itself_can_be_answered() {
    let server = Server::dev(&[("r.rhai", "get(\"/{*rest}\", |req| req);")]);
    let shown = server.get("/r/x?a=1").json();
    assert_eq!(shown["method"], "GET");
    assert_eq!(shown["query"], json!({ "a": "1" }));
    assert_eq!(shown["params"], json!({ "rest": "x" }));
}

#[test]
fn many_requests_share_one_connection() {
    let server = seeing("[req.body.n]");
    let mut connection = Connection::open(server.address());
    for n in 0..50 {
        assert_eq!(connection.ask(&Ask::post("/r").json(&json!({ "n": n }))).json(), json!([n]));
    }
}
