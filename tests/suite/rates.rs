//! What is counted of each address: wrong keys, and calls of routes that have a limit.

use serde_json::json;

use crate::{
    harness::{Answer, Ask, Project, Server},
    keys::{KEY, assert_refused, guarded, guarded_with, with},
};

const PROXIED: &str = "[network]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";

/// A route that an address may call once in an hour.
fn limited(config: &str) -> Server {
    let script = "get(\"/\", #{ rate_limit: \"1/1h\" }, || \"ok\");";
    Project::new(&[("t.rhai", script)]).config(config).start()
}

/// A request that a proxy passes on for somebody.
fn forwarded(ask: Ask, address: &str) -> Ask {
    ask.header("X-Forwarded-For", address)
}

/// Asserts that somebody presented too many wrong keys.
#[track_caller]
fn assert_told_to_wait(answer: &Answer) {
    assert_eq!((answer.status, answer.json()), (403, json!({ "error": "too many wrong keys" })));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn many_wrong_keys_are_told_to_wait_and_a_right_one_never_is() {
    let server = guarded();
    let wrong = |n: usize| server.ask(with(Ask::get("/t"), &format!("wrong-{n}")));
    let statuses: Vec<u16> = (0..60).map(|n| wrong(n).status).collect();
    assert_eq!(statuses[..30], [403; 30]);
    let refused = wrong(60);
    assert_told_to_wait(&refused);
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    for path in ["/t", "/plugins"] {
        assert_eq!(server.ask(with(Ask::get(path), KEY)).status, 200);
    }
    // Whoever presents no key has presented no wrong one.
    assert_refused(&server.get("/t"));
}

#[test]
fn what_a_route_counted_survives_a_reload_of_its_plugin() {
    let script = |text: &str| {
        format!(
            "get(\"/\", #{{ rate_limit: \"2/1h\" }}, |req| \"{text}\"); get(\"/v\", |req| \"{text}\");"
        )
    };
    let server = Server::start(&[("t.rhai", &script("one"))]);
    assert_eq!(server.get("/t").ok(), "one");
    server.save("t.rhai", &script("two"));
    server.wait_for("/t/v", "two");
    assert_eq!(server.get("/t").ok(), "two");
    assert_eq!(server.get("/t").status, 429);
    server.save("t.rhai", &script("three"));
    server.wait_for("/t/v", "three");
    assert_eq!(server.get("/t").status, 429);
    server.save("t.rhai", &script("four").replace("2/1h", "3/1h"));
    server.wait_for("/t/v", "four");
    assert_eq!(server.get("/t").ok(), "four");
}

#[test]
fn wrong_keys_are_counted_for_each_address_that_a_trusted_proxy_names() {
    let server = guarded_with(PROXIED);
    let wrong = |address: &str| {
        let ask = with(Ask::get("/t"), "a-wrong-key");
        server.ask(forwarded(ask, address))
    };
    for _ in 0..60 {
        assert_eq!(wrong("10.0.0.1").status, 403);
    }
    assert_told_to_wait(&wrong("10.0.0.1"));
    // What a client itself puts before its address makes no other one of it.
    assert_told_to_wait(&wrong("10.0.0.3, 10.0.0.1"));
    let other = wrong("10.0.0.2");
    assert_refused(&other);
    assert_eq!(other.header("retry-after"), None);
    assert_eq!(server.ask(forwarded(with(Ask::get("/t"), KEY), "10.0.0.1")).status, 200);
}

#[test]
fn a_limit_of_a_route_is_for_each_address_that_a_trusted_proxy_names() {
    let server = limited(PROXIED);
    let status = |address: &str| server.ask(forwarded(Ask::get("/t"), address)).status;
    assert_eq!([status("10.0.0.1"), status("10.0.0.1"), status("10.0.0.2")], [200, 429, 200]);
    assert_eq!([status("10.0.0.9, 10.0.0.1"), status("10.0.0.2")], [429, 429]);
    // Addresses of one network of 64 bits are one.
    assert_eq!(
        [status("2001:db8::1"), status("2001:db8::2"), status("2001:db8:1::1")],
        [200, 429, 200]
    );
}

#[test]
fn whoever_names_addresses_and_is_no_trusted_proxy_gets_round_no_limit() {
    let server = limited("");
    let statuses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        .map(|address| server.ask(forwarded(Ask::get("/t"), address)).status);
    assert_eq!(statuses, [200, 429, 429]);
    let server = guarded_with("");
    for last in 0..60 {
        let ask = with(Ask::get("/t"), "a-wrong-key");
        assert_eq!(server.ask(forwarded(ask, &format!("10.0.0.{last}"))).status, 403);
    }
    assert_told_to_wait(&server.ask(forwarded(with(Ask::get("/t"), "a-wrong-key"), "10.0.1.1")));
}
