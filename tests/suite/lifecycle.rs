//! `on_start` and `on_stop`.

use serde_json::json;

use crate::harness::{Ask, Server, assert_tells, wait_until};

const COUNTING: &str =
    "on_start(|| state::incr(\"starts\"));\nget(|r| json(state::get(\"starts\", 0)));\n";

#[test]
fn on_start_runs_once_for_each_version() {
    let server = Server::dev(&[("s.rhai", COUNTING)]);
    server.wait_for("/s", "1");
    server.report();
    server.reload("s");
    assert_eq!(server.get("/s").ok(), "1");
    server.save("s.rhai", &format!("{COUNTING}// changed\n"));
    server.report();
    server.wait_for("/s", "2");
}

#[test]
fn on_start_does_not_run_for_a_script_that_fails() {
    let server = Server::dev(&[("s.rhai", COUNTING)]);
    server.wait_for("/s", "1");
    server.save("s.rhai", &format!("{COUNTING}\nget(\"x\", |r| 1);\n"));
    assert_eq!(server.report()["failed"], json!(["s"]));
    assert_eq!(server.get("/s").ok(), "1");
}

#[test]
fn on_start_does_not_run_again_when_another_plugin_changes() {
    let server = Server::dev(&[("s.rhai", COUNTING), ("o.rhai", "get(|r| \"old\");")]);
    server.wait_for("/s", "1");
    server.save("o.rhai", "get(|r| \"new\");");
    server.report();
    assert_eq!(server.get("/o").ok(), "new");
    assert_eq!(server.get("/s").ok(), "1");
}

#[test]
fn on_stop_runs_when_the_old_version_has_drained() {
    let text = |version: u32| {
        format!(
            "on_stop(|| state::set(\"stopped\", {version}));\nget(|r| \"v{version}\");\n\
             get(\"/stopped\", |r| json(state::get(\"stopped\")));\n\
             get(\"/slow\", |r| {{ let n = 0; while state::get(\"open\") == null {{ n += 1; }} \
             `slow ${{json::stringify(state::get(\"stopped\"))}}` }});\n\
             post(\"/open\", |r| state::set(\"open\", true));\n"
        )
    };
    let server = Server::dev(&[("s.rhai", &text(1))]);
    let mut slow = server.connect();
    slow.begin(&Ask::get("/s/slow"));
    wait_until("the slow request runs", || server.plugin("s")["requests"].as_u64() >= Some(1));
    server.save("s.rhai", &text(2));
    server.report();
    assert_eq!(server.get("/s").ok(), "v2");
    assert_eq!(server.get("/s/stopped").ok(), "null");
    server.ask(Ask::post("/s/open"));
    assert_eq!(slow.answer(false).unwrap().ok(), "slow null");
    server.wait_for("/s/stopped", "1");
}

#[test]
fn on_stop_runs_when_a_plugin_is_removed_or_unloaded_and_at_the_end() {
    let server = Server::dev(&[
        ("removed.rhai", "on_stop(|| print(\"removed stops\"));\nget(|r| 1);"),
        ("unloaded.rhai", "on_stop(|| print(\"unloaded stops\"));\nget(|r| 1);"),
        ("last.rhai", "on_stop(|| print(\"last stops\"));\nget(|r| 1);"),
    ]);
    server.remove("removed.rhai");
    server.wait_for_log("removed stops");
    server.ask(Ask::post("/unload/unloaded"));
    server.wait_for_log("unloaded stops");
    assert!(!server.log().contains("last stops"));
    let ended = server.terminate();
    assert!(ended.status.success());
    assert!(ended.stderr.contains("last stops"), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("removed stops").count(), 1);
}

#[test]
fn a_failing_on_start_is_shown_and_the_plugin_is_served() {
    let server = Server::dev(&[(
        "s.rhai",
        "on_start(|| {\n  throw \"cannot begin\";\n});\nget(|r| \"served\");",
    )]);
    assert_eq!(server.get("/s").ok(), "served");
    wait_until("the fault is listed", || !server.plugin("s")["diagnostics"][0].is_null());
    assert_tells(&server.plugin("s")["diagnostics"][0], &["on_start", "cannot begin", "s.rhai:2"]);
    server.wait_for_log("cannot begin");
    // It is logged when it happens, and not at a look as well.
    server.report();
    server.save("t.rhai", "get(|r| 1);");
    server.wait_for("/t", "1");
    assert_eq!(server.log().matches("`on_start` failed").count(), 1, "{}", server.log());
}

#[test]
fn declaring_while_a_request_is_answered_is_an_error() {
    let server = Server::dev(&[("s.rhai", "fn later() { get(\"/x\", |r| 1) }\nget(|r| later());")]);
    let told = match server.plugin("s")["diagnostics"][0].clone() {
        serde_json::Value::Null => server.get("/s").json()["rendered"].clone(),
        refused => refused,
    };
    assert_tells(&told, &["top level"]);
}
