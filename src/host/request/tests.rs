//! Requests as real scripts see them.

use rhai::{Engine, EvalAltResult, Module, Scope, packages::Package};

use super::*;
use crate::{
    host::error::{self, Raised},
    services::bodies::Held,
};

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_max_strings_interned(0);
    engine.register_global_module(rhai::packages::StandardPackage::new().as_shared_module());
    let mut module = Module::new();
    register(&mut module);
    error::register(&mut module);
    engine.register_global_module(module.into());
    engine
}

fn data(headers: &[(&str, &str)], body: &[u8]) -> RequestData {
    let mut fields = HeaderMap::new();
    for (name, value) in headers {
        let name = name.parse::<http::HeaderName>().unwrap();
        fields.append(name, value.parse().unwrap());
    }
    RequestData {
        shows_faults: false,
        method: Method::POST,
        uri: "http://localhost:8080/shop/orders/7?a=1&b=x+y&b=%C3%A9&c=".parse().unwrap(),
        path: Some("/shop/orders/7".to_owned()),
        subpath_at: "/shop/orders".len(),
        params: Params {
            names: ["id".into(), "name".into()].into(),
            values: vec!["7".to_owned(), "zoe".to_owned()],
        },
        headers: fields,
        body: Bytes::copy_from_slice(body),
        held: Held::default(),
        client_ip: [127, 0, 0, 1].into(),
        client_cert: None,
        id: RequestId::next(),
        auth: None,
        scheme: "http",
    }
}

fn run(data: RequestData, script: &str) -> Result<Dynamic, Box<EvalAltResult>> {
    let mut scope = Scope::new();
    scope.push("req", ScriptRequest::new(data));
    engine().eval_with_scope(&mut scope, script)
}

fn shown(value: &Dynamic) -> String {
    serde_json::to_string(value).unwrap()
}

fn get(script: &str) -> String {
    let headers =
        [("X-Tag", "blue"), ("accept", "a"), ("accept", "b"), ("Cookie", "s=1; t=\"a%20b\"; s=2")];
    shown(&run(data(&headers, b""), script).unwrap())
}

fn sent(kind: &str, body: &[u8], script: &str) -> Result<String, (u16, String)> {
    let headers = [("Content-Type", kind)];
    let headers = if kind.is_empty() { &headers[..0] } else { &headers };
    run(data(headers, body), script).map(|value| shown(&value)).map_err(
        |error| match error::outcome(error) {
            Raised::Problem(problem) => {
                (problem.status().as_u16(), problem.detail_text().unwrap_or_default().to_owned())
            }
            other => panic!("{other:?}"),
        },
    )
}

fn mistake(script: &str) -> String {
    let body = br#"{"title":"t","tags":[1,2],"n":{"deep":1}}"#;
    let data = data(&[("Content-Type", "application/json")], body);
    run(data, script).unwrap_err().to_string()
}

fn fine(script: &str) -> String {
    let body = br#"{"title":" t ","tags":[2,1],"n":{"deep":1}}"#;
    let data = data(&[("Content-Type", "application/json")], body);
    shown(&run(data, script).unwrap())
}

#[test]
fn a_request_shows_its_parts() {
    assert_eq!(get("req.method"), r#""POST""#);
    assert_eq!(get("req.path"), r#""/shop/orders/7""#);
    assert_eq!(get("req.subpath"), r#""/7""#);
    assert_eq!(get("req.url"), r#""http://localhost:8080/shop/orders/7?a=1&b=x+y&b=%C3%A9&c=""#);
    assert_eq!(get("req.client_ip"), r#""127.0.0.1""#);
    assert_eq!(get("req.auth"), "null");
    assert_eq!(get("req.body"), "null");
    assert_eq!(get("type_of(req)"), r#""Request""#);
    assert_eq!(get("type_of(req.headers)"), r#""Headers""#);
    assert_eq!(get("req[\"method\"]"), r#""POST""#);
    assert_eq!(get("req.params"), r#"{"id":"7","name":"zoe"}"#);
    assert_eq!(get("req.params.name"), r#""zoe""#);
}

#[test]
fn a_query_is_strings_and_arrays_of_strings() {
    assert_eq!(get("req.query"), r#"{"a":"1","b":["x y","é"],"c":""}"#);
    assert_eq!(get("req.query.a + req.query.b[1]"), r#""1é""#);
    assert_eq!(get("req.query.nope ?? \"none\""), r#""none""#);
    assert_eq!(get("[\"a\" in req.query, \"z\" in req.query, req.query.len()]"), "[true,false,3]");
    assert_eq!(get("req.query.keys()"), r#"["a","b","c"]"#);
    assert_eq!(get("req.query + #{ a: 5 }"), r#"{"a":5,"b":["x y","é"],"c":""}"#);
}

#[test]
fn headers_are_found_in_any_case_and_spelling() {
    assert_eq!(get("[req.headers[\"X-TAG\"], req.headers.x_tag]"), r#"["blue","blue"]"#);
    assert_eq!(get("req.headers.accept"), r#""a, b""#);
    assert_eq!(get("req.headers.nope"), "null");
    assert_eq!(get("[\"X-Tag\" in req.headers, \"y\" in req.headers]"), "[true,false]");
    assert_eq!(get("[req.headers.len(), req.headers.keys().len()]"), "[3,3]");
    assert_eq!(get("req.headers.entries()[0]"), r#"{"key":"x-tag","value":"blue"}"#);
    assert_eq!(get("let n = []; for h in req.headers { n.push(h.key); } n.len()"), "3");
    assert_eq!(get("req.headers.to_map().x_tag"), "null");
    assert_eq!(get("req.headers.to_map()[\"x-tag\"]"), r#""blue""#);
}

#[test]
fn cookies_are_decoded_and_the_first_of_a_name_counts() {
    assert_eq!(get("req.cookies"), r#"{"s":"1","t":"a b"}"#);
}

#[test]
fn a_body_is_read_as_its_content_type_says() {
    let json = br#"{"a":1,"b":[true,null]}"#;
    assert_eq!(sent("application/json", json, "req.body").unwrap(), r#"{"a":1,"b":[true,null]}"#);
    assert_eq!(sent("Application/Merge+JSON; charset=utf-8", json, "req.body.a").unwrap(), "1");
    let form = b"a=1&a=2&b=%20";
    let kind = "application/x-www-form-urlencoded";
    assert_eq!(sent(kind, form, "req.body").unwrap(), r#"{"a":["1","2"],"b":" "}"#);
    assert_eq!(sent(kind, form, "req.form().b").unwrap(), r#"" ""#);
    assert_eq!(sent("text/plain", "é".as_bytes(), "req.body").unwrap(), r#""é""#);
    assert_eq!(sent("image/png", b"\xff\x00", "type_of(req.body)").unwrap(), r#""blob""#);
    assert_eq!(sent("", b"ab", "req.body.len()").unwrap(), "2");
    assert_eq!(sent("application/json", b"", "req.body").unwrap(), "null");
    assert_eq!(sent("text/javascript", json, "req.json().a").unwrap(), "1");
    assert_eq!(sent("image/png", b"ab", "[req.text(), req.bytes().len()]").unwrap(), r#"["ab",2]"#);
}

#[test]
fn a_body_that_is_not_what_it_says_is_the_clients_error() {
    let (status, detail) = sent("application/json", b"{\n\"a\": tru", "req.body").unwrap_err();
    assert_eq!(status, 400);
    assert!(detail.contains("line 2"), "{detail}");
    assert_eq!(sent("application/json", b"{", "req.vars").unwrap_err().0, 400);
    assert_eq!(sent("text/plain", b"\xff", "req.body").unwrap_err().0, 400);
    assert_eq!(sent("", b"", "req.json()").unwrap_err().0, 400);
    assert_eq!(sent("image/png", b"\xff", "req.text()").unwrap_err().0, 400);
    let (status, detail) = sent("multipart/form-data; boundary=x", b"x", "req.form()").unwrap_err();
    assert_eq!(status, 400);
    assert!(detail.contains("the body is not valid multipart/form-data"), "{detail}");
    assert_eq!(sent("multipart/form-data", b"x", "req.body").unwrap_err().0, 400);
    assert_eq!(sent("application/json", b"{}", "req.form()").unwrap_err().0, 415);
}

#[test]
fn an_encoded_body_is_refused() {
    let encoded = |coding| {
        let headers = [("Content-Type", "application/json"), ("Content-Encoding", coding)];
        run(data(&headers, b"{}"), "req.body").map_err(error::outcome)
    };
    assert!(encoded("identity").is_ok());
    let Err(Raised::Problem(problem)) = encoded("gzip") else { panic!("not refused") };
    assert_eq!(problem.status().as_u16(), 415);
}

#[test]
fn vars_are_body_and_query_and_the_query_wins() {
    let vars = sent("application/json", br#"{"a":9,"d":4}"#, "req.vars").unwrap();
    assert_eq!(vars, r#"{"a":"1","b":["x y","é"],"c":"","d":4}"#);
    assert_eq!(sent("application/json", b"[1]", "req.vars.a").unwrap(), r#""1""#);
}

#[test]
fn an_unknown_property_names_the_nearest_and_all() {
    let message = mistake("req.querry");
    assert!(message.contains("did you mean `query`"), "{message}");
    assert!(message.contains("client_ip"), "{message}");
    assert!(mistake("req[\"zzz\"]").contains("a request has no `zzz`"));
}

#[test]
fn assigning_to_a_request_is_refused() {
    for script in [
        "req.body = 5",
        "req.method = \"GET\"",
        "req.query = #{}",
        "req[\"path\"] = \"x\"",
        "req.headers.x = \"y\"",
        "const REQ = req; REQ.body = 5",
    ] {
        assert!(mistake(script).contains("read-only"), "{script}: {}", mistake(script));
    }
    assert!(mistake("req.nope = 5").contains("a request has no `nope`"));
}

#[test]
fn changing_the_copy_that_a_property_gives_is_refused() {
    for script in [
        "req.body.title = \"x\"",
        "req.body.fresh = 1",
        "req.body.tags.push(3)",
        "req.body.tags[0] = 3",
        "req.body.n.deep = 2",
        "req.body.n.deep += 1",
        "req.body.remove(\"title\")",
        "req.body[\"title\"] = 1",
        "req.query.a = \"2\"",
        "req.params.id = 5",
        "req.vars.x = 5",
    ] {
        assert!(mistake(script).contains("changes a copy"), "{script}: {}", mistake(script));
    }
}

#[test]
fn reading_through_methods_and_changing_an_own_copy_are_fine() {
    assert_eq!(fine("req.body.keys()"), r#"["n","tags","title"]"#);
    assert_eq!(fine("req.body.tags.len() + req.body.title.len()"), "5");
    assert_eq!(fine("req.body.tags.sort(); req.body.tags"), "[2,1]");
    assert_eq!(fine("req.body.title.trim(); req.body.title"), r#"" t ""#);
    assert_eq!(fine("req.query.a.trim(); req.method.to_lower()"), r#""post""#);
    assert_eq!(fine("req.body.tags.map(|t| t * 2)"), "[4,2]");
    let own = "let b = req.body; b.title = \"x\"; b.tags.push(3); [b.title, b.tags, req.body.tags]";
    assert_eq!(fine(own), r#"["x",[2,1,3],[2,1]]"#);
}

#[test]
fn a_request_is_a_plain_map_for_who_asks() {
    let request = ScriptRequest::new(data(&[("Content-Type", "image/png")], b"hi"));
    let map = request.to_map().unwrap();
    let map = map.as_map_ref().unwrap();
    let names: Vec<_> = map.keys().map(rhai::Identifier::as_str).collect();
    let mut all = PROPERTIES;
    all.sort_unstable();
    assert_eq!(names, all);
    assert_eq!(shown(map.get("body").unwrap()), r#""hi""#);
    assert_eq!(shown(map.get("headers").unwrap()), r#"{"content-type":"image/png"}"#);
}

#[test]
fn who_calls_is_known_by_name_and_scopes() {
    let mut data = data(&[], b"");
    data.auth = Some(AuthInfo { name: "ci".to_owned(), scopes: vec!["read".to_owned()] });
    assert_eq!(shown(&run(data, "req.auth").unwrap()), r#"{"name":"ci","scopes":["read"]}"#);
}

#[test]
fn ids_are_16_digits_and_differ() {
    let ids: std::collections::HashSet<_> =
        (0..1000).map(|_| RequestId::next().to_string()).collect();
    assert_eq!(ids.len(), 1000);
    assert!(ids.iter().all(|id| id.len() == 16));
}
