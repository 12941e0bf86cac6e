//! `import`, and what follows from changing what is imported.

use serde_json::json;

use crate::harness::{Server, assert_tells, refusal_among};

#[test]
fn functions_and_exported_constants_are_imported() {
    let server = Server::dev(&[
        (
            "lib/money.rhai",
            "export const SIGN = \"€\";\nfn price(x) { SIGN + x }\nprivate fn hidden() { 1 }",
        ),
        ("t.rhai", "import \"lib/money\" as money;\nget(|r| money::price(3) + money::SIGN);"),
        ("p.rhai", "import \"lib/money\" as money;\nget(|r| money::hidden());"),
    ]);
    assert_eq!(server.get("/t").ok(), "€3€");
    assert_eq!(server.plugin("p")["state"], "failed");
    assert_tells(&server.plugin("p")["diagnostics"][0], &["hidden"]);
    assert_eq!(server.plugin("t")["imports"], json!(["lib/money"]));
}

#[test]
fn a_library_is_not_served() {
    let server =
        Server::dev(&[("lib/a.rhai", "fn f() { 1 }"), ("lib/deep/b.rhai", "fn g() { 2 }")]);
    assert_eq!(server.get("/lib/a").status, 404);
    assert_eq!(server.get("/plugins").json()["loaded_plugins"], json!([]));
}

#[test]
fn a_changed_library_reloads_what_depends_on_it_and_nothing_else() {
    let server = Server::dev(&[
        ("lib/a.rhai", "import \"lib/b\" as b;\nfn name() { \"a\" + b::name() }"),
        ("lib/b.rhai", "fn name() { \"b\" }"),
        ("t.rhai", "import \"lib/a\" as a;\nget(|r| a::name());"),
        ("o.rhai", "get(|r| \"other\");"),
    ]);
    assert_eq!(server.get("/t").ok(), "ab");
    server.save("lib/b.rhai", "fn name() { \"B\" }");
    let report = server.report();
    server.wait_for("/t", "aB");
    if report["changed"] != json!([]) {
        assert_eq!((&report["changed"], &report["unchanged"]), (&json!(["t"]), &json!(1)));
    }
}

#[test]
fn a_broken_library_keeps_what_depends_on_it_and_mending_it_is_seen() {
    let server = Server::dev(&[
        ("lib/a.rhai", "fn name() { \"good\" }"),
        ("t.rhai", "import \"lib/a\" as a;\nget(|r| a::name());"),
    ]);
    server.save("lib/a.rhai", "fn name() { \"half");
    let report = server.report();
    assert_eq!(report["failed"], json!(["t"]));
    assert_tells(&report["diagnostics"][0], &["lib/a.rhai:1"]);
    assert_eq!(server.get("/t").ok(), "good");
    assert_eq!(server.plugin("t")["state"], "stale");
    server.save("lib/a.rhai", "fn name() { \"mended\" }");
    server.wait_for("/t", "mended");
    server.remove("lib/a.rhai");
    crate::harness::wait_until("the loss is told", || server.plugin("t")["state"] == "stale");
    assert_eq!(server.get("/t").ok(), "mended");
}

#[test]
fn import_cycles_are_refused_with_the_way_round() {
    let fault = refusal_among(&[
        ("lib/a.rhai", "import \"lib/b\" as b;\nfn f() { b::f() }"),
        ("lib/b.rhai", "import \"lib/a\" as a;\nfn f() { a::f() }"),
        ("t.rhai", "import \"lib/a\" as a;\nget(|r| a::f());"),
    ]);
    assert_tells(&fault, &["lib/a", "lib/b", "import"]);
    let fault = refusal_among(&[
        ("lib/a.rhai", "import \"lib/a\" as me;\nfn f() { me::f() }"),
        ("t.rhai", "import \"lib/a\" as a;\nget(|r| a::f());"),
    ]);
    assert_tells(&fault, &["lib/a", "itself"]);
}

#[test]
fn nothing_outside_the_plugin_folder_is_imported() {
    for path in ["../outside", "/etc/passwd", "lib/../../outside", "lib/link"] {
        let server =
            Server::dev(&[("ok.rhai", "get(|r| \"ok\");"), ("lib/a.rhai", "fn f() { 1 }")]);
        std::fs::write(server.root().join("outside.rhai"), "fn f() { \"leaked\" }").unwrap();
        let link = server.plugins().join("lib/link.rhai");
        std::os::unix::fs::symlink(server.root().join("outside.rhai"), link).unwrap();
        server.save("t.rhai", &format!("import \"{path}\" as o;\nget(|r| o::f());"));
        server.report();
        assert_eq!(server.plugin("t")["state"], "failed", "{path}");
        assert!(server.plugin("t")["diagnostics"][0]["line"].is_number(), "{path}");
    }
}

#[test]
fn a_library_that_is_not_there_is_told_with_the_name_that_was_meant() {
    let fault = refusal_among(&[
        ("lib/money.rhai", "fn f() { 1 }"),
        ("t.rhai", "import \"lib/monney\" as m;\nget(|r| m::f());"),
    ]);
    assert_eq!(fault["line"], 1);
    assert_tells(&fault, &["lib/monney", "did you mean `lib/money`"]);
}

#[test]
fn a_wrong_name_in_a_library_is_found_at_the_load() {
    let fault = refusal_among(&[
        ("lib/money.rhai", "fn price(x) { x }"),
        ("t.rhai", "import \"lib/money\" as m;\nget(|r| m::prise(1));"),
    ]);
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["prise", "price"]);
}

#[test]
fn a_fault_in_a_library_is_shown_where_it_is_with_the_call_that_led_there() {
    let server = Server::dev(&[
        ("lib/a.rhai", "fn pick(a) {\n  a[9]\n}"),
        ("t.rhai", "import \"lib/a\" as a;\nget(|r| a::pick([1]));"),
    ]);
    let told = server.get("/t").json();
    assert_eq!(told["diagnostic"]["file"], "lib/a.rhai");
    assert_tells(&told["rendered"], &["lib/a.rhai:2", "t.rhai:2"]);
}
