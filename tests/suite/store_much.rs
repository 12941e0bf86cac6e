//! A store that holds much: nobody waits for all of it.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};
use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Ask, Project, Server};

/// How long nine of ten writes may take meanwhile, on a machine that does much else.
const OTHERS: Duration = Duration::from_millis(400);

/// How many writes there is time for at least.
const MANY: usize = 10;

const MUCH: &str = "post(|r| store::add(\"c\", #{ text: \"x\" }));\n\
    get(|r| store::count(\"c\"));\n\
    get(\"/all\", |r| store::list(\"c\").len());\n\
    get(\"/first\", |r| store::list(\"c\", #{ limit: 1 }));\n\
    delete(|r| store::clear(\"c\"));";

/// Takes the tables back to how they were.
const VERSION_2: &str = "CREATE TABLE before (
        plugin TEXT NOT NULL, coll TEXT NOT NULL, id NOT NULL, value TEXT NOT NULL, size INTEGER NOT NULL,
        version INTEGER NOT NULL, expires INTEGER, PRIMARY KEY (plugin, coll, id)
    ) WITHOUT ROWID;
    INSERT INTO before SELECT plugin, coll, id, value, size, version, expires FROM records;
    DROP TABLE records;
    ALTER TABLE before RENAME TO records;
    CREATE INDEX records_expire ON records (expires) WHERE expires IS NOT NULL;
    CREATE TABLE before (
        session BLOB NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (session, name)
    ) WITHOUT ROWID;
    INSERT INTO before SELECT session, name, value FROM session_values;
    DROP TABLE session_values;
    ALTER TABLE before RENAME TO session_values;
    PRAGMA user_version = 2;";

const OTHER: &str = "post(|r| store::set(\"b\", 1, \"kept\"));";

fn database(root: &Path) -> Connection {
    Connection::open(root.join("data/hotplate.db")).unwrap()
}

/// A server that was stopped, with so many records of `much`, all over at `expires`.
fn stopped_with(records: usize, expires: Option<i64>) -> Project {
    let server = Project::new(&[("much.rhai", MUCH), ("other.rhai", OTHER)])
        .config("[limits]\nscript_ms = 60000\n")
        .start();
    server.post("/much", &json!({}));
    let project = server.stopped(Signal::TERM);
    let database = database(project.root());
    let size: i64 = 64 + 4 + 1 + 8 + 10;
    database
        .execute(
            "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < ?1) \
             INSERT INTO records SELECT 'much', 'c', n, ?2, n, ?3, '{\"text\":1}' FROM n",
            params![records, size, expires],
        )
        .unwrap();
    database
        .execute(
            "UPDATE uses SET writes = ?1, bytes = 69 + (SELECT sum(size) FROM records WHERE plugin = 'much') \
             WHERE plugin = 'much'",
            [records],
        )
        .unwrap();
    database.execute("UPDATE counters SET last = ?1", [records]).unwrap();
    project
}

/// How much `much` keeps, by its records and by its account.
fn kept(root: &Path) -> (i64, i64) {
    let database = database(root);
    let sum = "SELECT coalesce(sum(size), 0) FROM records WHERE plugin = 'much'";
    // The last number that was given to a record is on the account too.
    let account = "SELECT bytes - 69 FROM uses WHERE plugin = 'much'";
    let one = |text| database.query_row(text, [], |row| row.get(0)).unwrap();
    (one(sum), one(account))
}

#[track_caller]
fn assert_writes_are_quick(server: &Server, meanwhile: impl FnOnce() + Send) {
    let is_over = AtomicBool::new(false);
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            meanwhile();
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            let asked = Instant::now();
            assert_eq!(server.ask(Ask::post("/other")).status, 200);
            times.push(asked.elapsed());
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    times.sort_unstable();
    assert!(times.len() >= MANY, "only {} writes were done meanwhile: {times:?}", times.len());
    let most = times[times.len() * 9 / 10];
    assert!(most < OTHERS, "nine of ten of {} writes took {most:?}", times.len());
}

#[test]
fn a_large_collection_is_cleared_while_others_write() {
    let server = stopped_with(100_000, None).start();
    assert_eq!(server.get("/much").json(), 100_000);
    assert_writes_are_quick(&server, || {
        assert_eq!(server.ask(Ask::new("DELETE", "/much")).json(), 100_000);
    });
    assert_eq!(server.get("/much").json(), 0);
    assert_eq!(server.post("/much", &json!({})).json()["id"], 100_001);
    let project = server.stopped(Signal::TERM);
    let (records, account) = kept(project.root());
    assert_eq!(records, account);
}

#[test]
fn what_is_written_while_a_collection_is_cleared_stays() {
    let server = stopped_with(50_000, None).start();
    std::thread::scope(|scope| {
        let clearing = scope.spawn(|| server.ask(Ask::new("DELETE", "/much")).json());
        let began = Instant::now();
        while server.get("/much/first").json()[0]["id"] == 1 && !clearing.is_finished() {
            assert!(began.elapsed() < Duration::from_secs(30), "nothing is cleared");
        }
        let added = server.post("/much", &json!({})).json();
        assert_eq!(clearing.join().unwrap(), 50_000);
        assert_eq!(server.get("/much/first").json(), json!([added]));
    });
}

#[test]
fn what_is_over_makes_room_in_parts() {
    let project = stopped_with(20_000, Some(1000));
    let all = kept(project.root()).0;
    let server = project
        .config(&format!("[limits]\nscript_ms = 60000\nstore_bytes = {}\n", all / 10))
        .start();
    // None of those is there, and not even a tenth of them has room.
    assert_eq!(server.get("/much").json(), 1);
    assert_eq!(server.post("/much", &json!({})).status, 200);
    assert_eq!(server.get("/much").json(), 2);
    let project = server.stopped(Signal::TERM);
    let (records, account) = kept(project.root());
    assert_eq!(records, account);
    assert!(records <= all / 10, "{records} of {all}");
}

#[test]
fn a_list_that_takes_long_is_whole() {
    let server = stopped_with(300_000, None)
        .config("[limits]\nscript_ms = 60000\noperations = 1000000000\nmemory_bytes = 1000000000\n")
        .start();
    assert_eq!(server.get("/much/all").json(), 300_000);
}

#[test]
fn large_values_of_one_plugin_make_no_others_reads_slow() {
    let large = "get(|r| { for n in 0..16 { store::set(\"l\", n, \"x\".repeat(8000000)); } });";
    let reads = "post(|r| store::set(\"b\", 1, \"kept\"));\nget(|r| store::get(\"b\", 1));";
    let server = Project::new(&[("large.rhai", large), ("next.rhai", reads)])
        .config("[limits]\nscript_ms = 60000\n")
        .start();
    assert_eq!(server.ask(Ask::post("/next")).status, 200);
    let median = || {
        let mut times: Vec<_> = (0..51)
            .map(|_| {
                let asked = Instant::now();
                assert_eq!(server.get("/next").ok(), "kept");
                asked.elapsed()
            })
            .collect();
        times.sort_unstable();
        times[25]
    };
    let alone = median();
    assert_eq!(server.get("/large").status, 204);
    let beside = median();
    // Each that was compared with what is looked for was read as a whole.
    assert!(beside < alone * 5, "{beside:?} beside large values, {alone:?} without");
}

#[test]
fn a_store_of_an_earlier_version_is_brought_up() {
    let project = stopped_with(10, None);
    database(project.root()).execute_batch(VERSION_2).unwrap();
    let server = project.start();
    assert_eq!(server.get("/much").json(), 10);
    assert_eq!(server.post("/much", &json!({})).status, 200);
    let project = server.stopped(Signal::TERM);
    let database = database(project.root());
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    let index: String = database
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'records_expire'", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(version, 3);
    assert!(index.contains("(plugin, expires)"), "{index}");
}

#[test]
fn large_writes_and_long_reads_let_others_write_and_the_log_begin_anew() {
    let busy = "get(\"/fill\", |req| { for n in 0..200 { store::set(\"l\", n, #{ n: n, text: \"y\".repeat(40000) }); } });\n\
                get(\"/lists\", |req| { loop { store::list(\"l\", #{ where: #{ n: -1 }, sort: \"n\" }); } });\n\
                get(\"/writes\", |req| { loop { store::set(\"a\", 1, \"x\".repeat(4000000)); } });";
    let server = Project::new(&[("busy.rhai", busy), ("other.rhai", OTHER)])
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "5000")
        .start();
    assert_eq!(server.get("/busy/fill").status, 204);
    let log = server.root().join("data/hotplate.db-wal");
    let mut largest = 0;
    assert_writes_are_quick(&server, || {
        let mut all: Vec<_> = (0..16).map(|_| server.connect()).collect();
        for (n, connection) in all.iter_mut().enumerate() {
            connection.begin(&Ask::get(["/busy/lists", "/busy/writes"][n % 2]));
        }
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(5) {
            largest = largest.max(fs::metadata(&log).map_or(0, |log| log.len()));
            std::thread::sleep(Duration::from_millis(20));
        }
        for connection in &mut all {
            assert_eq!(connection.answer(false).expect("an answer").status, 503);
        }
    });
    assert!(largest < 200 << 20, "the log came to {largest} bytes");
}
