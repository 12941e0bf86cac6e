//! What a handler returns, on the wire.

use serde_json::json;

use crate::harness::{Answer, Ask, Project, Server, answer, assert_tells};

/// The answer of a handler that ends in an expression.
#[track_caller]
fn of(expression: &str) -> Answer {
    answer(&format!("get(|req| {expression});"))
}

#[test]
fn data_is_json() {
    for (expression, wanted) in [
        ("#{ a: 1, b: [true, null, 1.5, \"x\"] }", json!({ "a": 1, "b": [true, null, 1.5, "x"] })),
        ("[1, 2]", json!([1, 2])),
        ("7", json!(7)),
        ("2.0", json!(2.0)),
        ("true", json!(true)),
        ("json(\"text\")", json!("text")),
    ] {
        let answer = of(expression);
        assert_eq!(answer.status, 200, "{expression}");
        assert_eq!(answer.header("content-type"), Some("application/json"), "{expression}");
        assert_eq!(answer.json(), wanted, "{expression}");
    }
}

#[test]
fn a_string_is_plain_text_unless_the_settings_say_html() {
    let answer = of("\"<b>é</b>\"");
    assert_eq!(answer.ok(), "<b>é</b>");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    let server = Project::new(&[("t.rhai", "get(|req| \"<b>\");")])
        .config("[server]\nstring_type = \"html\"\n")
        .start();
    assert_eq!(server.get("/t").header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn nothing_is_no_content() {
    for expression in ["null", "()", "{}"] {
        let answer = of(expression);
        if expression == "{}" {
            continue;
        }
        assert_eq!((answer.status, answer.body.len()), (204, 0), "{expression}");
        assert_eq!(answer.header("content-type"), None);
    }
}

#[test]
fn responses_are_what_they_say() {
    let html = of("html(\"<p>\")");
    assert_eq!(html.header("content-type"), Some("text/html; charset=utf-8"));
    let bytes = of("bytes(blob(3, 65), \"image/x-a\")");
    assert_eq!((bytes.ok().as_str(), bytes.header("content-type")), ("AAA", Some("image/x-a")));
    let created = of("created(#{ id: 1 }, \"/t/1\")");
    assert_eq!((created.status, created.header("location")), (201, Some("/t/1")));
    assert_eq!(created.json(), json!({ "id": 1 }));
    let accepted = of("status(202, [1])");
    assert_eq!((accepted.status, accepted.json()), (202, json!([1])));
    assert_eq!(of("status(204)").status, 204);
    assert_eq!(of("text(5)").ok(), "5");
}

#[test]
fn a_redirect_is_303_unless_said_otherwise() {
    let answer = of("redirect(\"/a?b=c\")");
    assert_eq!((answer.status, answer.header("location")), (303, Some("/a?b=c")));
    assert_eq!(of("redirect(\"https://example.com/\", 308)").status, 308);
    assert_eq!(of("redirect(\"javascript:alert(1)\")").status, 500);
    assert_eq!(of("redirect(\"/a\", 200)").status, 500);
}

#[test]
fn headers_and_cookies_are_set() {
    let answer =
        of("json(1).status(203).header(\"x-a\", 5).cookie(\"s\", \"v\").cookie(\"t\", \"w\", \
                     #{ max_age: 60, path: \"/t\", same_site: \"Strict\", secure: true })");
    assert_eq!((answer.status, answer.header("x-a")), (203, Some("5")));
    let cookies: Vec<_> = answer.all("set-cookie").collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert!(cookies[0].starts_with("s=v"), "{cookies:?}");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookies[0].contains(part), "{cookies:?}");
    }
    for part in ["t=w", "Max-Age=60", "Path=/t", "SameSite=Strict", "Secure"] {
        assert!(cookies[1].contains(part), "{cookies:?}");
    }
}

#[test]
fn no_script_breaks_the_framing_of_its_answer() {
    for (name, value) in [
        ("x-a", "\"a\\r\\nX-Evil: 1\""),
        ("content-length", "\"3\""),
        ("transfer-encoding", "\"chunked\""),
        ("connection", "\"close\""),
        ("x a", "\"b\""),
        ("x-a", "\"\\x00\""),
    ] {
        let answer = of(&format!("text(\"body\").header(\"{name}\", {value})"));
        assert_eq!(answer.status, 500, "{name}: {value}");
        assert_eq!(answer.header("x-evil"), None);
        assert!(answer.whole);
    }
}

#[test]
fn an_impossible_status_is_a_fault_of_the_script() {
    for status in ["99", "101", "199", "600", "-1", "70000"] {
        assert_eq!(of(&format!("status({status}, \"x\")")).status, 500, "{status}");
    }
}

#[test]
fn a_body_where_none_may_be_is_left_out() {
    for status in [204, 205, 304] {
        let answer = of(&format!("status({status}, \"body\")"));
        assert_eq!((answer.status, answer.body.len()), (status, 0));
        assert!(answer.whole);
    }
}

#[test]
fn a_function_is_no_answer() {
    let server = Server::dev(&[("t.rhai", "get(|req| |x| x);")]);
    let answer = server.get("/t");
    assert_eq!(answer.status, 500);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_tells(&answer.json()["rendered"], &["function", "call", "t.rhai:1"]);
    let server = Server::dev(&[("t.rhai", "get(|req| #{ f: |x| x });")]);
    assert_eq!(server.get("/t").status, 500);
}

#[test]
fn a_value_that_holds_itself_is_an_error_and_not_the_end() {
    let server = Server::dev(&[
        ("t.rhai", "get(|req| { let a = #{}; let f = || a; a.f = f; a });"),
        ("d.rhai", "get(|req| { let a = []; for i in 0..300 { a = [a]; } a });"),
        ("ok.rhai", "get(|req| \"alive\");"),
    ]);
    assert_eq!(server.get("/t").status, 500);
    assert_eq!(server.get("/d").status, 500);
    assert_eq!(server.get("/ok").ok(), "alive");
}

#[test]
fn a_stream_is_written_piece_by_piece() {
    let answer = of("stream(\"text/csv\", |out| { for i in 0..3 { out.write(`${i};`); } })");
    assert_eq!(answer.ok(), "0;1;2;");
    assert_eq!(answer.header("content-type"), Some("text/csv"));
    assert!(answer.whole);
}

#[test]
fn a_stream_that_fails_at_once_has_its_head_and_what_was_written_all_the_same() {
    let script = "get(|r| stream(\"text/plain\", |out| { out.write(\"a\"); throw \"no\"; }));";
    let server = Server::start(&[("t.rhai", script)]);
    for n in 0..300 {
        let mut connection = server.connect();
        connection.begin(&Ask::get("/t").header("Connection", "close"));
        let answer = connection.answer(false).unwrap_or_else(|| panic!("{n}: no head"));
        assert_eq!((answer.status, answer.text().as_str(), answer.whole), (200, "a", false), "{n}");
    }
}

#[test]
fn a_stream_that_fails_is_cut_so_that_the_client_knows() {
    let answer = of("stream(\"text/plain\", |out| { out.write(\"begun\"); throw \"broken\"; })");
    assert_eq!(answer.status, 200);
    assert!(!answer.whole, "a cut stream looked whole: {}", answer.text());
}

#[test]
fn a_stream_that_is_larger_than_it_may_be_is_cut_and_that_is_told() {
    let script = "get(|r| stream(\"text/plain\", |out| {\n    loop { out.write(\"x\".repeat(100)); }\n}));\n\
                  get(\"/caught\", |r| stream(\"text/plain\", |out| { loop { try { out.write(\"y\".repeat(300)); } catch { break; } } }));\n\
                  get(\"/fits\", |r| stream(\"text/plain\", |out| { for n in 0..10 { out.write(\"z\".repeat(100)); } }));";
    let server = Project::new(&[("t.rhai", script)])
        .config("[plugins.t.limits]\nstream_bytes = 1000\n")
        .start();
    for (path, bytes, whole) in
        [("/t", 1000, false), ("/t/caught", 900, false), ("/t/fits", 1000, true)]
    {
        let answer = server.ask(Ask::get(path).header("Connection", "close"));
        assert_eq!(
            (answer.status, answer.text().len(), answer.whole),
            (200, bytes, whole),
            "{path}"
        );
    }
    let told = "the stream is larger than the 1000 bytes that `stream_bytes` allows";
    server.wait_for_log("a stream was cut: the stream is larger");
    let log = server.log();
    assert_eq!(log.matches(told).count(), 2, "{log}");
    assert!(log.contains("t.rhai:2:"), "{log}");
}

#[test]
fn text_is_counted_in_bytes_on_the_wire() {
    let answer = of("\"é€\"");
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(answer.ok(), "é€");
}
