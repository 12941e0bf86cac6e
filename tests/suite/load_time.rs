//! Scripts that take long before they run, or have more wrong than anybody reads: a load ends in its time.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::harness::Project;

/// `load_ms` of these tests, for each of the two parts of a load.
const LOAD: Duration = Duration::from_millis(400);

/// What else a reload takes on a busy machine.
const MARGIN: Duration = Duration::from_secs(4);

/// Loads a script, which must not be served; what is wrong with it.
#[track_caller]
fn refused_in_time(script: &str) -> Vec<Value> {
    assert!(script.len() < 1 << 20, "{} bytes are no script", script.len());
    let server = Project::new(&[("ok.rhai", "get(|r| \"ok\");")])
        .env("HOTPLATE_LIMITS__LOAD_MS", &LOAD.as_millis().to_string())
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    server.save("t.rhai", script);
    let began = Instant::now();
    let report = server.report();
    let time = began.elapsed();
    assert_eq!(report["failed"], serde_json::json!(["t"]));
    assert!(time < 2 * LOAD + MARGIN, "it took {time:?}: {}", report["diagnostics"][0]);
    assert_eq!(server.get("/ok").ok(), "ok");
    report["diagnostics"].as_array().cloned().unwrap_or_default()
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{}", line(number)).unwrap();
        text
    })
}

/// A short name of its own for each number.
fn name(number: usize) -> String {
    let letter = |number: usize| char::from(b'a' + u8::try_from(number % 26).unwrap());
    [26 * 26 * 26, 26 * 26, 26, 1].iter().map(|place| letter(number / place)).collect()
}

#[test]
fn a_name_that_is_unknown_everywhere() {
    let faults = refused_in_time(&"q;\n".repeat(340_000));
    assert!(faults.len() <= 20, "{} faults", faults.len());
    for fault in &faults {
        let code = fault["code"].as_str();
        assert!(matches!(code, Some("unknown-variable" | "load-budget")), "{fault}");
    }
}

#[test]
fn many_functions_and_many_calls_of_none() {
    let functions = lines(30_000, |n| format!("fn f{n}(){{}}"));
    let calls = lines(60_000, |n| format!("g{n}();"));
    let faults = refused_in_time(&format!("{functions}{calls}"));
    assert!(faults.len() <= 20, "{} faults", faults.len());
}

#[test]
fn a_few_faults_among_many_functions_are_told_with_their_lines() {
    let faults = refused_in_time("fn f() { }\nf(1);\ng();\nh;\n");
    let lines: Vec<_> = faults.iter().map(|fault| fault["line"].as_u64()).collect();
    assert_eq!(lines, [Some(2), Some(3), Some(4)], "{faults:?}");
}

#[test]
fn many_variables_of_the_top_level() {
    let faults = refused_in_time(&(lines(100_000, |n| format!("let {};", name(n))) + "q;"));
    assert_eq!(faults.len(), 1, "{faults:?}");
}

#[test]
fn many_imports_of_what_is_not_there() {
    let faults = refused_in_time(&lines(30_000, |n| format!("import \"lib/{}\" as a;", name(n))));
    assert!(faults.len() <= 20, "{} faults", faults.len());
}

#[test]
fn many_routes_with_a_handler_each() {
    let script = lines(40_000, |n| format!("get(\"/{}\",||{n});", name(n)));
    refused_in_time(&(script + "get(\"/x\", 1);"));
}

#[test]
fn loads_without_an_end_are_under_way_together_and_hold_up_no_other_for_longer_than_one() {
    let server = Project::new(&[("ok.rhai", "get(|r| \"ok\");")])
        .env("HOTPLATE_LIMITS__LOAD_MS", "1000")
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    for n in 0..40 {
        server.save(&format!("endless{n}.rhai"), "loop { }");
    }
    server.save("new.rhai", "get(|r| \"new\");");
    server.save("ok.rhai", "get(|r| \"changed\");");
    let began = Instant::now();
    let report = server.report();
    let time = began.elapsed();
    assert_eq!(report["failed"].as_array().map(Vec::len), Some(40), "{}", report["failed"]);
    // One after the other by twos they take twenty seconds.
    assert!(time < Duration::from_secs(8), "{time:?}");
    assert_eq!((server.get("/new").ok(), server.get("/ok").ok()), ("new".into(), "changed".into()));
}
