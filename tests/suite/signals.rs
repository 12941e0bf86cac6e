//! Living and dying: signals, draining, the pid file.

use std::{fs, time::Duration};

use rustix::process::Signal;

use crate::harness::{Ask, Connection, Project, Server, wait_until};

const SLOW: &str = "get(|r| { while state::get(\"open\") == null { } \"done\" });\n\
                    post(|r| state::set(\"open\", 1));\n";

#[test]
fn every_ending_signal_ends_it_well() {
    for signal in [Signal::TERM, Signal::INT, Signal::ABORT] {
        let server = Server::start(&[("a.rhai", "get(|r| 1);")]);
        assert_eq!(server.get("/a").ok(), "1");
        server.signal(signal);
        let ended = server.end();
        assert!(ended.status.success(), "{signal:?}: {:?}\n{}", ended.status, ended.stderr);
        assert!(ended.time < Duration::from_secs(5), "{:?}", ended.time);
    }
}

#[test]
fn a_request_under_way_is_finished_before_the_end() {
    let server =
        Project::new(&[("a.rhai", SLOW)]).env("HOTPLATE_LIMITS__SCRIPT_MS", "20000").start();
    let mut slow = server.connect();
    slow.begin(&Ask::get("/a"));
    wait_until("it runs", || server.plugin("a")["requests"].as_u64() >= Some(1));
    let mut open = server.connect();
    assert_eq!(open.ask(&Ask::get("/healthz")).status, 200);
    let mut second = server.connect();
    second.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\n");
    server.signal(Signal::TERM);
    wait_until("new connections are refused", || Connection::try_open(server.address()).is_err());
    // What had begun to ask may finish asking.
    second.send(b"Content-Length: 0\r\n\r\n");
    assert_eq!(second.answer(false).unwrap().status, 204);
    assert_eq!(slow.answer(false).unwrap().ok(), "done");
    assert!(server.end().status.success());
}

#[test]
fn an_idle_connection_does_not_hold_the_end_up() {
    let server = Server::start(&[("a.rhai", "get(|r| 1);")]);
    let mut idle = server.connect();
    assert_eq!(idle.ask(&Ask::get("/a")).ok(), "1");
    let _silent = server.connect();
    let ended = server.terminate();
    assert!(ended.status.success());
    assert!(ended.time < Duration::from_secs(5), "{:?}", ended.time);
    assert!(idle.is_closed());
}

#[test]
fn a_client_that_never_finishes_is_waited_for_no_longer_than_the_grace() {
    let server = Project::new(&[("a.rhai", "post(|r| r.text());")])
        .env("HOTPLATE_LIMITS__GRACE_MS", "300")
        .start();
    let mut half = server.connect();
    half.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\nhalf");
    let mut head = server.connect();
    head.send(b"GET /a HTTP/1.1\r\nHo");
    let ended = server.terminate();
    assert!(ended.time >= Duration::from_millis(200), "it did not wait: {:?}", ended.time);
    assert!(ended.time < Duration::from_millis(2500), "{:?}", ended.time);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let server = Project::new(&[("a.rhai", SLOW)])
        .env("HOTPLATE_LIMITS__GRACE_MS", "60000")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "60000")
        .start();
    let mut slow = server.connect();
    slow.begin(&Ask::get("/a"));
    wait_until("it runs", || server.plugin("a")["requests"].as_u64() >= Some(1));
    server.signal(Signal::TERM);
    wait_until("the end begins", || Connection::try_open(server.address()).is_err());
    server.signal(Signal::TERM);
    let ended = server.end();
    assert!(ended.time < Duration::from_secs(3), "{:?}", ended.time);
}

#[test]
fn the_pid_is_told_and_written_and_taken_back() {
    let server = Project::new(&[("a.rhai", "get(|r| 1);")])
        .config("[paths]\npidfile = \"run.pid\"\n")
        .start();
    let pid = server.pid().to_string();
    assert!(server.first_line().contains(&format!("(pid {pid})")), "{}", server.first_line());
    let file = server.root().join("run.pid");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), pid);
    server.signal(Signal::TERM);
    wait_until("the pid file is gone", || !file.exists());
    assert!(server.end().status.success());
}

#[test]
fn a_hangup_during_requests_drops_no_connection() {
    let server = Server::start(&[("a.rhai", "get(|r| \"ok\");")]);
    let mut connection = server.connect();
    for _ in 0..10 {
        server.signal(Signal::HUP);
        assert_eq!(connection.ask(&Ask::get("/a")).ok(), "ok");
    }
}

#[test]
fn a_hangup_while_it_starts_is_kept() {
    let slow = "let n = 0; while n < 20000000 { n += 1; } get(|r| 1);";
    let project = Project::new(&[("slow.rhai", slow), ("a.rhai", "get(|r| 1);")]).config(
        "[limits]\nload_ms = 1000\noperations = 1000000000\n[paths]\npidfile = \"run.pid\"\n",
    );
    let pidfile = project.root().join("run.pid");
    let starting = std::thread::spawn(move || {
        wait_until("it starts", || {
            fs::read_to_string(&pidfile).is_ok_and(|pid| pid.ends_with('\n'))
        });
        let pid: i32 = fs::read_to_string(&pidfile).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, Signal::HUP).unwrap();
    });
    let server = project.start();
    starting.join().unwrap();
    assert_eq!(server.get("/a").ok(), "1");
}

#[test]
fn a_pidfile_that_cannot_be_written_is_told_before_anything_is_loaded() {
    let looping = Project::new(&[("loop.rhai", "loop { }")])
        .config("[limits]\nload_ms = 20000\noperations = 1000000000000\n[paths]\npidfile = \"/proc/none/run.pid\"\n");
    let ended = looping.run();
    assert!(!ended.status.success());
    assert!(ended.time < Duration::from_secs(2), "{:?}", ended.time);
    assert!(ended.stderr.contains("run.pid"), "{}", ended.stderr);
}
