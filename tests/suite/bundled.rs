//! Every plugin that the repository brings along, as people will try and copy it.

use std::{fs, path::Path};

use serde_json::json;

use crate::harness::{Ask, Project, Server};

/// The repository's own plugins and configuration, served.
fn bundled() -> Server {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Project::new(&[]).config(include_str!("../../config/hotplate.toml"));
    copy(&root.join("plugins"), &project.plugins());
    project.start()
}

pub(crate) fn copy(from: &Path, to: &Path) {
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
fn all_of_them_load_without_a_word() {
    let report = bundled().report();
    assert_eq!(report["status"], "All plugins reloaded");
    assert_eq!(report["diagnostics"], json!([]));
    assert_eq!(
        report["loaded_plugins"],
        json!(["clock", "echo", "hello", "notes", "sessman", "systeminfo", "todo", "uploads"])
    );
}

#[test]
fn hello_is_edited_and_answers_the_new_way_then_a_mistake_keeps_it() {
    let server = bundled();
    assert_eq!(server.get("/hello").ok(), "hello");
    assert_eq!(server.get("/hello/ann").ok(), "hello, ann");
    let text = fs::read_to_string(server.plugins().join("hello.rhai")).unwrap();
    server.save("hello.rhai", &text.replace("|| \"hello\"", "|| \"good morning\""));
    server.wait_for("/hello", "good morning");
    server.save("hello.rhai", &text.replace("|| \"hello\"", "|| hello"));
    assert_eq!(server.report()["failed"], json!(["hello"]));
    assert_eq!(server.get("/hello").ok(), "good morning");
}

#[test]
fn echo_shows_the_request() {
    let server = bundled();
    let shown = server.ask(Ask::post("/echo/a/b?c=d").json(&json!({ "e": 1 }))).json();
    assert_eq!((&shown["method"], &shown["subpath"]), (&json!("POST"), &json!("/a/b")));
    assert_eq!((&shown["query"], &shown["body"]), (&json!({ "c": "d" }), &json!({ "e": 1 })));
}

#[test]
fn a_todo_is_added_read_changed_and_removed() {
    let server = bundled();
    assert_eq!(server.get("/todo").json(), json!([]));
    let added = server.post("/todo", &json!({ "title": "tea" }));
    assert_eq!((added.status, added.header("location")), (201, Some("/todo/1")));
    let tea = json!({ "id": 1, "title": "tea", "done": false });
    assert_eq!(added.json(), tea);
    server.post("/todo", &json!({ "title": "cake" }));
    assert_eq!(server.get("/todo").json().as_array().unwrap().len(), 2);
    assert_eq!(server.get("/todo/1").json(), tea);
    let changed = server.ask(Ask::new("PATCH", "/todo/1").json(&json!({ "done": true })));
    assert_eq!(changed.json()["done"], true);
    assert_eq!(server.ask(Ask::new("DELETE", "/todo/1")).status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(server.ask(Ask::new(method, "/todo/1")).status, 404, "{method}");
    }
    for wrong in [
        json!([]),
        json!({}),
        json!({ "title": 5 }),
        json!({ "title": "x", "done": 1 }),
        json!({ "title": " " }),
    ] {
        assert_eq!(server.post("/todo", &wrong).status, 422, "{wrong}");
    }
}

#[test]
fn a_note_is_there_after_a_restart() {
    let server = bundled();
    let added = server.post("/notes", &json!({ "title": "tea" }));
    assert_eq!((added.status, added.header("location")), (201, Some("/notes/1")));
    let tea = json!({ "id": 1, "title": "tea", "text": "" });
    assert_eq!(added.json(), tea);
    server.post("/notes", &json!({ "title": "cake" }));
    let server = server.restart(rustix::process::Signal::KILL);
    assert_eq!(server.get("/notes").json()[1], tea);
    let changed = server.ask(Ask::new("PATCH", "/notes/1").json(&json!({ "text": "green" })));
    assert_eq!(
        (&changed.json()["title"], &changed.json()["text"]),
        (&json!("tea"), &json!("green"))
    );
    assert_eq!(server.ask(Ask::new("DELETE", "/notes/1")).status, 204);
    for method in ["GET", "DELETE"] {
        assert_eq!(server.ask(Ask::new(method, "/notes/1")).status, 404, "{method}");
    }
    assert_eq!(server.post("/notes", &json!({ "title": " " })).status, 422);
}

#[test]
fn an_upload_is_listed_downloaded_and_removed() {
    let server = bundled();
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../a.txt\"\r\n\
                Content-Type: text/plain\r\n\r\nhello\r\n--b--\r\n";
    let added = server.ask(Ask::post("/uploads").body("multipart/form-data; boundary=b", body));
    assert_eq!(added.status, 201, "{}", added.text());
    let place = added.header("location").unwrap().to_owned();
    assert_eq!(server.get("/uploads").json()[0]["size"], 5);
    let file = server.get(&place);
    assert_eq!((file.status, file.text().as_str()), (200, "hello"));
    assert!(file.header("content-disposition").unwrap().starts_with("attachment; "));
    assert_eq!(server.ask(Ask::new("DELETE", &place)).status, 204);
    assert_eq!(server.get(&place).status, 404);
    assert_eq!(server.get("/uploads").json(), json!([]));
}

#[test]
fn the_clock_uses_its_library() {
    let server = bundled();
    assert!(server.get("/clock").json()["unix"].is_number());
    let east = server.get("/clock/2").json();
    assert_eq!((&east["hours"], east["time"].as_str().unwrap().len()), (&json!(2), 5));
    assert_eq!(server.get("/clock/-2").json()["hours"], -2);
    for wrong in ["x", "15", "1.5"] {
        assert_eq!(server.get(&format!("/clock/{wrong}")).status, 422, "{wrong}");
    }
}
