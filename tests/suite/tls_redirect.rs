//! The plain port that leads to the one with TLS.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use rustix::process::Signal;

use crate::harness::{
    Ask, Authority, Connection, Project, Secure, Server, assert_problem, wait_until,
};

const CONFIG: &str = "[tls]\nenabled = true\ncert = \"a.crt\"\nkey = \"a.key\"\nredirect_port = 0\n\
    [[tls.sni]]\nhosts = [\"*.shop.test\"]\ncert = \"a.crt\"\nkey = \"a.key\"\n\
    [network]\nhosts = [\"example.test\"]\n[limits]\nheader_ms = 300\n";

fn project(config: &str) -> Project {
    let project = Project::new(&[("t.rhai", "get(|r| 1);")]).config(config);
    Authority::new("Test").leaf(&["localhost", "*.shop.test"]).put(project.root(), "a");
    project
}

/// The address of the plain port, as the first line tells it.
fn plain(server: &Server) -> SocketAddr {
    let url = server.first_line().split_whitespace().find_map(|word| word.strip_prefix("http://"));
    url.and_then(|address| address.parse().ok()).expect("its address is in the first line")
}

fn ask(server: &Server, ask: Ask) -> crate::harness::Answer {
    Connection::open(plain(server)).ask(&ask.header("Connection", "close"))
}

#[test]
fn every_request_is_led_to_the_same_thing_under_https() {
    let server = project(CONFIG).start();
    let port = server.port();
    for method in ["GET", "HEAD", "POST", "DELETE", "OPTIONS"] {
        for (host, there) in [
            ("localhost", "localhost"),
            ("localhost:1", "localhost"),
            ("Example.test", "Example.test"),
            ("a.shop.test:80", "a.shop.test"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "[::1]"),
        ] {
            let answer = ask(&server, Ask::new(method, "/a%20b/c?d=e&f=/g").header("Host", host));
            assert_eq!(answer.status, 308, "{method} {host}");
            let location = format!("https://{there}:{port}/a%20b/c?d=e&f=/g");
            assert_eq!(answer.header("location"), Some(location.as_str()));
            assert!(answer.body.is_empty());
        }
    }
    let posted = ask(&server, Ask::post("/t").body("text/plain", "x".repeat(1000)));
    assert_eq!(posted.status, 308);
    let answer = ask(&server, Ask::get("//evil.test/x"));
    let location = format!("https://{}:{port}//evil.test/x", plain(&server).ip());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert!(server.log().contains("/a%20b/c"), "{}", server.log());
}

#[test]
fn nobody_is_led_to_a_name_that_is_not_ours() {
    let server = project(CONFIG).start();
    for host in ["evil.test", "example.test.evil.test", "a.b.shop.test", "shop.test", "10.9.8.7"] {
        let answer = ask(&server, Ask::get("/").header("Host", host));
        assert_problem(&answer, 421);
        assert_eq!(answer.header("location"), None);
    }
    for raw in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
    ] {
        let mut connection = Connection::open(plain(&server));
        connection.send(raw.as_bytes());
        let answer = connection.answer(false).expect(raw);
        assert_eq!((answer.status, answer.header("location")), (400, None), "{raw:?}");
    }
}

#[test]
fn names_follow_the_configuration() {
    let server = project(CONFIG).start();
    let status = |host| ask(&server, Ask::get("/").header("Host", host)).status;
    assert_eq!((status("example.test"), status("new.test")), (308, 421));
    server.save_config(&CONFIG.replace("\"example.test\"", "\"new.test\""));
    wait_until("the new name is ours", || status("new.test") == 308);
    assert_eq!(status("example.test"), 421);
}

#[test]
fn a_slow_client_is_cut_and_the_end_ends_both_ports() {
    let server = project(CONFIG).start();
    let address = plain(&server);
    let mut slow = Connection::open(address);
    slow.send(b"GET / HT");
    wait_until("it is cut", || slow.is_closed());
    let mut idle = Connection::open(address);
    assert_eq!(idle.ask(&Ask::get("/")).status, 308);
    server.signal(Signal::TERM);
    let ended = server.end();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.time < Duration::from_secs(8), "{:?}", ended.time);
    assert!(idle.is_closed());
    assert!(Connection::try_open(address).is_err());
}

#[test]
fn a_port_that_is_taken_is_told_at_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let config = CONFIG.replace("redirect_port = 0", &format!("redirect_port = {port}"));
    let ended = project(&config).run();
    assert!(!ended.status.success());
    let told = format!("cannot listen on `tls.redirect_port`: port {port} on 127.0.0.1 is in use");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}

#[test]
fn without_tls_there_is_no_such_port() {
    let server = project(&CONFIG.replace("enabled = true", "enabled = false")).start();
    assert!(!server.first_line().contains("leads there"), "{}", server.first_line());
    assert!(Secure::asking("localhost").shake(server.address()).is_err());
    assert_eq!(server.get("/t").ok(), "1");
}
