//! `log`, `json`, `base64`, `url`, `time`, `crypto` and `regex`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Ask, Server, answer};

/// The value of an expression, as JSON.
#[track_caller]
fn of(expression: &str) -> Value {
    let answer = answer(&format!("get(|req| json({expression}));"));
    assert_eq!(answer.status, 200, "{expression}: {}", answer.text());
    answer.json()
}

#[test]
fn json_is_parsed_and_written() {
    assert_eq!(of("json::parse(\"{\\\"a\\\": [1, null, 2.5]}\")"), json!({ "a": [1, null, 2.5] }));
    assert_eq!(of("json::stringify(#{ b: 1, a: [true] })"), "{\"a\":[true],\"b\":1}");
    assert_eq!(of("attempt(|| json::parse(\"{\"), |e| \"bad\")"), "bad");
}

#[test]
fn base64_goes_there_and_back() {
    assert_eq!(of("base64::encode(\"é?\")"), "w6k/");
    assert_eq!(of("attempt(|| base64::decode(\"*\"), |e| \"bad\")"), "bad");
    assert_eq!(of("[base64::decode(\"w6k/\")].len()"), 1);
}

#[test]
fn urls_are_encoded_and_decoded() {
    assert_eq!(of("url::encode(\"a b/é&\")"), "a%20b%2F%C3%A9%26");
    assert_eq!(of("url::decode(\"a%20b%2F%C3%A9\")"), "a b/é");
    assert_eq!(of("url::parse(\"http://h.example:81/p?a=1\").host"), "h.example");
}

#[test]
fn time_is_told_and_counted() {
    let now = of("time::now()");
    let now = now.as_str().unwrap();
    assert!(now.ends_with('Z') && now.contains('T'), "{now}");
    assert!(of("time::unix()").as_f64().unwrap() > 1.7e9);
    assert_eq!(of("time::add(\"2026-01-31T00:00:00Z\", \"5m\")"), "2026-01-31T00:05:00Z");
    assert_eq!(
        of("time::format(\"2026-01-31T10:20:30Z\", \"%Y/%m/%d %H:%M\")"),
        "2026/01/31 10:20"
    );
}

#[test]
fn digests_and_random_values() {
    assert_eq!(
        of("crypto::sha256(\"abc\")"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        of("crypto::hmac_sha256(\"key\", \"The quick brown fox jumps over the lazy dog\")"),
        "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"
    );
    assert_eq!(
        of("[crypto::equal(\"a\", \"a\"), crypto::equal(\"a\", \"b\")]"),
        json!([true, false])
    );
    assert_eq!(of("crypto::uuid().len()"), 36);
    assert_eq!(of("crypto::token() != crypto::token()"), true);
}

const LOGIN: &str = "post(\"/join\", |req| { \
         store::set(\"users\", req.body.name, crypto::hash_password(req.body.password)); status(201) });\n\
     post(\"/login\", |req| { \
         if !limits::take(`login:${req.body.name}`, 4, \"1h\") { too_many_requests() } \
         let hash = store::get(\"users\", req.body.name); \
         if !crypto::verify_password(req.body.password, hash) { unauthorized() } \"in\" });\n";

#[test]
fn a_password_is_kept_as_its_hash_and_guessing_ends() {
    let server = Server::dev(&[("u.rhai", LOGIN)]);
    let ask = |path: &str, name: &str, password: &str| {
        let body = json!({ "name": name, "password": password });
        server.ask(Ask::post(path).json(&body)).status
    };
    assert_eq!(ask("/u/join", "ann", "correct horse"), 201);
    assert_eq!(ask("/u/login", "ann", "correct horse"), 200);
    assert_eq!(ask("/u/login", "ann", "Correct horse"), 401);
    assert_eq!(ask("/u/login", "bob", "correct horse"), 401);
    assert_eq!(ask("/u/login", "bob", &"x".repeat(5000)), 422);
    assert_eq!(ask("/u/login", "ann", "x"), 401);
    // What was counted is not forgotten with the version that counted it.
    server.save("u.rhai", &format!("{LOGIN}get(|| 2);"));
    server.report();
    assert_eq!(ask("/u/login", "ann", "correct horse"), 200);
    assert_eq!(ask("/u/login", "ann", "correct horse"), 429);
}

#[test]
fn passwords_hold_up_nobody_else() {
    let server = Server::start(&[
        ("slow.rhai", "get(|| crypto::verify_password(\"a\", ()).to_string());"),
        ("ok.rhai", "get(|| \"ok\");"),
    ]);
    let mut open: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for connection in &mut open {
        connection.begin(&Ask::get("/slow"));
    }
    let began = Instant::now();
    assert_eq!(server.get("/ok").ok(), "ok");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    for connection in &mut open {
        let answer = connection.answer(false).unwrap();
        assert!([200, 503].contains(&answer.status), "{} {}", answer.status, answer.text());
    }
}

#[test]
fn a_limit_ends_within_its_time_and_misuse_is_told() {
    let server = Server::dev(&[
        (
            "l.rhai",
            "get(\"/{key}/{n}\", |r| limits::take(r.params.key, r.params.n.to_int(), \"1h\"));",
        ),
        ("o.rhai", "get(|| limits::take(\"a\", 1, \"1h\"));"),
    ]);
    let taken: Vec<_> = (0..3).map(|_| server.get("/l/a/2").json()).collect();
    assert_eq!(taken, [true, true, false]);
    assert_eq!(server.get("/l/b/1").json(), true);
    assert_eq!(server.get("/o").json(), true, "each plugin counts for itself");
    let wrong = server.get("/l/a/0");
    assert_eq!(wrong.status, 500);
    assert!(wrong.text().contains("from 1 to 1000000, not 0"), "{}", wrong.text());
}

#[test]
fn regular_expressions_find_and_replace() {
    assert_eq!(of("regex::test(\"^a+$\", \"aaa\")"), true);
    assert_eq!(of("regex::replace(\"b+\", \"abba\", \"-\")"), "a-a");
    assert_eq!(of("regex::find_all(\"[0-9]+\", \"a1b22\").len()"), 2);
    assert_eq!(of("attempt(|| regex::test(\"(\", \"x\"), |e| \"bad\")"), "bad");
}

#[test]
fn logged_lines_have_their_plugin_and_cannot_forge_others() {
    let server = Server::start(&[(
        "shop/orders.rhai",
        "get(|r| { log::info(\"paid\", #{ amount: 5 }); log::warn(\"line\\nERROR forged\"); \
         log::error(\"bad\"); print(\"printed\\u001b[31m\"); \"ok\" });",
    )]);
    assert_eq!(server.get("/shop/orders").ok(), "ok");
    server.wait_for_log("printed");
    let log = server.log();
    let line =
        |text: &str| log.lines().find(|line| line.contains(text)).unwrap_or_default().to_owned();
    assert!(line("paid").contains("shop/orders"), "{log}");
    assert!(line("paid").contains("amount"), "{log}");
    assert!(line("line").contains("forged"), "{log}");
    assert!(line("bad").contains("ERROR"), "{log}");
    assert!(!log.contains('\u{1b}'), "{log}");
}
