//! What the tests stand on: a project in a temporary folder, a running server, a client.

mod client;
mod planted;
mod project;
mod secure;
mod server;

use std::time::{Duration, Instant};

pub(crate) use self::{
    client::{Answer, Ask, Connection},
    project::{Project, program, within},
    secure::{Authority, Made, Secure},
    server::{Ended, Server},
};

/// How long anything may take that a test waits for. Far beyond what it takes, so that a busy machine
/// fails no test.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);

/// Waits until `is_so`, and fails with `what` when it never is.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(4));
    }
}

/// Serves one script as `/t` in development mode and gets it.
#[track_caller]
pub(crate) fn answer(script: &str) -> Answer {
    Server::dev(&[("t.rhai", script)]).get("/t")
}

/// The first diagnostic of a script that must not be served.
#[track_caller]
pub(crate) fn refusal(script: &str) -> serde_json::Value {
    refusal_among(&[("t.rhai", script)])
}

/// The first diagnostic of `t.rhai`, which must not be served.
#[track_caller]
pub(crate) fn refusal_among(files: &[(&str, &str)]) -> serde_json::Value {
    let server = Server::dev(files);
    server.report();
    let plugin = server.plugin("t");
    assert_eq!(plugin["state"], "failed", "it was served: {plugin}");
    plugin["diagnostics"][0].clone()
}

/// Asserts that a text, rendered or a member, holds each of `parts`.
#[track_caller]
pub(crate) fn assert_tells(told: &serde_json::Value, parts: &[&str]) {
    let text = match told {
        serde_json::Value::String(text) => text.clone(),
        other => other["rendered"].as_str().map_or_else(|| other.to_string(), str::to_owned),
    };
    for part in parts {
        assert!(text.contains(part), "`{part}` is not told in:\n{text}");
    }
}

/// Asserts that an answer is a problem with this status.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], status);
}
