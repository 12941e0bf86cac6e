//! Requests that are too large, too slow, cut short or none at all.

use crate::harness::{Ask, Project, Server, assert_problem, wait_until};

#[test]
fn a_body_beyond_the_limit_is_413() {
    let server = Project::new(&[("t.rhai", "post(|r| r.text().len());")])
        .env("HOTPLATE_LIMITS__BODY_BYTES", "1000")
        .start();
    assert_eq!(server.ask(Ask::post("/t").body("text/plain", "x".repeat(1000))).ok(), "1000");
    assert_problem(&server.ask(Ask::post("/t").body("text/plain", "x".repeat(1001))), 413);
    let mut chunked = server.connect();
    chunked.send(b"POST /t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..30 {
        chunked.send(format!("64\r\n{}\r\n", "x".repeat(100)).as_bytes());
    }
    assert_problem(&chunked.answer(false).expect("an answer"), 413);
    let mut announced = server.connect();
    announced.send(b"POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000000\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(announced.answer(false).expect("an answer").status, 413);
    let large = "x".repeat(2 << 20);
    let server = Server::start(&[("t.rhai", "post(|r| r.text().len());")]);
    assert_problem(&server.ask(Ask::post("/t").body("text/plain", large)), 413);
}

#[test]
fn a_chunked_body_is_read_to_its_end() {
    let server = Server::start(&[("t.rhai", "post(|r| r.text());")]);
    let request = b"POST /t HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    assert_eq!(server.raw(request).ok(), "abcde");
}

#[test]
fn a_head_beyond_the_limit_is_431() {
    let server = Server::start(&[("t.rhai", "get(|r| 1);")]);
    let answer = server.ask(Ask::get("/t").header("X-Large", &"x".repeat(100_000)));
    assert_eq!(answer.status, 431);
    let mut many = server.connect();
    let lines: Vec<_> = (0..3000).map(|n| format!("X-{n}: v\r\n")).collect();
    let lines = lines.concat();
    many.send(format!("GET /t HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes());
    assert_eq!(many.answer(false).expect("an answer").status, 431);
    assert_eq!(server.get("/t").ok(), "1");
}

#[test]
fn a_request_without_one_host_is_bad() {
    let server = Server::start(&[("t.rhai", "get(|r| 1);")]);
    for head in [
        "GET /t HTTP/1.1\r\n\r\n",
        "GET /t HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /t HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /t HTTP/1.1\r\nHost: \x01\r\n\r\n",
        "GET /t HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET  /t HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /t HTTP/9.9\r\nHost: localhost\r\n\r\n",
        "nonsense\r\n\r\n",
    ] {
        let answer = server.raw(head.as_bytes());
        assert!((400..500).contains(&answer.status), "{head:?}: {}", answer.status);
    }
    assert_eq!(server.get("/t").ok(), "1");
}

#[test]
fn two_lengths_are_never_two_requests() {
    let server =
        Server::start(&[("t.rhai", "any(|r| \"one\");\nget(\"/smuggled\", |r| \"two\");")]);
    let tail = "GET /t/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 0\r\nContent-Length: 60\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Content-Length: +0\r\n",
    ] {
        let mut connection = server.connect();
        connection.send(
            format!("POST /t HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n0\r\n\r\n{tail}")
                .as_bytes(),
        );
        drop(connection.answer(false));
        assert!(connection.answer(false).is_none_or(|second| second.text() != "two"), "{framing}");
    }
}

#[test]
fn a_body_that_never_comes_is_not_waited_for_long() {
    let server = Project::new(&[("t.rhai", "post(|r| r.text());")])
        .env("HOTPLATE_LIMITS__BODY_MS", "150")
        .env("HOTPLATE_LIMITS__HEADER_MS", "150")
        .start();
    let mut body = server.connect();
    body.send(b"POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
    assert!(body.answer(false).is_none_or(|answer| answer.status == 408));
    assert!(body.is_closed());
    let mut head = server.connect();
    head.send(b"GET /t HTTP/1.1\r\nHost: loc");
    assert!(head.answer(false).is_none_or(|answer| answer.status == 408));
    let mut silent = server.connect();
    assert!(silent.is_closed());
}

#[test]
fn a_body_that_is_cut_short_disturbs_nothing() {
    let server = Server::start(&[(
        "t.rhai",
        "post(|r| { state::incr(\"n\"); r.text() });\nget(|r| json(state::get(\"n\", 0)));",
    )]);
    let mut cut = server.connect();
    cut.send(b"POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf");
    drop(cut);
    assert_eq!(server.get("/t").ok(), "0");
}

#[test]
fn an_idle_connection_is_closed() {
    let server =
        Project::new(&[("t.rhai", "get(|r| 1);")]).env("HOTPLATE_LIMITS__IDLE_MS", "100").start();
    let mut connection = server.connect();
    assert_eq!(connection.ask(&Ask::get("/t")).ok(), "1");
    assert!(connection.is_closed());
}

#[test]
fn one_connection_too_many_waits_or_is_refused_and_the_server_lives() {
    let server =
        Project::new(&[("t.rhai", "get(|r| 1);")]).env("HOTPLATE_LIMITS__CONNECTIONS", "4").start();
    let held: Vec<_> = (0..4).map(|_| server.connect()).collect();
    let mut more = server.connect();
    more.begin(&Ask::get("/t").header("Connection", "close"));
    drop(held);
    wait_until("there is room again", || {
        let mut connection = server.connect();
        connection.begin(&Ask::get("/t").header("Connection", "close"));
        connection.answer(false).is_some_and(|answer| answer.status == 200)
    });
}
