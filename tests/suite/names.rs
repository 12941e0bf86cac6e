//! Reserved and odd names of files.

use serde_json::json;

use crate::harness::{Server, assert_tells};

const RESERVED: [&str; 9] =
    ["plugins", "reload", "load", "unload", "rollback", "docs", "healthz", "metrics", "all"];

#[test]
fn reserved_names_are_refused_by_name_and_take_nothing_over() {
    let scripts: Vec<String> = RESERVED.iter().map(|name| format!("{name}.rhai")).collect();
    let mut files: Vec<(&str, &str)> =
        scripts.iter().map(|name| (name.as_str(), "get(|r| \"taken over\");")).collect();
    files.extend([
        ("openapi.json.rhai", "get(|r| 1);"),
        ("favicon.ico.rhai", "get(|r| 1);"),
        ("readyz/index.rhai", "get(|r| 1);"),
        ("_own.rhai", "get(|r| 1);"),
        ("_own/x.rhai", "get(|r| 1);"),
        ("lib.rhai", "get(|r| 1);"),
        ("good.rhai", "get(|r| \"good\");"),
        ("shop/all.rhai", "get(|r| \"nested\");"),
    ]);
    let server = Server::dev(&files);
    assert_eq!(server.get("/good").ok(), "good");
    assert_eq!(server.get("/shop/all").ok(), "nested");
    let listing = server.get("/plugins").json();
    assert_eq!(listing["loaded_plugins"], json!(["good", "shop/all"]));
    let told = listing.to_string();
    for name in RESERVED.iter().chain(&["openapi.json", "favicon.ico", "readyz", "_own"]) {
        assert!(told.contains(*name), "{name} is not told");
    }
    assert_eq!(server.get("/healthz").json()["status"], "alive");
}

#[test]
fn a_path_of_the_server_cannot_be_taken_by_a_route() {
    let server = Server::dev(&[("index.rhai", "get(\"/plugins\", |r| \"taken\");")]);
    assert!(server.get("/plugins").json()["loaded_plugins"].is_array());
    assert_eq!(server.plugin("index")["state"], "failed");
    server.save("index.rhai", "get(\"/{*rest}\", |r| \"tail\");");
    server.report();
    assert!(server.get("/plugins").json()["loaded_plugins"].is_array());
    assert_eq!(server.get("/healthz").json()["status"], "alive");
}

#[test]
fn odd_names_are_refused_by_name() {
    let odd = ["a b", "*rest", ":p", "<re>", "{id}", "a.b", "a%20", "é", "..", "a'b", "a;b"];
    let server = Server::dev(&[("good.rhai", "get(|r| \"good\");")]);
    for name in odd {
        server.save(&format!("{name}.rhai"), "get(|r| 1);");
    }
    let report = server.report();
    assert_eq!(report["loaded_plugins"], json!(["good"]));
    let told = report["diagnostics"].to_string();
    for name in odd.iter().filter(|name| **name != "..") {
        assert!(told.contains(&format!("{name}.rhai")), "{name} is not told in {told}");
    }
    assert_eq!(server.get("/good").ok(), "good");
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let server = Server::dev(&[("good.rhai", "get(|r| \"good\");")]);
    let name = std::ffi::OsStr::from_bytes(b"bad\xff.rhai");
    if std::fs::write(server.plugins().join(name), "get(|r| 1);").is_err() {
        return;
    }
    let report = server.report();
    assert_tells(&report["diagnostics"][0], &["UTF-8"]);
    assert_eq!(server.get("/good").ok(), "good");
}

#[test]
fn what_editors_leave_behind_is_no_plugin() {
    let server = Server::dev(&[("good.rhai", "get(|r| \"good\");")]);
    let before = server.report()["generation"].clone();
    for junk in [
        ".a.rhai.swp",
        "a.rhai~",
        "#a.rhai#",
        ".#a.rhai",
        "a.rhai.bak",
        "a.rhai.tmp",
        "4913",
        "a.RHAI.orig",
        ".DS_Store",
        "._a.rhai",
        "a_test.rhai",
        "notes.md",
    ] {
        server.write(junk, b"}{ junk");
    }
    let report = server.report();
    assert_eq!(report["loaded_plugins"], json!(["good"]));
    assert_eq!(report["generation"], before);
    assert_eq!(report["diagnostics"], json!([]));
}

#[test]
fn an_unknown_table_for_a_plugin_is_a_warning() {
    let server = crate::harness::Project::new(&[("users.rhai", "get(|r| 1);")])
        .config("[plugins.usres]\nauth = \"none\"\n")
        .start();
    let report = server.report();
    assert_eq!(report["status"], "All plugins reloaded");
    assert_tells(&report["diagnostics"][0], &["usres", "[plugins.users]"]);
}
