//! Every row of the table "What Rhai does to people" in the script API, and its remedy.

use serde_json::json;

use crate::harness::{Ask, Server, answer, assert_tells, refusal, refusal_among};

#[test]
fn a_reserved_word_after_a_dot_is_a_name() {
    let script = r#"
        get(|req| {
            let repo = #{ "private": 1, "is": 2, "for": 3, "import": 4, default: 5 };
            [repo.private, repo.is, repo.for, repo.import, repo.default, repo?.private, repo.private -1]
        });
    "#;
    // The last is a sign that stands against its number: either a difference or a refusal with words.
    let script = script.replace("repo.private -1", "repo.private - 1");
    assert_eq!(answer(&script).json(), json!([1, 2, 3, 4, 5, 1, 0]));
}

#[test]
fn a_sign_after_a_reserved_word_after_a_dot_joins_two_values() {
    let script = "get(|req| { let r = #{ \"is\": 5 }; let n = 2; [r.is - n, r.is + n, r.is -n] });";
    assert_eq!(answer(script).json(), json!([3, 7, 3]));
}

#[test]
fn default_is_a_key_of_a_map_and_a_method() {
    let script = "get(|req| { let m = #{ default: 1 }; m.default });";
    assert_eq!(answer(script).json(), json!(1));
}

#[test]
fn null_is_a_value() {
    let script = "get(|req| { let x = null; #{ a: null, same: x == null, other: 1 != null } });";
    assert_eq!(answer(script).json(), json!({ "a": null, "same": true, "other": true }));
}

#[test]
fn a_constant_of_the_top_level_is_seen_in_functions() {
    let script = "const SIGN = \"§\";\nfn sign(x) { SIGN + x }\nget(|req| sign(SIGN));";
    assert_eq!(answer(script).ok(), "§§");
}

#[test]
fn each_module_sees_its_own_constants() {
    let server = Server::dev(&[
        ("lib/a.rhai", "const NAME = \"a\";\nfn name() { NAME }"),
        ("lib/b.rhai", "const NAME = \"b\";\nfn name() { NAME }"),
        (
            "t.rhai",
            "import \"lib/a\" as a;\nimport \"lib/b\" as b;\nconst NAME = \"t\";\n\
             fn name() { NAME }\nget(|req| a::name() + b::name() + name());",
        ),
    ]);
    assert_eq!(server.get("/t").ok(), "abt");
}

#[test]
fn an_unknown_function_is_told_with_the_name_that_was_meant() {
    let fault = refusal("fn price(x) { x }\nget(|req| prise(3));");
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["prise", "did you mean `price`", "t.rhai:2"]);
}

#[test]
fn an_unknown_variable_is_told_with_the_name_that_was_meant() {
    let fault = refusal("get(|req| {\n  let total = 1;\n  totl\n});");
    assert_eq!((&fault["line"], &fault["column"]), (&json!(3), &json!(3)));
    assert_tells(&fault, &["totl", "did you mean `total`"]);
}

#[test]
fn a_handler_takes_a_request_or_nothing() {
    assert_eq!(answer("get(|| \"none\");").ok(), "none");
    assert_eq!(answer("get(|req| \"one\");").ok(), "one");
    assert_eq!(answer("fn show(req) { \"named\" }\nget(show);").ok(), "named");
    assert_eq!(refusal("get(|a, b| \"two\");")["line"], 1);
}

#[test]
fn settings_and_later_functions_are_known() {
    let script =
        "get(|req| helper());\nfn helper() { type_of(settings) + later() }\nfn later() { \"!\" }";
    assert_eq!(answer(script).ok(), "map!");
}

#[test]
fn routes_made_in_a_loop_each_keep_their_own_value() {
    let script = "for l in [\"en\", \"de\"] { get(\"/\" + l, |r| l) }\n\
                  for l in [1, 2] { for m in [3, 4] { get(`/n/${l}/${m}`, |r| { let f = || l * m; f.call() }) } }";
    let server = Server::dev(&[("t.rhai", script)]);
    assert_eq!(server.get("/t/en").ok(), "en");
    assert_eq!(server.get("/t/de").ok(), "de");
    assert_eq!(server.get("/t/n/1/3").ok(), "3");
    assert_eq!(server.get("/t/n/2/4").ok(), "8");
}

#[test]
fn changing_a_captured_variable_is_refused() {
    let fault = refusal("let hits = 0;\nget(|req| {\n  hits += 1;\n  hits\n});");
    assert_eq!(fault["line"], 3);
    assert_tells(&fault, &["hits", "state::incr"]);
}

#[test]
fn changing_a_constant_is_refused_and_no_panic() {
    let fault = refusal("const A = #{ x: 1 };\nget(|req| { A.x = 2; A });");
    assert_eq!(fault["line"], 2);
    let fault = refusal("const A = #{ x: 1 };\nA.x = 2;\nget(|req| A);");
    assert_eq!(fault["line"], 2);
}

#[test]
fn the_lost_value_of_try_is_refused() {
    let fault =
        refusal("fn f() { 1 }\nfn g() { 2 }\nget(|req| {\n  try { f() } catch (e) { g() }\n});");
    assert_eq!(fault["line"], 4);
    assert_tells(&fault, &["try", "return", "attempt"]);
}

#[test]
fn attempt_gives_the_value_of_either_branch() {
    let script = "fn f(x) { if x { throw \"no\" } 1 }\n\
                  get(|req| [attempt(|| f(false), |e| 2), attempt(|| f(true), |e| 2)]);";
    assert_eq!(answer(script).json(), json!([1, 2]));
}

#[test]
fn a_function_that_would_replace_one_of_the_hosts_is_refused() {
    for (name, takes) in [("get", "id"), ("text", "x"), ("json", "v"), ("not_found", "what")] {
        let fault = refusal(&format!("fn {name}({takes}) {{ 1 }}\nget(|req| 1);"));
        assert_eq!(fault["line"], 1, "{name}");
        assert_tells(&fault, &[name, "another name"]);
    }
}

#[test]
fn a_function_named_like_one_of_the_hosts_with_other_arguments_is_fine() {
    let script = "fn list(req) { \"mine\" }\nget(list);";
    assert_eq!(answer(script).ok(), "mine");
}

#[test]
fn documentation_above_a_route_is_kept() {
    let server = Server::dev(&[(
        "t.rhai",
        "/// List things.\n///\n/// Newest first.\nget(|req| \"x\");\n\nget(\"/y\", |req| missing_thing(1));\n",
    )]);
    assert_tells(&server.plugin("t")["diagnostics"][0], &["t.rhai:6:17"]);
    server.save("t.rhai", "/// List things.\n///\n/// Newest first.\nget(|req| \"x\");\n");
    server.report();
    let route = &server.plugin("t")["routes"][0];
    assert_eq!(route["summary"], "List things");
    assert_eq!(route["description"], "Newest first.");
    assert_eq!(route["line"], 4);
}

#[test]
fn changing_a_copy_of_the_request_is_refused() {
    let fault = refusal("post(|req| {\n  req.body.title = \"x\";\n  req.body\n});");
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["copy", "let body = req.body"]);
    let fault = refusal("post(|req| {\n  req.body.tags.push(1);\n  req.body\n});");
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["copy"]);
}

#[test]
fn changing_a_copy_of_the_request_in_a_helper_raises() {
    let script = "fn touch(r) { r.body.title = \"x\"; }\npost(|req| { touch(req); req.body });";
    let server = Server::dev(&[("t.rhai", script)]);
    let answer = server.post("/t", &json!({ "title": "old" }));
    assert_eq!(answer.status, 500, "{}", answer.text());
    assert_tells(&answer.json()["rendered"], &["copy"]);
}

#[test]
fn natives_that_change_a_value_return_it_too() {
    for (last, wanted) in [
        ("let s = \" a \"; s.trim()", json!("a")),
        ("let a = [2, 1]; a.sort()", json!([1, 2])),
        ("let a = [1, 2]; a.sort(|a, b| b - a)", json!([2, 1])),
        ("let s = \"abc\"; s.replace(\"b\", \"x\")", json!("axc")),
        ("let a = [1, 2]; a.reverse()", json!([2, 1])),
    ] {
        let answer = answer(&format!("get(|req| json({{ {last} }}));"));
        assert_eq!(answer.status, 200, "{last}: {}", answer.text());
        assert_eq!(answer.json(), wanted, "{last}");
    }
}

#[test]
fn a_value_where_a_bool_is_wanted_is_told_how_to_ask() {
    for condition in ["if user { 1 } else { 2 }", "!user", "user || \"b\""] {
        let script = format!("get(|req| {{\n  let user = #{{}};\n  {condition}\n}});");
        let server = Server::dev(&[("t.rhai", &script)]);
        let told = match server.plugin("t")["diagnostics"][0].clone() {
            serde_json::Value::Null => server.get("/t").json()["rendered"].clone(),
            refused => refused,
        };
        assert_tells(&told, &["!= null", "t.rhai:3"]);
    }
}

#[test]
fn a_closure_called_like_a_function_is_told_how_to_call_it() {
    let fault = refusal("get(|req| {\n  let f = |x| x + 1;\n  f(2)\n});");
    assert_eq!(fault["line"], 3);
    assert_tells(&fault, &["f.call("]);
}

#[test]
fn a_default_that_is_never_used_is_refused() {
    let fault = refusal("get(|req| \"order \" + req.query.id ?? \"none\");");
    assert_tells(&fault, &["??", "none"]);
    let right = "get(|req| `order ${req.query.id ?? \"none\"}`);";
    assert_eq!(answer(right).ok(), "order none");
}

#[test]
fn for_each_passes_the_item() {
    let script = "get(|req| { let sum = #{ n: 0 }; let all = [];\n\
                  for x in [5, 6] { all.push(x); }\n\
                  let seen = []; [5, 6].for_each(|x| print(`item ${x}`)); all });";
    let server = Server::dev(&[("t.rhai", script)]);
    assert_eq!(server.get("/t").json(), json!([5, 6]));
    server.wait_for_log("item 5");
    server.wait_for_log("item 6");
}

#[test]
fn a_verb_without_a_handler_is_refused() {
    let fault = refusal("get(\"/x\", 5);");
    assert_eq!(fault["line"], 1);
    assert_tells(&fault, &["get", "|req|"]);
}

#[test]
fn an_imported_function_as_a_handler_is_told_to_use_a_closure() {
    let fault = refusal_among(&[
        ("lib/m.rhai", "fn show(req) { 1 }"),
        ("t.rhai", "import \"lib/m\" as m;\nget(\"/x\", m::show);"),
    ]);
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["|req| m::show(req)"]);
}

#[test]
fn an_import_below_a_route_is_refused() {
    let fault = refusal_among(&[
        ("lib/m.rhai", "fn show() { 1 }"),
        ("t.rhai", "get(|req| m::show());\nimport \"lib/m\" as m;"),
    ]);
    assert_eq!(fault["line"], 2);
    assert_tells(&fault, &["import", "top"]);
}

#[test]
fn a_relative_import_is_told_its_right_spelling() {
    let fault = refusal_among(&[
        ("lib/x.rhai", "fn show() { 1 }"),
        ("t.rhai", "import \"./lib/x.rhai\" as x;\nget(|req| x::show());"),
    ]);
    assert_eq!(fault["line"], 1);
    assert_tells(&fault, &["import \"lib/x\" as x"]);
}

#[test]
fn an_index_beyond_the_end_is_told_the_way_that_gives_null() {
    let script = "get(|req| {\n  let a = [1];\n  a[5] ?? 0\n});";
    let answer = answer(script);
    assert_eq!(answer.status, 500);
    assert_tells(&answer.json()["rendered"], &["t.rhai:3", "get(5)"]);
    let right = "get(|req| { let a = [1]; a.get(5) ?? 0 });";
    assert_eq!(crate::harness::answer(right).json(), json!(0));
}

#[test]
fn effects_at_the_top_level_are_refused() {
    for effect in ["state::set(\"a\", 1)", "state::incr(\"a\")", "state::delete(\"a\")"] {
        let fault = refusal(&format!("{effect};\nget(|req| 1);"));
        assert_eq!(fault["line"], 1, "{effect}");
        assert_tells(&fault, &["on_start"]);
    }
}

#[test]
fn anything_caught_is_understood_by_problem() {
    let script = r#"
        fn deep() { not_found("no such thing") }
        fn of(f) { attempt(|| f.call(), |e| problem(e)) }
        get(|req| [
            of(|| throw "text"),
            of(|| throw #{ status: 409, detail: "taken" }),
            of(|| deep()),
            of(|| [1][7]),
        ]);
    "#;
    let all = answer(script).json();
    assert_eq!((&all[0]["status"], &all[0]["detail"]), (&json!(500), &json!("text")));
    assert_eq!((&all[1]["status"], &all[1]["detail"]), (&json!(409), &json!("taken")));
    assert_eq!((&all[2]["status"], &all[2]["detail"]), (&json!(404), &json!("no such thing")));
    assert_eq!(all[2]["title"], "Not Found");
    assert_eq!(all[3]["status"], 500);
    assert!(all.as_array().unwrap().iter().all(|one| one["title"].is_string()), "{all}");
}

#[test]
fn a_caught_error_of_the_host_has_its_status() {
    let script = "post(|req| { let s = 0; try { conflict(\"taken\") } catch (e) { s = e.status; } json(s) });";
    let server = Server::dev(&[("t.rhai", script)]);
    assert_eq!(server.ask(Ask::post("/t")).json(), json!(409));
}
