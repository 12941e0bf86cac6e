//! The file that sessions are kept in: where it is, and what becomes of them when it, or the clock, goes wrong.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{Ask, Project, Server, assert_problem, wait_until},
    jobs::faketime,
    sessions::{VISITS, database, put, rows, seen, with},
};

#[test]
fn a_clock_that_is_set_back_brings_no_session_back() {
    let Some(library) = faketime() else { return };
    let project = Project::new(&[("t.rhai", VISITS)]).config("[sessions]\nttl = 3600\n");
    let clock = project.root().join("clock");
    std::fs::write(&clock, "+0").unwrap();
    let path = clock.to_string_lossy().into_owned();
    let server = project
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", &path)
        .env("FAKETIME_NO_CACHE", "1")
        .env("DONT_FAKE_MONOTONIC", "1")
        .start();
    let id = put(&server, None, "user", &json!("ann"));
    // Set back a little, as clocks are: nobody is thrown out.
    std::fs::write(&clock, "-30m").unwrap();
    assert_eq!(seen(&server, &id), json!({ "user": "ann" }));
    std::fs::write(&clock, "+2h").unwrap();
    assert_eq!(seen(&server, &id), Value::Null, "it has expired");
    std::fs::write(&clock, "+0").unwrap();
    assert_eq!(seen(&server, &id), Value::Null, "and is back");
    wait_until("it is swept away", || rows(&server) == [0, 0]);
    let server = server.restart(Signal::KILL);
    assert_eq!(seen(&server, &id), Value::Null);
    // One that was begun while the clock was wrong does not outlive the others for that.
    std::fs::write(&clock, "+400d").unwrap();
    let late = put(&server, None, "user", &json!("bob"));
    std::fs::write(&clock, "+0").unwrap();
    let server = server.restart(Signal::TERM);
    assert_eq!(seen(&server, &late), json!({ "user": "bob" }));
    let left = || {
        let query = "SELECT max(expires) - unixepoch() * 1000 FROM sessions";
        database(&server).query_row(query, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    wait_until("it lives as long as others", || left() <= 3_602_000);
}

#[test]
fn sessions_out_of_reach_are_503_for_who_asks_for_them_and_for_nobody_else() {
    let server = Server::start(&[("t.rhai", VISITS)]);
    let id = put(&server, None, "n", &json!(1));
    let trouble = |server: &Server| server.get("/plugins").json()["sessions"].clone();
    assert_eq!(trouble(&server), json!({ "store": "sqlite" }));
    let other = database(&server);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let locked = server.ask(with(Ask::new("PUT", "/t/n").json(&json!(2)), &id));
    assert_problem(&locked, 503);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(!locked.text().contains("hotplate.db"), "{}", locked.text());
    assert_eq!(locked.header("set-cookie"), None);
    assert_eq!(server.get("/t/untouched").ok(), "ok");
    assert_eq!(seen(&server, &id), json!({ "n": 1 }), "reading goes on");
    server.wait_for_log("is locked by another process");
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    put(&server, Some(&id), "n", &json!(3));
    let server = server.stopped(Signal::TERM);
    let file = server.root().join("data/hotplate.db");
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, "this is no database, and never was".repeat(500)).unwrap();
    let server = server.start();
    for ask in [with(Ask::get("/t"), &id), Ask::new("PUT", "/t/n").json(&json!(4))] {
        assert_problem(&server.ask(ask), 503);
    }
    assert_eq!(server.get("/t").status, 200, "who shows no id has no session to be found");
    assert_eq!(server.get("/t/untouched").ok(), "ok");
    assert_eq!(trouble(&server)["trouble"], "out of reach; the log says why");
    std::fs::write(file.with_extension("good"), good).unwrap();
    std::fs::rename(file.with_extension("good"), &file).unwrap();
    assert_eq!(seen(&server, &id), json!({ "n": 3 }));
    assert_eq!(trouble(&server)["trouble"], Value::Null);
}

#[test]
fn sessions_may_have_a_file_of_their_own_and_scripts_see_no_path() {
    let server = Project::new(&[("t.rhai", VISITS), ("c.rhai", "get(|| config.sessions);")])
        .config("[sessions]\nstore = \"sqlite:kept/visits.db\"\n")
        .start();
    let id = put(&server, None, "n", &json!(1));
    assert!(server.root().join("kept/visits.db").exists());
    assert!(!server.root().join("data").exists());
    assert_eq!(server.get("/c").json()["store"], "sqlite:visits.db");
    server.save_config("[sessions]\nstore = \"sqlite:kept/others.db\"\n");
    wait_until("a restart is asked for", || {
        server.report()["restart_needed"] == json!(["sessions.store"])
    });
    assert_eq!(seen(&server, &id), json!({ "n": 1 }));
    let server = server.restart(Signal::TERM);
    assert_eq!(seen(&server, &id), Value::Null);
}
