//! Memory of a plugin that survives reloads.

use serde_json::json;

use crate::harness::{Ask, Server};

#[test]
fn state_is_kept_between_requests() {
    let server = Server::dev(&[(
        "s.rhai",
        "get(|r| state::incr(\"n\"));\n\
         get(\"/by/{k}\", |r| state::incr(\"n\", r.params.k.to_int()));\n\
         get(\"/all\", |r| { state::set(\"m\", #{ a: [1] }); \
             [state::get(\"m\"), state::get(\"none\"), state::get(\"none\", 5), state::keys()] });\n\
         get(\"/update\", |r| state::update(\"list\", [], |l| l + [l.len()]));\n\
         delete(|r| json(state::delete(\"n\")));",
    )]);
    assert_eq!(server.get("/s").json(), 1);
    assert_eq!(server.get("/s").json(), 2);
    assert_eq!(server.get("/s/by/5").json(), 7);
    assert_eq!(server.get("/s/all").json(), json!([{ "a": [1] }, null, 5, ["m", "n"]]));
    assert_eq!(server.get("/s/update").json(), json!([0]));
    assert_eq!(server.get("/s/update").json(), json!([0, 1]));
    server.ask(Ask::new("DELETE", "/s"));
    assert_eq!(server.get("/s").json(), 1);
}

#[test]
fn state_survives_a_reload_of_its_plugin() {
    let server = Server::dev(&[("s.rhai", "get(|r| `a${state::incr(\"n\")}`);")]);
    assert_eq!(server.get("/s").ok(), "a1");
    server.save("s.rhai", "get(|r| `b${state::incr(\"n\")}`);");
    server.report();
    assert_eq!(server.get("/s").ok(), "b2");
}

#[test]
fn each_plugin_has_state_of_its_own() {
    let script = "get(|r| state::incr(\"n\"));";
    let server = Server::dev(&[("a.rhai", script), ("b.rhai", script)]);
    server.get("/a");
    server.get("/a");
    assert_eq!(server.get("/b").json(), 1);
}

#[test]
fn no_change_is_lost_when_many_come_at_once() {
    let server = Server::dev(&[(
        "s.rhai",
        "post(|r| state::incr(\"n\"));\npost(\"/u\", |r| state::update(\"u\", 0, |n| n + 1));\n\
         get(|r| [state::get(\"n\"), state::get(\"u\")]);",
    )]);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut connection = server.connect();
                for _ in 0..50 {
                    assert_eq!(connection.ask(&Ask::post("/s")).status, 200);
                    assert_eq!(connection.ask(&Ask::post("/s/u")).status, 200);
                }
            });
        }
    });
    assert_eq!(server.get("/s").json(), json!([200, 200]));
}

#[test]
fn what_is_taken_from_state_is_a_copy() {
    let server = Server::dev(&[(
        "s.rhai",
        "post(|r| { state::set(\"m\", #{ a: 1 }); let m = state::get(\"m\"); m.a = 2; state::get(\"m\").a });",
    )]);
    assert_eq!(server.ask(Ask::post("/s")).json(), 1);
}
