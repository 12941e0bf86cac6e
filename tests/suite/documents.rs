//! Folders of files: what is served, under which path, and what never is.

use std::{fs, os::unix::fs::symlink, path::Path};

use serde_json::json;

use crate::harness::{Ask, Project, Server, assert_tells, wait_until};

/// The one folder that most tests serve.
pub(crate) const HTML: &str = "[[documents.mounts]]\nfolder = \"html\"\n";

/// Writes a document, with the folders that it is in.
pub(crate) fn put(root: &Path, name: &str, content: impl AsRef<[u8]>) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// Lets a file rest until its age alone tells that nothing was written to it since it was read: before that,
/// nothing is kept in memory.
pub(crate) fn rest() {
    std::thread::sleep(std::time::Duration::from_millis(150));
}

/// A project with documents below its root.
pub(crate) fn project(documents: &[(&str, &str)], config: &str) -> Project {
    let project = Project::new(&[]).config(config);
    fs::create_dir_all(project.root().join("html")).unwrap();
    for (name, content) in documents {
        put(project.root(), name, content);
    }
    project
}

/// Serves `html/` under `/html`.
pub(crate) fn serve(documents: &[(&str, &str)]) -> Server {
    project(documents, HTML).start()
}

#[test]
fn a_file_is_served_under_the_name_of_its_folder() {
    let server = serve(&[("html/a.txt", "text"), ("html/sub/b.strange", "odd")]);
    let answer = server.get("/html/a.txt");
    assert_eq!(answer.ok(), "text");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(answer.header("content-length"), Some("4"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let answer = server.get("/html/sub/b.strange");
    assert_eq!(answer.ok(), "odd");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(server.get("/html/a.txt/").status, 404);
    assert_eq!(server.get("/html/missing").status, 404);
    assert_eq!(server.get("/a.txt").status, 404);
}

#[test]
fn a_folder_is_answered_with_its_index_and_told_to_end_with_a_slash() {
    let server = serve(&[
        ("html/index.html", "root"),
        ("html/a b/index.html", "inner"),
        ("html/empty/x.txt", "x"),
    ]);
    assert_eq!(server.get("/html/").ok(), "root");
    assert_eq!(server.get("/html/a%20b/").ok(), "inner");
    for (path, location) in
        [("/html", "./html/"), ("/html/a%20b", "./a%20b/"), ("/html/a%20b?x=1&y", "./a%20b/?x=1&y")]
    {
        let answer = server.get(path);
        assert_eq!(answer.status, 301, "{path}");
        assert_eq!(answer.header("location"), Some(location), "{path}");
    }
    assert_eq!(server.get("/html/empty/").status, 404, "no index, and listing is off");
}

#[test]
fn several_folders_are_served_and_the_longest_path_wins() {
    let config = "[[documents.mounts]]\nfolder = \"all\"\npath = \"/\"\nindex = [\"start.htm\", \"x\"]\n\
                  [[documents.mounts]]\nfolder = \"html\"\npath = \"/deep/down\"\n\
                  cache_control = \"max-age=60\"\n";
    let server = project(
        &[
            ("all/start.htm", "start"),
            ("all/deep/down/a.txt", "hidden"),
            ("all/deep/a.txt", "above"),
            ("html/a.txt", "below"),
        ],
        config,
    )
    .start();
    assert_eq!(server.get("/").ok(), "start");
    assert_eq!(server.get("/deep/a.txt").ok(), "above");
    let answer = server.get("/deep/down/a.txt");
    assert_eq!(answer.ok(), "below");
    assert_eq!(answer.header("cache-control"), Some("max-age=60"));
    let answer = server.get("/nothing");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
}

#[test]
fn other_methods_are_refused_with_those_that_there_are() {
    let server = serve(&[("html/a.txt", "text")]);
    let head = server.ask(Ask::new("HEAD", "/html/a.txt"));
    assert_eq!((head.status, head.header("content-length")), (200, Some("4")));
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let answer = server.ask(Ask::new(method, "/html/a.txt"));
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    let options = server.ask(Ask::new("OPTIONS", "/html/a.txt"));
    assert_eq!((options.status, options.header("allow")), (204, Some("GET, HEAD, OPTIONS")));
}

#[test]
fn an_edited_file_is_never_served_as_it_was() {
    let server = serve(&[("html/a.txt", "0")]);
    let path = server.root().join("html/a.txt");
    let mut connection = server.connect();
    for round in 0..300 {
        let text = format!("{round:04}");
        if round % 2 == 0 {
            fs::write(&path, &text).unwrap();
        } else {
            put(server.root(), "html/.new", &text);
            fs::rename(server.root().join("html/.new"), &path).unwrap();
        }
        // More than once, so that it may come from memory.
        for _ in 0..3 {
            assert_eq!(connection.ask(&Ask::get("/html/a.txt")).ok(), text);
        }
    }
    fs::remove_file(&path).unwrap();
    assert_eq!(connection.ask(&Ask::get("/html/a.txt")).status, 404);
}

#[test]
fn a_file_that_has_rested_is_remembered_and_still_never_old() {
    let server = serve(&[("html/a.txt", "first"), ("html/sub/index.html", "index")]);
    let html = server.root().join("html");
    rest();
    for _ in 0..3 {
        assert_eq!(server.get("/html/a.txt").ok(), "first");
        assert_eq!(server.get("/html/sub/").ok(), "index");
    }
    put(&html, "a.txt", "other");
    assert_eq!(server.get("/html/a.txt").ok(), "other");
    fs::rename(html.join("sub"), html.join("gone")).unwrap();
    assert_eq!(server.get("/html/sub/").status, 404);
    // The whole folder replaced by another.
    put(server.root(), "new/a.txt", "third");
    fs::rename(&html, server.root().join("old")).unwrap();
    assert_eq!(server.get("/html/a.txt").status, 404);
    fs::rename(server.root().join("new"), &html).unwrap();
    assert_eq!(server.get("/html/a.txt").ok(), "third");
}

#[test]
fn plugins_come_first_and_the_longer_path_wins() {
    let config = "[[documents.mounts]]\nfolder = \"html\"\npath = \"/\"\n\
                  [[documents.mounts]]\nfolder = \"html\"\npath = \"/shop/pictures\"\n";
    let project = project(&[("html/a.txt", "document"), ("html/shop/list", "shadowed")], config);
    project.save("shop.rhai", "get(\"/list\", |r| \"plugin\");\nget(\"/pictures/x\", |r| 1);");
    project.save("index.rhai", "post(\"/{*rest}\", |r| \"caught\");");
    project.save("broken.rhai", "get(|| {");
    let server = project.start();
    assert_eq!(server.get("/shop/list").ok(), "plugin");
    assert_eq!(server.get("/shop/pictures/a.txt").ok(), "document");
    assert_eq!(server.get("/shop/pictures/x").status, 404);
    assert_eq!(server.ask(Ask::post("/any/thing")).ok(), "caught");
    let report = server.report();
    let told = json!(report["diagnostics"]).to_string();
    assert!(told.contains("never reached") && told.contains("shop.rhai"), "{told}");
    // Now the document appears where only the method of a plugin at `/` is wrong: the plugin owns the path.
    assert_eq!(server.get("/a.txt").status, 405);
    server.remove("index.rhai");
    server.wait_for("/a.txt", "document");
    assert_eq!(server.get("/broken").header("content-type"), Some("application/problem+json"));
}

#[test]
fn a_plugin_and_a_folder_of_the_same_path_are_told_of_and_both_answer() {
    let project = project(&[("html/a.txt", "document")], HTML);
    project.save("html.rhai", "get(\"/own\", |r| \"plugin\");");
    let server = project.start();
    assert_eq!(server.get("/html/own").ok(), "plugin");
    assert_eq!(server.get("/html/a.txt").ok(), "document");
    let report = server.report();
    assert_tells(&report["diagnostics"][0], &["html", "both served at /html"]);
}

#[test]
fn a_folder_for_those_with_a_key_is_for_nobody_else() {
    let config = "[auth]\napikey = \"all\"\n[auth.keys.reader]\nkey = \"reader\"\nscopes = [\"documents\"]\n\
        [auth.keys.other]\nkey = \"other\"\nscopes = [\"reload\"]\n\
        [[documents.mounts]]\nfolder = \"html\"\nauth = \"global\"\n[[documents.mounts]]\nfolder = \"open\"\n";
    let project = project(
        &[("html/a.txt", "secret"), ("html/sub/b.txt", "b"), ("open/a.txt", "open")],
        config,
    );
    rest();
    let server = project.start();
    let bearer =
        |key: &str| Ask::get("/html/a.txt").header("Authorization", &format!("Bearer {key}"));
    // The second time, what is open answers from memory.
    for _ in 0..3 {
        for key in ["all", "reader"] {
            assert_eq!(server.ask(bearer(key)).ok(), "secret");
        }
        assert_eq!(server.get("/html/a.txt?apikey=reader").ok(), "secret");
        for ask in [
            Ask::get("/html/a.txt"),
            Ask::new("HEAD", "/html/a.txt"),
            Ask::get("/html/none"),
            Ask::get("/html/sub"),
            Ask::get("/html/%61.txt"),
            bearer("wrong"),
            bearer("other"),
        ] {
            let answer = server.ask(ask.clone());
            assert_eq!(answer.status, 403, "{ask:?}");
            assert!(!answer.text().contains("secret"));
        }
        assert_eq!(server.get("/open/a.txt").ok(), "open");
    }
    // A person at a browser is asked for the key.
    let navigates = Ask::get("/html/a.txt").header("Sec-Fetch-Mode", "navigate");
    let asked = server.ask(navigates.clone());
    assert_eq!(asked.status, 401);
    assert!(asked.header("www-authenticate").unwrap().starts_with("Basic"));
    let answered = server.ask(navigates.header("Authorization", "Basic bWU6cmVhZGVy"));
    assert_eq!(answered.ok(), "secret");
    let log = server.log();
    assert!(!log.contains("apikey=reader"), "{log}");
}

#[test]
fn what_asks_for_a_key_is_kept_by_no_cache_that_others_share() {
    for (said, sent) in [
        ("max-age=600", "private, max-age=600"),
        ("public, max-age=600, s-maxage=900", "private, max-age=600"),
        ("no-store", "no-store"),
        ("Private, max-age=1", "Private, max-age=1"),
    ] {
        let config = format!(
            "[auth]\napikey = \"all\"\n\
             [[documents.mounts]]\nfolder = \"html\"\nauth = \"global\"\ncache_control = \"{said}\"\n"
        );
        let server = project(&[("html/a.txt", "secret")], &config).start();
        for _ in 0..2 {
            let answer = server.ask(Ask::get("/html/a.txt").header("X-Custom-Auth", "all"));
            assert_eq!(answer.header("cache-control"), Some(sent));
        }
    }
}

#[test]
fn a_folder_asks_for_no_key_that_nobody_has() {
    let config = "[[documents.mounts]]\nfolder = \"html\"\nauth = \"global\"\n";
    let ended = project(&[("html/a.txt", "a")], config).run();
    assert!(!ended.status.success());
    assert!(
        ended.stderr.contains("the folder at /html asks for the global key"),
        "{}",
        ended.stderr
    );
}

#[test]
fn folders_follow_the_configuration() {
    let server = project(&[("html/a.txt", "a"), ("more/a.txt", "b")], HTML).start();
    assert_eq!(server.get("/more/a.txt").status, 404);
    server.save_config(&format!("{HTML}[[documents.mounts]]\nfolder = \"more\"\n"));
    server.wait_for("/more/a.txt", "b");
    server.save_config("[[documents.mounts]]\nfolder = \"more\"\npath = \"/plugins\"\n");
    wait_until("the folder is gone", || server.get("/html/a.txt").status == 404);
    let told = server.report()["diagnostics"].to_string();
    assert!(told.contains("documents cannot be served at /plugins"), "{told}");
    server.save_config("[[documents.mounts]]\nfolder = \"nowhere\"\n");
    wait_until("it is told of", || {
        server.report()["diagnostics"]
            .to_string()
            .contains("the folder of the documents at /nowhere")
    });
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused_with_its_line() {
    for (config, told) in [
        ("[[documents.mounts]]\npath = \"/x\"\n", "`documents.mounts` must have `folder`"),
        ("[documents]\nmounts = 1\n", "tables, each begun with [[documents.mounts]]"),
        (
            "[[documents.mounts]]\nfolder = \"a\"\nlist = true\n",
            "unknown key `documents.mounts.list`",
        ),
        (
            "[[documents.mounts]]\nfolder = \"a\"\nindex = [\"../x\"]\n",
            "the name of a file is wanted",
        ),
        ("[[documents.mounts]]\nfolder = \"a b\"\n", "`documents.mounts.path` must be set"),
        (
            "[[documents.mounts]]\nfolder = \"a\"\n[[documents.mounts]]\nfolder = \"b/a\"\n",
            "two of `documents.mounts` have the path /a",
        ),
    ] {
        let ended = Project::new(&[]).config(config).run();
        assert!(!ended.status.success(), "{config}");
        assert!(ended.stderr.contains(told), "`{told}` is not in:\n{}", ended.stderr);
        assert!(ended.stderr.contains("config/hotplate.toml"), "{}", ended.stderr);
    }
}

#[test]
fn a_folder_can_be_set_by_a_variable() {
    let project = project(&[("html/a.txt", "a")], "");
    let server =
        project.env("HOTPLATE_DOCUMENTS__MOUNTS", "[{ folder = \"html\", path = \"/v\" }]").start();
    assert_eq!(server.get("/v/a.txt").ok(), "a");
}

#[test]
fn each_answer_has_a_line_in_the_common_log_which_is_reopened() {
    let config = format!("[documents]\ncommon_log = \"access.log\"\n{HTML}");
    let server = project(&[("html/a.txt", "four")], &config).start();
    let log = server.root().join("access.log");
    server.get("/html/a.txt?apikey=secret&x=%22");
    server.get("/html/missing");
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("127.0.0.1 - - ["), "{text}");
    assert!(lines[0].contains("\"GET /html/a.txt?apikey=[redacted]&x="), "{text}");
    assert!(lines[0].ends_with("HTTP/1.1\" 200 4"), "{text}");
    assert!(lines[1].contains("\"GET /html/missing HTTP/1.1\" 404 "), "{text}");
    fs::rename(&log, server.root().join("access.log.1")).unwrap();
    server.signal(rustix::process::Signal::HUP);
    wait_until("the log is made again", || {
        server.get("/html/a.txt");
        fs::read_to_string(&log).is_ok_and(|text| text.ends_with(" 200 4\n"))
    });
    let before = fs::read_to_string(server.root().join("access.log.1")).unwrap();
    assert!(before.starts_with(&text), "{before}");
}

#[test]
fn errors_are_shown_in_a_template_of_ones_own() {
    let config = format!("[documents]\nerror_page = \"error.html\"\n{HTML}");
    let server =
        project(&[("html/a.txt", "a"), ("error.html", "<b>{status}: {reason}</b>{x}")], &config)
            .start();
    let answer = server.get("/html/missing");
    assert_eq!((answer.status, answer.text().as_str()), (404, "<b>404: Not Found</b>{x}"));
    put(server.root(), "error.html", "new {status}");
    assert_eq!(server.get("/html/missing").text(), "new 404");
    fs::remove_file(server.root().join("error.html")).unwrap();
    let built_in = server.get("/html/%3Cscript%3E");
    assert!(built_in.text().contains("<title>404 Not Found</title>"), "{}", built_in.text());
    assert!(!built_in.text().contains("script"), "{}", built_in.text());
}

#[test]
fn what_is_in_a_folder_is_shown_only_where_that_is_allowed_and_escaped() {
    let config = format!("{HTML}listing = true\n");
    let server = project(
        &[
            ("html/sub/<img src=x onerror=alert(1)>.txt", "x"),
            ("html/sub/javascript:alert(1)", "x"),
            ("html/sub/deeper/y", "y"),
            ("html/sub/.hidden", "x"),
            ("html/index.html", "index"),
        ],
        &config,
    )
    .start();
    symlink("/etc/passwd", server.root().join("html/sub/passwd")).unwrap();
    let page = server.get("/html/sub/");
    let text = page.ok();
    assert!(text.contains("&lt;img src=x onerror=alert(1)&gt;.txt"), "{text}");
    assert!(text.contains("href=\"./javascript%3Aalert%281%29\""), "{text}");
    assert!(text.contains("href=\"./deeper/\""), "{text}");
    for hidden in ["<img", "hidden", "passwd", server.root().to_str().unwrap()] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert_eq!(server.get("/html/sub/%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.txt").ok(), "x");
    assert_eq!(server.get("/html/").ok(), "index");
}

#[test]
fn pictures_and_large_files_arrive_whole() {
    let server = serve(&[]);
    let large: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    put(server.root(), "html/large.bin", &large);
    let answer = server.get("/html/large.bin");
    assert_eq!((answer.status, answer.whole), (200, true));
    assert_eq!(answer.header("content-length"), Some("3000000"));
    assert!(answer.body == large);
    let head = server.ask(Ask::new("HEAD", "/html/large.bin"));
    assert_eq!(head.header("content-length"), Some("3000000"));
    let part = server.ask(Ask::get("/html/large.bin").header("Range", "bytes=999999-2000000"));
    assert_eq!(part.status, 206);
    assert!(part.body == large[999_999..=2_000_000]);
}

#[test]
fn a_client_that_reads_slowly_takes_no_memory_and_holds_up_nobody() {
    let server = serve(&[("html/a.txt", "a")]);
    let file = fs::File::create(server.root().join("html/sparse.bin")).unwrap();
    file.set_len(64 << 30).unwrap();
    let mut slow = server.connect();
    slow.begin(&Ask::get("/html/sparse.bin"));
    for _ in 0..50 {
        assert_eq!(server.get("/html/a.txt").ok(), "a");
    }
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    let kilobytes: u64 = resident.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kilobytes < 200_000, "{resident}");
}
