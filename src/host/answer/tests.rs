//! Answers of real scripts, as they would go on the wire.

use rhai::{Engine, Module, packages::Package};

use super::*;
use crate::{
    host::{error, request},
    services::{Services, state::State},
    settings::SessionSettings,
};

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_strings_interned(0);
    engine.register_global_module(rhai::packages::StandardPackage::new().as_shared_module());
    let mut module = Module::new();
    register(&mut module);
    error::register(&mut module);
    request::register(&mut module);
    engine.register_global_module(module.into());
    engine
}

fn into_answer(value: Dynamic, context: &PluginContext) -> Result<Answer, AnswerError> {
    let (method, headers) = (&http::Method::GET, &HeaderMap::new());
    ScriptResponse::from_value(value)?.into_answer(context, Asked { method, headers })
}

fn context() -> PluginContext {
    let services = Services::new(std::path::Path::new("/nowhere"), &SessionSettings::default());
    PluginContext {
        name: "test".to_owned(),
        settings: Dynamic::UNIT,
        config: Dynamic::UNIT,
        string_type: "text/plain; charset=utf-8",
        development: true,
        output_bytes: 1000,
        stream_bytes: 1000,
        state: Arc::new(State::default()),
        store: services.store("test", 0),
        files: services.files("test", 0),
        sessions: Arc::clone(services.sessions()),
    }
}

fn value(script: &str) -> Dynamic {
    engine().eval(script).unwrap_or_else(|error| panic!("{script}: {error}"))
}

fn answer(script: &str) -> Result<Answer, AnswerError> {
    into_answer(value(script), &context())
}

fn response(script: &str) -> Response {
    match answer(script) {
        Ok(Answer::Ready(response, _)) => response,
        other => panic!("{script}: {other:?}"),
    }
}

async fn wire(script: &str) -> (u16, String, String) {
    let mut response = response(script);
    let kind = response.content_type().unwrap_or("-").to_owned();
    let body = response.take_body().into_string().await.unwrap();
    (response.status().as_u16(), kind, body)
}

fn mistake(script: &str) -> String {
    match engine().eval::<Dynamic>(script) {
        Ok(value) => panic!("{script} gave {value:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn plain_values_are_answered_by_their_type() {
    let text = "text/plain; charset=utf-8";
    for (script, status, kind, body) in [
        ("#{ a: 1, b: [true, ()] }", 200, JSON, r#"{"a":1,"b":[true,null]}"#),
        ("[1, \"x\"]", 200, JSON, r#"[1,"x"]"#),
        ("5", 200, JSON, "5"),
        ("1.5", 200, JSON, "1.5"),
        ("true", 200, JSON, "true"),
        ("\"<b>\"", 200, text, "<b>"),
        ("'c'", 200, text, "c"),
        ("()", 204, "-", ""),
        ("let b = blob(2, 65); b", 200, BYTES, "AA"),
    ] {
        let expected = (status, kind.to_owned(), body.to_owned());
        assert_eq!(wire(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn responses_are_what_their_function_says() {
    let text = "text/plain; charset=utf-8";
    let html = "text/html; charset=utf-8";
    for (script, status, kind, body) in [
        ("json(\"x\")", 200, JSON, "\"x\""),
        ("json(())", 200, JSON, "null"),
        ("text(\"x\")", 200, text, "x"),
        ("text(5)", 200, text, "5"),
        ("html(\"<b>\")", 200, html, "<b>"),
        ("bytes(blob(1, 66), \"image/png\")", 200, "image/png", "B"),
        ("bytes(\"a,b\", \"text/csv\")", 200, "text/csv", "a,b"),
        ("created(#{ id: 1 })", 201, JSON, r#"{"id":1}"#),
        ("status(404)", 404, "-", ""),
        ("status(202, \"later\")", 202, text, "later"),
        ("status(418, #{ a: 1 })", 418, JSON, r#"{"a":1}"#),
        ("status(500, html(\"x\"))", 500, html, "x"),
        ("text(\"x\").status(203)", 203, text, "x"),
        ("let r = text(\"x\"); r.status(299); r", 299, text, "x"),
        ("text(\"x\").header(\"Content-Type\", \"text/css\")", 200, "text/css", "x"),
    ] {
        let expected = (status, kind.to_owned(), body.to_owned());
        assert_eq!(wire(script).await, expected, "{script}");
    }
}

#[tokio::test]
async fn statuses_without_a_body_have_none() {
    for script in [
        "status(204, \"x\")",
        "status(304, #{ a: 1 })",
        "json(1).status(205)",
        "bytes(\"x\", \"a/b\").status(204)",
    ] {
        let (_, kind, body) = wire(script).await;
        assert_eq!((kind.as_str(), body.as_str()), ("-", ""), "{script}");
    }
}

#[test]
fn a_status_that_is_no_final_answer_is_refused() {
    for number in ["99", "100", "101", "199", "600", "999", "1000", "0", "-1", "4294967496"] {
        for script in [
            format!("status({number})"),
            format!("status({number}, 1)"),
            format!("text(\"\").status({number})"),
        ] {
            let message = mistake(&script);
            assert!(message.contains("from 200 to 599"), "{script}: {message}");
        }
    }
}

#[test]
fn headers_are_set_or_added() {
    let response = response(
        "text(\"x\").header(\"X-A\", 1).header(\"x-a\", 2.5).header(\"Vary\", \"a\")
            .header(\"vary\", \"b\").header(\"X-B\", \"é\")",
    );
    assert_eq!(response.headers().get_all("x-a").iter().count(), 1);
    assert_eq!(response.header("x-a"), Some("2.5"));
    assert_eq!(response.headers().get_all("vary").iter().count(), 2);
    assert_eq!(response.headers().get("x-b").unwrap().as_bytes(), "é".as_bytes());
}

#[test]
fn header_injection_and_framing_headers_are_refused() {
    for script in [
        r#"text("").header("X", "a\r\nSet-Cookie: b=1")"#,
        r#"text("").header("X", "a\nb")"#,
        r#"text("").header("X", "a\x00b")"#,
        r#"text("").header("X\r\nY", "a")"#,
        r#"text("").header("X: y", "a")"#,
        r#"text("").header("", "a")"#,
        r#"text("").header("X", [1])"#,
        r#"text("").header("X", ())"#,
        r#"bytes("", "text/plain\r\nX: y")"#,
        r#"bytes("", "nonsense")"#,
        r#"redirect("/a\r\nX: y")"#,
        r#"created(1, "/a\nb")"#,
    ] {
        mistake(script);
    }
    for name in [
        "Content-Length",
        "transfer-encoding",
        "TE",
        "Trailer",
        "Connection",
        "Upgrade",
        "Keep-Alive",
    ] {
        let message = mistake(&format!("text(\"\").header(\"{name}\", \"1\")"));
        assert!(message.contains("cannot be set"), "{name}: {message}");
    }
}

#[test]
fn headers_have_a_cap_together() {
    let one = mistake(r#"let s = ""; s.pad(40000, 'x'); text("").header("X", s)"#);
    assert!(one.contains("32768 are allowed"), "{one}");
    let many = r#"let s = ""; s.pad(999, 'x'); let r = text("");
        for n in 0..100 { r.header("X-" + n, s) } r"#;
    assert!(mistake(many).contains("are allowed"));
}

#[test]
fn cookies_are_careful_by_default_and_encoded() {
    let cookie = |script: &str| response(script).header("set-cookie").unwrap().to_owned();
    assert_eq!(
        cookie(r#"text("").cookie("sid", "a b;c%\r\n\"é")"#),
        "sid=a%20b%3Bc%25%0D%0A%22%C3%A9; Path=/; HttpOnly; SameSite=Lax"
    );
    let options = "#{ max_age: 60, path: \"/x\", same_site: \"none\", http_only: false, \
                   secure: true, domain: \"example.com\", expires: 0 }";
    assert_eq!(
        cookie(&format!("text(\"\").cookie(\"n\", 1, {options})")),
        "n=1; Path=/x; Domain=example.com; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT; \
         Secure; SameSite=None"
    );
    let two = response(r#"text("").cookie("a", 1).cookie("b", 2)"#);
    assert_eq!(two.headers().get_all("set-cookie").iter().count(), 2);
}

#[test]
fn a_cookie_that_would_not_hold_is_refused() {
    for (script, wanted) in [
        (r#"text("").cookie("a=b", 1)"#, "not the name"),
        (r#"text("").cookie("", 1)"#, "not the name"),
        (r#"text("").cookie("a", [1])"#, "string or a number"),
        (r#"text("").cookie("a", 1, #{ path: "x" })"#, "begins with"),
        (r#"text("").cookie("a", 1, #{ path: "/;x" })"#, "without `;`"),
        (r#"text("").cookie("a", 1, #{ domain: "a\r\nb" })"#, "without `;`"),
        (r#"text("").cookie("a", 1, #{ same_site: "none" })"#, "secure: true"),
        (r#"text("").cookie("a", 1, #{ same_site: "x" })"#, "\"Lax\""),
        (r#"text("").cookie("a", 1, #{ maxage: 1 })"#, "did you mean `max_age`"),
        (r#"text("").cookie("a", 1, #{ max_age: "1h" })"#, "seconds"),
        (r#"text("").cookie("a", 1, #{ secure: 1 })"#, "true or false"),
    ] {
        let message = mistake(script);
        assert!(message.contains(wanted), "{script}: {message}");
    }
}

#[test]
fn redirects_lead_to_paths_and_web_addresses_only() {
    let location = |script: &str| {
        let response = response(script);
        (response.status().as_u16(), response.header("location").unwrap_or_default().to_owned())
    };
    assert_eq!(location("redirect(\"/a b?c=é\")"), (303, "/a%20b?c=%C3%A9".to_owned()));
    assert_eq!(location("redirect(\"../x:y\", 301)"), (301, "../x:y".to_owned()));
    assert_eq!(location("redirect(\"?a=b:c\")"), (303, "?a=b:c".to_owned()));
    assert_eq!(location("redirect(\"HTTPS://e.com/\")"), (303, "HTTPS://e.com/".to_owned()));
    assert_eq!(location("created(1, \"/x/1\")"), (201, "/x/1".to_owned()));
    for target in [
        "javascript:alert(1)",
        "JaVaScRiPt:x",
        "data:,x",
        "//evil.com",
        "\\\\\\\\evil",
        "",
        " x",
        "http:///x",
        "http:x",
        "mailto:a",
    ] {
        let message = mistake(&format!("redirect(\"{target}\")"));
        assert!(message.contains("cannot redirect"), "{target}: {message}");
    }
    for status in ["200", "304", "400", "300"] {
        assert!(mistake(&format!("redirect(\"/\", {status})")).contains("takes the status"));
    }
}

#[test]
fn what_is_no_data_is_not_answered() {
    let refused = |script: &str| answer(script).unwrap_err().to_string();
    assert!(refused("|x| x").contains("returned a function: call it"));
    assert!(refused("timestamp()").contains("returned a timestamp"));
    assert!(refused("0..5").contains("returned a value of type"));
    assert!(refused("#{ f: |x| x }").contains("as JSON"));
    assert!(refused("status(200, [timestamp()])").contains("as JSON"));
    assert!(mistake("status(200, |x| x)").contains("returned a function"));
    assert!(mistake("text(#{})").contains("text() takes a string"));
}

#[test]
fn an_answer_is_no_larger_than_allowed() {
    for script in [
        "let s = \"\"; s.pad(1001, 'x'); s",
        "blob(1001, 0)",
        "let s = \"\"; s.pad(1001, 'x'); html(s)",
        "let s = \"\"; s.pad(1001, 'x'); [s]",
    ] {
        assert!(answer(script).is_err(), "{script}");
    }
    assert!(answer("let s = \"\"; s.pad(1000, 'x'); s").is_ok());
}

#[test]
fn a_response_shows_its_parts_to_after() {
    let shown = |script: &str| serde_json::to_string(&value(script)).unwrap();
    let made = "let res = status(201, #{ a: 1 }).header(\"X-A\", \"b\");";
    assert_eq!(shown(&format!("{made} [res.status, res.body]")), r#"[201,{"a":1}]"#);
    assert_eq!(
        shown(&format!("{made} [res.headers.x_a, res.headers.content_type]")),
        r#"["b","application/json"]"#
    );
    assert_eq!(shown("type_of(json(1))"), r#""Response""#);
    let response = ScriptResponse::from_value("x".into()).unwrap();
    assert_eq!(response.status, StatusCode::OK);
}

#[tokio::test]
async fn responses_inside_data_are_written_as_plain_maps() {
    let (_, _, body) = wire("[1, #{ r: status(201, \"x\") }]").await;
    assert_eq!(body, r#"[1,{"r":{"body":"x","headers":{},"status":201}}]"#);
}

#[test]
fn a_value_that_holds_itself_is_refused() {
    let script = "let a = [1]; let f = || a; a.push(f); a.push(a); a";
    if let Ok(value) = engine().eval::<Dynamic>(script) {
        assert!(into_answer(value, &context()).is_err());
    }
}

#[test]
fn a_stream_is_handed_over_with_its_head() {
    let Ok(Answer::Stream(spec)) =
        answer("stream(\"text/csv\", |out| out.write(\"a\")).status(206).header(\"X-A\", 1)")
    else {
        panic!("no stream")
    };
    assert_eq!(spec.status.as_u16(), 206);
    assert_eq!(spec.headers.get("content-type").unwrap(), "text/csv");
    assert_eq!(spec.headers.get("x-a").unwrap(), "1");
}

fn streaming(script: &str, out: StreamWriter) -> Result<(), Box<EvalAltResult>> {
    let mut scope = rhai::Scope::new();
    scope.push("out", out);
    engine().run_with_scope(&mut scope, script)
}

#[tokio::test]
async fn a_stream_gives_each_write_to_its_reader() {
    let (sender, mut pieces) = tokio::sync::mpsc::channel(1);
    let out = StreamWriter::new(sender, tokio::runtime::Handle::current(), u64::MAX);
    let script = "for n in 0..5 { out.write(`${n},`); } out.write(\"\"); out.write(blob(1, 65));";
    let writer = std::thread::spawn(move || streaming(script, out));
    let mut all = Vec::new();
    while let Some(piece) = pieces.recv().await {
        all.extend_from_slice(&piece.unwrap());
    }
    writer.join().unwrap().unwrap();
    assert_eq!(all, b"0,1,2,3,4,A");
}

#[tokio::test]
async fn a_write_raises_once_the_client_is_gone() {
    let (sender, pieces) = tokio::sync::mpsc::channel(1);
    let out = StreamWriter::new(sender, tokio::runtime::Handle::current(), u64::MAX);
    let writer = std::thread::spawn(move || streaming("loop { out.write(\"x\") }", out));
    drop(pieces);
    let error = tokio::task::spawn_blocking(|| writer.join().unwrap().unwrap_err()).await.unwrap();
    assert!(error.to_string().contains("the client is gone"), "{error}");
}

#[tokio::test]
async fn a_write_waits_no_longer_than_the_script_may_run() {
    use crate::script::budget;
    let (sender, pieces) = tokio::sync::mpsc::channel(1);
    let out = StreamWriter::new(sender, tokio::runtime::Handle::current(), u64::MAX);
    let writer = tokio::task::spawn_blocking(move || {
        let limits = budget::Limits {
            deadline: std::time::Instant::now() + std::time::Duration::from_millis(30),
            operations: u64::MAX,
            memory_bytes: u64::MAX >> 1,
            total_memory_bytes: u64::MAX,
        };
        let guard = budget::enter(limits, budget::Thread::Own);
        let error = streaming("loop { out.write(\"x\") }", out).unwrap_err();
        (guard.spent(), error::outcome(error))
    });
    let (spent, raised) = writer.await.unwrap();
    drop(pieces);
    assert_eq!(spent, Some(budget::Spent::Time));
    assert!(matches!(raised, error::Raised::Spent));
}
