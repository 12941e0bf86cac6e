//! What was accepted: told, refused, released, and the command line that accepts and checks it.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Project, Server, assert_tells, wait_until};

/// Two routes, of which the tests take one away.
const USERS: &str = r#"
/// List users
get(|r| "users");
get("/{id}", |r| "old " + r.params.id);
"#;

/// The same with other text and one route less.
const LESS: &str = r#"
/// List users
get(|r| "fewer");
"#;

/// The same with one route more.
const MORE: &str = r#"
/// List users
get(|r| "more");
get("/{id}", |r| "new " + r.params.id);
post(|r| "made");
"#;

const REMOVED: &str = "/users/{id}: route removed: breaking";

fn project(on_breaking: &str) -> Project {
    Project::new(&[("users.rhai", USERS), ("pets.rhai", "get(|r| \"pets\");")])
        .config(&format!("[contract]\non_breaking = \"{on_breaking}\"\n"))
}

#[track_caller]
pub(crate) fn accept(project: &Project) {
    let ended = project.hotplate(&["openapi", "--accept"]);
    assert_eq!(ended.status.code(), Some(0), "{}{}", ended.stdout, ended.stderr);
}

fn contract(project: &Project) -> std::path::PathBuf {
    project.root().join("openapi/contract.json")
}

fn messages(changes: &Value) -> Vec<String> {
    let all = changes.as_array().into_iter().flatten();
    all.map(|change| change["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_reload_tells_how_the_api_changed() {
    let server = project("warn").start();
    server.save("users.rhai", MORE);
    server.wait_for("/users", "more");
    server.wait_for_log("POST /users: method added: compatible");
    let server = project("warn").env("HOTPLATE_WATCH__MODE", "off").start();
    server.save("users.rhai", LESS);
    let report = server.report();
    assert_eq!(messages(&report["changes"]), [REMOVED]);
    assert_eq!(report["changes"][0]["rule"], "route-removed");
    assert_eq!(report["changes"][0]["severity"], "breaking");
    assert_eq!(report["contract"]["accepted"], false);
    assert_eq!(messages(&server.get("/plugins").json()["changes"]), [REMOVED]);
    server.wait_for_log(REMOVED);
    assert_eq!(messages(&server.report()["changes"]), [""; 0]);
}

#[test]
fn a_warning_lets_what_breaks_the_contract_live_and_says_so() {
    let project = project("warn");
    accept(&project);
    let server = project.start();
    assert_eq!(
        server.report()["contract"],
        json!({
            "accepted": true, "breaking": 0, "compatible": 0, "cosmetic": 0, "changes": [],
        })
    );
    server.save("users.rhai", LESS);
    server.wait_for("/users", "fewer");
    let listing = server.get("/plugins").json();
    assert_eq!(listing["contract"]["breaking"], 1);
    assert_eq!(messages(&listing["contract"]["changes"]), [REMOVED]);
    assert_eq!(listing["diagnostics"][0]["code"], "contract-broken");
    assert_eq!(listing["diagnostics"][0]["severity"], "warning");
    assert_eq!(listing["diagnostics"][0]["plugin"], "users");
    assert_tells(
        &listing["diagnostics"][0],
        &[REMOVED, "route-removed", "hotplate openapi --accept"],
    );
    assert_eq!(server.report()["status"], "All plugins reloaded");
    server.save("users.rhai", MORE);
    server.wait_for("/users", "more");
    assert_eq!(server.get("/plugins").json()["contract"]["compatible"], 1);
    assert_eq!(server.get("/plugins").json()["diagnostics"], json!([]));
}

#[test]
fn a_refused_version_stays_out_while_others_go_live() {
    let project = project("refuse");
    accept(&project);
    let server = project.start();
    server.save("users.rhai", LESS);
    server.save("pets.rhai", "get(|r| \"more pets\");");
    let report = server.report();
    assert_eq!(report["failed"], json!(["users"]));
    assert_eq!(server.get("/pets").ok(), "more pets");
    assert_eq!(server.get("/users").ok(), "users");
    assert_eq!(server.get("/users/5").ok(), "old 5");
    let plugin = server.plugin("users");
    assert_eq!(plugin["state"], "stale");
    assert_eq!(plugin["diagnostics"][0]["code"], "contract-broken");
    assert_eq!(plugin["diagnostics"][0]["severity"], "error");
    assert_tells(
        &plugin["diagnostics"][0],
        &[REMOVED, "route-removed", "hotplate openapi --accept"],
    );
    // What adds to the promise is fine.
    server.save("users.rhai", MORE);
    server.wait_for("/users", "more");
    assert_eq!(server.plugin("users")["state"], "serving");
}

#[test]
fn a_refused_deletion_leaves_the_plugin_there() {
    let project = project("refuse");
    accept(&project);
    let server = project.start();
    server.remove("users.rhai");
    wait_until("the deletion to be refused", || server.plugin("users")["state"] == "stale");
    assert_eq!(server.get("/users/5").ok(), "old 5");
    assert_tells(&server.plugin("users")["diagnostics"][0], &["/users: route removed"]);
    let generation = server.report()["generation"].clone();
    assert_eq!(server.report()["generation"], generation);
    assert_eq!(server.get("/users/5").ok(), "old 5");
    // An administrator who unloads it means it.
    assert_eq!(server.get("/unload/users").json()["success"], true);
    assert_eq!(server.get("/users/5").status, 404);
}

#[test]
fn a_deleted_plugin_that_comes_back_is_served_as_before() {
    let project = project("refuse");
    accept(&project);
    let server = project.start();
    server.remove("users.rhai");
    wait_until("the deletion to be refused", || server.plugin("users")["state"] == "stale");
    server.save("users.rhai", USERS);
    wait_until("it to be served again", || server.plugin("users")["state"] == "serving");
    assert_eq!(server.plugin("users")["diagnostics"], json!([]));
}

#[test]
fn accepting_releases_what_was_refused() {
    let project = project("refuse");
    accept(&project);
    let server = project.start();
    server.save("users.rhai", LESS);
    server.remove("pets.rhai");
    wait_until("the deletion to be refused", || server.plugin("pets")["state"] == "stale");
    wait_until("the version to be refused", || server.plugin("users")["state"] == "stale");
    assert_eq!(server.get("/users").ok(), "users");
    accept(&server);
    server.wait_for("/users", "fewer");
    server.wait_for_status("/pets", 404);
    assert_eq!(server.get("/plugins").json()["contract"]["breaking"], 0);
}

#[test]
fn what_is_there_at_the_start_is_served_and_warned_of() {
    let project = project("refuse");
    accept(&project);
    project.save("users.rhai", LESS);
    let server = project.start();
    assert_eq!(server.get("/users").ok(), "fewer");
    server.wait_for_log(REMOVED);
    assert_eq!(server.plugin("users")["state"], "serving");
    // To go on with what is broken already is no new breach, and to break more is.
    server.save("users.rhai", "get(|r| \"fewer still\");");
    server.wait_for("/users", "fewer still");
    server.save("users.rhai", "put(|r| \"other\");");
    wait_until("the version to be refused", || server.plugin("users")["state"] == "stale");
    assert_tells(&server.plugin("users")["diagnostics"][0], &["GET /users: method removed"]);
}

#[test]
fn nothing_is_refused_without_a_contract() {
    let server = project("refuse").start();
    server.save("users.rhai", LESS);
    server.wait_for("/users", "fewer");
    accept(&server);
    wait_until("the contract to be seen", || {
        server.get("/plugins").json()["contract"]["accepted"] == true
    });
    server.save("users.rhai", "put(|r| \"other\");");
    wait_until("the version to be refused", || server.plugin("users")["state"] == "stale");
    fs::remove_file(contract(&server)).unwrap();
    wait_until("it to be released", || server.plugin("users")["state"] == "serving");
}

#[test]
fn a_broken_contract_is_told_and_what_was_accepted_goes_on_to_hold() {
    let project = project("refuse");
    accept(&project);
    let server = project.start();
    fs::write(contract(&server), "{\n  \"openapi\": oops").unwrap();
    wait_until("it to be told", || {
        server.get("/plugins").json()["diagnostics"][0]["code"] == "contract-unreadable"
    });
    assert_tells(&server.get("/plugins").json()["diagnostics"][0], &["openapi/contract.json:2"]);
    server.save("users.rhai", LESS);
    wait_until("the version to be refused", || server.plugin("users")["state"] == "stale");
}

#[test]
fn a_contract_that_was_never_whole_holds_what_is_served() {
    let project = project("refuse");
    fs::create_dir_all(project.root().join("openapi")).unwrap();
    fs::write(contract(&project), "[]").unwrap();
    let server = project.start();
    server.wait_for_log("no OpenAPI 3 document");
    server.save("users.rhai", LESS);
    wait_until("the version to be refused", || server.plugin("users")["state"] == "stale");
    accept_of(&server, USERS);
    server.save("users.rhai", MORE);
    server.wait_for("/users", "more");
}

/// Accepts what these users would be, with another version on disk.
fn accept_of(server: &Server, users: &str) {
    server.save("users.rhai", users);
    accept(server);
}

#[test]
fn the_servers_own_routes_are_no_part_of_it() {
    let project = project("warn");
    let ended = project.hotplate(&["openapi"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    let document: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert!(document["paths"]["/plugins"].is_object());
    assert!(document["paths"]["/users/{id}"].is_object());
    // A whole document that was saved by hand will do.
    fs::create_dir_all(project.root().join("openapi")).unwrap();
    fs::write(contract(&project), ended.stdout.replace("/plugins", "/healthz/x")).unwrap();
    let ended = project.hotplate(&["openapi", "--check"]);
    assert_eq!(
        (ended.status.code(), ended.stdout.as_str()),
        (Some(0), "0 breaking, 0 compatible, 0 cosmetic\n")
    );
    accept(&project);
    let accepted: Value = serde_json::from_slice(&fs::read(contract(&project)).unwrap()).unwrap();
    assert_eq!(accepted["paths"].as_object().unwrap().len(), 3, "{accepted}");
}

#[test]
fn checking_ends_with_one_on_breaking_changes() {
    let project = project("warn");
    let ended = project.hotplate(&["openapi", "--check"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("hotplate openapi --accept"), "{}", ended.stderr);
    let ended = project.hotplate(&["openapi", "--accept"]);
    assert!(ended.stdout.contains("nothing was accepted before"), "{}", ended.stdout);
    let first = fs::read(contract(&project)).unwrap();
    accept(&project);
    assert_eq!(fs::read(contract(&project)).unwrap(), first, "it is stable");
    project.save("users.rhai", MORE);
    let ended = project.hotplate(&["openapi", "--check"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("POST /users: method added: compatible (method-added)"),
        "{}",
        ended.stdout
    );
    project.save("users.rhai", LESS);
    let ended = project.hotplate(&["openapi", "--check"]);
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(
        ended.stdout,
        format!("{REMOVED} (route-removed)\n1 breaking, 0 compatible, 0 cosmetic\n")
    );
    let ended = project.hotplate(&["openapi", "--check", "--format", "json"]);
    assert_eq!(ended.status.code(), Some(1));
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(
        (&told["breaking"], &told["changes"][0]["rule"]),
        (&json!(1), &json!("route-removed"))
    );
    fs::write(contract(&project), "{").unwrap();
    let ended = project.hotplate(&["openapi", "--check"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("openapi/contract.json"), "{}", ended.stderr);
}

#[test]
fn a_plugin_that_does_not_load_is_neither_checked_nor_accepted() {
    let project = project("warn");
    project.save("users.rhai", "get(|r| nope(r));");
    for arguments in [&["openapi"][..], &["openapi", "--accept"], &["openapi", "--check"]] {
        let ended = project.hotplate(arguments);
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}");
        assert!(ended.stderr.contains("users.rhai:1"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    assert!(!contract(&project).exists());
}

#[test]
fn two_files_are_compared() {
    let project = Project::new(&[]);
    let write = |name: &str, text: &str| fs::write(project.root().join(name), text).unwrap();
    write("a.json", r#"{"openapi":"3.1.0","info":{"version":"1"},"paths":{"/a":{"get":{}}}}"#);
    write(
        "b.json",
        r#"{"openapi":"3.1.0","info":{"version":"2"},"paths":{"/a":{"get":{"deprecated":true}}}}"#,
    );
    let ended = project.hotplate(&["openapi", "--diff", "a.json", "b.json"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "GET /a: is deprecated now: compatible (operation-deprecated)\n\
         title, version or description of the API changed: cosmetic (info-changed)\n\
         0 breaking, 1 compatible, 1 cosmetic\n"
    );
    write("b.json", r#"{"openapi":"3.1.0","paths":{}}"#);
    let ended = project.hotplate(&["openapi", "--diff", "a.json", "b.json", "--format", "yaml"]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stdout.contains("rule: route-removed"), "{}", ended.stdout);
    let ended = project.hotplate(&["openapi", "--diff", "a.json", "none.json"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("none.json"), "{}", ended.stderr);
    let ended = project.hotplate(&["openapi", "--check", "--accept"]);
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn the_document_is_printed_in_two_formats() {
    let project = project("warn");
    let yaml = project.hotplate(&["openapi", "--format", "yaml"]);
    assert!(yaml.stdout.starts_with("openapi: "), "{}", yaml.stdout);
    let other = project.hotplate(&["openapi", "--format", "xml"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(other.stderr.contains("json"), "{}", other.stderr);
}

#[test]
fn routes_are_listed_with_where_they_are() {
    let project = project("warn");
    let ended = project.hotplate(&["routes"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "GET  /pets        pets.rhai:1\n\
         GET  /users       users.rhai:3  List users\n\
         GET  /users/{id}  users.rhai:4\n"
    );
    let ended = project.hotplate(&["routes", "--json"]);
    let routes: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(routes[1]["path"], "/users");
    assert_eq!(routes[1]["plugin"], "users");
    assert_eq!((&routes[1]["line"], &routes[1]["summary"]), (&json!(3), &json!("List users")));
    project.save("users.rhai", "get(");
    let ended = project.hotplate(&["routes"]);
    assert_eq!(ended.status.code(), Some(2));
    assert_eq!(ended.stdout, "GET  /pets  pets.rhai:1\n");
    assert!(ended.stderr.contains("users.rhai"), "{}", ended.stderr);
}

#[test]
fn a_lost_property_of_an_answer_is_told_in_words_and_refused() {
    let with = |properties: &str| {
        format!(
            "get(\"/{{id}}\", #{{ returns: #{{ {properties} }} }}, |r| #{{ id: 1, email: \"e\" }});"
        )
    };
    let project = Project::new(&[("users.rhai", &with("id: int(), email: string()"))])
        .config("[contract]\non_breaking = \"refuse\"\n")
        .env("HOTPLATE_WATCH__MODE", "off");
    accept(&project);
    let server = project.start();
    server.save("users.rhai", &with("id: int()"));
    let sentence = "GET /users/{id}: response property \"email\" removed: breaking";
    assert_eq!(server.report()["failed"], json!(["users"]));
    assert_tells(&server.plugin("users")["diagnostics"][0], &[sentence, "users.rhai:1"]);
    server.save("users.rhai", &with("id: int(), email: string(), name: string().optional()"));
    let report = server.report();
    assert_eq!(report["failed"], json!([]), "{report}");
    assert_eq!(
        messages(&report["changes"]),
        ["GET /users/{id}: response property \"name\" added: compatible"]
    );
    server.save("users.rhai", &with("id: int(), email: string().nullable()"));
    server.report();
    assert_tells(
        &server.plugin("users")["diagnostics"][0],
        &["response property \"email\" may now be null: breaking"],
    );
}

/// To open a pipe would wait for its writer, and a device has no end.
#[test]
fn a_contract_that_is_no_file_is_told_and_holds_nothing_up() {
    let project = Project::new(&[("a.rhai", "get(\"/\", || 1);")]).arg("--dev");
    let file = contract(&project);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&file).status().unwrap();
    assert!(made.success());
    let checked = project.hotplate(&["openapi", "--check"]);
    assert_eq!(checked.status.code(), Some(2), "{}", checked.stderr);
    let server = project.start();
    let told = |server: &Server| {
        let report = server.report();
        let text = report["diagnostics"].to_string();
        assert!(text.contains("not a regular file"), "{report}");
    };
    told(&server);
    server.save("b.rhai", "get(\"/\", || 2);");
    server.wait_for("/b", "2");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &file).unwrap();
    told(&server);
}
