//! Files that plugins keep: `files::` and `send_file`.

use std::{fs, time::Duration};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Project, Server, assert_problem, wait_until};

const UPLOADS: &str = "\
    post(|req| { for f in req.files().entries() { files::save(f.value.filename, f.value); } status(201) });
    put(\"/{*name}\", |req| { files::save(req.params.name, req.bytes()); status(204) });
    get(|| files::list().map(|f| f.name));
    get(\"/list/{*prefix}\", |req| files::list(req.params.prefix));
    get(\"/text/{*name}\", |req| files::read_text(req.params.name));
    get(\"/there/{*name}\", |req| files::exists(req.params.name));
    get(\"/saved/{*name}\", |req| send_file(req.params.name, #{ download: req.query.as ?? true }));
    get(\"/as/{*name}\", |req| send_file(req.params.name, #{ type: req.query.type }));
    get(\"/lost/{*name}\", |req| send_file(req.params.name).status(404).header(\"X-A\", \"b\").cookie(\"c\", 1));
    get(\"/{*name}\", |req| send_file(req.params.name));
    delete(\"/{*name}\", |req| json(files::delete(req.params.name)));\n";

fn put(server: &Server, name: &str, content: impl Into<Vec<u8>>) -> Answer {
    server.ask(Ask::new("PUT", &format!("/u/{name}")).body("application/octet-stream", content))
}

/// A form with one file.
fn form(filename: &str, content: &[u8]) -> Ask {
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{filename}\"\r\n\
         Content-Type: image/png\r\n\r\n"
    );
    let body = [head.as_bytes(), content, b"\r\n--b--\r\n"].concat();
    Ask::post("/u").body("multipart/form-data; boundary=b", body)
}

/// The file after its version has a name: that takes a moment.
fn settled(server: &Server, path: &str) -> Answer {
    let has = |answer: &Answer| {
        answer.header("etag").is_some() && answer.header("last-modified").is_some()
    };
    wait_until("the version has a name", || has(&server.get(path)));
    server.get(path)
}

#[test]
fn what_is_uploaded_is_listed_sent_and_taken_away() {
    let server = Server::dev(&[("u.rhai", UPLOADS)]);
    assert_eq!(server.get("/u").json(), json!([]));
    assert!(!server.root().join("data/files").exists(), "reading makes no folder");
    assert_eq!(server.ask(form("cat.png", b"\x89PNG\xff")).status, 201);
    assert_eq!(put(&server, "2026/a%20b.txt", "text é").status, 204);
    assert_eq!(server.get("/u").json(), json!(["2026/a b.txt", "cat.png"]));
    let listed = server.get("/u/list/2026").json();
    assert_eq!((&listed[0]["name"], &listed[0]["size"]), (&json!("2026/a b.txt"), &json!(7)));
    assert!(listed[0]["modified"].as_str().is_some_and(|at| at.ends_with('Z')), "{listed}");
    assert_eq!(server.get("/u/text/2026/a%20b.txt").ok(), "text é");
    assert_eq!(server.get("/u/there/cat.png").json(), true);
    let cat = server.get("/u/cat.png");
    assert_eq!((cat.status, &*cat.body), (200, &b"\x89PNG\xff"[..]));
    assert_eq!(cat.header("content-type"), Some("image/png"));
    assert_eq!(cat.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(cat.header("cache-control"), Some("private, no-cache"));
    assert_eq!(server.ask(Ask::new("DELETE", "/u/cat.png")).json(), true);
    assert_eq!(server.ask(Ask::new("DELETE", "/u/cat.png")).json(), false);
    assert_problem(&server.get("/u/cat.png"), 404);
    assert_problem(&server.get("/u/text/cat.png"), 404);
    let kept = server.root().join("data/files/u/2026/a b.txt");
    assert_eq!(fs::read_to_string(kept).unwrap(), "text é");
}

#[test]
fn a_file_is_sent_in_parts_and_only_if_the_client_has_it_not() {
    let server = Server::dev(&[("u.rhai", UPLOADS)]);
    let content: Vec<u8> = (0..300_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
    for (name, content) in [("digits.bin", &b"0123456789"[..]), ("large.bin", &content)] {
        assert_eq!(put(&server, name, content).status, 204);
    }
    let whole = settled(&server, "/u/digits.bin");
    let etag = whole.header("etag").unwrap().to_owned();
    let date = whole.header("last-modified").unwrap().to_owned();
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let with = |pairs: &[(&str, &str)]| {
        let ask = Ask::get("/u/digits.bin");
        server.ask(pairs.iter().fold(ask, |ask, (name, value)| ask.header(name, value)))
    };
    let part = with(&[("Range", "bytes=2-4")]);
    assert_eq!((part.status, part.text().as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let nothing = with(&[("Range", "bytes=10-")]);
    assert_eq!((nothing.status, nothing.header("content-range")), (416, Some("bytes */10")));
    let part = with(&[("Range", "bytes=0-0"), ("If-Range", &etag)]);
    assert_eq!((part.status, part.text().as_str()), (206, "0"));
    assert_eq!(with(&[("Range", "bytes=0-0"), ("If-Range", "\"x\"")]).status, 200);
    for pair in [("If-None-Match", &*etag), ("If-Modified-Since", &*date)] {
        let same = with(&[pair]);
        assert_eq!((same.status, same.body.len()), (304, 0), "{pair:?}");
        assert_eq!(same.header("etag"), Some(&*etag));
    }
    assert_eq!(with(&[("If-Match", "\"x\"")]).status, 412);
    let head = server.ask(Ask::new("HEAD", "/u/digits.bin"));
    assert_eq!((head.status, head.header("content-length")), (200, Some("10")));
    assert!(head.body.is_empty());
    assert_eq!(server.get("/u/large.bin").body, content);
    let tail = server.ask(Ask::get("/u/large.bin").header("Range", "bytes=-70000"));
    assert_eq!((tail.status, &*tail.body), (206, &content[230_000..]));
    // Another version is another one for everybody who has the one before.
    assert_eq!(put(&server, "digits.bin", "9876543210").status, 204);
    assert_eq!(with(&[("If-None-Match", &etag)]).text(), "9876543210");
}

#[test]
fn a_file_is_saved_under_a_name_and_what_users_made_runs_no_scripts() {
    let server = Server::dev(&[("u.rhai", UPLOADS)]);
    for name in ["page.html", "picture.svg", "plain.txt"] {
        assert_eq!(put(&server, name, "<script>alert(1)</script>").status, 204);
    }
    let saved = |target: &str| {
        let answer = server.get(target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.header("content-disposition").unwrap().to_owned()
    };
    assert_eq!(saved("/u/saved/plain.txt"), "attachment; filename=\"plain.txt\"");
    assert_eq!(saved("/u/saved/plain.txt?as=x.pdf"), "attachment; filename=\"x.pdf\"");
    assert_eq!(server.get("/u/saved/plain.txt?as=a%0d%0aX-Injected:1").status, 500);
    for (target, policy) in [
        ("/u/page.html", Some("sandbox")),
        ("/u/picture.svg", Some("sandbox")),
        ("/u/as/plain.txt?type=text/html", Some("sandbox")),
        ("/u/plain.txt", None),
    ] {
        assert_eq!(server.get(target).header("content-security-policy"), policy, "{target}");
    }
    let typed = server.get("/u/as/plain.txt?type=text/csv");
    assert_eq!(typed.header("content-type"), Some("text/csv"));
    let lost = server.get("/u/lost/plain.txt");
    assert_eq!((lost.status, lost.header("x-a")), (404, Some("b")));
    assert!(lost.header("set-cookie").is_some() && lost.text().starts_with("<script>"));
    let gone = server.get("/u/lost/none.txt");
    assert_problem(&gone, 404);
}

#[test]
fn no_name_of_a_client_leads_out() {
    let server = Server::dev(&[("u.rhai", UPLOADS), ("other.rhai", UPLOADS)]);
    put(&server, "in.txt", "in");
    fs::write(server.root().join("data/secret.txt"), "secret").unwrap();
    let folder = server.root().join("data/files/u");
    std::os::unix::fs::symlink("../../secret.txt", folder.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("../..", folder.join("out")).unwrap();
    for name in [
        "link.txt",
        "out/secret.txt",
        "%2e%2e/secret.txt",
        "..%2f..%2fsecret.txt",
        "%2fetc%2fpasswd",
        "..%5csecret.txt",
        "in.txt%2f..%2fin.txt",
    ] {
        for path in ["", "text/", "saved/"] {
            let answer = server.get(&format!("/u/{path}{name}"));
            assert!([400, 404].contains(&answer.status), "{path}{name}: {}", answer.text());
            assert!(!answer.text().contains("root:"), "{path}{name}");
        }
    }
    for filename in ["../../secret.txt", "/tmp/x", "..", ".htaccess", "a/../../b", "out/secret.txt"]
    {
        let answer = server.ask(form(filename, b"evil"));
        assert!([409, 422].contains(&answer.status), "{filename}: {}", answer.status);
    }
    assert_eq!(fs::read_to_string(server.root().join("data/secret.txt")).unwrap(), "secret");
    assert_eq!(server.get("/u").json(), json!(["in.txt"]));
    assert_eq!(server.get("/other").json(), json!([]), "each plugin has its own");
}

#[test]
fn a_plugin_that_is_full_is_told_and_what_was_there_stays() {
    let project = Project::new(&[("u.rhai", UPLOADS)]);
    let server = project.env("HOTPLATE_LIMITS__FILES_BYTES", "12288").start();
    assert_eq!(put(&server, "a", vec![1; 5000]).status, 204);
    assert_eq!(put(&server, "b", "b").status, 204);
    let full = put(&server, "c", "c");
    assert_problem(&full, 507);
    assert!(full.text().contains("`files_bytes`"), "{}", full.text());
    assert_eq!(put(&server, "a", vec![2; 8000]).status, 204, "in place of the one before");
    let server = server.restart(Signal::KILL);
    assert_problem(&put(&server, "c", "c"), 507);
    assert_eq!(server.get("/u/a").body, vec![2; 8000]);
    assert_eq!(server.ask(Ask::new("DELETE", "/u/b")).json(), true);
    assert_eq!(put(&server, "c", "c").status, 204);
}

#[test]
fn what_cannot_be_kept_is_unavailable_and_the_rest_goes_on() {
    let server = Server::start(&[("u.rhai", UPLOADS), ("ok.rhai", "get(|| \"ok\");")]);
    fs::create_dir_all(server.root().join("data")).unwrap();
    fs::write(server.root().join("data/files"), "in the way").unwrap();
    assert_problem(&put(&server, "a", "a"), 503);
    assert_problem(&server.get("/u"), 503);
    server.wait_for_log("the files of plugins");
    assert_eq!(server.get("/ok").ok(), "ok");
    fs::remove_file(server.root().join("data/files")).unwrap();
    assert_eq!(put(&server, "a", "a").status, 204);
    assert_eq!(server.get("/u/a").ok(), "a");
}

#[test]
fn saving_at_the_top_level_is_refused() {
    for (script, part) in [
        ("files::save(\"a\", \"b\"); get(|| 1);", "on_start"),
        ("files::delete(\"a\"); get(|| 1);", "on_start"),
    ] {
        let server = Server::dev(&[("t.rhai", script)]);
        let told = server.plugin("t")["diagnostics"].to_string();
        assert!(told.contains(part), "{told}");
    }
    let server = Server::dev(&[(
        "t.rhai",
        "on_start(|| files::save(\"a\", \"b\")); get(|| files::read_text(\"a\"));",
    )]);
    wait_until("it was saved", || server.get("/t").status == 200);
}

#[test]
fn misuse_is_told_in_words() {
    for (handler, part) in [
        ("files::save(\"a\", 5)", "takes a string, a blob or a file of a form, not an integer"),
        ("send_file(\"a\", #{ downlaod: true })", "did you mean `download`"),
        ("send_file(\"a\", #{ type: \"nonsense\" })", "is not a content type"),
        ("send_file(\"a\", #{ download: 5 })", "is the name to save it under, or true"),
    ] {
        let script = format!("post(|| files::save(\"a\", \"b\")); get(|req| {handler});");
        let server = Server::dev(&[("t.rhai", &script)]);
        server.post("/t", &Value::Null);
        let answer = server.get("/t");
        assert_eq!(answer.status, 500, "{handler}");
        assert!(answer.text().contains(part), "{handler}: {}", answer.text());
    }
}

#[test]
fn a_large_file_is_never_in_memory_whole() {
    let script = "get(|| { let mb = blob(1000000, 7); let all = blob(); \
                      for n in 0..40 { all.append(mb); } files::save(\"large\", all); \"saved\" });\n\
                  get(\"/file\", || send_file(\"large\"));";
    let server = Project::new(&[("t.rhai", script)])
        .env("HOTPLATE_LIMITS__MEMORY_BYTES", "400000000")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "20000")
        .start();
    assert_eq!(server.get("/t").ok(), "saved");
    std::thread::sleep(Duration::from_secs(2));
    server.forget_peak_memory();
    let before = server.peak_memory();
    let mut open: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for connection in &mut open {
        connection.begin(&Ask::get("/t/file"));
    }
    for connection in &mut open {
        assert_eq!(connection.answer(false).unwrap().body.len(), 40_000_000);
    }
    let growth = server.peak_memory().saturating_sub(before);
    assert!(growth < 32 << 20, "{} MiB", growth >> 20);
}
