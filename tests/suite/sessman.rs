//! The bundled `sessman`: sessions for the clients of pserve.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    harness::{Answer, Ask, Project, Server, assert_problem},
    sessions::{cookie, with},
};

const SESSMAN: &str = include_str!("../../plugins/sessman.rhai");

/// One who logs in, beside sessman.
const LOGIN: &str = "post(|req| { req.session.user = \"ann\"; req.session.id });\n\
                     get(|req| req.session.to_map());";

fn sessman(config: &str) -> Server {
    Project::new(&[("sessman.rhai", SESSMAN), ("login.rhai", LOGIN)]).config(config).start()
}

/// Node with a script of `tests/sessman`, or nothing where there is no node and none is required.
fn node(script: &str, arguments: &[&str]) -> Option<String> {
    if Command::new("node").arg("--version").output().is_err() {
        assert_ne!(
            std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
            Ok("1"),
            "node is required and not installed"
        );
        eprintln!("SKIPPED: node is not installed, so no JavaScript speaks to sessman");
        return None;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessman").join(script);
    let out = Command::new("node").arg(script).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
    assert!(out.status.success(), "{told}");
    Some(told)
}

/// A request as JavaScript makes it.
fn sent(path: &str, body: &Value) -> Ask {
    Ask::post(path).body("text/javascript", body.to_string())
}

#[track_caller]
fn reply(answer: &Answer) -> (String, Value) {
    let reply: Value = serde_json::from_str(&answer.ok()).unwrap();
    assert_eq!(reply.as_object().unwrap().len(), 2, "{reply}");
    (reply["session_id"].as_str().unwrap().to_owned(), reply["data"].clone())
}

/// Configurations of sessman, and the key that each asks for.
const KEYS: [(&str, Option<&str>); 3] = [
    ("", None),
    ("[plugins.sessman]\nauth = \"plugin\"\napikey = \"of sessman\"\n", Some("of sessman")),
    ("[auth]\napikey = \"of all\"\n[plugins.sessman]\nauth = \"global\"\n", Some("of all")),
];

#[test]
fn a_client_as_pserve_documents_it_works_in_node_without_and_with_a_key() {
    for (config, key) in KEYS {
        let server = sessman(config);
        let url = format!("http://{}/sessman", server.address());
        let arguments: Vec<&str> = [url.as_str()].into_iter().chain(key).collect();
        let Some(told) = node("use.mjs", &arguments) else { return };
        assert_eq!(told, "all of it held\n", "{}", server.log());
    }
}

/// The class that pserve's guide shows: as it stands, and exported.
fn documented_class() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pserve/upstream/Sessman.md");
    let guide = fs::read_to_string(path).unwrap();
    let class = guide.split("```javascript\n").nth(1).and_then(|rest| rest.split("```").next());
    format!("{}\nexport {{ Session }};\n", class.expect("a class in JavaScript"))
}

#[test]
fn the_class_of_the_guide_itself_works_unchanged() {
    let class = documented_class();
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("session.mjs");
    fs::write(&module, class).unwrap();
    for (config, key) in KEYS {
        let server = sessman(config);
        let url = format!("http://{}/sessman", server.address());
        let arguments: Vec<&str> =
            [module.to_str().unwrap(), url.as_str()].into_iter().chain(key).collect();
        let Some(told) = node("guide.mjs", &arguments) else { return };
        // The class tells of all that it does.
        assert!(told.contains("all of it held\n"), "{told}\n{}", server.log());
    }
}

#[test]
fn a_session_is_begun_read_and_changed_by_its_id_or_by_the_cookie() {
    let server = sessman("");
    let begun = server.ask(sent("/sessman/new?user=ann", &json!({ "data": { "n": 1 } })));
    let (id, data) = reply(&begun);
    assert_eq!(data, json!({ "n": 1 }));
    let set = begun.header("set-cookie").unwrap();
    assert_eq!(set, format!("PS_SESSID={id}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"));
    // By the id in the query, in the body, and by the cookie; by POST and by GET.
    for ask in [
        Ask::get(&format!("/sessman/get?session_id={id}")),
        Ask::get(&format!("/sessman/get?sessionid={id}&userid=ann")),
        sent("/sessman/get", &json!({ "session_id": id })),
        Ask::post("/sessman/get").json(&json!({ "session_id": id })),
        with(Ask::get("/sessman/get"), &id),
        with(Ask::post("/sessman/get"), &id),
    ] {
        assert_eq!(reply(&server.ask(ask)), (id.clone(), json!({ "n": 1 })));
    }
    let more = json!({ "session_id": id, "data": { "m": [2] } });
    assert_eq!(reply(&server.ask(sent("/sessman/update", &more))).1, json!({ "m": [2] }));
    let by_cookie = with(sent("/sessman/update", &json!({ "data": "text" })), &id);
    assert_eq!(reply(&server.ask(by_cookie)), (id.clone(), json!("text")));
    assert_eq!(reply(&server.get(&format!("/sessman/get?session_id={id}"))).1, json!("text"));
    // Whoever sends no data takes none away: a link can make a browser ask that.
    for ask in [
        with(Ask::get("/sessman/update"), &id),
        with(Ask::get("/sessman/update?session_id="), &id),
        Ask::post(&format!("/sessman/update?session_id={id}")),
    ] {
        assert_eq!(reply(&server.ask(ask)), (id.clone(), json!("text")));
    }
    // Without data there is an empty object, which is true in JavaScript.
    assert_eq!(reply(&server.ask(Ask::post("/sessman/new"))).1, json!({}));
}

#[test]
fn what_is_nobodys_is_404_and_what_is_no_json_is_400() {
    let server = sessman("");
    for path in ["/sessman/get", "/sessman/update"] {
        let unknown = "A".repeat(43);
        for ask in [
            Ask::post(path),
            Ask::post(&format!("{path}?session_id=1")),
            Ask::post(&format!("{path}?session_id={unknown}")),
            with(Ask::post(path), &unknown),
            sent(path, &json!({ "session_id": 5, "data": {} })),
            sent(path, &json!({ "session_id": { "$ne": null } })),
        ] {
            let answer = server.ask(ask.clone());
            assert_problem(&answer, 404);
            assert_eq!(answer.header("set-cookie"), None, "{ask:?}");
        }
        for body in ["{", "[]", "5", "\"text\""] {
            let answer = server.ask(Ask::post(path).body("text/javascript", body));
            assert_problem(&answer, 400);
        }
    }
    let large = json!({ "data": "x".repeat(70_000) });
    assert_problem(&server.ask(sent("/sessman/new", &large)), 413);
}

#[test]
fn nobody_becomes_a_user_of_another_plugin_by_it_and_no_login_is_lost_or_shown() {
    let server = sessman("");
    let data = json!({ "data": { "user": "admin" }, "user": "admin" });
    let (id, _) = reply(&server.ask(sent("/sessman/new?user=admin", &data)));
    let seen = server.ask(with(Ask::get("/login"), &id)).json();
    assert_eq!(seen, json!({ "sessman": { "user": "admin", "data": { "user": "admin" } } }));
    let login = server.ask(Ask::post("/login"));
    let login = cookie(&login).unwrap();
    for path in ["/sessman/get", "/sessman/update"] {
        let shown = server.ask(with(Ask::post(path), login));
        assert_problem(&shown, 404);
    }
    let begun = server.ask(with(Ask::post("/sessman/new"), login));
    assert_eq!(begun.header("set-cookie"), None, "the login keeps its cookie");
    assert_ne!(reply(&begun).0, login);
    assert_eq!(server.ask(with(Ask::get("/login"), login)).json(), json!({ "user": "ann" }));
}

#[test]
fn a_session_is_for_the_address_that_began_it_unless_it_is_set_otherwise() {
    let proxied = "[network]\ntrusted_proxies = [\"127.0.0.0/8\"]\n";
    for (config, status) in [("", 404), ("[plugins.sessman]\nbind_address = false\n", 200)] {
        let server = sessman(&(proxied.to_owned() + config));
        let from = |ask: Ask, address: &str| server.ask(ask.header("X-Forwarded-For", address));
        let (id, _) = reply(&from(Ask::post("/sessman/new"), "10.0.0.1"));
        for command in ["get", "update"] {
            let ask = || Ask::post(&format!("/sessman/{command}?session_id={id}"));
            assert_eq!(from(ask(), "10.0.0.1").status, 200);
            assert_eq!(from(ask(), "10.0.0.2").status, status);
            let by_cookie = with(Ask::post(&format!("/sessman/{command}")), &id);
            assert_eq!(from(by_cookie, "10.0.0.2").status, status);
        }
    }
}
