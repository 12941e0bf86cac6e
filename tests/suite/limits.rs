//! Bad input and scripts that take too much: each gets a clear error, and nothing else is disturbed.

use std::time::{Duration, Instant};

use crate::harness::{Answer, Ask, Project, Server, assert_problem, assert_tells, refusal, within};

/// One worker, short deadlines that come before any count of operations, and a plugin that must go on answering.
fn tight(script: &str) -> Server {
    Project::new(&[("t.rhai", script), ("ok.rhai", "get(|r| \"ok\");")])
        .arg("--dev")
        .env("HOTPLATE_NETWORK__WORKERS", "1")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "1000")
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .start()
}

/// Asks for `/t`, which must end with a fault, while `/ok` answers on time.
#[track_caller]
fn assert_contained(script: &str, status: u16) -> Answer {
    let server = tight(script);
    let mut bad = server.connect();
    bad.begin(&Ask::get("/t"));
    let began = Instant::now();
    assert_eq!(server.get("/ok").ok(), "ok");
    assert!(began.elapsed() < Duration::from_millis(800), "the other waited {:?}", began.elapsed());
    let answer = bad.answer(false).expect("an answer");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_problem(&answer, status);
    assert_eq!(server.get("/ok").ok(), "ok");
    answer
}

#[test]
fn a_looping_handler_ends_at_its_deadline_while_others_answer() {
    let answer = assert_contained("get(|r| {\n  let n = 0;\n  loop {\n    n += 1;\n  }\n});", 503);
    assert!(answer.header("retry-after").is_some());
    assert!(answer.json()["error_id"].is_string());
    assert_tells(&answer.json()["rendered"], &["t.rhai:", "script_ms"]);
}

#[test]
fn a_loop_that_swallows_its_errors_ends_too() {
    assert_contained("get(|r| { loop { try { loop { } } catch (e) { } } });", 503);
    assert_contained(
        "get(|r| { let a = []; for i in 0..2000 { a.push(i); } a.sort(|x, y| { loop { } }); a });",
        503,
    );
    assert_contained(
        "get(|r| { let a = []; for i in 0..100000 { a.push(i); } a.map(|x| { let n = 0; while n < 1000 { n += 1; } n }); 1 });",
        503,
    );
}

#[test]
fn many_looping_handlers_do_not_stop_others() {
    let server = tight("get(|r| { loop { } });");
    let mut bad: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for connection in &mut bad {
        connection.begin(&Ask::get("/t"));
    }
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(began.elapsed() < Duration::from_millis(2500), "{:?}", began.elapsed());
    }
    for connection in &mut bad {
        assert_eq!(connection.answer(false).expect("an answer").status, 503);
    }
}

#[test]
fn deep_recursion_is_an_error() {
    let answer = assert_contained("fn down(n) { down(n + 1) }\nget(|r| down(0));", 500);
    assert_tells(&answer.json()["rendered"], &["call_depth", "t.rhai:2"]);
}

#[test]
fn a_sleep_ends_with_its_request() {
    let server = tight("get(|r| { sleep(3600.0); 1 });");
    let answer = server.get("/t");
    assert!([500, 503].contains(&answer.status), "{}", answer.text());
    assert_eq!(server.get("/ok").ok(), "ok");
}

#[test]
fn bombs_of_memory_are_stopped() {
    for bomb in [
        "let s = \"x\"; loop { s += s; }",
        "let a = [1]; loop { a += a; }",
        "let s = \"aaaaaaaaaa\"; loop { s.replace(\"a\", \"aaaaaaaaaa\"); }",
        "let s = \"x\"; s.pad(9000000000, \"y\"); 1",
        "let b = blob(9000000000, 1); 1",
        "let a = []; a.pad(9000000000, 1); 1",
        "\"x\".repeat(9000000000)",
        "let m = #{}; let n = 0; loop { m[`${n}`] = \"x\".repeat(100000); n += 1; }",
    ] {
        let server = tight(&format!("get(|r| {{ {bomb} }});"));
        let answer = server.get("/t");
        assert!([500, 503].contains(&answer.status), "{bomb}: {} {}", answer.status, answer.text());
        assert_eq!(server.get("/ok").ok(), "ok", "{bomb}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_an_error() {
    let server = Project::new(&[
        ("t.rhai", "get(|r| \"x\".repeat(100000));\nget(\"/j\", |r| { let a = []; for i in 0..30000 { a.push(\"xxxx\"); } a });"),
        ("ok.rhai", "get(|r| \"ok\");"),
    ])
    .arg("--dev")
    .env("HOTPLATE_LIMITS__OUTPUT_BYTES", "50000")
    .start();
    for path in ["/t", "/t/j"] {
        let answer = server.get(path);
        assert_problem(&answer, 500);
        assert_tells(&answer.json()["rendered"], &["output_bytes", "t.rhai:"]);
    }
    assert_eq!(server.get("/ok").ok(), "ok");
}

#[test]
fn a_chain_of_closures_is_dropped_without_harm() {
    let server = tight(
        "get(|r| { let f = || 0; for i in 0..60000 { let g = f; f = || g.call(); } \"built\" });",
    );
    assert!([200, 500, 503].contains(&server.get("/t").status));
    assert_eq!(server.get("/ok").ok(), "ok");
}

#[test]
fn what_panics_in_a_native_is_a_fault_of_one_request() {
    for expression in [
        "-9223372036854775808 / -1",
        "-9223372036854775808 % -1",
        "1 << 200",
        "1.0e300.to_int()",
        "[1][-9223372036854775808]",
        "time::add(time::now(), \"99999999999999h\")",
    ] {
        let server = tight(&format!("get(|r| json({expression}));"));
        let answer = server.get("/t");
        assert!(
            answer.status == 200 || answer.status == 500 || server.plugin("t")["state"] == "failed",
            "{expression}: {}",
            answer.text()
        );
        assert_eq!(server.get("/ok").ok(), "ok", "{expression}");
    }
}

#[test]
fn loading_has_a_budget_of_its_own() {
    for top in [
        "loop { }",
        "sleep(3600.0);",
        "fn down(n) { down(n + 1) }\ndown(0);",
        "let s = \"x\"; loop { s += s; }",
    ] {
        let server = Project::new(&[("ok.rhai", "get(|r| \"ok\");")])
            .env("HOTPLATE_LIMITS__LOAD_MS", "200")
            .arg("--dev")
            .start();
        server.save("t.rhai", &format!("{top}\nget(|r| 1);"));
        let report = server.report();
        assert_eq!(report["failed"][0], "t", "{top}: {report}");
        assert_eq!(server.get("/ok").ok(), "ok", "{top}");
    }
    let fault = refusal("let n = 0;\nloop { n += 1; }");
    assert_tells(&fault, &["t.rhai:2", "on_start"]);
}

#[test]
fn others_are_served_while_a_plugin_takes_its_time_to_load() {
    let server = Project::new(&[("ok.rhai", "get(|r| \"ok\");")])
        .env("HOTPLATE_LIMITS__LOAD_MS", "1000")
        .start();
    server.save("t.rhai", "loop { }");
    let mut reloading = server.connect();
    reloading.begin(&Ask::post("/reload/all"));
    for _ in 0..20 {
        let began = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    }
    assert_eq!(reloading.answer(false).expect("an answer").status, 422);
}

#[test]
fn scripts_that_are_none_are_refused() {
    let server = Server::dev(&[("ok.rhai", "get(|r| \"ok\");")]);
    let large = format!("// {}\nget(|r| 1);", "x".repeat(10 << 20));
    server.write("large.rhai", large.as_bytes());
    server.write("binary.rhai", &[0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe, 1]);
    server.write("utf16.rhai", &[0xff, 0xfe, b'g', 0, b'e', 0, b't', 0]);
    server.write("nul.rhai", b"get(|r| 1);\0\0");
    std::fs::create_dir(server.plugins().join("folder.rhai")).unwrap();
    let report = server.report();
    let failed: Vec<_> =
        report["failed"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(failed, ["binary", "large", "nul", "utf16"]);
    for name in failed {
        let told = &server.plugin(name)["diagnostics"][0];
        assert_tells(told, &[&format!("{name}.rhai")]);
    }
    assert_tells(&server.plugin("large")["diagnostics"][0], &["1 MiB"]);
    assert_tells(&server.plugin("binary")["diagnostics"][0], &["UTF-8"]);
    assert_eq!(server.get("/ok").ok(), "ok");
}

#[test]
fn a_script_of_very_many_functions_is_loaded_or_refused_in_time() {
    let server = Server::dev(&[("ok.rhai", "get(|r| \"ok\");")]);
    // As many as the largest script may hold, and more than that.
    for (name, bytes) in [("fits", (1 << 20) - 4096), ("large", 3 << 19)] {
        let mut text = String::new();
        for n in 0.. {
            let function = format!("fn f{n}(){{{n}}}\n");
            if text.len() + function.len() > bytes {
                break;
            }
            text.push_str(&function);
        }
        text.push_str("get(|r| f7());");
        server.write(&format!("{name}.rhai"), text.as_bytes());
        let mut loading = server.connect();
        loading.begin(&Ask::post(&format!("/reload/{name}")));
        let began = Instant::now();
        assert_eq!(server.get("/ok").ok(), "ok");
        assert!(began.elapsed() < Duration::from_millis(800), "{:?}", began.elapsed());
        let answer = loading.answer(false).unwrap();
        let took = began.elapsed();
        assert!(took < within(Duration::from_secs(2)), "{name}: {took:?}");
        match answer.status {
            200 => assert_eq!(server.get(&format!("/{name}")).json(), 7),
            422 => assert!(server.plugin(name)["diagnostics"][0]["message"].is_string()),
            other => panic!("{name}: {other}"),
        }
    }
    assert_tells(&server.plugin("large")["diagnostics"][0], &["1 MiB"]);
}

#[test]
fn every_limit_may_be_a_plugins_own_and_is_shown() {
    let limits = [
        ("script_ms", [1500, 1700]),
        ("load_ms", [1600, 1800]),
        ("operations", [2_000_000, 3_000_000]),
        ("call_depth", [40, 30]),
        ("memory_bytes", [20 << 20, 30 << 20]),
        ("output_bytes", [2 << 20, 3 << 20]),
        ("stream_bytes", [6 << 20, 7 << 20]),
        ("concurrency", [7, 8]),
        ("queue", [9, 10]),
        ("store_bytes", [3 << 20, 4 << 20]),
        ("files_bytes", [5 << 20, 6 << 20]),
    ];
    let lines = |whose: usize| {
        let lines = limits.iter().map(|(name, values)| format!("{name} = {}", values[whose]));
        lines.collect::<Vec<_>>().join("\n")
    };
    let config = format!("[limits]\n{}\n[plugins.t.limits]\n{}\n", lines(0), lines(1));
    let server = Project::new(&[("t.rhai", "get(|r| 1);"), ("other.rhai", "get(|r| 1);")])
        .config(&config)
        .start();
    for (plugin, whose) in [("other", 0), ("t", 1)] {
        let shown = &server.plugin(plugin)["limits"];
        for (name, values) in &limits {
            assert_eq!(shown[name], values[whose], "{plugin}: {name}");
        }
    }
}

#[test]
fn all_scripts_together_hold_no_more_than_they_may() {
    let holds = "get(|req| { let held = blob(12000000); sleep(1.0); held.len() });";
    let server =
        Project::new(&[("holds.rhai", holds), ("ok.rhai", "get(|req| blob(900000).len());")])
            .config("[limits]\nmemory_bytes = 16777216\ntotal_memory_bytes = 33554432\n")
            .start();
    for _ in 0..2 {
        let mut all: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for connection in &mut all {
            connection.begin(&Ask::get("/holds"));
        }
        // Who holds little need not ask.
        assert_eq!(server.get("/ok").ok(), "900000");
        let answers: Vec<_> = all.iter_mut().map(|c| c.answer(false).expect("an answer")).collect();
        let (held, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((held.len(), refused.len()), (2, 4));
        for answer in refused {
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
            assert!(answer.text().contains("too much memory together"), "{}", answer.text());
        }
    }
    assert_eq!(server.plugin("holds")["limits"]["total_memory_bytes"], 33_554_432);
    assert_eq!(server.plugin("holds")["refused"], 8);
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let server =
        Server::start(&[("bom.rhai", "\u{feff}get(|r| \"ok\");\r\nget(\"/x\", |r| \"x\");\r\n")]);
    assert_eq!(server.get("/bom").ok(), "ok");
    assert_eq!(server.get("/bom/x").ok(), "x");
}

#[test]
fn nested_text_does_not_end_the_parser() {
    let server = Server::dev(&[("ok.rhai", "get(|r| \"ok\");")]);
    for (name, text) in [
        ("brackets", "[".repeat(50_000)),
        ("blocks", "{".repeat(50_000)),
        ("signs", format!("let x = {}1;", "-".repeat(50_000))),
        ("dots", format!("let x = a{};", ".b".repeat(50_000))),
        ("sums", format!("let x = 1{};", " + 1".repeat(50_000))),
        ("ticks", "`${".repeat(20_000)),
        ("comments", "/*".repeat(50_000)),
        ("ifs", "if true {} else ".repeat(20_000)),
    ] {
        server.write(&format!("{name}.rhai"), text.as_bytes());
        server.report();
        assert_eq!(server.get("/ok").ok(), "ok", "{name}");
    }
}

#[test]
fn limits_can_be_set_for_one_plugin() {
    let server = Project::new(&[("t.rhai", "get(|r| { loop { } });"), ("o.rhai", "get(|r| 1);")])
        .config("[plugins.t.limits]\nscript_ms = 50\n")
        .start();
    let began = Instant::now();
    assert_eq!(server.get("/t").status, 503);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(server.plugin("t")["limits"]["script_ms"], 50);
    assert_eq!(server.plugin("o")["limits"]["script_ms"], 2000);
}

#[test]
fn callers_beyond_the_queue_are_turned_away() {
    let server =
        Project::new(&[("t.rhai", "get(|r| { loop { } });"), ("ok.rhai", "get(|r| \"ok\");")])
            .config("[plugins.t.limits]\nscript_ms = 500\nconcurrency = 1\nqueue = 1\n")
            .start();
    let mut all: Vec<_> = (0..6).map(|_| server.connect()).collect();
    let began = Instant::now();
    for connection in &mut all {
        connection.begin(&Ask::get("/t"));
    }
    let mut times = Vec::new();
    for connection in &mut all {
        let answer = connection.answer(false).expect("an answer");
        assert_eq!(answer.status, 503);
        assert!(answer.header("retry-after").is_some());
        times.push(began.elapsed());
    }
    assert_eq!(server.get("/ok").ok(), "ok");
    assert!(began.elapsed() < Duration::from_secs(3), "{times:?}");
}

/// Each limit of a plugin's own stops it, while another one that does the same has those of all.
#[test]
fn each_limit_of_a_plugins_own_is_enforced() {
    for (limit, script, status) in [
        ("operations = 1000", "get(|| { let n = 0; while n < 5000 { n += 1; } n });", 503),
        (
            "operations = 1000",
            "get(|| { let a = []; a.pad(5000, 1); a.map(|x| x + 1).len() });",
            503,
        ),
        ("call_depth = 8", "fn f(n) { if n == 0 { 0 } else { 1 + f(n - 1) } } get(|| f(20));", 500),
        ("memory_bytes = 1048576", "get(|| { let a = \"x\".repeat(2000000); a.len() });", 503),
        (
            "memory_bytes = 1048576",
            "get(|| { let a = []; for n in 0..3000 { a.push(\"y\".repeat(1000)); } a.len() });",
            503,
        ),
        ("output_bytes = 1000", "get(|| \"x\".repeat(2000));", 500),
        ("script_ms = 50", "get(|| { sleep(0.3); 1 });", 503),
    ] {
        let config = format!("[plugins.tight.limits]\n{limit}\n");
        let files = [("tight.rhai", script), ("free.rhai", script)];
        let server = Project::new(&files).config(&config).start();
        let (tight, free) = (server.get("/tight"), server.get("/free"));
        assert_eq!(tight.status, status, "{limit}: {}", tight.text());
        assert_eq!(free.status, 200, "{limit}: {}", free.text());
        let own = &server.plugin("tight")["limits"];
        let (name, value) = limit.split_once(" = ").unwrap();
        assert_eq!(own[name].to_string(), value, "{limit}");
    }
}
