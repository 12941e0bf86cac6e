//! The real pserve 0.10.5 (the package `pluginserver`) and hotplate on its imported configuration, asked the same.
//!
//! Both serve the same plugins: `tests/pserve/plugins` in Python, `tests/pserve/scripts` in Rhai. Where the
//! answers differ, the reason stands here and, word for word, in `docs/from-pserve.md`.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Connection, Project, Server};

const GLOBAL: &str = "the global key";
const ROOM: &str = "the room's key";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program `pserve`, if it is installed: see `.ci/run`.
fn pserve() -> Option<PathBuf> {
    let program = match std::env::var_os("PSERVE_PROGRAM") {
        Some(program) => PathBuf::from(program),
        None => root().join("target/pserve/bin/pserve"),
    };
    if program.exists() {
        return Some(program);
    }
    assert_ne!(
        std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref(),
        Ok("1"),
        "pserve is not installed"
    );
    eprintln!(
        "SKIPPED: pserve is not there: python3 -m venv target/pserve; target/pserve/bin/pip install pluginserver==0.10.5 \
         beautifulsoup4 markdown aiofiles pygments"
    );
    None
}

/// A pserve that runs until it is dropped.
struct Old {
    child: Child,
    address: SocketAddr,
}

impl Drop for Old {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Both servers, the new one on the imported configuration of the old one.
fn both(program: &Path) -> (Old, Server) {
    both_of(program, Project::new(&[]), "")
}

/// The same with more in the configuration; what else the old one needs is in the folder `old` already.
fn both_of(program: &Path, project: Project, more: &str) -> (Old, Server) {
    let old = project.root().join("old");
    copy(&root().join("tests/pserve/plugins"), &old.join("plugins"));
    copy(&root().join("tests/pserve/scripts"), &project.plugins());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    let ini = fs::read_to_string(root().join("tests/pserve/old.ini")).unwrap();
    let ini = ini.replace("int:9192", &format!("int:{}", address.port()));
    fs::write(old.join("old.ini"), ini + more).unwrap();
    fs::create_dir(project.root().join("config")).unwrap();
    let import =
        project.bare().arg("import").arg("old/old.ini").arg("-o").arg("config/hotplate.toml");
    let imported = import.run();
    assert!(imported.status.success(), "{}", imported.stderr);
    drop(free);
    let child = Command::new(program)
        .args(["-i", "old.ini", "-l", "log", "-v", "ERROR"])
        .current_dir(&old)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let old = Old { child, address };
    let began = Instant::now();
    while TcpStream::connect(address).is_err() {
        assert!(began.elapsed() < Duration::from_secs(60), "pserve does not come to serve");
        std::thread::sleep(Duration::from_millis(20));
    }
    (old, import.bare().arg("serve").start())
}

fn ask(address: SocketAddr, ask: &Ask) -> Answer {
    Connection::open(address).ask(&ask.clone().header("Connection", "close"))
}

/// The content type without its parameters: pserve adds a charset to JSON, which has none.
fn kind(answer: &Answer) -> &str {
    answer.header("content-type").unwrap_or_default().split(';').next().unwrap()
}

fn body(answer: &Answer) -> Value {
    match kind(answer) {
        "application/json" => answer.json(),
        _ => json!(answer.text()),
    }
}

/// What is asked, and what becomes of it: the status there, the status here, and why they differ.
struct Case {
    ask: Ask,
    differs: Option<(u16, u16, &'static str)>,
}

fn same(ask: Ask) -> Case {
    Case { ask, differs: None }
}

fn differs(ask: Ask, there: u16, here: u16, why: &'static str) -> Case {
    Case { ask, differs: Some((there, here, why)) }
}

const REFUSED: &str = "Who has no key or a wrong one gets 403 from a plugin; pserve's body says `unauthorized` with status 200.";
const STATUS: &str = "The status that a handler returns is sent; pserve drops it and sends 200.";
const VALUES: &str = "Arrays, numbers, booleans and null are JSON; pserve makes `{\"result\": \"…\"}` of their Python text.";
const RAISED: &str = "A handler that fails is 500 with an `error_id`; pserve answers 200 and shows the exception to everybody.";
const REPEATED: &str = "A name that the query repeats is an array; pserve keeps the first value.";
const BODY: &str = "A body that is no JSON object stands in `req.body`; pserve drops it.";
const TYPED: &str = "A key in a JSON body counts with `Content-Type: application/json` only, which a page of another site cannot send unasked; pserve takes it under any content type.";
const ERRORS: &str = "Errors of the server itself, such as 404 and 405, are `application/problem+json`; pserve's are plain text.";
const RELOAD: &str = "`/reload/NAME` answers with what became of it, 404 for a name that is not there; pserve loses its reply and sends 500.";
const FORWARDED: &str =
    "`X-Forwarded-For` is believed from `network.trusted_proxies` only; pserve believes everybody.";
const METHODS: &str = "A path answers the methods that its script declares, OPTIONS among them; pserve has GET and POST.";

fn post_json(target: &str, value: &Value) -> Ask {
    Ask::post(target).json(value)
}

fn bearer(target: &str, key: &str) -> Ask {
    Ask::get(target).header("Authorization", &format!("Bearer {key}"))
}

fn cases() -> Vec<Case> {
    let object = json!({ "a": 1, "b": [2, null, "x"], "c": { "d": 2.5 } });
    let mut cases = vec![
        same(Ask::get("/echo")),
        same(Ask::get("/echo/a/b?x=1&y=z%20w").header("X-Agent", "me")),
        same(post_json("/echo", &object)),
        same(post_json("/echo/tail?a=query", &object)),
        same(Ask::post("/echo")),
        differs(Ask::get("/echo").header("X-Forwarded-For", "203.0.113.9"), 200, 200, FORWARDED),
        same(Ask::new("HEAD", "/echo")),
        differs(Ask::get("/echo?x=1&x=2"), 200, 200, REPEATED),
        same(Ask::post("/echo").body("text/plain", "no json")),
        same(Ask::post("/echo?a=q").body("text/javascript", "{\"a\": 1, \"b\": [2]}")),
        same(Ask::post("/echo").body("application/x-www-form-urlencoded", "{\"a\": 1}")),
        differs(
            Ask::post("/echo").body("application/x-www-form-urlencoded", "a=1"),
            200,
            200,
            BODY,
        ),
        differs(Ask::post("/echo").body("application/json", "{"), 200, 400, BODY),
        differs(Ask::new("PUT", "/echo"), 405, 405, ERRORS),
        differs(Ask::new("OPTIONS", "/echo"), 403, 204, METHODS),
        differs(Ask::get("/nothing"), 404, 404, ERRORS),
        same(Ask::get("/kinds/dict")),
        same(Ask::get("/kinds/text")),
        same(Ask::get("/kinds/other")),
        same(Ask::get("/kinds/response")),
        differs(Ask::get("/kinds/list"), 200, 200, VALUES),
        differs(Ask::get("/kinds/number"), 200, 200, VALUES),
        differs(Ask::get("/kinds/missing"), 200, 404, STATUS),
        differs(Ask::get("/kinds/raise"), 200, 500, RAISED),
        same(Ask::get("/persons")),
        same(Ask::post("/persons")),
        differs(Ask::get("/people"), 404, 404, ERRORS),
        same(Ask::get("/elsewhere")),
        same(Ask::get("/elsewhere/")),
        differs(Ask::get("/moved"), 404, 404, ERRORS),
        same(Ask::get("/configured")),
        same(Ask::get("/plugins")),
        same(bearer("/plugins", "wrong")),
        same(Ask::get("/reload/echo")),
        same(Ask::get("/reload/all")),
        differs(bearer("/reload/echo", GLOBAL), 500, 200, RELOAD),
        differs(bearer("/reload/nothing", GLOBAL), 500, 404, RELOAD),
    ];
    for (path, key, other) in [("/guarded", GLOBAL, ROOM), ("/private", ROOM, GLOBAL)] {
        let in_query = |key: &str| Ask::get(&format!("{path}?apikey={}", key.replace(' ', "+")));
        let in_header = |key| Ask::get(path).header("X-Custom-Auth", key);
        let in_body = |key| post_json(path, &json!({ "apikey": key }));
        cases.extend([in_query(key), in_header(key), in_body(key), bearer(path, key)].map(same));
        let wrong = [
            Ask::get(path),
            in_query(other),
            in_header(other),
            in_body(other),
            bearer(path, other),
        ];
        cases.extend(wrong.map(|ask| differs(ask, 200, 403, REFUSED)));
        let plain = Ask::post(path).body("text/plain", json!({ "apikey": key }).to_string());
        cases.push(differs(plain, 200, 403, TYPED));
    }
    cases
}

#[test]
fn the_real_pserve_and_hotplate_answer_the_same_but_for_what_is_told() {
    let Some(program) = pserve() else { return };
    let (old, new) = both(&program);
    assert_eq!(new.first_line().split_whitespace().next(), Some("hotplate"));
    let document = fs::read_to_string(root().join("docs/from-pserve.md")).unwrap();
    let mut wrong = Vec::new();
    for case in cases() {
        let (there, here) = (ask(old.address, &case.ask), ask(new.address(), &case.ask));
        let is_same = there.status == here.status
            && kind(&there) == kind(&here)
            && (case.ask == Ask::new("HEAD", "/echo") || body(&there) == body(&here));
        let told = format!(
            "{:?}\n  there: {} {} {}\n  here:  {} {} {}",
            case.ask,
            there.status,
            kind(&there),
            there.text(),
            here.status,
            kind(&here),
            here.text()
        );
        match case.differs {
            None if !is_same => wrong.push(format!("differs: {told}")),
            Some(_) if is_same => wrong.push(format!("is the same by now: {told}")),
            Some((status, ours, _)) if (status, ours) != (there.status, here.status) => {
                wrong.push(format!("not {status} and {ours}: {told}"));
            }
            Some((.., why)) if !document.contains(why) => {
                wrong.push(format!("docs/from-pserve.md does not say: {why}"));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const PREFLIGHTS: &str = "Preflights are answered 204 without a key and allow all headers that are asked for; pserve answers 200, and 403 for headers other than `Content-Type Authorization X-Requested-With Accept`.";
const NO_ORIGIN: &str = "A preflight from an origin that is not named is answered without a word that allows it; pserve answers 403. A browser goes on in neither case.";
const LISTED: &str = "A reference such as `${main:domain}` in a list of origins is replaced by its value; pserve takes it as it stands, and no browser has such an origin.";
const EVERYWHERE: &str =
    "Errors of the server itself may be read by the same pages; pserve's 404 may not.";
const ADMINISTRATION: &str =
    "The administration is for no other origin; pserve lets pages of `origin_url` read `/plugins`.";

/// What an answer says to a page of another origin.
fn crossing(answer: &Answer) -> [Option<String>; 5] {
    ["origin", "credentials", "max-age", "methods", "headers"].map(|name| {
        let name = match name {
            "max-age" => "access-control-max-age".to_owned(),
            name => format!("access-control-allow-{name}"),
        };
        answer.header(&name).map(str::to_owned)
    })
}

#[test]
fn pages_of_other_origins_may_read_what_they_may_there() {
    let Some(program) = pserve() else { return };
    let (old, new) = both(&program);
    let document = fs::read_to_string(root().join("docs/from-pserve.md")).unwrap();
    let asked = |request: &Ask| {
        let (there, here) = (ask(old.address, request), ask(new.address(), request));
        (there.status, crossing(&there), here.status, crossing(&here))
    };
    let said =
        |why: &str| assert!(document.contains(why), "docs/from-pserve.md does not say: {why}");
    let from = |target: &str, origin: &str| Ask::get(target).header("Origin", origin);
    let preflight = |origin: &str, method: &str| {
        let request = Ask::new("OPTIONS", "/echo").header("Origin", origin);
        request.header("Access-Control-Request-Method", method)
    };
    let other = "https://other.example";
    let open = [Some(other.to_owned()), Some("true".to_owned()), None, None, None];
    let closed = [None, None, None, None, None];

    for target in ["/echo", "/kinds/text", "/kinds/raise", "/guarded", "/elsewhere"] {
        let (_, there, _, here) = asked(&from(target, other));
        assert_eq!((&there, &here), (&open, &open), "{target}");
        let (_, there, _, here) = asked(&from(target, "https://evil.example"));
        assert_eq!((&there, &here), (&closed, &closed), "{target}");
    }
    for method in ["GET", "POST", "PUT", "DELETE", "OPTIONS"] {
        let request =
            preflight(other, method).header("Access-Control-Request-Headers", "content-type");
        let (there_status, there, here_status, here) = asked(&request);
        assert_eq!((there_status, here_status), (200, 204), "{method}");
        assert_eq!((&there[..3], &here[..3]), (&here[..3], &there[..3]), "{method}");
        assert_eq!(there[2].as_deref(), Some("3600"));
        assert_eq!(there[3].as_deref(), Some(method));
        assert!(here[3].as_ref().is_some_and(|all| all.contains(method)), "{here:?}");
        let headers =
            |crossing: &[Option<String>; 5]| crossing[4].clone().unwrap_or_default().to_lowercase();
        assert_eq!(
            (headers(&there), headers(&here)),
            ("content-type".into(), "content-type".into())
        );
    }
    let request = preflight(other, "GET").header("Access-Control-Request-Headers", "x-team");
    let (there, _, here, _) = asked(&request);
    assert_eq!((there, here), (403, 204));
    said(PREFLIGHTS);
    let (there_status, there, _, here) = asked(&preflight("https://evil.example", "GET"));
    assert_eq!((there_status, &there[0], &here[0]), (403, &None, &None));
    said(NO_ORIGIN);
    let (_, there, _, here) = asked(&from("/echo", "https://example.org"));
    assert_eq!((&there[0], here[0].as_deref()), (&None, Some("https://example.org")));
    said(LISTED);
    let (_, there, _, here) = asked(&from("/nothing", other));
    assert_eq!((&there, &here), (&closed, &open));
    said(EVERYWHERE);
    let (_, there, _, here) = asked(&from("/plugins?apikey=the+global+key", other));
    assert_eq!((&there, &here), (&open, &closed));
    said(ADMINISTRATION);
}

const SLASH: &str = "A folder's path without `/` at its end is redirected to the one with it, so that links in its index file lead where they should.";
const PAGES: &str = "Errors are HTML pages with their status.";
const RAW: &str = "HTML in Markdown is left out unless `markdown_html = true`, and scripts in it run only where `markdown_policy` allows them.";
const OUTSIDE: &str = "No path leads out of the folder; pserve answers `..` in a path with any file that its user may read.";

/// The plugin of pserve's repository that serves documents. What does not run in it with the package is mended:
/// it names a property that requests do not have, and a log that is not there.
fn file_server() -> String {
    let text = fs::read_to_string(root().join("tests/pserve/upstream/fileserve.py")).unwrap();
    let log =
        "\nfrom plugincore.logjam import LogJam\nLogJam.common_log = lambda self, **told: None\n";
    text.replace("{request.type}", "{request.method}") + log
}

#[test]
fn documents_are_the_same_but_for_what_is_told() {
    let Some(program) = pserve() else { return };
    let project = Project::new(&[]);
    let old = project.root().join("old");
    fs::create_dir_all(old.join("plugins")).unwrap();
    fs::write(old.join("plugins/fileserve.py"), file_server()).unwrap();
    for folder in [project.root(), &old] {
        fs::create_dir_all(folder.join("html/guide")).unwrap();
        for (name, text) in [
            ("page.html", "<html><head><title>a</title></head><body><p>plain</p></body></html>\n"),
            (
                "magic.html",
                "@TITLE=New title@<html><head><title>a</title></head><body>@INCLUDE=part.txt@</body></html>",
            ),
            ("part.txt", "included"),
            ("div.md", "<div class=\"x\">raw</div>\n"),
            ("index.html", "<p>index</p>\n"),
            ("guide/index.html", "<p>guide</p>\n"),
            (
                "read.md",
                "# Head\n\nA *word*, a [link](page.html).\n\n| a | b |\n|---|---|\n| 1 | 2 |\n",
            ),
        ] {
            fs::write(folder.join("html").join(name), text).unwrap();
        }
    }
    let more = "\n[file_server]\ndocuments=html:html\nindexfile=index.html\n";
    let (old, new) = both_of(&program, project, more);
    let asked = |target: &str| {
        let request = Ask::get(target);
        (ask(old.address, &request), ask(new.address(), &request))
    };
    for name in ["page.html", "magic.html", "part.txt", "", "guide/", "guide/index.html"] {
        let (there, here) = asked(&format!("/html/{name}"));
        assert_eq!((there.status, here.status), (200, 200), "{name}");
        assert_eq!(kind(&there), kind(&here), "{name}");
        assert_eq!(there.text(), here.text(), "{name}");
    }
    // Of a page made of Markdown, what is in its body; the styles around it are told apart in the document.
    let (there, here) = asked("/html/read.md");
    assert_eq!((there.status, kind(&there)), (here.status, kind(&here)));
    for part in
        ["<em>word</em>", "<a href=\"page.html\">link</a>", "<th>a</th>", "<td>2</td>", "Head"]
    {
        assert!(
            there.text().contains(part) && here.text().contains(part),
            "{part}: {}",
            here.text()
        );
    }
    let document = fs::read_to_string(root().join("docs/from-pserve.md")).unwrap();
    let (there, here) = asked("/html/div.md");
    let raw = "<div class=\"x\">raw</div>";
    assert!(there.text().contains(raw) && !here.text().contains(raw), "{}", here.text());
    assert!(document.contains(RAW), "docs/from-pserve.md does not say: {RAW}");
    for (target, statuses, of, why) in [
        ("/html/guide", (200, 301), None, SLASH),
        ("/html/none.html", (404, 404), Some("text/html"), PAGES),
        ("/html/guide/none.html", (404, 404), Some("text/html"), PAGES),
        ("/html/../old.ini", (200, 400), Some("application/problem+json"), OUTSIDE),
    ] {
        let (there, here) = asked(target);
        assert_eq!((there.status, here.status), statuses, "{target}: {}", here.text());
        if let Some(of) = of {
            assert_eq!(kind(&here), of, "{target}");
        }
        assert!(document.contains(why), "docs/from-pserve.md does not say: {why}");
    }
}

#[test]
fn the_administration_has_the_keys_that_clients_of_pserve_know() {
    let Some(program) = pserve() else { return };
    let (old, new) = both(&program);
    let names = |answer: &Value| {
        let listed = answer["loaded_plugins"].as_array().unwrap().iter();
        let mut names: Vec<String> = listed.map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    for target in ["/plugins", "/reload/all"] {
        let asked = bearer(target, GLOBAL);
        let (there, here) = (ask(old.address, &asked), ask(new.address(), &asked));
        assert_eq!((there.status, here.status), (200, 200), "{target}");
        let (there, here) = (there.json(), here.json());
        assert_eq!(there["status"], here["status"], "{target}");
        // A plugin is named by its file here, and by its path there: `moved` owns /elsewhere.
        let mut ours = names(&here);
        ours.iter_mut().filter(|name| *name == "moved").for_each(|name| *name = "elsewhere".into());
        ours.sort();
        assert_eq!(names(&there), ours, "{target}");
    }
    let reloaded = ask(new.address(), &bearer("/reload/echo", GLOBAL)).json();
    assert_eq!((&reloaded["reloaded"], &reloaded["success"]), (&json!("echo"), &json!(true)));
    let unknown = ask(new.address(), &bearer("/reload/nothing", GLOBAL)).json();
    assert!(unknown["error"].is_string(), "{unknown}");
}
