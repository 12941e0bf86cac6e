//! Ends that come at a bad moment, and what the next start finds.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use rustix::process::Signal;

use crate::harness::{Ask, Connection, Project, Server, wait_until};

/// Stops those who watch it, also where a test fails on the way.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn under_load_every_request_that_was_taken_is_answered_in_full() {
    let server = Server::start(&[("t.rhai", "get(|req| { sleep(0.005); \"x\".repeat(20000) });")]);
    let (address, stop) = (server.address(), AtomicBool::new(false));
    let (whole, torn) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let stopping = Stop(&stop);
        for _ in 0..8 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let Ok(mut connection) = Connection::try_open(address) else { continue };
                    // Refused before it began, or answered to the last byte: nothing between.
                    connection.begin(&Ask::get("/t"));
                    if let Some(answer) = connection.answer(false) {
                        let good =
                            answer.status == 200 && answer.whole && answer.body.len() == 20_000;
                        let count = if good { &whole } else { &torn };
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        wait_until("there is load", || whole.load(Ordering::Relaxed) > 100);
        let ended = server.terminate();
        drop(stopping);
        assert!(ended.status.success(), "{:?}", ended.status);
        assert!(ended.time < Duration::from_secs(11), "{:?}", ended.time);
    });
    assert_eq!(torn.into_inner(), 0, "beside {} whole ones", whole.into_inner());
}

#[test]
fn an_end_in_the_middle_of_a_load_comes_in_time() {
    let server = Project::new(&[("ok.rhai", "get(|req| \"ok\");")])
        .env("HOTPLATE_LIMITS__LOAD_MS", "60000")
        .env("HOTPLATE_LIMITS__GRACE_MS", "500")
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .env("HOTPLATE_WATCH__MODE", "off")
        .start();
    server.save("t.rhai", "print(\"it loads\");\nloop { }");
    let mut reloading = server.connect();
    reloading.begin(&Ask::post("/reload/all"));
    server.wait_for_log("it loads");
    assert_eq!(server.get("/ok").ok(), "ok");
    let ended = server.terminate();
    assert!(ended.status.success(), "{:?}\n{}", ended.status, ended.stderr);
    assert!(ended.time < Duration::from_secs(4), "{:?}", ended.time);
}

#[test]
fn a_hangup_and_an_end_at_once_end_it_well() {
    for _ in 0..5 {
        let server = Server::start(&[("t.rhai", "get(|req| 1);")]);
        for n in 0..20 {
            server.save("t.rhai", &format!("get(|req| {n});"));
            server.signal(Signal::HUP);
        }
        let ended = server.terminate();
        assert!(ended.status.success(), "{:?}\n{}", ended.status, ended.stderr);
    }
}

#[test]
fn what_a_killed_run_left_does_not_stop_the_next() {
    let project = Project::new(&[("t.rhai", "get(|req| \"ok\");")])
        .config("[paths]\npidfile = \"run.pid\"\n");
    let file = project.root().join("run.pid");
    let mut first = project.command().spawn().unwrap();
    wait_until("the pid file is there", || file.exists());
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), first.id().to_string());
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(file.exists(), "nobody took it away");
    // What a run leaves that is killed while it writes.
    fs::write(project.root().join("run.pid.99999999"), "999").unwrap();
    fs::write(project.plugins().join(".t.rhai.new"), "get(|re").unwrap();
    let server = project.start();
    assert_eq!(server.get("/t").ok(), "ok");
    assert_eq!(fs::read_to_string(&file).unwrap().trim(), server.pid().to_string());
    server.signal(Signal::TERM);
    wait_until("the pid file is gone", || !file.exists());
}

#[test]
fn a_clients_half_sent_requests_of_any_kind_do_not_hold_the_end_up() {
    let server = Project::new(&[("t.rhai", "post(|req| req.text());\nget(|req| stream(\"text/plain\", |out| { loop { out.write(\"x\"); sleep(0.01); } }));")])
        .env("HOTPLATE_LIMITS__GRACE_MS", "400")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "60000")
        .start();
    let mut held: Vec<_> = [
        "",
        "G",
        "GET /t HTTP/1.1\r\nHost: localhost\r\nX-",
        "POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
        "POST /t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET /t HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    .iter()
    .map(|text| {
        let mut connection = server.connect();
        connection.send(text.as_bytes());
        connection
    })
    .collect();
    let ended = server.terminate();
    assert!(ended.time < Duration::from_secs(3), "{:?}", ended.time);
    held.clear();
}

#[test]
fn a_version_that_was_replaced_while_it_answered_stops_too() {
    let text = |version: u32| {
        format!(
            "on_stop(|| {{ sleep({}); print(\"version {version} stops\"); }});\nget(|r| \"v{version}\");\n\
             get(\"/slow\", |r| {{ state::set(\"begun\", 1); sleep(1.0); \"slow\" }});\n\
             get(\"/begun\", |r| json(state::get(\"begun\")));",
            if version == 1 { "0.8" } else { "0.0" }
        )
    };
    let server = Server::dev(&[("s.rhai", &text(1))]);
    let mut slow = server.connect();
    slow.begin(&Ask::get("/s/slow"));
    server.wait_for("/s/begun", "1");
    server.save("s.rhai", &text(2));
    server.report();
    assert_eq!(server.get("/s").ok(), "v2");
    let ended = server.terminate();
    assert_eq!(slow.answer(false).unwrap().ok(), "slow");
    for version in [1, 2] {
        let told = format!("version {version} stops");
        assert_eq!(ended.stderr.matches(&told).count(), 1, "{told}: {}", ended.stderr);
    }
}

#[test]
fn open_requests_and_on_stop_share_the_grace() {
    let script = "on_stop(|| { print(\"it stops\"); loop { } });\n\
                  get(|r| { state::set(\"begun\", 1); loop { } });\n\
                  get(\"/begun\", |r| json(state::get(\"begun\")));";
    let server = Project::new(&[("t.rhai", script)])
        .env("HOTPLATE_LIMITS__GRACE_MS", "3000")
        .env("HOTPLATE_LIMITS__SCRIPT_MS", "60000")
        .env("HOTPLATE_LIMITS__LOAD_MS", "60000")
        .env("HOTPLATE_LIMITS__OPERATIONS", "100000000000")
        .start();
    let mut slow = server.connect();
    slow.begin(&Ask::get("/t"));
    server.wait_for("/t/begun", "1");
    let ended = server.terminate();
    // The grace, at least a second for `on_stop`, and what ending a busy program takes.
    assert!(ended.time < Duration::from_millis(5500), "{:?}", ended.time);
    assert!(ended.stderr.contains("it stops"), "{}", ended.stderr);
}
