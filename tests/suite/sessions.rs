//! `req.session`: what is remembered of a visitor, and what is not.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Answer, Ask, Connection, Project, Server, assert_problem, wait_until};

/// A plugin that does with its session what it is asked.
pub(crate) const VISITS: &str = "\
    get(|req| #{ id: req.session.id, all: req.session.to_map() });\n\
    get(\"/untouched\", || \"ok\");\n\
    put(\"/{name}\", |req| { req.session[req.params.name] = req.json(); json(req.session[req.params.name]) });\n\
    post(\"/login\", |req| { req.session.renew(); req.session.user = req.body.user; req.session.id });\n\
    post(\"/logout\", |req| req.session.clear());\n";

/// The value of the cookie that an answer sets.
pub(crate) fn cookie(answer: &Answer) -> Option<&str> {
    let set = answer.header("set-cookie")?;
    set.split(';').next()?.strip_prefix("PS_SESSID=")
}

/// A request of whoever has this cookie.
pub(crate) fn with(ask: Ask, id: &str) -> Ask {
    ask.header("Cookie", &format!("a=b; PS_SESSID={id}; c=d"))
}

/// Puts a value into a session, or into a new one; its id.
#[track_caller]
pub(crate) fn put(server: &Server, id: Option<&str>, name: &str, value: &Value) -> String {
    let ask = Ask::new("PUT", &format!("/t/{name}")).json(value);
    let answer = server.ask(match id {
        Some(id) => with(ask, id),
        None => ask,
    });
    assert_eq!(&answer.json(), value, "{}", answer.text());
    cookie(&answer).or(id).expect("a cookie").to_owned()
}

/// What is in a session; null if there is none.
#[track_caller]
pub(crate) fn seen(server: &Server, id: &str) -> Value {
    let answer = server.ask(with(Ask::get("/t"), id)).json();
    match answer["id"].is_null() {
        true => {
            assert_eq!(answer["all"], json!({}));
            Value::Null
        }
        false => answer["all"].clone(),
    }
}

pub(crate) fn database(server: &Server) -> rusqlite::Connection {
    rusqlite::Connection::open(server.root().join("data/hotplate.db")).unwrap()
}

pub(crate) fn rows(server: &Server) -> [i64; 2] {
    let database = database(server);
    ["sessions", "session_values"].map(|table| {
        database.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    })
}

#[test]
fn reading_makes_no_session_and_the_first_write_makes_one() {
    for compile in ["true", "false"] {
        let server = Project::new(&[("t.rhai", VISITS)])
            .arg("--dev")
            .env("HOTPLATE_LIMITS__COMPILE", compile)
            .start();
        let nothing = server.get("/t");
        assert_eq!(nothing.json(), json!({ "id": null, "all": {} }));
        assert_eq!(nothing.header("set-cookie"), None);
        assert!(!server.root().join("data").exists(), "reading makes no file");
        server.ask(Ask::new("PUT", "/t/none").json(&Value::Null));
        assert!(!server.root().join("data").exists(), "nor does nothing");
        let id = put(&server, None, "cart", &json!([{ "n": 1 }, 2.5, "ü", true]));
        assert_eq!(id.len(), 43, "{id}");
        put(&server, Some(&id), "user", &json!("ann"));
        let all = json!({ "cart": [{ "n": 1 }, 2.5, "ü", true], "user": "ann" });
        let answer = server.ask(with(Ask::get("/t"), &id));
        assert_eq!(answer.json(), json!({ "id": id, "all": all }));
        assert_eq!(answer.header("set-cookie"), None, "it has its cookie");
        assert_eq!(answer.header("cache-control"), Some("private"));
        assert_eq!(server.get("/t/untouched").header("cache-control"), None);
        server.ask(with(Ask::new("PUT", "/t/cart").json(&Value::Null), &id));
        assert_eq!(seen(&server, &id), json!({ "user": "ann" }));
        // Whoever reads the file has nobody's session by it.
        let server = server.stopped(Signal::TERM);
        for end in ["", "-wal"] {
            let file = server.root().join(format!("data/hotplate.db{end}"));
            let bytes = std::fs::read(file).unwrap_or_default();
            assert!(!bytes.windows(id.len()).any(|window| window == id.as_bytes()));
        }
    }
}

#[test]
fn a_cookie_is_for_this_host_and_for_no_script_and_lives_as_long_as_its_session() {
    let server = Server::start(&[("t.rhai", VISITS)]);
    let answer = server.ask(Ask::new("PUT", "/t/a").json(&json!(1)));
    let id = cookie(&answer).unwrap();
    let wanted = format!("PS_SESSID={id}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax");
    assert_eq!(answer.all("set-cookie").collect::<Vec<_>>(), [wanted]);
    let other =
        "[sessions]\ncookie = \"__Host-visit\"\nttl = 60\nsame_site = \"strict\"\nsecure = true\n";
    server.save_config(other);
    wait_until("the configuration is in force", || {
        let answer = server.ask(Ask::new("PUT", "/t/a").json(&json!(1)));
        let set = answer.header("set-cookie").unwrap();
        set.starts_with("__Host-visit=")
            && set.ends_with("; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Strict")
    });
}

#[test]
fn an_id_that_we_did_not_make_is_nobodys_and_never_becomes_one() {
    let server = Server::start(&[("t.rhai", VISITS)]);
    let planted = "A".repeat(43);
    let odd = [
        planted.as_str(),
        "",
        "1",
        "admin",
        "../../../etc/passwd",
        "' OR 1=1 --",
        "x%0d%0aFLUSHALL",
        "\"\"",
        &"B".repeat(5000),
    ];
    for odd in odd {
        assert_eq!(seen(&server, odd), Value::Null, "{odd}");
        let made = put(&server, Some(odd), "user", &json!("ann"));
        assert_ne!(made, odd, "a new id");
        assert_eq!(seen(&server, &made), json!({ "user": "ann" }));
        assert_eq!(seen(&server, odd), Value::Null, "{odd}");
    }
    // One of ours behind one of somebody else's is found: a subdomain may have set the other.
    let ours = put(&server, None, "user", &json!("bob"));
    let both = Ask::get("/t").header("Cookie", &format!("PS_SESSID=planted; PS_SESSID={ours}"));
    assert_eq!(server.ask(both).json()["id"], ours);
}

#[test]
fn a_login_gives_another_id_and_keeps_what_was_there_and_a_logout_ends_it() {
    let server = Server::start(&[("t.rhai", VISITS)]);
    let before = put(&server, None, "cart", &json!([1]));
    let login = server.ask(with(Ask::post("/t/login").json(&json!({ "user": "ann" })), &before));
    let after = cookie(&login).expect("a cookie").to_owned();
    assert_ne!(before, after);
    assert_eq!(login.ok(), after, "`.id` and `.renew()` tell the new one");
    assert_eq!(seen(&server, &after), json!({ "cart": [1], "user": "ann" }));
    assert_eq!(seen(&server, &before), Value::Null, "the old one is nobody's");
    assert_eq!(rows(&server), [1, 2]);
    let logout = server.ask(with(Ask::post("/t/logout"), &after));
    assert_eq!(
        logout.header("set-cookie"),
        Some("PS_SESSID=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
    );
    assert_eq!(seen(&server, &after), Value::Null);
    assert_eq!(rows(&server), [0, 0]);
    // Where none is, there is nothing to renew and nothing to end.
    let again = server.ask(with(Ask::post("/t/logout"), &after));
    assert_eq!((again.status, again.header("set-cookie")), (204, None));
    let first = server.ask(Ask::post("/t/login").json(&json!({ "user": "bob" })));
    assert_eq!(seen(&server, cookie(&first).unwrap()), json!({ "user": "bob" }));
}

#[test]
fn what_is_changed_in_place_is_kept_and_what_is_only_looked_at_is_not_written() {
    for compile in ["true", "false"] {
        let server = Project::new(&[(
            "t.rhai",
            "post(|req| { req.session.cart = [1]; req.session.user = #{ name: \"ann\" }; });\n\
             post(\"/more\", |req| { req.session.cart.push(2); req.session.user.seen = true; });\n\
             get(|req| [req.session.cart, req.session.user, req.session.cart.len(), \"user\" in req.session,\n\
                        req.session.keys(), req.session.nothing, req.session?.user?.name.to_upper()]);\n\
             get(\"/all\", |req| req.session.to_map());\n\
             post(\"/again\", |req| { req.session.clear(); req.session.new = 1; req.session.to_map() });",
        )])
        .arg("--dev")
        .env("HOTPLATE_LIMITS__COMPILE", compile)
        .start();
        let first = server.ask(Ask::post("/t"));
        let id = cookie(&first).expect("a cookie").to_owned();
        server.ask(with(Ask::post("/t/more"), &id));
        let user = json!({ "name": "ann", "seen": true });
        let wanted = json!([[1, 2], user, 2, true, ["cart", "user"], null, "ANN"]);
        let writes = |server: &Server| {
            std::fs::metadata(server.root().join("data/hotplate.db-wal")).unwrap().len()
        };
        let before = writes(&server);
        for _ in 0..3 {
            assert_eq!(server.ask(with(Ask::get("/t"), &id)).json(), wanted);
        }
        assert_eq!(writes(&server), before, "reading writes nothing");
        let again = server.ask(with(Ask::post("/t/again"), &id));
        assert_eq!(again.json(), json!({ "new": 1 }));
        let other = cookie(&again).expect("a cookie");
        assert_ne!(other, id, "what begins after a `clear` is another session");
        assert_eq!(server.ask(with(Ask::get("/t/all"), &id)).json(), json!({}));
    }
}

#[test]
fn an_error_with_a_status_keeps_what_was_written_and_a_failure_keeps_nothing() {
    let server = Server::start(&[(
        "t.rhai",
        "before(|req| { if req.query?.by != null { req.session.by = req.query.by; } });\n\
         get(|req| #{ id: req.session.id, all: req.session.to_map() });\n\
         post(\"/wrong\", |req| { req.session.tries = (req.session.tries ?? 0) + 1; unauthorized() });\n\
         post(\"/fails\", |req| { req.session.lost = 1; throw \"on purpose\" });\n\
         post(\"/loops\", |req| { req.session.lost = 1; loop { } });\n\
         post(\"/odd\", |req| { req.session.lost = 1; || 1 });\n\
         post(\"/late\", |req| { req.session.early = 1; let s = req.session;\n\
             stream(\"text/plain\", |out| { out.write(`${s.early}`); s.late = 1; out.write(\"never\"); }) });",
    )]);
    let wrong = server.ask(Ask::post("/t/wrong"));
    assert_problem(&wrong, 401);
    let id = cookie(&wrong).expect("a cookie").to_owned();
    assert_eq!(server.ask(with(Ask::post("/t/wrong"), &id)).status, 401);
    for (path, status) in [("/t/fails", 500), ("/t/loops", 503), ("/t/odd", 500)] {
        let answer = server.ask(with(Ask::post(path), &id));
        assert_eq!((answer.status, answer.header("set-cookie")), (status, None), "{path}");
    }
    assert_eq!(seen(&server, &id), json!({ "tries": 2 }));
    let mut connection = server.connect();
    connection.begin(&with(Ask::post("/t/late"), &id));
    let late = connection.answer(false).unwrap();
    assert_eq!((late.text().as_str(), late.whole), ("1", false), "a stream only reads");
    server.wait_for_log("the answer has begun");
    assert_eq!(seen(&server, &id), json!({ "early": 1, "tries": 2 }));
    server.ask(with(Ask::post("/t/wrong?by=before"), &id));
    assert_eq!(seen(&server, &id)["by"], "before");
}

/// Four visitors with one session, each of whom puts so many values into it at the same time as the others.
pub(crate) fn assert_none_is_lost(server: &Server, id: &str, each: usize) {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut connection = server.connect();
                for n in 0..each {
                    let name = format!("/t/k{thread}-{n}");
                    let ask = with(Ask::new("PUT", &name).json(&json!(n)), id);
                    assert_eq!(connection.ask(&ask).status, 200);
                }
            });
        }
    });
    assert_eq!(seen(server, id).as_object().unwrap().len(), 4 * each + 1);
}

#[test]
fn requests_that_change_different_values_of_a_session_at_once_lose_none() {
    let server =
        Project::new(&[("t.rhai", VISITS)]).env("HOTPLATE_LIMITS__SCRIPT_MS", "15000").start();
    let id = put(&server, None, "n", &json!(0));
    assert_none_is_lost(&server, &id, 15);
}

#[test]
fn whatever_was_answered_is_there_after_a_kill() {
    let mut server = Server::start(&[("t.rhai", VISITS)]);
    let id = put(&server, None, "n", &json!(0));
    for _ in 0..2 {
        let (address, largest) = (server.address(), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let Ok(mut connection) = Connection::try_open(address) else { return };
                for n in 1.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    connection.begin(&with(Ask::new("PUT", "/t/n").json(&json!(n)), &id));
                    match connection.answer(false) {
                        Some(answer) if answer.status == 200 && answer.whole => {
                            largest.fetch_max(n, Ordering::Relaxed);
                        }
                        _ => return,
                    }
                }
            });
            wait_until("it writes", || largest.load(Ordering::Relaxed) > 20);
            server.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
        });
        server = server.restart(Signal::KILL);
        let there = seen(&server, &id)["n"].as_u64().unwrap();
        assert!(there >= largest.into_inner(), "lost: {there}");
    }
}

#[test]
fn a_session_lives_on_while_it_is_used_and_is_swept_away_when_it_is_not() {
    let server = Project::new(&[("t.rhai", VISITS)]).config("[sessions]\nttl = 6\n").start();
    let used = put(&server, None, "a", &json!(1));
    let unused: Vec<String> = (0..5).map(|n| put(&server, None, "n", &json!(n))).collect();
    assert_eq!(rows(&server), [6, 6]);
    let began = Instant::now();
    let mut cookies = 0;
    while began.elapsed() < Duration::from_secs(9) {
        let answer = server.ask(with(Ask::get("/t"), &used));
        assert_eq!(answer.json()["all"], json!({ "a": 1 }), "{:?}", began.elapsed());
        // With its life, that of the cookie begins anew.
        cookies += answer.all("set-cookie").count();
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!((1..=40).contains(&cookies), "noted now and then: {cookies}");
    // Nobody asked for the others.
    wait_until("they are swept away", || rows(&server) == [1, 1]);
    for id in unused {
        assert_eq!(seen(&server, &id), Value::Null);
    }
    wait_until("it is swept away too", || rows(&server) == [0, 0]);
    assert_eq!(seen(&server, &used), Value::Null);
}

#[test]
fn a_session_may_be_for_one_address_only() {
    let from = |ask: Ask, address: &str| ask.header("X-Forwarded-For", address);
    let proxied = "[network]\ntrusted_proxies = [\"127.0.0.0/8\"]\n[sessions]\nbind_address = ";
    let server =
        Project::new(&[("t.rhai", VISITS)]).config(&(proxied.to_owned() + "true\n")).start();
    let made = server.ask(from(Ask::new("PUT", "/t/a").json(&json!(1)), "10.0.0.1"));
    let id = cookie(&made).unwrap().to_owned();
    let there = |address: &str| {
        let answer = server.ask(from(with(Ask::get("/t"), &id), address));
        !answer.json()["id"].is_null()
    };
    assert!(there("10.0.0.1") && there("::ffff:10.0.0.1"));
    assert!(!there("10.0.0.2") && !there("::1"));
    let other = server.ask(from(with(Ask::new("PUT", "/t/a").json(&json!(2)), &id), "10.0.0.2"));
    assert_ne!(cookie(&other), Some(id.as_str()), "it gets one of its own");
    assert_eq!(other.status, 200);
    assert!(there("10.0.0.1"));
    server.save_config(&(proxied.to_owned() + "false\n"));
    wait_until("any address may have it", || there("10.0.0.2"));
}

#[test]
fn a_session_holds_64_kib_and_a_script_is_told_what_it_cannot_hold() {
    let server = Server::dev(&[(
        "t.rhai",
        "post(|req| { req.session.a = \"x\".repeat(40000); attempt(|| { req.session.b = \"x\".repeat(40000); 0 },\n\
             |e| problem(e).status) });\n\
         get(|req| req.session.to_map());\n\
         get(\"/id\", |req| { req.session.id = \"mine\"; });\n\
         get(\"/name\", |req| { req.session[\"x\".repeat(300)] = 1; });\n\
         get(\"/whole\", |req| { req.session = #{ a: 1 }; });\n\
         get(\"/function\", |req| { req.session.f = || 1; });\n\
         get(\"/answer\", |req| req.session);\n\
         post(\"/both/{name}\", |req| { req.session[req.params.name] = \"x\".repeat(30000); sleep(0.3); });",
    )]);
    let large = server.ask(Ask::post("/t"));
    assert_eq!(large.json(), 413);
    let id = cookie(&large).unwrap().to_owned();
    let there = server.ask(with(Ask::get("/t"), &id)).json();
    assert_eq!(there.as_object().unwrap().len(), 1);
    for (path, words) in [
        ("id", "the server gives a session its id"),
        ("name", "has 1 to 256 bytes"),
        ("whole", "write `req.session.name = value`"),
        ("function", "is a function, which has no JSON form"),
        ("answer", "the handler returned"),
    ] {
        let answer = server.get(&format!("/t/{path}"));
        assert_eq!(answer.status, 500, "{path}: {}", answer.text());
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
    // Two at once, each of which fits alone.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked = ["b", "c"].map(|name| {
            let ask = with(Ask::post(&format!("/t/both/{name}")), &id);
            scope.spawn(|| server.ask(ask).status)
        });
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(statuses.contains(&413), "{statuses:?}");
    let there = server.ask(with(Ask::get("/t"), &id)).json();
    assert!(there.to_string().len() < 80_000, "{}", there.to_string().len());
}

#[test]
fn whoever_writes_into_a_session_that_another_request_ended_is_told() {
    let server = Server::start(&[(
        "t.rhai",
        "post(|req| { req.session.n = 1; });\n\
         post(\"/slow\", |req| { req.session.n = 2; state::set(\"begun\", true); while state::get(\"go\") == null { sleep(0.01); } });\n\
         get(\"/begun\", || json(state::get(\"begun\") ?? false));\n\
         post(\"/end\", |req| { req.session.clear(); });\n\
         post(\"/go\", || { state::set(\"go\", true); });",
    )]);
    let id = cookie(&server.ask(Ask::post("/t"))).unwrap().to_owned();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| server.ask(with(Ask::post("/t/slow"), &id)));
        wait_until("it has read", || server.get("/t/begun").json() == true);
        assert_eq!(server.ask(with(Ask::post("/t/end"), &id)).status, 204);
        server.ask(Ask::post("/t/go"));
        let slow = slow.join().unwrap();
        assert_problem(&slow, 409);
        assert_eq!(slow.header("set-cookie"), None);
    });
    assert_eq!(rows(&server), [0, 0], "it is not there again");
}
