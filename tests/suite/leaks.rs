//! What a request leaves behind for the next one.

use crate::harness::{Server, assert_tells, wait_until};

#[test]
fn nothing_that_a_handler_changes_is_there_for_the_next_request() {
    for script in [
        "let a = [];\nlet f = |x| { a.push(x); a.len() };\nconst C = f;\nget(|req| C.call(1));",
        "let a = #{ n: 0 };\nconst C = #{ f: || a };\nget(|req| { let f = C.f; let x = f.call(); x.n += 1; x.n });",
        "const A = [1];\nget(|req| { let a = A; a.push(2); a.len() - 1 });",
        "let a = [];\nlet f = |x| { a.push(x); a.len() };\nget(|req| f.call(1));",
        "let a = [];\nlet f = [|x| { a.push(x); a.len() }];\nget(|req| { let g = f[0]; g.call(1) });",
        "fn one() { let a = [1]; a.len() }\nget(|req| one());",
        "let n = 0;\nbefore(|req| { let n = 5; null });\nget(|req| n + 1);",
        "get(|req| { let s = settings; s.x = 1; s.len() });",
    ] {
        let server = Server::dev(&[("t.rhai", script)]);
        for _ in 0..4 {
            assert_eq!(server.get("/t").ok(), "1", "{script}");
        }
    }
}

#[test]
fn a_state_that_only_grows_is_flagged_and_told_once() {
    let server = Server::start(&[
        (
            "leaks.rhai",
            "get(|req| { state::set(req.id, \"x\".repeat(5000)); \"kept\" });\ndelete(|req| { for key in state::keys() { state::delete(key); } });",
        ),
        ("fine.rhai", "get(|req| { state::incr(\"n\"); \"x\".repeat(5000) });"),
    ]);
    let mut connection = server.connect();
    for _ in 0..400 {
        assert_eq!(connection.ask(&crate::harness::Ask::get("/leaks")).ok(), "kept");
        assert_eq!(connection.ask(&crate::harness::Ask::get("/fine")).status, 200);
    }
    let told = server.plugin("leaks");
    assert!(told["leak"].as_str().is_some_and(|leak| leak.contains("`state` grew")), "{told}");
    assert_eq!(told["state"], "serving");
    assert_tells(&told["diagnostics"][0], &["leak", "does not shrink"]);
    assert!(server.plugin("fine")["leak"].is_null(), "{}", server.plugin("fine"));
    server.wait_for_log("does not shrink");
    assert_eq!(server.log().matches("does not shrink").count(), 1, "{}", server.log());
    // Once it is cleared, a plugin is under no suspicion any more.
    server.ask(crate::harness::Ask::new("DELETE", "/leaks"));
    wait_until("the flag is taken back", || {
        server.get("/leaks");
        server.plugin("leaks")["leak"].is_null()
    });
}

#[test]
fn a_call_that_logs_for_ever_is_cut_short_in_the_log() {
    let server = crate::harness::Project::new(&[(
        "t.rhai",
        "get(|req| { for i in 0..1200 { print(\"line \" + i); } \"done\" });",
    )])
    .env("HOTPLATE_LIMITS__SCRIPT_MS", "20000")
    .start();
    assert_eq!(server.get("/t").ok(), "done");
    server.wait_for_log("the rest of it is left out");
    assert_eq!(server.get("/t").ok(), "done");
    let log = server.terminate().stderr;
    assert_eq!(log.matches("the rest of it is left out").count(), 2);
    assert_eq!(log.matches("line 999\n").count() + log.matches("line 999 ").count(), 2, "{log}");
    assert!(!log.contains("line 1100"));
}

#[test]
fn what_a_script_throws_is_cut_short_in_the_log_and_forges_no_line() {
    let server = Server::start(&[(
        "t.rhai",
        "get(|req| { throw \"x\".repeat(1000000); });\nget(\"/forge\", |req| { throw \"a\\nERROR forged\\u001b[31m\"; });",
    )]);
    assert_eq!(server.get("/t").status, 500);
    assert_eq!(server.get("/t/forge").status, 500);
    let log = server.terminate().stderr;
    assert!(log.len() < 20_000, "{} bytes", log.len());
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

#[test]
fn a_plugin_whose_values_hold_themselves_is_flagged_and_then_called_no_more() {
    let leaking = "get(|req| { for i in 0..200 { let a = #{ x: \"x\".repeat(10000) }; a.f = || a; } \"done\" });";
    let server =
        crate::harness::Project::new(&[("t.rhai", leaking), ("ok.rhai", "get(|req| \"ok\");")])
            .env("HOTPLATE_LIMITS__MEMORY_BYTES", "8388608")
            .env("HOTPLATE_LIMITS__SCRIPT_MS", "20000")
            .start();
    let mut flagged = false;
    let mut calls = 0;
    wait_until("it is called no more", || {
        calls += 1;
        flagged |= calls == 12 && !server.plugin("t")["leak"].is_null();
        server.get("/t").status == 503
    });
    assert!(flagged, "it was called {calls} times and not flagged");
    assert!(calls > 12 && calls < 100, "{calls}");
    assert!(server.plugin("t")["leak"].as_str().unwrap().contains("no more"));
    server.wait_for_log("it is called no more");
    assert_eq!(server.get("/ok").ok(), "ok");
    server.save("t.rhai", "get(|req| \"mended\");");
    server.wait_for("/t", "mended");
}
