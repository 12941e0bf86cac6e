//! Routes with a promise that move from one plugin to another.

use serde_json::json;

use crate::{
    contract::accept,
    harness::{Project, assert_tells, wait_until},
};

#[test]
fn a_route_that_moves_to_another_plugin_is_no_breach() {
    let project =
        Project::new(&[("shop.rhai", "get(\"/a\", |r| \"a\"); get(\"/b/c\", |r| \"c\");")])
            .config("[contract]\non_breaking = \"refuse\"\n")
            .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    let server = project.start();
    server.save("shop.rhai", "get(\"/a\", |r| \"a\");");
    server.save("shop/b.rhai", "get(\"/c\", |r| \"moved\");");
    let report = server.report();
    assert_eq!(report["failed"], json!([]), "{report}");
    assert_eq!(server.get("/shop/b/c").ok(), "moved");
}

/// A shop with two routes of which one has a promise, where what breaks it is refused.
fn shop() -> (Project, &'static str) {
    const C: &str = "get(\"/b/c\", #{ returns: #{ id: int(), email: string() } }, \
                     |r| #{ id: 1, email: \"e\" });";
    let project = Project::new(&[("shop.rhai", &format!("get(\"/a\", |r| \"a\"); {C}"))])
        .config("[contract]\non_breaking = \"refuse\"\n")
        .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    (project, C)
}

#[test]
fn a_route_that_moves_to_a_new_plugin_and_breaks_stays_where_it_was() {
    let (project, _) = shop();
    let server = project.start();
    server.save("shop.rhai", "get(\"/a\", |r| \"other\");");
    server.save("shop/b.rhai", "get(\"/c\", #{ returns: #{ id: int() } }, |r| #{ id: 2 });");
    let report = server.report();
    assert_eq!(report["failed"], json!(["shop", "shop/b"]), "{report}");
    assert_eq!(server.get("/shop/b/c").json(), json!({ "id": 1, "email": "e" }));
    assert_eq!(server.get("/shop/a").ok(), "a");
    assert_eq!(server.plugin("shop")["state"], "stale");
    let fault = &server.plugin("shop")["diagnostics"][0];
    assert_tells(fault, &["response property \"email\" removed", "shop/b.rhai:1"]);
    assert_eq!(server.plugin("shop/b")["state"], "failed");
    assert_eq!(server.plugin("shop/b")["diagnostics"][0]["code"], "route-collision");
    // Once it keeps the promise, both are taken.
    let kept = "get(\"/c\", #{ returns: #{ id: int(), email: string() } }, \
                |r| #{ id: 2, email: \"f\" });";
    server.save("shop/b.rhai", kept);
    let report = server.report();
    assert_eq!(report["failed"], json!([]), "{report}");
    assert_eq!(server.get("/shop/b/c").json(), json!({ "id": 2, "email": "f" }));
    assert_eq!(server.get("/shop/a").ok(), "other");
}

#[test]
fn a_renamed_plugin_that_breaks_is_not_served() {
    let (project, kept) = shop();
    let server = project.start();
    server.remove("shop.rhai");
    let broken = "get(\"/a\", |r| \"new\"); \
                  get(\"/b/c\", #{ returns: #{ id: int() } }, |r| #{ id: 2 });";
    server.save("shop/index.rhai", broken);
    wait_until("the deletion to be refused", || {
        server.report();
        server.plugin("shop")["diagnostics"][0]["code"] == "contract-broken"
    });
    assert_eq!(server.get("/shop/b/c").json(), json!({ "id": 1, "email": "e" }));
    assert_eq!(server.get("/shop/a").ok(), "a");
    assert_eq!(server.plugin("shop/index")["diagnostics"][0]["code"], "route-collision");
    server.save("shop/index.rhai", &format!("get(\"/a\", |r| \"new\"); {kept}"));
    wait_until("the renamed plugin to be served", || {
        server.report();
        server.get("/shop/a").text() == "new"
    });
    assert_eq!(server.get("/shop/b/c").json(), json!({ "id": 1, "email": "e" }));
}

#[test]
fn a_tail_that_becomes_a_parameter_breaks() {
    const TAIL: &str = "get(\"/{*path}\", |r| r.params.path);";
    const ONE: &str = "get(\"/{path}\", |r| r.params.path);";
    for (before, after) in [(TAIL, ONE), (&format!("{TAIL} get(\"/{{one}}\", |r| 1);"), ONE)] {
        let project = Project::new(&[("files.rhai", before)])
            .config("[contract]\non_breaking = \"refuse\"\n")
            .env("HOTPLATE_WATCH__MODE", "off");
        accept(&project);
        let server = project.start();
        server.save("files.rhai", after);
        let report = server.report();
        assert_eq!(report["failed"], json!(["files"]), "{report}");
        let fault = &server.plugin("files")["diagnostics"][0];
        assert_tells(fault, &["longer paths are not answered any more", "longer-paths-removed"]);
        assert_eq!(server.get("/files/a/b").ok(), "a/b");
        server.save("files.rhai", &format!("{TAIL} get(\"/{{one}}\", |r| 2);"));
        let report = server.report();
        assert_eq!(report["failed"], json!([]), "{report}");
    }
}

#[test]
fn a_route_that_hides_breaks_and_is_told_at_its_line() {
    let project = Project::new(&[("a.rhai", "get(\"/x\", |r| 1);\nget(\"/{id}\", |r| 2);")])
        .config("[contract]\non_breaking = \"refuse\"\n")
        .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    let server = project.start();
    server.save("a.rhai", "get(\"/x\", |r| 1);\nget(\"/{id}\", #{ hidden: true }, |r| 2);");
    assert_eq!(server.report()["failed"], json!(["a"]));
    let fault = &server.plugin("a")["diagnostics"][0];
    assert_tells(fault, &["/a/{id}: route removed", "a.rhai:2:1"]);
}

#[test]
fn a_new_plugin_that_takes_requests_away_is_told_of() {
    let project = Project::new(&[(
        "a.rhai",
        "get(\"/{id}\", #{ returns: #{ id: string() } }, |r| #{ id: r.params.id });",
    )])
    .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    let server = project.start();
    server.save("a/me.rhai", "get(#{ returns: #{ n: int() } }, |r| #{ n: 1 });");
    let report = server.report();
    assert_eq!(report["contract"]["breaking"], 1, "{report}");
    let change = &report["contract"]["changes"][0];
    assert_eq!(change["rule"], "route-shadowed", "{change}");
    server.save(
        "a/me.rhai",
        "get(#{ returns: #{ id: string(), n: int() } }, |r| #{ id: \"me\", n: 1 });",
    );
    assert_eq!(server.report()["contract"]["breaking"], 0);
}

#[test]
fn a_new_plugin_that_takes_requests_away_is_refused_where_breaches_are() {
    const ONE: &str = "get(\"/{id}\", #{ returns: #{ id: string() } }, |r| #{ id: r.params.id });";
    const ME: &str = "get(#{ returns: #{ n: int() } }, |r| #{ n: 1 });";
    let project = Project::new(&[("a.rhai", ONE)])
        .config("[contract]\non_breaking = \"refuse\"\n")
        .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    let server = project.clone().start();
    server.save("a/me.rhai", ME);
    server.save("b.rhai", "get(|r| 1);");
    for _ in 0..2 {
        let report = server.report();
        assert_eq!(report["failed"], json!(["a/me"]), "{report}");
        assert_eq!(report["contract"]["breaking"], 0, "{report}");
        let plugin = server.plugin("a/me");
        assert_eq!(plugin["state"], "failed", "{plugin}");
        assert_tells(&plugin["diagnostics"][0], &["/a/me", "/a/{id}", "a/me.rhai:1:1"]);
        assert_eq!(server.get("/a/me").json(), json!({ "id": "me" }));
        assert_eq!(server.get("/b").ok(), "1");
    }
    // What keeps the promise is served, and goes on being served when a later version does not.
    let kept = "get(#{ returns: #{ id: string() } }, |r| #{ id: \"kept\" });";
    server.save("a/me.rhai", kept);
    assert_eq!(server.report()["failed"], json!([]));
    server.save("a/me.rhai", ME);
    assert_eq!(server.report()["failed"], json!(["a/me"]));
    assert_eq!(server.plugin("a/me")["state"], "stale");
    assert_eq!(server.get("/a/me").json(), json!({ "id": "kept" }));
    // Accepting releases it.
    accept(&project);
    assert_eq!(server.report()["failed"], json!([]));
    assert_eq!(server.get("/a/me").json(), json!({ "n": 1 }));
}
