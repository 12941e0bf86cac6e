//! `hotplate check`, and compiled functions held against the interpreter.

use serde_json::{Value, json};

use crate::harness::{Project, Server, assert_problem, wait_until};

#[test]
fn what_can_be_served_as_written_ends_with_0() {
    let project =
        Project::new(&[("a.rhai", "get(|| 1); get(\"/b\", || 2);"), ("b.rhai", "get(|| 1);")]);
    let ended = project.hotplate(&["check"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "2 plugins with 3 routes: 0 errors, 0 warnings\n");
    assert_eq!(ended.stderr, "");
}

#[test]
fn what_cannot_is_told_with_its_line_and_ends_with_1() {
    let project = Project::new(&[
        ("a.rhai", "get(|| 1);"),
        ("b.rhai", "get(|| \"x\".to_uper());"),
        ("none.rhai", "let a = 1;"),
    ]);
    let ended = project.hotplate(&["check"]);
    assert_eq!(ended.status.code(), Some(1));
    for words in ["b.rhai:1:", "did you mean `to_upper`?", "warning", "none.rhai"] {
        assert!(ended.stderr.contains(words), "{}", ended.stderr);
    }
    assert_eq!(ended.stdout, "2 plugins with 1 route: 1 error, 1 warning\n");
    let ended = project.hotplate(&["check", "--json"]);
    assert_eq!(ended.status.code(), Some(1));
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["errors"], &told["warnings"]), (&json!(1), &json!(1)));
    let fault = &told["diagnostics"].as_array().unwrap()[0];
    assert_eq!((&fault["plugin"], &fault["line"]), (&json!("b"), &json!(1)));
}

#[test]
fn what_cannot_be_found_out_ends_with_2() {
    let project = Project::new(&[("a.rhai", "get(|| 1);")]);
    let ended = project.hotplate(&["check", "--plugins", "nowhere"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("nowhere"), "{}", ended.stderr);
    project.save_config("[network]\nport = \"many\"\n");
    let ended = project.hotplate(&["check"]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.stderr.contains("hotplate.toml:2"), "{}", ended.stderr);
}

#[test]
fn what_is_interpreted_is_told_with_why_and_where() {
    let script = "fn left() {\n  if false { exit(1) }\n  1\n}\nget(|| left());\nget(\"/b\", || 2);\non_start(|| 3);";
    let project = Project::new(&[("a.rhai", script), ("b.rhai", "get(|| 1);")]);
    let ended = project.hotplate(&["check", "--compiled"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "a: 2 of 3 handlers, hooks and jobs compiled\n  \
         a.rhai:2:14: left is interpreted: `exit`\n\
         b: 1 of 1 handlers, hooks and jobs compiled\n\
         2 plugins with 3 routes: 0 errors, 0 warnings\n"
    );
    let ended = project.hotplate(&["check", "--compiled", "--json"]);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    let a = &told["plugins"][0];
    assert_eq!((&a["functions"], &a["compiled"]), (&json!(3), &json!(2)));
    let why =
        json!({ "function": "left", "why": "`exit`", "file": "a.rhai", "line": 2, "column": 14 });
    assert_eq!(a["interpreted"], json!([why]));
}

#[test]
fn closures_and_imported_functions_that_are_interpreted_are_told_too() {
    let project = Project::new(&[
        (
            "a.rhai",
            "fn f(x) { if false { exit(1) } x }\nget(|| [1].map(|x| f(x)));\nget(\"/b\", || [1].map(|x| f(x)));",
        ),
        // Captured at the top, and in a constant.
        (
            "b.rhai",
            "let held = |x| exit(x);\nconst KEPT = #{ f: [|x| exit(x)] };\nget(|| held.call(1) + KEPT.f[0].call(1));",
        ),
        ("c.rhai", "import \"lib/one\" as one;\nfn helper(x) { x }\nget(|| one::calls(1));"),
        // All of it is compiled, also closures that capture what is no variable.
        (
            "d.rhai",
            "const RATE = 3;\nlet held = |x| x * 2;\nfn taxed(a) { a.map(|x| x * RATE) }\nget(|| taxed([held.call(1)]));",
        ),
    ]);
    std::fs::create_dir(project.plugins().join("lib")).unwrap();
    project.save("lib/one.rhai", "fn helper(x) { x }\nfn calls(x) {\n  helper(x) }");
    let ended = project.hotplate(&["check", "--compiled"]);
    assert_eq!(ended.status.code(), Some(0), "{}", ended.stderr);
    assert_eq!(
        ended.stdout,
        "a: 2 of 2 handlers, hooks and jobs compiled\n  \
         a.rhai:1:22: f is interpreted: `exit`\n\
         b: 1 of 1 handlers, hooks and jobs compiled\n  \
         b.rhai:1:16: a closure is interpreted: `exit`\n  \
         b.rhai:2:25: a closure is interpreted: `exit`\n\
         c: 1 of 1 handlers, hooks and jobs compiled\n  \
         lib/one.rhai:3:3: calls is interpreted: the script or another library has a `helper`, too, as its library has\n\
         d: 1 of 1 handlers, hooks and jobs compiled\n\
         4 plugins with 5 routes: 0 errors, 0 warnings\n"
    );
    let server = project.start();
    assert_eq!(server.get("/d").json(), json!([6]));
    let told =
        json!([{ "function": "f", "why": "`exit`", "file": "a.rhai", "line": 1, "column": 22 }]);
    assert_eq!(server.plugin("a")["interpreted"], told);
}

/// A server whose scripts are held against the interpreter.
fn checking(script: &str) -> Server {
    Project::new(&[("t.rhai", script)])
        .arg("--dev")
        .env("HOTPLATE_LIMITS__SELF_CHECK", "true")
        .start()
}

#[test]
fn calls_without_effects_are_interpreted_too_and_compared() {
    let server = checking(
        "fn twice(n) { n * 2 }\nget(|| twice(21));\nget(\"/fails\", || { [1][5] });\n\
         get(\"/answer\", |req| created(#{ path: req.path }, \"/x\"));",
    );
    for _ in 0..3 {
        assert_eq!(server.get("/t").json(), 42);
    }
    assert_problem(&server.get("/t/fails"), 500);
    assert_eq!(server.get("/t/answer").json(), json!({ "path": "/t/answer" }));
    assert_eq!(server.plugin("t")["self_check"], json!({ "calls": 5, "differences": [] }));
}

#[test]
fn calls_with_effects_are_run_once() {
    let server = checking(
        "get(|| state::incr(\"n\"));\nget(\"/log\", || { log::info(\"said\"); 1 });\n\
         get(\"/time\", || time::unix());\nget(\"/random\", || crypto::uuid());\n\
         get(\"/store\", || store::count(\"c\"));\nget(\"/wait\", || { sleep(0.001); 1 });\n\
         get(\"/stamp\", || { timestamp(); 1 });",
    );
    for n in 1..=3 {
        assert_eq!(server.get("/t").json(), n);
    }
    for path in ["log", "time", "random", "store", "wait", "stamp"] {
        server.get(&format!("/t/{path}")).ok();
    }
    assert_eq!(server.log().matches("said").count(), 1);
    assert_eq!(server.plugin("t")["self_check"], json!({ "calls": 0, "differences": [] }));
}

#[test]
fn what_is_changed_in_a_session_is_changed_once() {
    let server = checking(
        "before(|req| { req.session.seen; null });\n\
         get(|req| { req.session.n = (req.session.n ?? 0) + 1; req.session.n });",
    );
    assert_eq!(server.get("/t").json(), 1);
    assert_eq!(server.plugin("t")["self_check"], json!({ "calls": 0, "differences": [] }));
}

#[test]
fn a_difference_is_told_once_and_counted() {
    // The one that docs/scripting.md admits: numbers lose their tags when they are copied.
    let server = checking("get(|| { let a = 1; a.tag = 7; let b = a; b.tag });");
    for _ in 0..3 {
        assert_eq!(server.get("/t").json(), 0);
    }
    let told = json!([{
        "file": "t.rhai", "line": 1, "calls": 3, "compiled": "i64 0", "interpreted": "i64 7",
    }]);
    assert_eq!(server.plugin("t")["self_check"], json!({ "calls": 3, "differences": told }));
    // What is logged is read by another thread.
    wait_until("it is told", || server.log().contains("self-check"));
    assert_eq!(server.log().matches("self-check").count(), 1, "{}", server.log());
}

#[test]
fn what_holds_itself_is_compared_without_harm() {
    let server = checking(
        "get(|| { let a = []; let f = || a; a.push(1); a.push(a); f.call() });\nget(\"/thrown\", || {\n  \
         let m = #{}; let f = || m; m.m = m; throw m });\nget(\"/well\", || 1);",
    );
    server.get("/t");
    server.get("/t/thrown");
    assert_eq!(server.get("/t/well").json(), 1);
    assert_eq!(server.plugin("t")["self_check"], json!({ "calls": 3, "differences": [] }));
}

#[test]
fn nothing_is_compared_unless_it_is_asked_for() {
    let server = Server::dev(&[("t.rhai", "get(|| 1);")]);
    assert_eq!(server.get("/t").json(), 1);
    assert_eq!(server.plugin("t")["self_check"], Value::Null);
}
