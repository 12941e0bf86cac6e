//! Which request reaches which route.

use serde_json::json;

use crate::harness::{Ask, Server, assert_tells, refusal};

#[test]
fn the_file_name_is_the_path() {
    let server = Server::start(&[
        ("hello.rhai", "get(|req| \"hello\");"),
        ("shop/orders.rhai", "get(|req| \"orders\");"),
        ("shop/index.rhai", "get(|req| \"shop\");"),
        ("index.rhai", "get(|req| \"root\");\nget(\"/about\", |req| \"about\");"),
    ]);
    assert_eq!(server.get("/hello").ok(), "hello");
    assert_eq!(server.get("/shop/orders").ok(), "orders");
    assert_eq!(server.get("/shop").ok(), "shop");
    assert_eq!(server.get("/").ok(), "root");
    assert_eq!(server.get("/about").ok(), "about");
    assert_eq!(server.get("/nothing").status, 404);
}

#[test]
fn a_slash_at_the_end_makes_no_difference() {
    let server = Server::start(&[(
        "users.rhai",
        "get(|req| \"all\");\nget(\"/{id}\", |req| req.params.id);\nget(\"/new/\", |req| \"new\");",
    )]);
    assert_eq!(server.get("/users/").ok(), "all");
    assert_eq!(server.get("/users/7/").ok(), "7");
    assert_eq!(server.get("/users/new").ok(), "new");
}

#[test]
fn every_verb_declares_its_method() {
    let server = Server::start(&[(
        "v.rhai",
        "get(|r| r.method); post(|r| r.method); put(|r| r.method); patch(|r| r.method);\n\
         delete(|r| r.method); options(|r| r.method);",
    )]);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        assert_eq!(server.ask(Ask::new(method, "/v")).ok(), method);
    }
}

#[test]
fn a_spec_may_stand_without_a_path() {
    let server =
        Server::start(&[("v.rhai", "post(#{ returns: #{ \"201\": string() } }, |r| \"made\");")]);
    let answer = server.ask(Ask::post("/v"));
    assert_eq!((answer.status, answer.text()), (201, "made".to_owned()));
}

#[test]
fn any_and_route_declare_several_methods() {
    let server = Server::start(&[
        ("a.rhai", "any(|r| r.method);"),
        ("r.rhai", "route([\"PUT\", \"delete\"], \"/x\", #{}, |r| r.method);"),
    ]);
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert_eq!(server.ask(Ask::new(method, "/a")).ok(), method);
    }
    assert_eq!(server.ask(Ask::new("PUT", "/r/x")).ok(), "PUT");
    assert_eq!(server.ask(Ask::new("DELETE", "/r/x")).ok(), "DELETE");
    assert_eq!(server.get("/r/x").status, 405);
}

#[test]
fn head_answers_as_get_without_a_body() {
    let server = Server::start(&[("h.rhai", "get(|r| text(\"12345\").header(\"x-a\", \"b\"));")]);
    let answer = server.ask(Ask::new("HEAD", "/h"));
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some("5"));
    assert_eq!(answer.header("x-a"), Some("b"));
}

#[test]
fn a_head_of_its_own_beats_that_of_get() {
    let server = Server::start(&[(
        "h.rhai",
        "get(|r| \"x\"); head(|r| status(204).header(\"x-own\", \"1\"));",
    )]);
    assert_eq!(server.ask(Ask::new("HEAD", "/h")).header("x-own"), Some("1"));
}

#[test]
fn options_and_other_methods_are_told_what_is_allowed() {
    let server = Server::start(&[("m.rhai", "get(|r| 1);\npost(|r| 2);")]);
    let options = server.ask(Ask::new("OPTIONS", "/m"));
    assert_eq!(options.status, 204);
    let refused = server.ask(Ask::new("DELETE", "/m"));
    assert_eq!(refused.status, 405);
    assert_eq!(refused.header("content-type"), Some("application/problem+json"));
    for answer in [&options, &refused] {
        let allow = answer.header("allow").unwrap();
        let mut methods: Vec<_> = allow.split(", ").collect();
        methods.sort_unstable();
        assert_eq!(methods, ["GET", "HEAD", "OPTIONS", "POST"]);
    }
}

#[test]
fn a_literal_beats_a_parameter_and_that_a_tail_across_plugins() {
    let server = Server::start(&[
        ("index.rhai", "get(\"/{*rest}\", |r| \"tail \" + r.params.rest);"),
        ("shop.rhai", "get(\"/{id}\", |r| \"id \" + r.params.id);\nget(\"/new\", |r| \"new\");"),
        ("shop/sale.rhai", "get(|r| \"sale\");"),
    ]);
    assert_eq!(server.get("/shop/new").ok(), "new");
    assert_eq!(server.get("/shop/sale").ok(), "sale");
    assert_eq!(server.get("/shop/7").ok(), "id 7");
    assert_eq!(server.get("/shop/7/8").ok(), "tail shop/7/8");
    assert_eq!(server.get("/other").ok(), "tail other");
}

#[test]
fn a_tail_stands_beside_a_parameter_and_takes_what_it_leaves() {
    let server = Server::start(&[
        (
            "t.rhai",
            "get(\"/{id}\", |r| \"id \" + r.params.id);\n\
             get(\"/{id}/lines\", |r| \"lines \" + r.params.id);\n\
             get(\"/{id}/{line}/{*more}\", |r| `${r.params.id} ${r.params.line} ${r.params.more ?? \"-\"}`);\n\
             any(\"/{*rest}\", |r| r.method + \" \" + (r.params.rest ?? \"-\"));",
        ),
        (
            "index.rhai",
            "get(\"/{page}\", |r| \"page \" + r.params.page); get(\"/{*all}\", |r| \"all \" + r.params.all);",
        ),
    ]);
    for (target, answer) in [
        ("/t", "GET -"),
        ("/t/1", "id 1"),
        ("/t/1/lines", "lines 1"),
        ("/t/1/2", "1 2 -"),
        ("/t/1/2/3", "1 2 3"),
        ("/t/1/2/3/4%2F5", "1 2 3/4/5"),
        ("/u", "page u"),
        ("/u/v", "all u/v"),
        ("/u/v/w", "all u/v/w"),
    ] {
        assert_eq!(server.get(target).ok(), answer, "{target}");
    }
    for (target, answer) in [
        ("/t", "POST -"),
        ("/t/1", "POST 1"),
        ("/t/1/2", "POST 1/2"),
        ("/t/1/2/3/4", "POST 1/2/3/4"),
    ] {
        assert_eq!(server.ask(Ask::post(target)).ok(), answer, "{target}");
    }
    let lines = server.ask(Ask::post("/t/1/lines"));
    assert_eq!((lines.status, lines.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert!(!server.log().contains("could not be entered"), "{}", server.log());
}

#[test]
fn a_tail_matches_nothing_too() {
    let server = Server::start(&[("f.rhai", "get(\"/{*rest}\", |r| `[${r.params.rest}]`);")]);
    assert_eq!(server.get("/f").ok(), "[]");
    assert_eq!(server.get("/f/").ok(), "[]");
    assert_eq!(server.get("/f/a/b").ok(), "[a/b]");
    let declared =
        "get(\"/{*rest}\", #{ params: #{ rest: string().max(3) } }, |r| `[${r.params.rest}]`);";
    server.save("f.rhai", declared);
    server.report();
    assert_eq!(server.get("/f").ok(), "[]");
    assert_eq!(server.get("/f/a/b").ok(), "[a/b]");
    assert_eq!(server.get("/f/a/b/c").status, 422);
}

#[test]
fn parameters_are_decoded() {
    let server =
        Server::start(&[("p.rhai", "get(\"/{a}/{b}\", |r| r.params.a + \"|\" + r.params.b);")]);
    assert_eq!(server.get("/p/a%20b/%C3%A9%2Fx").ok(), "a b|é/x");
}

#[test]
fn a_path_that_is_none_is_a_bad_request() {
    let server = Server::start(&[("index.rhai", "get(\"/{*rest}\", |r| r.params.rest);")]);
    for path in ["/%ff", "/a/%00", "/a/../b", "/a/./b", "/%2e%2e/b", "/%zz"] {
        let answer = server.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    }
}

#[test]
fn before_runs_first_and_may_answer() {
    let server = Server::start(&[(
        "b.rhai",
        "before(|req| if req.query.stop != null { status(418, \"stopped\") });\nget(|req| \"went on\");",
    )]);
    assert_eq!(server.get("/b").ok(), "went on");
    let answer = server.get("/b?stop=1");
    assert_eq!((answer.status, answer.text().as_str()), (418, "stopped"));
}

#[test]
fn after_sees_the_answer_and_may_change_it() {
    let server = Server::start(&[(
        "a.rhai",
        "after(|req, res| res.header(\"x-seen\", `${res.status} ${req.method}`));\n\
         get(|req| status(202, \"x\"));",
    )]);
    let answer = server.get("/a");
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("x-seen"), Some("202 GET"));
}

#[test]
fn a_route_may_have_a_timeout_of_its_own() {
    let server =
        Server::start(&[("s.rhai", "get(\"/\", #{ timeout: \"50ms\" }, |r| { loop {} });")]);
    let answer = server.get("/s");
    assert_eq!(answer.status, 503);
}

#[test]
fn a_spec_with_an_unknown_key_is_refused() {
    let fault = refusal("get(\"/\", #{ sumary: \"x\" }, |r| 1);");
    assert_tells(&fault, &["sumary", "did you mean `summary`"]);
}

#[test]
fn a_path_that_does_not_parse_is_refused_where_it_stands() {
    for (path, told) in [
        ("x", "begin with `/`"),
        ("/a//b", "empty segment"),
        ("/:id", "{id}"),
        ("/<int:id>", "{id}"),
        ("/*rest", "{*rest}"),
        ("/a{id}", "{"),
        ("/{id", "{"),
        ("/{id}/{id}", "twice"),
        ("/{*rest}/more", "last"),
        ("/a b", "character"),
        ("/a?b=1", "character"),
    ] {
        let fault = refusal(&format!("\nget(\"{path}\", |r| 1);"));
        assert_eq!(fault["line"], 2, "{path}: {fault}");
        assert_tells(&fault, &[told]);
    }
}

#[test]
fn two_routes_of_one_plugin_that_collide_are_shown_with_both_positions() {
    let fault = refusal("get(\"/{a}\", |r| 1);\nget(\"/{b}\", |r| 2);");
    assert_tells(&fault, &["t.rhai:2", "declared here first", "1 |"]);
    assert_eq!(fault["related"][0]["line"], 1);
}

#[test]
fn at_the_start_the_later_of_two_colliding_plugins_fails() {
    let server = Server::start(&[
        ("shop.rhai", "get(\"/sale\", |r| \"shop\");"),
        ("shop/sale.rhai", "get(|r| \"sale\");"),
    ]);
    assert_eq!(server.get("/shop/sale").ok(), "shop");
    assert_eq!(server.plugin("shop")["state"], "serving");
    let later = server.plugin("shop/sale");
    assert_eq!(later["state"], "failed");
    assert_tells(&later["diagnostics"][0], &["shop.rhai:1", "shop/sale.rhai:1"]);
}

#[test]
fn a_plugin_may_be_served_elsewhere() {
    let server =
        crate::harness::Project::new(&[("users.rhai", "get(\"/{id}\", |r| r.params.id);")])
            .config("[plugins.users]\nroute_path = \"/people/all\"\n")
            .start();
    assert_eq!(server.get("/people/all/7").ok(), "7");
    assert_eq!(server.get("/users/7").status, 404);
    assert_eq!(server.plugin("users")["path"], "/people/all");
    assert_eq!(server.get("/plugins").json()["loaded_plugins"], json!(["users"]));
}
