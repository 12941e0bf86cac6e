//! Errors raised by real scripts, caught by them and judged by [`outcome`].

use rhai::{Dynamic, Engine, packages::Package};

use super::*;

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.register_global_module(rhai::packages::StandardPackage::new().as_shared_module());
    let mut module = Module::new();
    register(&mut module);
    engine.register_global_module(module.into());
    engine
}

fn eval(script: &str) -> Dynamic {
    engine().eval(script).unwrap()
}

fn raised(script: &str) -> Raised {
    outcome(engine().eval::<Dynamic>(script).unwrap_err())
}

fn problem_of(script: &str) -> Problem {
    match raised(script) {
        Raised::Problem(problem) => problem,
        other => panic!("{script} gave {other:?}"),
    }
}

#[test]
fn each_function_raises_its_status_with_nothing_text_or_members() {
    for (name, status) in RAISING {
        for arguments in ["", "\"why\"", "#{ detail: \"why\" }"] {
            let problem = problem_of(&format!("{name}({arguments})"));
            assert_eq!(problem.status(), status, "{name}({arguments})");
            let detail = (!arguments.is_empty()).then_some("why");
            assert_eq!(problem.detail_text(), detail, "{name}({arguments})");
        }
    }
}

#[test]
fn an_error_stands_where_a_value_is_wanted() {
    assert_eq!(eval("let x = 3 ?? not_found(\"no\"); x").as_int(), Ok(3));
    assert_eq!(problem_of("let x = () ?? not_found(\"no\"); x").status().as_u16(), 404);
}

#[test]
fn members_do_not_change_the_status_of_a_named_error() {
    assert_eq!(problem_of("conflict(#{ status: 200 })").status().as_u16(), 409);
}

#[test]
fn retry_after_becomes_a_header() {
    let response = problem_of("too_many_requests(#{ retry_after: 30 })").into_response();
    assert_eq!(response.header("retry-after"), Some("30"));
    for (value, header) in [("0.2", Some("1")), ("0", Some("0")), ("-1", None), ("\"soon\"", None)]
    {
        let problem = problem_of(&format!("unavailable(#{{ retry_after: {value} }})"));
        assert_eq!(problem.into_response().header("retry-after"), header, "{value}");
    }
}

#[test]
fn an_occurrence_is_named() {
    let member = |value: &str| {
        let problem = problem_of(&format!("conflict(#{{ instance: {value} }})"));
        serde_json::from_slice::<serde_json::Value>(&problem.body()).unwrap()["instance"].clone()
    };
    assert_eq!(member("\"/orders/7\""), "/orders/7");
    assert_eq!(member("7"), serde_json::Value::Null);
}

#[test]
fn fail_takes_only_error_statuses() {
    assert_eq!(problem_of("fail(451, \"law\")").status().as_u16(), 451);
    assert_eq!(problem_of("fail(507)").status().as_u16(), 507);
    for bad in ["200", "399", "600", "-1", "99999999"] {
        assert!(matches!(raised(&format!("fail({bad}, \"x\")")), Raised::Fault(_)), "{bad}");
    }
}

#[test]
fn a_thrown_map_with_an_error_status_is_a_problem_and_other_values_are_faults() {
    assert_eq!(problem_of("throw #{ status: 418, title: \"Tea\" }").status().as_u16(), 418);
    for fault in ["throw \"text\"", "throw #{ status: 200 }", "throw 404", "throw", "1 + nope"] {
        assert!(matches!(raised(fault), Raised::Fault(_)), "{fault}");
    }
}

#[test]
fn an_error_inside_functions_keeps_its_status() {
    let problem = problem_of("fn a() { b() } fn b() { gone() } fn gone() { fail(410) } a()");
    assert_eq!(problem.status().as_u16(), 410);
}

#[test]
fn catch_sees_the_status_and_the_detail() {
    let seen =
        eval("let r = (); try { not_found(\"no 7\") } catch (e) { r = e.status + e.detail } r");
    assert_eq!(seen.into_string().unwrap(), "404no 7");
}

#[test]
fn problem_names_anything_caught() {
    let status = |throwing: &str, wanted: &str| {
        let script =
            format!("let r = (); try {{ {throwing} }} catch (e) {{ r = problem(e).{wanted}; }} r");
        eval(&script).to_string()
    };
    assert_eq!(status("throw \"text\"", "status"), "500");
    assert_eq!(status("throw \"text\"", "detail"), "text");
    assert_eq!(status("throw #{ status: 409 }", "title"), "Conflict");
    assert_eq!(status("throw [1]", "detail"), "an array was thrown");
    assert_eq!(status("throw 5", "detail"), "5");
    assert_eq!(status("let a = [1]; a[9]", "status"), "500");
    assert!(status("let a = [1]; a[9]", "detail").contains("out of bounds"));
    let nested = "fn f() { [1][9] } let r = (); try { f() } catch (e) { r = problem(e).detail; } r";
    assert!(eval(nested).to_string().contains("out of bounds"));
}

#[test]
fn attempt_falls_back_with_what_catch_would_see() {
    assert_eq!(eval("attempt(|| 1, |e| 2)").as_int(), Ok(1));
    assert_eq!(eval("attempt(|| not_found(), |e| e.status)").as_int(), Ok(404));
    assert_eq!(eval("attempt(|| not_found(), || 7)").as_int(), Ok(7));
    assert_eq!(eval("attempt(|| throw \"x\", |e| e)").into_string().unwrap(), "x");
    assert!(eval("attempt(|| [1][9], |e| e.message)").into_string().unwrap().contains("bounds"));
    assert_eq!(eval("let n = 4; attempt(|| throw n, |e| e + n)").as_int(), Ok(8));
}

#[test]
fn attempt_passes_on_what_its_fallback_raises() {
    assert_eq!(problem_of("attempt(|| throw 1, |e| conflict())").status().as_u16(), 409);
}

#[test]
fn a_stopped_script_is_spent_and_attempt_does_not_hold_it() {
    let mut engine = engine();
    engine.on_progress(|ticks| (ticks > 1000).then_some(Dynamic::UNIT));
    let error = engine.eval::<Dynamic>("attempt(|| { loop {} }, |e| 1)").unwrap_err();
    assert!(matches!(outcome(error), Raised::Spent));
}
