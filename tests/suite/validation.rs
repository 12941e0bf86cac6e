//! Requests held against what their route declares, before the script runs.

use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Server, assert_problem};

/// Serves one script as `/t`, as in production.
fn serve(script: &str) -> Server {
    Server::start(&[("t.rhai", script)])
}

/// Asserts that an answer is a 422 whose faults are these.
#[track_caller]
fn assert_refused(answer: &Answer, errors: &Value) {
    assert_problem(answer, 422);
    assert_eq!(&answer.json()["errors"], errors, "{}", answer.text());
}

#[test]
fn parameters_are_of_the_declared_type() {
    let server = serve(
        r#"fn kinds(map) { let kinds = #{}; for key in map.keys() { kinds[key] = type_of(map[key]); } kinds }
        get("/{id}/{name}", #{
            params: #{ id: int() },
            query: #{ limit: int().default(20), x: float(), on: bool(), ids: array(int()), word: string() },
            headers: #{ x_count: int() },
            cookies: #{ visits: int() },
        }, |req| #{
            params: kinds(req.params), query: kinds(req.query), header: type_of(req.headers.x_count),
            cookie: type_of(req.cookies.visits), limit: req.query.limit, ids: req.query.ids,
        });"#,
    );
    let answer = server.ask(
        Ask::get("/t/5/ann?x=1&on=true&ids=1&ids=2&word=7&more=8")
            .header("X-Count", "3")
            .header("Cookie", "visits=4; other=5"),
    );
    answer.ok();
    let told = answer.json();
    assert_eq!(told["params"], json!({ "id": "i64", "name": "string" }));
    let query = json!({
        "x": "f64", "on": "bool", "ids": "array", "word": "string", "more": "string", "limit": "i64",
    });
    assert_eq!(told["query"], query);
    assert_eq!((&told["header"], &told["cookie"]), (&json!("i64"), &json!("i64")));
    assert_eq!((&told["limit"], &told["ids"]), (&json!(20), &json!([1, 2])));
}

#[test]
fn every_fault_is_listed_with_its_place() {
    let server = serve(
        r#"post("/{id}", #{
            params: #{ id: int().min(1) },
            query: #{ limit: int().max(100), sort: one_of(["name", "age"]), ids: array(int()).optional() },
            headers: #{ x_count: int() },
            cookies: #{ visits: int().optional() },
            body: #{ title: string().min(1), tags: array(string()).default([]), inner: object(#{ n: int() }).optional() },
        }, |req| req.body);"#,
    );
    let body = json!({ "tags": ["a", 5], "inner": { "n": "x", "m/~": 1 }, "titel": "x" });
    let answer = server.ask(
        Ask::post("/t/0?limit=500&sort=size&ids=1&ids=b")
            .header("Cookie", "visits=many")
            .json(&body),
    );
    assert_refused(
        &answer,
        &json!([
            { "in": "path", "name": "id", "detail": "must be at least 1" },
            { "in": "query", "name": "ids", "pointer": "/1", "detail": "must be an integer" },
            { "in": "query", "name": "limit", "detail": "must be at most 100" },
            { "in": "query", "name": "sort", "detail": "must be one of \"name\", \"age\"" },
            { "in": "header", "name": "x-count", "detail": "is missing" },
            { "in": "cookie", "name": "visits", "detail": "must be an integer" },
            { "in": "body", "pointer": "/inner/m~1~0", "detail": "is not a property that is known here" },
            { "in": "body", "pointer": "/inner/n", "detail": "must be an integer" },
            { "in": "body", "pointer": "/tags/1", "detail": "must be a string" },
            { "in": "body", "pointer": "/titel", "detail": "is not a property that is known here" },
            { "in": "body", "pointer": "/title", "detail": "is missing" },
        ]),
    );
    assert_eq!(answer.json()["detail"], "11 parts of the request do not fit, see `errors`");
}

#[test]
fn one_fault_is_told_in_a_sentence() {
    let server = serve(r#"get("/", #{ query: #{ limit: int() } }, |req| req.query.limit);"#);
    for (query, detail) in [
        ("", "the query parameter `limit` is missing"),
        ("?limit=x", "the query parameter `limit` must be an integer"),
        ("?limit=1.5", "the query parameter `limit` must be an integer"),
        ("?limit=1&limit=2", "the query parameter `limit` is given more than once"),
        ("?limit=9223372036854775808", "the query parameter `limit` must be an integer of 64 bits"),
        ("?limit=", "the query parameter `limit` must be an integer"),
    ] {
        let answer = server.get(&format!("/t{query}"));
        assert_problem(&answer, 422);
        assert_eq!(answer.json()["detail"], detail, "{query}");
    }
    assert_eq!(server.get("/t?limit=-7").ok(), "-7");
    assert_eq!(server.get("/t?limit=7.0").ok(), "7");
}

#[test]
fn an_integer_has_64_bits_wherever_it_stands() {
    let server = serve(r#"post("/", #{ body: #{ list: array(int()) } }, |req| req.body.list);"#);
    let ask = |number: &str| {
        let body = format!("{{\"list\": [{number}]}}");
        server.ask(Ask::post("/t").body("application/json", body))
    };
    for number in ["-9223372036854775808", "9223372036854775807", "0"] {
        assert_eq!(ask(number).ok(), format!("[{number}]"));
    }
    assert_eq!(ask("5.0").ok(), "[5]");
    for number in ["-9223372036854775809", "9223372036854775808", "1e19", "-1e300"] {
        let error = json!({ "in": "body", "pointer": "/list/0", "detail": "must be an integer of 64 bits" });
        assert_refused(&ask(number), &json!([error]));
    }
}

#[test]
fn a_header_that_holds_nothing_is_a_list_without_items() {
    let script =
        r#"get("/", #{ headers: #{ "x-ids": array(int()) } }, |req| req.headers["x-ids"]);"#;
    let server = serve(script);
    let ask = |value: &str| server.ask(Ask::get("/t").header("X-Ids", value));
    assert_eq!(ask("").ok(), "[]");
    assert_eq!(ask("1, 2").ok(), "[1,2]");
    assert_problem(&server.get("/t"), 422);
}

#[test]
fn what_the_client_sent_is_not_sent_back() {
    let server = serve(
        r#"post("/", #{ body: #{ a: int(), b: one_of(["x"]), c: string().pattern("^a$") } }, |req| req.body);"#,
    );
    let answer = server.post("/t", &json!({ "a": "<secret>", "b": "<secret>", "c": "<secret>" }));
    assert_problem(&answer, 422);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
}

#[test]
fn a_body_is_refused_by_its_kind() {
    let server = serve(
        r#"post("/json", #{ body: #{ a: int() } }, |req| req.body);
        post("/maybe", #{ body: object(#{ a: int() }).optional() }, |req| #{ body: req.body });
        post("/default", #{ body: object(#{ a: int() }).default(#{ a: 5 }) }, |req| req.body);"#,
    );
    let post = |path: &str, kind: &str, body: &str| server.ask(Ask::post(path).body(kind, body));
    assert_eq!(post("/t/json", "application/json", "{\"a\":1}").ok(), "{\"a\":1}");
    assert_eq!(
        post("/t/json", "application/merge-patch+json; charset=utf-8", "{\"a\":1}").ok(),
        "{\"a\":1}"
    );
    assert_problem(&post("/t/json", "application/json", "{\"a\":"), 400);
    assert_problem(&post("/t/json", "text/plain", "{\"a\":1}"), 415);
    assert_problem(&post("/t/json", "application/x-www-form-urlencoded", "a=1"), 415);
    let encoded = Ask::post("/t/json").header("Content-Encoding", "gzip");
    assert_problem(&server.ask(encoded.body("application/json", "{\"a\":1}")), 415);
    let missing = json!([{ "in": "body", "pointer": "", "detail": "is missing" }]);
    assert_refused(&server.ask(Ask::post("/t/json")), &missing);
    assert_eq!(server.ask(Ask::post("/t/maybe")).json(), json!({ "body": null }));
    assert_eq!(server.ask(Ask::post("/t/default")).json(), json!({ "a": 5 }));
}

#[test]
fn defaults_are_filled_in_and_numbers_are_of_their_type() {
    let server = serve(
        r#"const ITEM = schema("Item", #{ n: float(), on: bool().default(true) });
        post("/", #{ body: #{
            count: int(), price: float(), tags: array(string()).default(["new"]), items: array(ITEM), item: ITEM.optional(),
            either: one_of([ITEM, #{ code: int(), kind: string().default("x") }]),
        } }, |req| {
            let body = req.body;
            #{ count: type_of(body.count), price: type_of(body.price), tags: body.tags, items: body.items, either: body.either,
               has_item: "item" in body }
        });
        post("/partial", #{ body: ITEM.partial() }, |req| req.body);"#,
    );
    let body = json!({
        "count": 3.0, "price": 2, "items": [{ "n": 1 }, { "n": 2.5, "on": false }], "either": { "code": 5.0 },
    });
    let answer = server.post("/t", &body);
    answer.ok();
    assert_eq!(
        answer.json(),
        json!({
            "count": "i64",
            "price": "f64",
            "tags": ["new"],
            "items": [{ "n": 1.0, "on": true }, { "n": 2.5, "on": false }],
            "either": { "code": 5, "kind": "x" },
            "has_item": false,
        })
    );
    assert_eq!(server.post("/t/partial", &json!({})).json(), json!({}));
}

#[test]
fn a_default_is_of_the_type_that_its_schema_says() {
    let server = serve(
        r#"const ITEM = schema("Item", #{ n: float(), on: bool().default(true) });
        get("/", #{ query: #{ rate: float().default(1), page: float().default(2.5) } },
            |req| [type_of(req.query.rate), type_of(req.query.page)]);
        post("/", #{ body: ITEM.default(#{ n: 2 }) }, |req| req.body + #{ of: type_of(req.body.n) });"#,
    );
    assert_eq!(server.get("/t").json(), json!(["f64", "f64"]));
    assert_eq!(server.get("/t?rate=1&page=2").json(), json!(["f64", "f64"]));
    let wanted = json!({ "n": 2.0, "on": true, "of": "f64" });
    assert_eq!(server.ask(Ask::post("/t")).json(), wanted);
    assert_eq!(server.post("/t", &json!({ "n": 2 })).json(), wanted);
}

#[test]
fn a_route_of_several_methods_checks_the_body_of_those_that_have_one() {
    let server = serve(
        r#"any("/", #{ query: #{ n: int().default(1) }, body: #{ a: int() } },
            |req| #{ method: req.method, n: req.query.n, body: req.body });"#,
    );
    assert_eq!(server.get("/t?n=2").json(), json!({ "method": "GET", "n": 2, "body": null }));
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let ask = |body: &str| server.ask(Ask::new(method, "/t").body("application/json", body));
        let wanted = json!({ "method": method, "n": 1, "body": { "a": 5 } });
        assert_eq!(ask("{\"a\":5}").json(), wanted);
        assert_problem(&ask("{\"a\":\"x\"}"), 422);
    }
}

#[test]
fn a_request_with_many_faults_is_told_of_as_many_as_were_looked_for() {
    let server = serve(
        r#"post("/{id}", #{
            params: #{ id: int() },
            query: #{ ids: array(int()).optional(), more: array(int()).optional() },
            body: array(int()).optional(),
        }, |req| 1);"#,
    );
    let told = |target: &str, count: usize| {
        let answer = server.post(target, &vec!["x"; count].into());
        assert_problem(&answer, 422);
        let answer = answer.json();
        let told = answer["errors"].as_array().unwrap().len();
        (answer["detail"].as_str().unwrap().to_owned(), told)
    };
    let detail = |of: &str| format!("{of} parts of the request do not fit, see `errors`");
    assert_eq!(told("/t/x", 20), (detail("21"), 21));
    assert_eq!(told("/t/1", 100), (detail("at least 32"), 32));
    let ids: String = (0..31).map(|_| "&ids=x&more=x").collect();
    let (said, listed) = told(&format!("/t/x?{ids}"), 1);
    assert_eq!(
        (said.as_str(), listed),
        ("64 parts of the request do not fit, `errors` has 50", 50)
    );
}

#[test]
fn a_key_in_a_json_body_is_no_part_of_it() {
    let server = serve(r#"post("/", #{ body: #{ a: int() } }, |req| req.body);"#);
    assert_eq!(server.post("/t", &json!({ "a": 1, "apikey": "x" })).json(), json!({ "a": 1 }));
}

#[test]
fn a_named_schema_may_hold_itself() {
    let server = serve(
        r#"const NODE = schema("Node", #{ name: string(), children: array(ref("Node")).default([]) });
        post("/", #{ body: NODE, returns: NODE }, |req| req.body);"#,
    );
    let leaf = json!({ "name": "leaf" });
    let answer = server.post("/t", &json!({ "name": "root", "children": [leaf] }));
    let whole = json!({ "name": "root", "children": [{ "name": "leaf", "children": [] }] });
    assert_eq!(answer.json(), whole);
    let wrong = server.post("/t", &json!({ "name": "root", "children": [{ "children": [5] }] }));
    assert_refused(
        &wrong,
        &json!([
            { "in": "body", "pointer": "/children/0/children/0", "detail": "must be an object" },
            { "in": "body", "pointer": "/children/0/name", "detail": "is missing" },
        ]),
    );
}

#[test]
fn a_schema_that_leads_to_itself_in_several_ways_is_checked_in_good_time() {
    let server = serve(
        r#"const SUM = schema("Sum", one_of([
            #{ kind: literal("add"), left: ref("Sum"), right: ref("Sum") },
            #{ kind: literal("mul"), left: ref("Sum"), right: ref("Sum") },
            #{ kind: literal("num"), value: float() },
        ]));
        post("/", #{ body: SUM }, |req| req.body);
        const EITHER = schema("Either", one_of([
            #{ next: ref("Either").optional(), a: int() }, #{ next: ref("Either").optional(), b: int() },
        ]));
        post("/either", #{ body: EITHER }, |req| req.body);"#,
    );
    let number = |value: Value| json!({ "kind": "num", "value": value });
    let nested = |depth: usize, inner: Value| {
        (0..depth)
            .fold(inner, |sum, _| json!({ "kind": "add", "left": sum, "right": number(json!(1)) }))
    };
    assert_eq!(server.post("/t", &nested(1, number(json!(5)))).json()["left"]["value"], 5.0);
    let deep = nested(30, number(json!(5)));
    assert_eq!(server.post("/t", &deep).status, 200);
    assert_problem(&server.post("/t", &nested(1, number(json!("x")))), 422);
    assert_problem(&server.post("/t", &nested(30, number(json!("x")))), 422);
    let either = (0..60).fold(json!({ "c": 1 }), |next, _| json!({ "next": next, "b": 1 }));
    assert_problem(&server.post("/t/either", &either), 422);
    let either = (0..30).fold(json!({ "b": 1 }), |next, _| json!({ "next": next, "b": 1 }));
    assert!([200, 422].contains(&server.post("/t/either", &either).status));
}

#[test]
fn forms_come_in_both_ways() {
    let server = serve(
        r#"post("/", #{ body: form(#{ name: string(), age: int(), on: bool().default(false), tags: array(string()).optional() }) },
            |req| req.body);"#,
    );
    let urlencoded =
        Ask::post("/t").body("application/x-www-form-urlencoded", "name=a+b&age=7&tags=x&tags=y");
    let wanted = json!({ "name": "a b", "age": 7, "on": false, "tags": ["x", "y"] });
    assert_eq!(server.ask(urlencoded).json(), wanted);
    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let multipart = [
        part("name", "a b"),
        part("age", "7"),
        part("tags", "x"),
        part("tags", "y"),
        "--b--\r\n".into(),
    ]
    .concat();
    let multipart = Ask::post("/t").body("multipart/form-data; boundary=b", multipart);
    assert_eq!(server.ask(multipart).json(), wanted);
    let wrong = Ask::post("/t").body("application/x-www-form-urlencoded", "age=old&size=5");
    assert_refused(
        &server.ask(wrong),
        &json!([
            { "in": "body", "pointer": "/age", "detail": "must be an integer" },
            { "in": "body", "pointer": "/name", "detail": "is missing" },
            { "in": "body", "pointer": "/size", "detail": "is not a property that is known here" },
        ]),
    );
    let broken = Ask::post("/t").body("multipart/form-data; boundary=b", "--b\r\nbroken");
    assert_problem(&server.ask(broken), 400);
}

fn file(name: &str, filename: &str, kind: &str, bytes: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
         Content-Type: {kind}\r\n\r\n{bytes}\r\n"
    )
}

#[test]
fn files_have_a_name_a_type_and_bytes() {
    let server = serve(
        r#"post("/", #{ body: form(#{ photo: file().max("1kB").types(["image/png", "image/*"]), more: array(file()).optional() }) },
            |req| {
                let photo = req.body.photo;
                #{
                    filename: photo.filename, content_type: photo.content_type, size: photo.size, first: photo.bytes()[0],
                    text: photo.text(), more: (req.body.more ?? []).map(|file| file.filename), files: req.files().keys(),
                }
            });"#,
    );
    let send = |body: String| {
        server.ask(Ask::post("/t").body("multipart/form-data; boundary=b", body + "--b--\r\n"))
    };
    let text = "--b\r\nContent-Disposition: form-data; name=\"photo\"\r\n\r\nABC\r\n".to_owned();
    let why = "must be a file: a part with a file name";
    assert_refused(&send(text), &json!([{ "in": "body", "pointer": "/photo", "detail": why }]));
    let photo = file("photo", "a.png", "image/png", "ABC");
    let answer = send(
        [photo, file("more", "x.bin", "a/b", "1"), file("more", "y.bin", "a/b", "2")].concat(),
    );
    answer.ok();
    assert_eq!(
        answer.json(),
        json!({
            "filename": "a.png", "content_type": "image/png", "size": 3, "first": 65, "text": "ABC",
            "more": ["x.bin", "y.bin"], "files": ["more", "photo"],
        })
    );
    let fault = |pointer: &str, detail: &str| json!([{ "in": "body", "pointer": pointer, "detail": detail }]);
    let long = send(file("photo", "a.png", "image/png", &"x".repeat(1001)));
    assert_refused(&long, &fault("/photo", "must have at most 1000 bytes"));
    let text = send(file("photo", "a.txt", "text/plain", "x"));
    assert_refused(&text, &fault("/photo", "must be a file of the type image/png or image/*"));
    assert_refused(&send(file("more", "a", "a/b", "x")), &fault("/photo", "is missing"));
    let urlencoded = Ask::post("/t").body("application/x-www-form-urlencoded", "photo=x");
    assert_problem(&server.ask(urlencoded), 415);
}

#[test]
fn a_file_of_several_is_told_by_its_place() {
    let server = serve(
        r#"post("/", #{ body: form(#{ photos: array(file().max(3).types(["image/*"])) }) }, |req| req.body.photos.len());"#,
    );
    let send = |parts: &[String]| {
        let body = parts.concat() + "--b--\r\n";
        server.ask(Ask::post("/t").body("multipart/form-data; boundary=b", body))
    };
    let photo = |kind: &str, bytes: &str| file("photos", "a", kind, bytes);
    let text = "--b\r\nContent-Disposition: form-data; name=\"photos\"\r\n\r\nABC\r\n".to_owned();
    let parts = [photo("image/png", "A"), photo("image/png", "ABCD"), text, photo("a/b", "A")];
    let fault =
        |pointer: &str, detail: &str| json!({ "in": "body", "pointer": pointer, "detail": detail });
    assert_refused(
        &send(&parts),
        &json!([
            fault("/photos/1", "must have at most 3 bytes"),
            fault("/photos/2", "must be a file: a part with a file name"),
            fault("/photos/3", "must be a file of the type image/*"),
        ]),
    );
    let alone = send(&[photo("a/b", "A")]);
    assert_refused(&alone, &json!([fault("/photos/0", "must be a file of the type image/*")]));
    assert_eq!(send(&[photo("image/png", "A"), photo("image/gif", "B")]).ok(), "2");
}

#[test]
fn a_form_that_is_not_declared_can_be_read_too() {
    let server = serve(
        "post(|req| #{ fields: req.form(), files: req.files(), names: req.body.keys(), vars: req.vars.note });",
    );
    let note = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nhi\r\n";
    let body = [note, &file("doc", "a.txt", "text/plain", "text"), "--b--\r\n"].concat();
    let answer = server.ask(Ask::post("/t").body("multipart/form-data; boundary=b", body));
    answer.ok();
    assert_eq!(
        answer.json(),
        json!({
            "fields": { "note": "hi" },
            "files": { "doc": { "filename": "a.txt", "content_type": "text/plain", "size": 4 } },
            "names": ["doc", "note"],
            "vars": "hi",
        })
    );
    assert_problem(&server.post("/t", &json!({})), 415);
}

#[test]
fn texts_and_bytes_are_bodies_too() {
    let server = serve(
        r#"post("/text", #{ body: string().min(2).max(5) }, |req| #{ text: req.body });
        post("/bytes", #{ body: file().max(4) }, |req| #{ size: req.body.len() });
        post("/image", #{ body: file().types(["image/*"]) }, |req| #{ size: req.body.len() });"#,
    );
    let post = |path: &str, kind: &str, body: &str| server.ask(Ask::post(path).body(kind, body));
    assert_eq!(
        post("/t/text", "text/plain; charset=utf-8", "häus").json(),
        json!({ "text": "häus" })
    );
    assert_problem(&post("/t/text", "text/plain", "x"), 422);
    assert_problem(&post("/t/text", "application/json", "\"abc\""), 415);
    let broken = Ask::post("/t/text").body("text/plain", vec![0xff, 0xfe]);
    assert_problem(&server.ask(broken), 400);
    assert_eq!(post("/t/bytes", "application/octet-stream", "abcd").json(), json!({ "size": 4 }));
    assert_problem(&post("/t/bytes", "application/octet-stream", "abcde"), 422);
    assert_eq!(post("/t/image", "image/png", "abc").json(), json!({ "size": 3 }));
    assert_problem(&post("/t/image", "text/plain", "abc"), 415);
}

#[test]
fn a_file_as_a_whole_body_is_bytes_whatever_its_type() {
    let types = ["application/json", "text/plain", "multipart/form-data", "text/csv"];
    let server = serve(
        r#"post("/{type}", #{
            body: file().max(4).types(["application/json", "text/plain", "multipart/form-data", "text/csv"]),
        }, |req| #{ type: type_of(req.body), size: req.body.len() });"#,
    );
    for kind in types {
        let post = |body: &str| server.ask(Ask::post("/t/x").body(kind, body));
        assert_eq!(post("{\"a\"").json(), json!({ "type": "blob", "size": 4 }), "{kind}");
        assert_problem(&post("[1,2]"), 422);
        assert_eq!(post("").json(), json!({ "type": "blob", "size": 0 }), "{kind}");
    }
    let missing = json!([{ "in": "body", "pointer": "", "detail": "is missing" }]);
    assert_refused(&server.ask(Ask::post("/t/x")), &missing);
}

#[test]
fn nothing_runs_for_a_request_that_does_not_fit() {
    let server = serve(
        r#"before(|req| { state::incr("ran"); });
        get("/", #{ query: #{ n: int() } }, |req| "ran");
        get("/count", |req| state::get("ran", 0));"#,
    );
    assert_problem(&server.get("/t?n=x"), 422);
    assert_eq!(server.get("/t/count").ok(), "1");
}

#[test]
fn what_is_no_utf8_is_never_made_into_something_else() {
    let server = serve(
        r#"get("/", #{ query: #{ s: string().optional() }, headers: #{ x_s: string().optional() },
                       cookies: #{ c: string().optional() } }, |req| req.query.s ?? "none");
        post("/", #{ body: form(#{ d: string(), n: int().optional() }) }, |req| req.body);
        post("/free", |req| req.body);
        post("/form", |req| req.form());"#,
    );
    let broken = |place: &str, name: &str| {
        let detail = "is not valid UTF-8";
        json!([{ "in": place, "name": name, "detail": detail }])
    };
    assert_refused(&server.get("/t?s=%ff"), &broken("query", "s"));
    assert_refused(&server.get("/t?a=1&s=a%C3&b"), &broken("query", "s"));
    let cookie = Ask::get("/t").header("Cookie", "a=1; c=%fe");
    assert_refused(&server.ask(cookie), &broken("cookie", "c"));
    let raw = b"GET /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-S: \xff\r\n\r\n";
    assert_refused(&server.raw(raw), &broken("header", "x-s"));
    // What nobody declared harms nobody, and what is U+FFFD itself is text.
    assert_eq!(server.get("/t?other=%ff").ok(), "none");
    assert_eq!(server.get("/t?s=%EF%BF%BD&x=%ff").ok(), "\u{fffd}");
    let urlencoded = "application/x-www-form-urlencoded";
    for (path, body) in [("/t", "d=%ff"), ("/t", "d=1&n=%ff"), ("/t", "d=1&%ff=2")] {
        let answer = server.ask(Ask::post(path).body(urlencoded, body));
        assert_problem(&answer, 400);
        assert!(answer.text().contains("the body is not valid UTF-8"), "{}", answer.text());
    }
    for path in ["/t/free", "/t/form"] {
        assert_problem(&server.ask(Ask::post(path).body(urlencoded, "d=%ff")), 400);
    }
    let mut part = b"--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\na\xff\r\n--b\r\nContent-Disposition: form-data; name=\"d\"\r\n\r\n1\r\n--b--\r\n".to_vec();
    let kind = "multipart/form-data; boundary=b";
    for path in ["/t", "/t/free", "/t/form"] {
        let answer = server.ask(Ask::post(path).body(kind, part.clone()));
        assert_problem(&answer, 400);
        assert!(answer.text().contains("in the field `x` from byte 1 on"), "{}", answer.text());
    }
    part.retain(|byte| *byte != 0xff);
    assert_eq!(server.ask(Ask::post("/t/free").body(kind, part)).status, 200);
}

#[test]
fn what_was_sent_beats_the_default_of_a_query_in_vars() {
    let server = serve(
        r#"post("/", #{ query: #{ page: int().default(1), size: int().default(5) } }, |req| req.vars);"#,
    );
    let answer = server.post("/t?size=7", &json!({ "page": 9, "size": 8, "x": 1 }));
    assert_eq!(answer.json(), json!({ "page": 9, "size": 7, "x": 1 }));
    assert_eq!(server.post("/t", &json!({})).json(), json!({ "page": 1, "size": 5 }));
}

#[test]
fn the_alternative_that_was_meant_says_what_is_wrong() {
    let server = serve(
        r#"post("/", #{ body: one_of([
            #{ kind: literal("a"), n: int() },
            #{ kind: literal("b"), s: string() },
        ]) }, |req| 1);
        post("/n", #{ body: #{ a: literal(()), b: literal("x"), c: one_of([1, 2]) } }, |req| 1);"#,
    );
    let fault =
        |pointer: &str, detail: &str| json!({ "in": "body", "pointer": pointer, "detail": detail });
    for (body, pointer, detail) in [
        (json!({ "kind": "a", "n": "x" }), "/n", "must be an integer"),
        (json!({ "kind": "b", "s": 5 }), "/s", "must be a string"),
        (json!({ "kind": "c", "s": 5 }), "/kind", "must be one of \"a\", \"b\""),
        (json!({ "n": 5 }), "/kind", "is missing"),
        (json!(5), "", "must be an object"),
    ] {
        assert_refused(&server.post("/t", &body), &json!([fault(pointer, detail)]));
    }
    // Each part once: which values are allowed says their type.
    assert_refused(
        &server.post("/t/n", &json!({ "a": 1, "b": 5, "c": "x" })),
        &json!([
            fault("/a", "must be null"),
            fault("/b", "must be \"x\""),
            fault("/c", "must be one of 1, 2"),
        ]),
    );
}

#[test]
fn json_schemas_may_have_definitions_of_their_own() {
    let server = serve(
        r##"const POINT = json_schema(#{
            "$defs": #{ n: #{ "type": "integer", "minimum": 0 } },
            "type": "object",
            "properties": #{ x: #{ "$ref": "#/$defs/n" }, y: #{ "$ref": "#/$defs/n" } },
        });
        post("/", #{ body: POINT }, |req| req.body);
        post("/any", #{ body: json_schema(true) }, |req| req.body);"##,
    );
    assert_eq!(server.post("/t", &json!({ "x": 1, "y": 2 })).status, 200);
    let errors = json!([{ "in": "body", "pointer": "/y", "detail": "must be at least 0" }]);
    assert_refused(&server.post("/t", &json!({ "x": 1, "y": -2 })), &errors);
    assert_eq!(server.post("/t/any", &json!([1])).json(), json!([1]));
    let document = server.get("/openapi.json").text();
    assert!(!document.contains("$defs"), "{document}");
}

#[test]
fn a_text_that_looks_like_a_number_may_be_meant_as_a_text() {
    let server = serve(
        r#"get("/", #{ query: #{
            a: one_of([int(), string()]).optional(),
            b: one_of(["1", 2]).optional(),
            c: one_of([int().max(10), string().max(3)]).optional(),
            d: array(one_of([int().max(10), string().max(3)])).optional(),
        } }, |req| req.query);
        post("/", #{ body: form(#{ a: one_of([int(), string()]), d: array(one_of([1, "2"])) }) }, |req| req.body);"#,
    );
    for (query, value) in [
        ("a=1.5", json!({ "a": "1.5" })),
        ("a=15", json!({ "a": 15 })),
        ("b=1", json!({ "b": "1" })),
        ("b=2", json!({ "b": 2 })),
        ("c=50", json!({ "c": "50" })),
        ("d=1&d=50&d=x", json!({ "d": [1, "50", "x"] })),
    ] {
        let sent = server.get(&format!("/t?{query}")).json();
        for (name, value) in value.as_object().unwrap() {
            assert_eq!(&sent[name], value, "{query}");
        }
    }
    let errors = json!([{ "in": "query", "name": "c", "detail": "must be at most 10" }]);
    assert_refused(&server.get("/t?c=5000"), &errors);
    let sent = Ask::post("/t").body("application/x-www-form-urlencoded", "a=1.5&d=1&d=2");
    assert_eq!(server.ask(sent).json(), json!({ "a": "1.5", "d": [1, "2"] }));
}

#[test]
fn what_refers_to_a_schema_with_a_default_may_be_absent() {
    let server = serve(
        r#"schema("D", int().default(3));
        get("/", #{ query: #{ a: ref("D") } }, |req| req.query.a);
        post("/", #{ body: #{ a: ref("D"), b: int() } }, |req| req.body);
        schema("N", #{ a: ref("D"), b: int() });
        post("/named", #{ body: ref("N") }, |req| req.body);"#,
    );
    assert_eq!(server.post("/t/named", &json!({ "b": 1 })).json(), json!({ "a": 3, "b": 1 }));
    assert_eq!(server.get("/t").json(), json!(3));
    assert_eq!(server.get("/t?a=4").json(), json!(4));
    assert_eq!(server.post("/t", &json!({ "b": 1 })).json(), json!({ "a": 3, "b": 1 }));
}

#[test]
fn a_field_in_which_no_file_was_chosen_is_absent() {
    let server = serve(
        r#"post("/", #{ body: form(#{ t: string(), f: file().types(["image/*"]).optional() }) },
            |req| json([req.body.t, req.body.f, req.files().len()]));"#,
    );
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nx\r\n{}--b--\r\n",
        file("f", "", "application/octet-stream", "")
    );
    let answer = server.ask(Ask::post("/t").body("multipart/form-data; boundary=b", body));
    assert_eq!(answer.json(), json!(["x", null, 0]));
}

#[test]
fn a_file_that_no_body_has_room_for_is_warned_of() {
    let script = "post(\"/\", #{ body: form(#{ photo: file().max(\"5MB\") }) }, |req| 1);";
    let server = serve(script);
    let told = |server: &Server| server.report()["diagnostics"].clone();
    let fault = &told(&server)[0];
    crate::harness::assert_tells(fault, &["5000000 bytes", "body_bytes", "t.rhai:1:1"]);
    server.save_config("[limits]\nbody_bytes = 6000000\n");
    assert_eq!(told(&server), json!([]));
}

#[test]
fn a_field_that_takes_one_value_is_given_once() {
    let server = serve(
        r#"post("/", #{ body: form(#{ n: int(), many: array(int()).optional() }) }, |req| req.body);
        post("/f", #{ body: form(#{ f: file() }) }, |req| 1);"#,
    );
    let sent = |body: &str| {
        server.ask(Ask::post("/t").body("application/x-www-form-urlencoded", body.to_owned()))
    };
    let fault = |name: &str| json!([{ "in": "body", "pointer": name, "detail": "is given more than once" }]);
    assert_refused(&sent("n=1&n=2"), &fault("/n"));
    assert_eq!(sent("n=1&many=1&many=2").json(), json!({ "n": 1, "many": [1, 2] }));
    let twice = [file("f", "a", "text/plain", "x"), file("f", "b", "text/plain", "y")].concat();
    let twice = Ask::post("/t/f").body("multipart/form-data; boundary=b", twice + "--b--\r\n");
    assert_refused(&server.ask(twice), &fault("/f"));
}
