//! Named schemas: shared by libraries, referred to across plugins, and never two of one name.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::harness::{Ask, Project, Server, assert_problem, assert_tells};

const MONEY: &str = r#"export const MONEY = schema("Money", #{ cents: int() });"#;
const SHOP: &str = r#"import "lib/money" as money;
const ITEM = schema("Item", #{ name: string(), price: money::MONEY });
post("/", #{ body: ITEM }, |req| req.body);"#;
const REPORT: &str = r#"post("/", #{ body: #{ item: ref("Item") } }, |req| req.body);"#;

fn cents(cents: i64) -> serde_json::Value {
    json!({ "item": { "name": "tea", "price": { "cents": cents } } })
}

#[test]
fn a_schema_is_used_from_a_library_and_across_plugins() {
    let server =
        Server::dev(&[("lib/money.rhai", MONEY), ("shop.rhai", SHOP), ("report.rhai", REPORT)]);
    assert_eq!(server.report()["status"], "All plugins reloaded");
    assert_eq!(server.post("/report", &cents(5)).json(), cents(5));
    let wrong = server.post("/report", &json!({ "item": { "name": 5, "price": {} } }));
    assert_problem(&wrong, 422);
    assert_eq!(wrong.json()["errors"][1]["pointer"], "/item/price/cents");
}

#[test]
fn a_change_of_a_schema_rebuilds_who_refers_to_it() {
    let server =
        Server::dev(&[("lib/money.rhai", MONEY), ("shop.rhai", SHOP), ("report.rhai", REPORT)]);
    server.report();
    server.save("lib/money.rhai", &MONEY.replace("int()", "int().max(9)"));
    let report = server.report();
    assert_eq!(report["status"], "All plugins reloaded");
    assert_problem(&server.post("/report", &cents(10)), 422);
    assert_eq!(server.post("/report", &cents(9)).status, 200);
    server.save("shop.rhai", &SHOP.replace("string()", "int()"));
    server.report();
    assert_problem(&server.post("/report", &cents(5)), 422);
}

#[test]
fn plugins_may_refer_to_each_other() {
    let left = r#"const LEFT = schema("Left", #{ right: ref("Right").optional() });
        post("/", #{ body: LEFT }, |req| req.body);"#;
    let right = r#"const RIGHT = schema("Right", #{ left: ref("Left").optional(), n: int() });
        post("/", #{ body: RIGHT }, |req| req.body);"#;
    let server = Server::dev(&[("left.rhai", left), ("right.rhai", right)]);
    assert_eq!(server.report()["status"], "All plugins reloaded");
    let fits = json!({ "right": { "n": 1, "left": { "right": { "n": 2 } } } });
    assert_eq!(server.post("/left", &fits).json(), fits);
    assert_problem(&server.post("/left", &json!({ "right": { "left": {} } })), 422);
}

#[test]
fn a_schema_that_nobody_declares_is_a_fault_until_somebody_does() {
    let server = Server::dev(&[("report.rhai", REPORT)]);
    server.report();
    let plugin = server.plugin("report");
    assert_eq!(plugin["state"], "failed");
    assert_tells(
        &plugin["diagnostics"][0],
        &[
            "no plugin declares a schema `Item`",
            "report.rhai:1:29",
            "declare it: `schema(\"Item\", …)`",
        ],
    );
    server.save("shop.rhai", r#"const ITEM = schema("Item", #{ n: int() }); get(|| 1);"#);
    assert_eq!(server.report()["status"], "All plugins reloaded");
    assert_eq!(server.post("/report", &json!({ "item": { "n": 1 } })).status, 200);
}

#[test]
fn a_schema_that_is_taken_away_leaves_its_users_as_they_were() {
    let shop = r#"const ITEM = schema("Item", #{ n: int() }); get(|| 1);"#;
    let server = Server::dev(&[("shop.rhai", shop), ("report.rhai", REPORT)]);
    server.report();
    server.save("shop.rhai", "get(|| 1);");
    assert_eq!(server.report()["failed"], json!(["report"]));
    assert_eq!(server.plugin("report")["state"], "stale");
    assert_eq!(server.post("/report", &json!({ "item": { "n": 1 } })).status, 200);
}

#[test]
fn of_two_schemas_with_one_name_the_one_just_changed_fails() {
    let first =
        r#"const A = schema("Thing", #{ n: int() }); get("/", #{ returns: A }, || #{ n: 1 });"#;
    let second = first.replace("int()", "float()").replace("n: 1", "n: 1.5");
    let server = Server::dev(&[("b.rhai", first), ("z.rhai", "get(|| 1);")]);
    server.report();
    server.save("a.rhai", &second);
    let report = server.report();
    assert_eq!(report["failed"], json!(["a"]));
    assert_tells(
        &server.plugin("a")["diagnostics"][0],
        &[
            "the schema `Thing` is another one in the plugin b",
            "a.rhai:1:11",
            "b.rhai:1:11",
            "declared here first",
        ],
    );
    server.save("a.rhai", first);
    assert_eq!(
        server.report()["status"],
        "All plugins reloaded",
        "the same schema twice is one schema"
    );
}

#[test]
fn a_stale_plugin_does_not_hold_those_that_share_its_library() {
    const USER: &str = "import \"lib/s\" as s; get(\"/\", #{ returns: s::USER }, |r| #{ id: 1 });";
    let server = Project::new(&[
        ("lib/s.rhai", "export const USER = schema(\"User\", #{ id: int() });"),
        ("u.rhai", USER),
        ("v.rhai", USER),
        ("w.rhai", "get(\"/\", #{ returns: array(ref(\"User\")) }, |r| []);"),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    server.save("u.rhai", "get(\"/\", |r| ");
    assert_eq!(server.report()["failed"], json!(["u"]));
    let more = "export const USER = schema(\"User\", #{ id: int(), name: string() });";
    server.save("lib/s.rhai", more);
    server.save("v.rhai", &USER.replace("id: 1", "id: 1, name: \"v\""));
    let report = server.report();
    assert_eq!(report["failed"], json!(["u"]), "{report}");
    assert_eq!(server.get("/v").json(), json!({ "id": 1, "name": "v" }));
    assert_eq!(server.get("/u").json(), json!({ "id": 1 }));
    let document = server.get("/openapi.json").json();
    let answer = |path: &str| {
        let content = "responses/200/content/application~1json/schema";
        let path = path.replace('/', "~1");
        document.pointer(&format!("/paths/{path}/get/{content}")).cloned().unwrap_or_default()
    };
    let named = |schema: &Value| {
        let name = schema["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        document["components"]["schemas"][name]["required"].clone()
    };
    assert_eq!(named(&answer("/v")), json!(["id", "name"]));
    assert_eq!(named(&answer("/u")), json!(["id"]));
    assert_eq!(named(&answer("/w")["items"]), json!(["id", "name"]));
    server.save("u.rhai", &USER.replace("id: 1", "id: 2, name: \"u\""));
    assert_eq!(server.report()["failed"], json!([]));
    assert_eq!(server.get("/u").json(), json!({ "id": 2, "name": "u" }));
}

#[test]
fn the_schema_of_a_stale_plugin_goes_on_to_mean_what_it_did() {
    let server = Project::new(&[
        ("a.rhai", "schema(\"A\", #{ id: int() }); get(\"/\", |r| 1);"),
        ("b.rhai", "get(\"/\", #{ returns: ref(\"A\") }, |r| #{ id: 1 });"),
    ])
    .env("HOTPLATE_WATCH__MODE", "off")
    .start();
    server.save("a.rhai", "get(\"/\", |r| ");
    assert_eq!(server.report()["failed"], json!(["a"]));
    server.save("b.rhai", "get(\"/\", #{ returns: ref(\"A\") }, |r| #{ id: 2 });");
    assert_eq!(server.report()["failed"], json!(["a"]));
    assert_eq!(server.get("/b").json(), json!({ "id": 2 }));
}

#[test]
fn a_plugin_that_fails_lends_no_schema() {
    let uses = "get(\"/\", #{ returns: ref(\"X1\") }, |r| #{ z: 1 });";
    for (e, f) in [
        (
            "schema(\"X1\", #{ z: ref(\"X2\") }); get(|| 1);",
            "schema(\"X2\", #{ z: ref(\"X1\") }); get(|| 1);",
        ),
        ("schema(\"X1\", #{ z: int() }); get(\"/\", #{ returns: ref(\"ZZ\") }, |r| 1);", uses),
        ("schema(\"X1\", #{ z: int() }); get(|| 1); get(|| 2);", uses),
    ] {
        let server = Project::new(&[("e.rhai", e), ("f.rhai", f)])
            .env("HOTPLATE_WATCH__MODE", "off")
            .start();
        for _ in 0..2 {
            assert_eq!(server.report()["failed"], json!(["e", "f"]), "{e}");
        }
        server.save("e.rhai", "schema(\"X1\", #{ z: int() }); get(|| 1);");
        let report = server.report();
        assert_eq!(report["failed"], json!([]), "{report}");
    }
}

#[test]
fn at_the_start_the_later_by_name_fails() {
    let script = |kind: &str| format!(r#"const A = schema("Thing", #{{ n: {kind} }}); get(|| 1);"#);
    let server = Server::dev(&[("a.rhai", &script("int()")), ("b.rhai", &script("bool()"))]);
    assert_eq!(server.report()["failed"], json!(["b"]));
}

/// The fixture that is held against tools from outside.
fn fixture() -> Server {
    let project = Project::new(&[]).arg("--dev");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract"), &project.plugins());
    project.start()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(path, to).unwrap();
        }
    }
}

#[test]
fn the_fixture_of_all_features_loads_without_a_word() {
    let server = fixture();
    let report = server.report();
    assert_eq!(report["diagnostics"], json!([]));
    let plugins = server.get("/plugins").json()["plugins"].as_array().cloned().unwrap_or_default();
    let routes =
        plugins.iter().flat_map(|plugin| plugin["routes"].as_array().cloned().unwrap_or_default());
    assert!(routes.count() >= 60);
}

#[test]
fn the_fixture_keeps_its_promises() {
    let server = fixture();
    for (path, status) in [
        ("/scalars/int/-5", 200),
        ("/scalars/float/1e3", 200),
        ("/scalars/size/large", 200),
        ("/scalars/query", 200),
        ("/scalars/optional", 200),
        ("/scalars/required?q=a", 200),
        ("/scalars/lists?number=1&number=2&tag=x&flag=true", 200),
        ("/scalars/either?page=last", 200),
        ("/scalars/headers", 200),
        ("/scalars/cookies", 200),
        ("/objects/people/5", 200),
        ("/objects/people/5000", 404),
        ("/objects/people?limit=3", 200),
        ("/unions/levels/low", 200),
        ("/forms/blob?size=10", 200),
        ("/forms/pixel", 200),
        ("/statuses/jobs/1", 200),
        ("/statuses/jobs/50", 202),
        ("/statuses/jobs/99", 204),
        ("/statuses/perhaps/1", 200),
        ("/statuses/perhaps/9", 200),
        ("/statuses/moved", 303),
        ("/statuses/fails/gone", 404),
        ("/statuses/fails/never", 200),
        ("/statuses/text", 200),
        ("/statuses/number", 200),
        ("/statuses/headers", 200),
        ("/methods/verb", 200),
        ("/methods/files/abc", 200),
        ("/methods/from/3/to/10", 200),
        ("/mocks/orders", 200),
        ("/mocks/orders/5", 200),
        ("/mocks/prices/ABC-1234", 200),
        ("/mocks/tree", 200),
        ("/mocks/word", 200),
        ("/shop", 200),
        ("/shop/1", 404),
        ("/shop/reports/dearest", 204),
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let shape = json!({ "kind": "circle", "radius": 1 });
    for (path, body, status) in [
        ("/objects/people", json!({ "name": "Ann" }), 201),
        ("/objects/cards", json!({ "name": "Ann" }), 200),
        ("/objects/trees", json!({ "name": "a", "children": [{ "name": "b" }] }), 200),
        ("/objects/pairs", json!({ "left": 1, "next": { "left": 2, "next": null } }), 200),
        ("/objects/open", json!({ "kind": "a", "more": [1] }), 200),
        ("/objects/scores", json!({ "player": "a", "first": 5 }), 200),
        ("/objects/maps", json!({ "a": 1, "b": 2 }), 200),
        ("/objects/grids", json!({ "a": { "b": true } }), 200),
        ("/objects/defaults", json!({}), 200),
        ("/unions/shapes", shape.clone(), 200),
        ("/unions/shapes/many", json!([shape, { "kind": "square", "side": 2 }]), 200),
        ("/unions/levels", json!({ "level": "low" }), 200),
        ("/unions/mixed", json!({ "value": true }), 200),
        ("/unions/values", json!({ "value": null }), 200),
        ("/unions/nullable", json!({ "text": null, "items": [1, null] }), 200),
        ("/unions/constant", json!({ "version": 2, "ok": true }), 200),
        ("/unions/anything", json!([1]), 200),
        ("/unions/raw", json!({ "step": 10, "list": [1, 2] }), 200),
        ("/unions/bounds", json!({ "i": 0, "f": 1, "s": "ab", "a": [true] }), 200),
        ("/unions/list", json!([3, 1, 2]), 200),
        ("/unions/number", json!(5), 200),
        ("/statuses/created", json!({ "n": 3 }), 201),
        ("/statuses/orders", json!({ "item": "tea", "amount": 3 }), 201),
        ("/statuses/orders", json!({ "item": "tea", "amount": 9 }), 409),
        ("/shop", json!({ "name": "tea", "price": { "cents": 5 } }), 201),
        (
            "/shop/reports/quote",
            json!({ "product": { "id": 1, "name": "tea", "price": { "cents": 5 } } }),
            200,
        ),
    ] {
        let answer = server.post(path, &body);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
    }
    let maybe = server.ask(Ask::post("/objects/maybe"));
    assert_eq!(maybe.json(), json!({ "note": null }));
}
