//! What strangers may not learn.

use serde_json::json;

use crate::harness::{Answer, Ask, Project, Server};

/// Nothing of the server's inside is in an answer.
#[track_caller]
fn assert_tight(server: &Server, answer: &Answer) {
    let told = format!("{:?} {}", answer.headers, answer.text());
    let root = server.root().to_string_lossy().into_owned();
    for inside in [
        root.as_str(),
        ".rhai",
        "secret_name",
        "the-global-key",
        "src/",
        "--> ",
        "Backtrace",
        "called at",
    ] {
        assert!(!told.contains(inside), "`{inside}` in {told}");
    }
}

const SCRIPT: &str = "fn secret_name(a) { a[9] }\nget(|r| secret_name([1]));\nget(\"/thrown\", |r| { throw \"secret_name\" });\n\
                      get(\"/loop\", #{ timeout: \"50ms\" }, |r| { let secret_name = 0; loop { secret_name += 1; } });\n\
                      get(\"/fn\", |r| secret_name);\nget(\"/native\", |r| { let a = #{}; a - 1 });\n\
                      post(|r| r.body.secret_name);\n";

#[test]
fn outside_development_no_answer_shows_path_source_or_stack() {
    let server = Project::new(&[("s.rhai", SCRIPT), ("broken.rhai", "get(|r| secret_name(")])
        .config("[auth]\napikey = \"the-global-key\"\n")
        .start();
    for path in ["/s", "/s/thrown", "/s/loop", "/s/fn", "/s/native"] {
        let answer = server.get(path);
        assert!(answer.status >= 500, "{path}: {}", answer.status);
        assert_tight(&server, &answer);
        let id = answer.json()["error_id"]
            .as_str()
            .unwrap_or_else(|| panic!("no error id: {path}"))
            .to_owned();
        server.wait_for_log(&id);
    }
    for path in [
        "/",
        "/broken",
        "/none",
        "/plugins",
        "/reload/all",
        "/reload/s",
        "/healthz",
        "/readyz",
        "/%ff",
        "/s/none",
    ] {
        assert_tight(&server, &server.get(path));
    }
    assert_tight(&server, &server.ask(Ask::post("/s").body("application/json", "{")));
    assert_tight(&server, &server.raw(b"GET / HTTP/1.1\r\n\r\n"));
    server.wait_for_log("s.rhai:1");
}

#[test]
fn whoever_has_the_key_sees_diagnostics_but_no_absolute_path() {
    let server = Project::new(&[("broken.rhai", "get(|r| oops(r));"), ("s.rhai", SCRIPT)])
        .config("[auth]\napikey = \"the-global-key\"\n[paths]\npidfile = \"p.pid\"\n")
        .start();
    let root = server.root().to_string_lossy().into_owned();
    for path in ["/plugins", "/reload/all", "/reload/broken"] {
        let answer = server.ask(Ask::post(path).header("X-Custom-Auth", "the-global-key"));
        assert!(answer.text().contains("broken.rhai:1"), "{}", answer.text());
        assert!(!answer.text().contains(&root), "{}", answer.text());
        assert!(!answer.text().contains("the-global-key"), "{}", answer.text());
    }
}

#[test]
fn secrets_are_in_no_log() {
    let server = Project::new(&[("s.rhai", "get(|r| { print(config); log::info(\"x\", #{ c: config }); \"ok\" });")])
        .config("[auth]\napikey = \"the-global-key\"\n[log]\nlevel = \"trace\"\n[plugins.s]\nauth = \"global\"\n")
        .start();
    let answer = server.get("/s?apikey=the-global-key&x=1");
    assert_eq!(answer.ok(), "ok");
    server.ask(Ask::get("/s").header("Authorization", "Bearer the-global-key"));
    server.get("/s?apikey=the-global-key-but-wrong");
    let ended = server.terminate();
    assert!(!ended.stderr.contains("the-global-key"), "{}", ended.stderr);
    assert!(ended.stderr.contains("/s"), "the access log has the path: {}", ended.stderr);
}

#[test]
fn the_access_log_has_one_record_a_line_whatever_is_asked() {
    let server = Server::start(&[("index.rhai", "get(\"/{*rest}\", |r| \"ok\");")]);
    server.ask(Ask::get("/a%0aERROR%20forged?b=%1b[31m").header("User-Agent", "x\u{1b}[31m"));
    let ended = server.terminate();
    assert!(!ended.stderr.lines().any(|line| line.starts_with("ERROR")), "{}", ended.stderr);
    assert!(!ended.stderr.contains('\u{1b}'), "{}", ended.stderr);
}

#[test]
fn the_start_page_is_there_only_in_development() {
    let server = Server::start(&[]);
    assert_eq!(server.get("/").status, 404);
    let server = Server::dev(&[]);
    let page = server.get("/");
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-security-policy")
            .is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    let server = Server::dev(&[("index.rhai", "get(|r| \"mine\");")]);
    assert_eq!(server.get("/").ok(), "mine");
}

#[test]
fn text_is_never_taken_for_html() {
    let server = Server::start(&[("x.rhai", "get(|r| r.query.q);")]);
    let answer = server.get("/x?q=%3Cscript%3E");
    assert_eq!(answer.ok(), "<script>");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(server.get("/none").json()["status"], json!(404));
}

/// A page whose name was made to lead here sees no source through a script that fails.
#[test]
fn in_development_faults_are_for_those_who_ask_for_a_name_of_ours() {
    let server = Server::dev(&[
        ("broken.rhai", "get(|r| r.query.x.no_such_thing);"),
        ("failed.rhai", "get(|r| no_such_thing(r));"),
        ("endless.rhai", "get(#{ timeout: \"50ms\" }, |no_such_thing| { loop { } });"),
    ]);
    for (path, status) in [("/broken", 500), ("/failed", 404), ("/endless", 503)] {
        let asked = |host: &str| server.ask(Ask::get(path).header("Host", host));
        assert!(asked("localhost").text().contains("no_such_thing"), "{path}");
        let foreign = asked("evil.example");
        assert_eq!(foreign.status, status, "{path}");
        assert!(!foreign.text().contains("no_such_thing"), "{}", foreign.text());
    }
}
