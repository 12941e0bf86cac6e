//! What a request leaves behind for the next one.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Ask, Connection, Server, assert_tells, wait_until};

#[test]
fn nothing_that_a_handler_changes_is_there_for_the_next_request() {
    for script in [
        "let a = [];\nlet f = |x| { a.push(x); a.len() };\nconst C = f;\nget(|req| C.call(1));",
        "let a = #{ n: 0 };\nconst C = #{ f: || a };\nget(|req| { let f = C.f; let x = f.call(); x.n += 1; x.n });",
        "const A = [1];\nget(|req| { let a = A; a.push(2); a.len() - 1 });",
        "let a = [];\nlet f = |x| { a.push(x); a.len() };\nget(|req| f.call(1));",
        "let a = [];\nlet f = [|x| { a.push(x); a.len() }];\nget(|req| { let g = f[0]; g.call(1) });",
        "fn one() { let a = [1]; a.len() }\nget(|req| one());",
        "let a = [];\nlet f = |x| { a.push(x); a.len() };\nconst C = f;\nfn h(req) { C.call(1) }\nget(h);",
        "let a = [];\nconst C = #{ deep: [|x| { a.push(x); a.len() }] };\nfn h(req) { let f = C.deep[0]; f.call(1) }\nget(h);",
        "import \"lib/l\" as l;\nget(|req| l::up());",
        "let n = 0;\nbefore(|req| { let n = 5; null });\nget(|req| n + 1);",
        "get(|req| { let s = settings; s.x = 1; s.len() });",
    ] {
        for compiled in ["true", "false"] {
            let library = "let n = 0;\nconst UP = || { n += 1; n };\nfn up() { UP.call() }";
            let server =
                crate::harness::Project::new(&[("t.rhai", script), ("lib/l.rhai", library)])
                    .arg("--dev")
                    .env("HOTPLATE_LIMITS__COMPILE", compiled)
                    .start();
            for _ in 0..4 {
                assert_eq!(server.get("/t").ok(), "1", "{script}, compile = {compiled}");
            }
        }
    }
}

#[test]
fn a_state_that_only_grows_is_flagged_and_told_once() {
    let server = Server::start(&[
        (
            "leaks.rhai",
            "get(|req| { state::set(req.id, \"x\".repeat(5000)); \"kept\" });\ndelete(|req| { for key in state::keys() { state::delete(key); } });",
        ),
        ("fine.rhai", "get(|req| { state::incr(\"n\"); \"x\".repeat(5000) });"),
    ]);
    let mut connection = server.connect();
    for _ in 0..400 {
        assert_eq!(connection.ask(&Ask::get("/leaks")).ok(), "kept");
        assert_eq!(connection.ask(&Ask::get("/fine")).status, 200);
    }
    let told = server.plugin("leaks");
    assert!(told["leak"].as_str().is_some_and(|leak| leak.contains("`state` grew")), "{told}");
    assert_eq!(told["state"], "serving");
    assert_tells(&told["diagnostics"][0], &["leak", "does not shrink"]);
    assert!(server.plugin("fine")["leak"].is_null(), "{}", server.plugin("fine"));
    server.wait_for_log("does not shrink");
    assert_eq!(server.log().matches("does not shrink").count(), 1, "{}", server.log());
    // Once it is cleared, a plugin is under no suspicion any more.
    server.ask(Ask::new("DELETE", "/leaks"));
    wait_until("the flag is taken back", || {
        server.get("/leaks");
        server.plugin("leaks")["leak"].is_null()
    });
}

#[test]
fn a_call_that_logs_for_ever_is_cut_short_in_the_log() {
    let server = crate::harness::Project::new(&[(
        "t.rhai",
        "get(|req| { for i in 0..1200 { print(\"line \" + i); } \"done\" });",
    )])
    .env("HOTPLATE_LIMITS__SCRIPT_MS", "20000")
    .start();
    assert_eq!(server.get("/t").ok(), "done");
    server.wait_for_log("the rest of it is left out");
    assert_eq!(server.get("/t").ok(), "done");
    let log = server.terminate().stderr;
    assert_eq!(log.matches("the rest of it is left out").count(), 2);
    assert_eq!(log.matches("line 999\n").count() + log.matches("line 999 ").count(), 2, "{log}");
    assert!(!log.contains("line 1100"));
}

#[test]
fn a_log_that_nobody_reads_holds_up_nobody_and_what_was_lost_is_counted() {
    let project = crate::harness::Project::new(&[(
        "t.rhai",
        "get(|req| { print(\"x\".repeat(2000)); \"done\" });",
    )]);
    let mut child =
        project.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.split("://").nth(1).unwrap().split(' ').next().unwrap();
    let mut connection = Connection::open(address.parse().unwrap());
    // A pipe holds 64 KiB, and some thousand records may wait; each request has two.
    for _ in 0..6000 {
        assert_eq!(connection.ask(&Ask::get("/t")).ok(), "done");
    }
    let mut log = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).map(|_| text)
    });
    // It is looked every two seconds whether any were lost.
    std::thread::sleep(Duration::from_secs(3));
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
    let log = reading.join().unwrap().unwrap();
    assert!(log.contains("records were lost records="), "{} bytes", log.len());
    let last = log.lines().last().unwrap_or_default();
    assert!(last.contains("draining"), "{last}");
}

#[test]
fn what_a_script_throws_is_cut_short_in_the_log_and_forges_no_line() {
    let server = Server::start(&[(
        "t.rhai",
        "get(|req| { throw \"x\".repeat(1000000); });\nget(\"/forge\", |req| { throw \"a\\nERROR forged\\u001b[31m\"; });",
    )]);
    assert_eq!(server.get("/t").status, 500);
    assert_eq!(server.get("/t/forge").status, 500);
    let log = server.terminate().stderr;
    assert!(log.len() < 20_000, "{} bytes", log.len());
    assert!(!log.lines().any(|line| line.starts_with("ERROR forged")), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}

/// Bytes of memory that a server's process holds.
fn resident(server: &Server) -> usize {
    let pages = fs::read_to_string(format!("/proc/{}/statm", server.pid())).unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// Statements that make 4 MB of values that hold themselves.
const CIRCLES: &str = "for i in 0..20 { let a = #{ x: \"x\".repeat(100000) }; let b = [\"x\".repeat(100000)]; \
                       a.f = || b; b.push(|| a); let n = 0; let c = || n += 1; a.g = || c; }";

#[test]
fn values_that_hold_themselves_are_gone_after_their_run() {
    for compiled in ["true", "false"] {
        let handlers = format!(
            "import \"lib/made\" as made;\n\
             get(|req| {{ {CIRCLES} \"done\" }});\n\
             get(\"/throws\", |req| {{ {CIRCLES} throw \"x\"; }});\n\
             get(\"/fails\", |req| {{ {CIRCLES} fail(404, \"no\") }});\n\
             get(\"/spends\", |req| {{ {CIRCLES} loop {{ }} }});\n\
             get(\"/streams\", |req| stream(\"text/plain\", |out| {{ {CIRCLES} out.write(\"done\"); }}));\n\
             get(\"/imports\", |req| {{ made::circles(); \"done\" }});\n\
             get(\"/sorts\", |req| {{ [2, 1].map(|n| {{ {CIRCLES} n }}) }});\n\
             every(\"100ms\", || {{ {CIRCLES} }});"
        );
        let library = format!("fn circles() {{ {CIRCLES} }}");
        let server =
            crate::harness::Project::new(&[("t.rhai", &handlers), ("lib/made.rhai", &library)])
                .env("HOTPLATE_LIMITS__COMPILE", compiled)
                .env("HOTPLATE_LIMITS__SCRIPT_MS", "150")
                .start();
        let paths = [
            ("/t", 200),
            ("/t/throws", 500),
            ("/t/fails", 404),
            ("/t/spends", 503),
            ("/t/streams", 200),
            ("/t/imports", 200),
            ("/t/sorts", 200),
        ];
        let ask_all = || {
            for (path, status) in paths {
                assert_eq!(server.get(path).status, status, "{path}");
            }
        };
        ask_all();
        let before = resident(&server);
        // 220 MB, if nothing of it were freed.
        (0..8).for_each(|_| ask_all());
        let after = resident(&server);
        assert!(after < before + (100 << 20), "compile = {compiled}: {before} became {after}");
        assert!(server.plugin("t")["leak"].is_null(), "{}", server.plugin("t"));
    }
}

#[test]
fn versions_whose_top_level_holds_itself_do_not_add_up() {
    let server = crate::harness::Project::new(&[("t.rhai", "get(|req| 0);")])
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    let mut connection = server.connect();
    let mut reload = |version: usize| {
        let good = format!(
            "{CIRCLES}\nlet kept = #{{}}; kept.f = || kept;\nconst KEPT = \"k\";\n\
             on_start(|| {{ {CIRCLES} }});\non_stop(|| {{ {CIRCLES} }});\nget(|req| {version});"
        );
        let bad = format!("{CIRCLES}\nthrow {version};");
        for (text, status) in [(good, 200), (bad, 422)] {
            server.save("t.rhai", &text);
            assert_eq!(connection.ask(&Ask::post("/reload/t")).status, status, "{text}");
        }
        assert_eq!(connection.ask(&Ask::get("/t")).json(), version);
    };
    (0..3).for_each(&mut reload);
    let before = resident(&server);
    // 640 MB, if nothing of it were freed.
    (3..43).for_each(&mut reload);
    let after = resident(&server);
    assert!(after < before + (100 << 20), "{before} bytes became {after}");
}

#[test]
fn what_closures_share_is_one_variable_for_all_of_them_as_long_as_their_run() {
    let script = "const BASE = [1];\n\
        fn counter() { let n = 0; #{ up: || { n += 1; n }, now: || n } }\n\
        get(|req| {\n\
            let c = counter();\n\
            let up = c.up; let now = c.now;\n\
            call(up); call(up);\n\
            let list = []; let push = |x| { list.push(x); list.push(x); list.len() };\n\
            let many = [1, 2, 3].map(|x| push.call(x));\n\
            let base = BASE; let grow = || { base.push(2); base.len() };\n\
            let tree = #{ name: \"root\", children: [] };\n\
            tree.add = |name| tree.children.push(name);\n\
            let add = tree.add; call(add, \"a\"); call(add, \"b\");\n\
            let adders = []; for i in 0..3 { adders.push(|x| x + i); }\n\
            let tagged = 1; tagged.tag = 7; let tell = || tagged;\n\
            [call(now), list.len(), many, call(grow), base.len(), BASE.len(), tree.children,\n\
             adders.map(|f| f.call(10)), tagged.tag, is_shared(list), type_of(list)]\n\
        });";
    let expected =
        serde_json::json!([2, 6, [2, 4, 6], 2, 2, 1, ["a", "b"], [12, 12, 12], 7, true, "array"]);
    for compiled in ["true", "false"] {
        let server = crate::harness::Project::new(&[("t.rhai", script)])
            .env("HOTPLATE_LIMITS__COMPILE", compiled)
            .start();
        for _ in 0..3 {
            assert_eq!(server.get("/t").json(), expected, "compile = {compiled}");
        }
    }
}
