//! What plugins keep for good: `store::`, over ends of every kind and with a database in every state.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    faults::works,
    harness::{
        Answer, Ask, Connection, Project, Server, assert_problem, assert_tells, refusal, wait_until,
    },
};

const TODOS: &str = "post(|r| store::add(\"todos\", r.body));\n\
    get(|r| store::list(\"todos\"));\n\
    get(\"/count\", || store::count(\"todos\"));\n\
    get(\"/{id}\", |r| store::get(\"todos\", r.params.id) ?? not_found());\n\
    put(\"/{id}\", |r| store::set(\"todos\", r.params.id, r.body));\n\
    delete(\"/{id}\", |r| json(store::delete(\"todos\", r.params.id)));\n\
    delete(|r| store::clear(\"todos\"));";

fn database(project: &Server) -> PathBuf {
    database_in(project.root())
}

fn database_in(root: &Path) -> PathBuf {
    root.join("data/hotplate.db")
}

/// An answer to `GET /t` with this handler.
#[track_caller]
fn answer_of(handler: &str) -> Answer {
    let server = Server::dev(&[("t.rhai", &format!("get(|req| {handler});"))]);
    server.get("/t")
}

#[test]
fn records_are_added_changed_listed_and_taken_away() {
    let server = Server::dev(&[("t.rhai", TODOS)]);
    assert_eq!(server.get("/t").json(), json!([]));
    assert!(!database(&server).exists(), "reading makes no file");
    let added = server.post("/t", &json!({ "title": "a", "id": 99 })).json();
    assert_eq!(added, json!({ "id": 1, "title": "a" }));
    assert_eq!(server.post("/t", &json!({ "title": "b" })).json()["id"], 2);
    assert_eq!(server.get("/t/2").json()["title"], "b");
    assert_eq!(server.get("/t/3").status, 404);
    server.ask(Ask::new("PUT", "/t/ann").json(&json!({ "title": "c" })));
    server.ask(Ask::new("PUT", "/t/10").json(&json!({ "title": "d" })));
    let titles: Vec<_> =
        server.get("/t").json().as_array().unwrap().iter().map(|t| t["title"].clone()).collect();
    assert_eq!(titles, ["a", "b", "d", "c"], "numbers in their order, and then texts");
    assert_eq!(server.get("/t/count").json(), 4);
    assert_eq!(server.ask(Ask::new("DELETE", "/t/10")).json(), true);
    assert_eq!(server.ask(Ask::new("DELETE", "/t/10")).json(), false);
    assert_eq!(server.post("/t", &json!({})).json()["id"], 3);
    assert_eq!(server.ask(Ask::new("DELETE", "/t")).json(), 4);
    assert_eq!(server.get("/t/count").json(), 0);
    assert_eq!(server.post("/t", &json!({})).json()["id"], 4, "no number comes twice");
}

#[test]
fn a_list_is_filtered_sorted_and_turned_page_by_page() {
    let server = Server::dev(&[(
        "t.rhai",
        "on_start(|| { for n in 0..10 { store::add(\"c\", #{ n: n, odd: n % 2 == 1, k: n * 7 % 10 }); } });\n\
         post(|r| store::list(\"c\", r.body).map(|v| v.n));",
    )]);
    wait_until("it is filled", || {
        server.post("/t", &json!({})).json() == json!([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    });
    for (options, wanted) in [
        (json!({ "limit": 3 }), json!([0, 1, 2])),
        (json!({ "limit": 3, "offset": 8 }), json!([8, 9])),
        (json!({ "limit": 0 }), json!([])),
        (json!({ "sort": "-id", "limit": 2 }), json!([9, 8])),
        (json!({ "sort": "-id", "limit": 2, "after": 9 }), json!([7, 6])),
        (json!({ "after": "8" }), json!([8, 9])),
        (json!({ "where": { "odd": true } }), json!([1, 3, 5, 7, 9])),
        (json!({ "where": { "odd": true, "k": 7.0 } }), json!([1])),
        (json!({ "where": { "none": null }, "limit": 1 }), json!([0])),
        (json!({ "sort": "k" }), json!([0, 3, 6, 9, 2, 5, 8, 1, 4, 7])),
        (json!({ "sort": "-k", "limit": 2 }), json!([7, 4])),
        (json!({ "sort": "-k", "limit": 2, "after": 5 }), json!([1, 8])),
        (json!({ "sort": "odd", "limit": 6 }), json!([0, 2, 4, 6, 8, 1])),
        (json!({ "sort": "k", "after": 500 }), json!([])),
    ] {
        assert_eq!(server.post("/t", &options).json(), wanted, "{options}");
    }
    for (options, words) in [
        (
            json!({ "limti": 3 }),
            "has the options where, sort, after, offset, limit, not \\\"limti\\\"",
        ),
        (json!({ "limit": -1 }), "`limit` is an integer, 0 or more"),
        (json!({ "where": 1 }), "`where` is a map such as"),
        (json!({ "sort": 1 }), "`sort` is the name of a member"),
        (json!({ "after": 1.5 }), "an integer or a string as id, not a float"),
    ] {
        let answer = server.post("/t", &options);
        assert_eq!(answer.status, 500);
        assert!(answer.text().contains(words), "{options}: {}", answer.text());
    }
}

#[test]
fn each_plugin_sees_its_own_records_only_and_they_are_there_after_an_end() {
    let project = Project::new(&[("a.rhai", TODOS), ("b.rhai", TODOS)]);
    let server = project.start();
    server.post("/a", &json!({ "title": "of a" }));
    assert_eq!(server.get("/b").json(), json!([]));
    server.ask(Ask::new("DELETE", "/b"));
    let server = server.restart(Signal::TERM);
    assert_eq!(server.get("/a").json(), json!([{ "id": 1, "title": "of a" }]));
    let mode = fs::metadata(database(&server)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else reads it");
}

#[test]
fn whatever_was_answered_is_there_after_a_kill() {
    let mut server = Server::start(&[("t.rhai", TODOS)]);
    for _ in 0..3 {
        let (address, largest) = (server.address(), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let Ok(mut connection) = Connection::try_open(address) else { return };
                    while !stop.load(Ordering::Relaxed) {
                        connection.begin(&Ask::post("/t").json(&json!({ "title": "x" })));
                        let Some(answer) = connection.answer(false) else { return };
                        if answer.status == 200 && answer.whole {
                            let id = answer.json()["id"].as_u64().unwrap();
                            largest.fetch_max(id, Ordering::Relaxed);
                        }
                    }
                });
            }
            let before = largest.load(Ordering::Relaxed);
            wait_until("it writes", || largest.load(Ordering::Relaxed) > before + 30);
            server.signal(Signal::KILL);
            stop.store(true, Ordering::Relaxed);
        });
        server = server.restart(Signal::KILL);
        let there = server.get("/t").json();
        let ids: Vec<u64> =
            there.as_array().unwrap().iter().map(|todo| todo["id"].as_u64().unwrap()).collect();
        let answered = largest.into_inner();
        let missing: Vec<u64> = (1..=answered).filter(|id| !ids.contains(id)).collect();
        assert!(missing.is_empty(), "lost of {answered}: {missing:?}");
    }
}

#[test]
fn an_update_is_one_step_for_all_who_make_it() {
    for compile in ["true", "false"] {
        let server = Project::new(&[(
            "t.rhai",
            "post(|r| store::update(\"c\", \"n\", |n| (n ?? 0) + 1));\nget(|r| store::get(\"c\", \"n\"));",
        )])
        .env("HOTPLATE_LIMITS__COMPILE", compile)
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "15000")
        .start();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut connection = server.connect();
                    (0..15).for_each(|_| assert_eq!(connection.ask(&Ask::post("/t")).status, 200));
                });
            }
        });
        assert_eq!(server.get("/t").json(), 60);
    }
}

#[test]
fn a_closure_of_update_may_use_the_store_itself() {
    let answer = answer_of(
        "store::update(\"c\", \"a\", |a| { store::set(\"c\", \"b\", 5); \
         store::update(\"c\", \"c\", |c| 2) + store::get(\"c\", \"b\") })",
    );
    assert_eq!(answer.json(), 7);
    let script = "get(|| store::update(\"c\", \"a\", |a| { store::set(\"c\", \"a\", 1); 2 }));";
    let server = Project::new(&[("t.rhai", script)])
        .arg("--dev")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "30000")
        .start();
    let answer = server.get("/t");
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("does the closure change it itself?"), "{}", answer.text());
    let answer = answer_of(
        "{ try { store::update(\"c\", \"a\", |a| throw \"no\") } catch { } store::get(\"c\", \"a\") }",
    );
    assert_eq!(answer.status, 204);
}

#[test]
fn a_record_with_a_time_goes_when_it_is_over() {
    let server = Server::dev(&[(
        "t.rhai",
        "post(|r| store::set(\"c\", \"k\", 1, #{ ttl: \"300ms\" }));\n\
         get(|r| [store::get(\"c\", \"k\"), store::count(\"c\"), store::list(\"c\").len()]);\n\
         get(\"/long\", |r| { store::set(\"c\", \"k\", 1, #{ ttl: 3600 }); store::delete(\"c\", \"k\") });",
    )]);
    server.post("/t", &json!({}));
    wait_until("it goes", || server.get("/t").json() == json!([null, 0, 0]));
    assert_eq!(server.get("/t/long").json(), true);
}

#[test]
fn a_plugin_that_is_full_is_told_and_may_still_take_away() {
    let server = Project::new(&[
        (
            "t.rhai",
            "post(|r| store::add(\"c\", #{ text: \"x\".repeat(3000) }));\n\
         get(|r| store::count(\"c\"));\n\
         delete(|r| store::clear(\"c\"));",
        ),
        ("other.rhai", TODOS),
    ])
    .env("HOTPLATE_LIMITS__STORE_BYTES", "10000")
    .start();
    for _ in 0..3 {
        assert_eq!(server.post("/t", &json!({})).status, 200);
    }
    let full = server.post("/t", &json!({}));
    assert_problem(&full, 507);
    assert!(full.text().contains("`store_bytes`"), "{}", full.text());
    assert_eq!(server.get("/t").json(), 3);
    assert_eq!(server.post("/other", &json!({})).status, 200, "others have room of their own");
    let server = server.restart(Signal::TERM);
    assert_problem(&server.post("/t", &json!({})), 507);
    assert_eq!(server.ask(Ask::new("DELETE", "/t")).json(), 3);
    assert_eq!(server.post("/t", &json!({})).status, 200);
}

#[test]
fn what_cannot_be_kept_is_refused_in_words() {
    for (handler, words) in [
        ("store::set(\"c\", 1, || 1)", "is a function, which has no JSON form"),
        ("store::add(\"c\", #{ f: || 1 })", "`$.f` is a function"),
        ("store::set(\"c\", \"\", 1)", "an id have 1 to 256 bytes, not 0"),
        ("store::set(\"c\".repeat(300), 1, 1)", "have 1 to 256 bytes, not 300"),
        ("store::get(\"c\", 1.5)", "takes an integer or a string as id, not a float"),
        ("store::set(\"c\", 1, 1, #{ til: 5 })", "has the option `ttl`, not \\\"til\\\""),
        ("store::set(\"c\", 1, 1, #{ ttl: \"soon\" })", "`ttl` is a number of seconds"),
    ] {
        let answer = answer_of(handler);
        assert_eq!(answer.status, 500, "{handler}: {}", answer.text());
        assert!(answer.text().contains(words), "{handler}: {}", answer.text());
    }
}

#[test]
fn nothing_is_written_at_the_top_level() {
    for call in [
        "set(\"c\", 1, 1)",
        "add(\"c\", #{})",
        "update(\"c\", 1, |v| v)",
        "delete(\"c\", 1)",
        "clear(\"c\")",
    ] {
        let fault = refusal(&format!("store::{call};\nget(|| 1);"));
        assert_tells(&fault, &["at the top level", "on_start(|| …)"]);
    }
}

#[test]
fn a_damaged_database_stops_nothing_else_and_a_good_one_in_its_place_is_used() {
    let server = Server::start(&[("t.rhai", TODOS), ("ok.rhai", "get(|| \"ok\");")]);
    server.post("/t", &json!({ "title": "good" }));
    let server = server.stopped(Signal::TERM);
    let file = server.root().join("data/hotplate.db");
    let good = fs::read(&file).unwrap();
    assert!(!server.root().join("data/hotplate.db-wal").exists(), "the end leaves one whole file");
    fs::write(&file, "this is no database, and never was".repeat(500)).unwrap();
    let server = server.start();
    for ask in [Ask::get("/t"), Ask::post("/t").json(&json!({}))] {
        let answer = server.ask(ask);
        assert_problem(&answer, 503);
        assert!(!answer.text().contains("hotplate.db"), "{}", answer.text());
    }
    assert_eq!(server.get("/ok").ok(), "ok");
    server.wait_for_log("is damaged");
    fs::write(file.with_extension("good"), good).unwrap();
    fs::rename(file.with_extension("good"), &file).unwrap();
    assert_eq!(server.get("/t").json(), json!([{ "id": 1, "title": "good" }]));
    assert_eq!(server.post("/t", &json!({})).json()["id"], 2);
}

#[test]
fn a_database_that_was_cut_short_is_503_and_hurts_nothing_else() {
    let server = Server::start(&[("t.rhai", TODOS), ("ok.rhai", "get(|| \"ok\");")]);
    for n in 0..200 {
        server.post("/t", &json!({ "title": format!("{n} {}", "x".repeat(200)) }));
    }
    let server = server.stopped(Signal::TERM);
    let file = database_in(server.root());
    let good = fs::read(&file).unwrap();
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    let server = server.start();
    assert_problem(&server.get("/t"), 503);
    assert_eq!(server.get("/ok").ok(), "ok");
    server.wait_for_log("is damaged");
    fs::write(file.with_extension("good"), good).unwrap();
    fs::rename(file.with_extension("good"), &file).unwrap();
    assert_eq!(server.get("/t/count").json(), 200);
}

#[test]
fn a_full_disk_is_503_for_those_who_write_and_loses_nothing_that_was_answered() {
    let script = "mkdir -p data && mount -t tmpfs -o size=512k tmpfs data && exec \"$@\"";
    let around = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"];
    let mount = "mount -t tmpfs -o size=64k tmpfs /mnt";
    if !works(&["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]) {
        return;
    }
    let server =
        Project::new(&[("t.rhai", TODOS), ("ok.rhai", "get(|| \"ok\");")]).through(&around).start();
    let large = json!({ "title": "x".repeat(20_000) });
    let mut kept = 0;
    let refused = loop {
        let answer = server.post("/t", &large);
        if answer.status != 200 {
            break answer;
        }
        kept += 1;
        assert!(kept < 100, "the disk was not full");
    };
    assert_problem(&refused, 503);
    assert!(!refused.text().contains("data"), "{}", refused.text());
    assert_eq!(server.get("/ok").ok(), "ok");
    assert_eq!(server.get("/t/count").json(), kept);
    server.wait_for_log("full");
    // What takes the room away: a write that makes room is possible, or is once there is some.
    let folder = format!("/proc/{}/root{}/data", server.pid(), server.root().display());
    assert!(fs::read_dir(&folder).unwrap().count() > 0);
    let remount = format!("mount -o remount,size=4m {folder}");
    let inside =
        ["nsenter", "--user", "--mount", "--target", &server.pid().to_string(), "sh", "-c"];
    let remount = remount.replace(&format!("/proc/{}/root", server.pid()), "");
    if works(&[&inside[..], &[&remount]].concat()) {
        assert_eq!(server.post("/t", &large).status, 200);
        assert_eq!(server.get("/t/count").json(), kept + 1);
    }
}

#[test]
fn a_database_that_another_process_locks_is_503_in_time_and_served_again_later() {
    let server = Server::start(&[("t.rhai", TODOS), ("ok.rhai", "get(|| \"ok\");")]);
    server.post("/t", &json!({ "title": "good" }));
    let other = rusqlite::Connection::open(database(&server)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    assert_problem(&server.post("/t", &json!({})), 503);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(server.get("/t/count").json(), 1, "reading goes on");
    assert_eq!(server.get("/ok").ok(), "ok");
    server.wait_for_log("is locked by another process");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(server.post("/t", &json!({})).json()["id"], 2);
}

#[test]
fn a_folder_that_cannot_be_written_is_503_for_those_who_write() {
    let project = Project::new(&[("t.rhai", TODOS), ("ok.rhai", "get(|| \"ok\");")]);
    fs::write(project.root().join("data"), "a file, not a folder").unwrap();
    let server = project.start();
    assert_problem(&server.post("/t", &json!({})), 503);
    assert_eq!(server.get("/ok").ok(), "ok");
    server.wait_for_log("cannot open");
    fs::remove_file(server.root().join("data")).unwrap();
    assert_eq!(server.post("/t", &json!({})).json()["id"], 1);
}

#[test]
fn a_database_of_a_newer_version_is_left_alone() {
    let server = Server::start(&[("t.rhai", TODOS)]);
    server.post("/t", &json!({ "title": "good" }));
    let server = server.stopped(Signal::TERM);
    let other = rusqlite::Connection::open(server.root().join("data/hotplate.db")).unwrap();
    other.pragma_update(None, "user_version", 1000).unwrap();
    drop(other);
    let server = server.start();
    assert_problem(&server.post("/t", &json!({})), 503);
    server.wait_for_log("newer version of hotplate");
}

#[test]
fn a_database_that_is_taken_away_is_made_anew() {
    let server = Server::start(&[("t.rhai", TODOS)]);
    server.post("/t", &json!({ "title": "lost" }));
    for end in ["", "-wal", "-shm"] {
        fs::remove_file(server.root().join(format!("data/hotplate.db{end}"))).unwrap();
    }
    assert_eq!(server.get("/t").json(), json!([]));
    server.post("/t", &json!({ "title": "kept" }));
    let server = server.restart(Signal::KILL);
    assert_eq!(server.get("/t").json(), json!([{ "id": 1, "title": "kept" }]));
}
