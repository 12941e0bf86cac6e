//! The floods of HTTP/2, and requests that another server would split in two, with and without TLS.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use crate::{
    clients::frame,
    harness::{Ask, Project, Secure, Server, wait_until},
};

const OK: &str = "get(|req| \"ok\");\npost(|req| req.text());";

/// What a peer is told that asks too much: `ENHANCE_YOUR_CALM`.
const CALM: u32 = 11;

fn plain() -> (Server, TcpStream) {
    let server = Server::start(&[("t.rhai", OK)]);
    let socket = TcpStream::connect(server.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    (server, socket)
}

fn secure() -> Server {
    Project::new(&[("t.rhai", OK)]).arg("--tls-dev").start()
}

/// GET, http, /, and the name of the host.
fn head() -> Vec<u8> {
    [&b"\x82\x86\x84\x41\x09"[..], b"localhost"].concat()
}

/// Sends rounds of frames until the peer has had enough; the code that it ends with, or none where it just
/// hangs up.
fn flood(
    stream: &mut (impl Read + Write),
    rounds: u32,
    make: impl Fn(u32) -> Vec<u8>,
) -> Option<u32> {
    let mut told = Vec::new();
    let begin = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    stream.write_all(&begin).unwrap();
    let mut part = [0; 8_192];
    for n in 0..rounds {
        let sent = stream.write_all(&make(n)).and_then(|()| stream.flush());
        match stream.read(&mut part) {
            Ok(0) => return goaway(&told),
            Ok(read) => told.extend_from_slice(&part[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return goaway(&told),
        }
        if goaway(&told).is_some() || sent.is_err() {
            return goaway(&told);
        }
    }
    panic!("all of {rounds} rounds were taken")
}

/// The code of the last `GOAWAY` among frames that says why.
fn goaway(mut frames: &[u8]) -> Option<u32> {
    let mut code = None;
    while let Some((head, rest)) = frames.split_at_checked(9) {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let Some((payload, after)) = rest.split_at_checked(length) else { break };
        if head[3] == 7 {
            let told = u32::from_be_bytes(payload[4..8].try_into().unwrap());
            code = Some(told).filter(|code| *code != 0).or(code);
        }
        frames = after;
    }
    code
}

fn rapid_reset(n: u32) -> Vec<u8> {
    let one = |k: u32| {
        let stream = 2 * (n * 20 + k) + 1;
        [frame(1, 5, stream, &head()), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
    };
    (0..20).flat_map(one).collect()
}

/// Streams that the server itself has to reset: their windows are opened too far.
fn made_you_reset(n: u32) -> Vec<u8> {
    let one = |k: u32| {
        let stream = 2 * (n * 20 + k) + 1;
        [frame(1, 5, stream, &head()), frame(8, 0, stream, &[0x7f, 0xff, 0xff, 0xff])].concat()
    };
    (0..20).flat_map(one).collect()
}

fn endless_head(n: u32) -> Vec<u8> {
    let field = [&b"\x00\x01a\x7f\x81\x7e"[..], &[b'b'; 253]].concat();
    match n {
        0 => frame(1, 1, 1, &head()),
        _ => frame(9, 0, 1, &field).repeat(20),
    }
}

/// A flood, and whether it is answered with [`CALM`].
type Flood = (&'static str, fn(u32) -> Vec<u8>, bool);

const FLOODS: [Flood; 3] = [
    ("rapid reset", rapid_reset, true),
    ("made you reset", made_you_reset, true),
    ("a head without an end", endless_head, false),
];

#[test]
fn who_floods_is_told_to_calm_down_and_cut() {
    for (what, make, calm) in FLOODS {
        let (server, mut socket) = plain();
        let code = flood(&mut socket, 5_000, make);
        assert!(!calm || code.is_none_or(|code| code == CALM), "{what}: {code:?}");
        assert_eq!(server.get("/t").ok(), "ok", "{what}");
    }
}

#[test]
fn a_flood_over_tls_is_cut_as_well() {
    for (what, make, calm) in FLOODS {
        let server = secure();
        let mut shaken = Secure::asking("localhost").alpn(&["h2"]).shake(server.address()).unwrap();
        shaken.wait_at_most(Duration::from_millis(5));
        let code = flood(shaken.stream(), 5_000, make);
        assert!(!calm || code.is_none_or(|code| code == CALM), "{what}: {code:?}");
        let after = Secure::asking("localhost").get(server.address(), "/t").unwrap();
        assert_eq!(after, (200, "ok".to_owned()), "{what}");
    }
}

#[test]
fn two_lengths_are_never_two_requests_over_tls() {
    let server = secure();
    let smuggled = "GET /t HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for framing in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Transfer-Encoding: xchunked\r\nContent-Length: 4",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding : chunked\r\nContent-Length: 4",
        "Content-Length: +4",
    ] {
        let mut shaken = Secure::asking("localhost").shake(server.address()).unwrap();
        let head = format!("POST /t HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n");
        shaken.stream().write_all(format!("{head}0\r\n\r\n{smuggled}").as_bytes()).unwrap();
        let mut all = Vec::new();
        // Whatever ends the connection ends it.
        drop(shaken.stream().read_to_end(&mut all));
        let answers = String::from_utf8_lossy(&all).matches("HTTP/1.1 ").count();
        assert!(answers <= 1, "{framing}: {}", String::from_utf8_lossy(&all));
    }
    let after = Secure::asking("localhost").get(server.address(), "/t").unwrap();
    assert_eq!(after, (200, "ok".to_owned()));
}

/// Idle connections over TLS hold no more than those without.
#[test]
fn many_idle_connections_over_tls_take_little_memory() {
    let server = secure();
    let client = Secure::asking("localhost");
    drop(client.get(server.address(), "/t").unwrap());
    server.forget_peak_memory();
    let before = server.peak_memory();
    let held: Vec<_> = (0..300).map(|_| client.shake(server.address()).unwrap()).collect();
    let each = server.peak_memory().saturating_sub(before) / 300;
    assert!(each <= 64 << 10, "{each} bytes for each of 300");
    assert_eq!(client.get(server.address(), "/t").unwrap().1, "ok");
    drop(held);
}

/// A handshake that is not finished holds up nobody, and not for long.
#[test]
fn handshakes_that_are_not_finished_are_cut_in_ten_seconds() {
    let server = secure();
    let mut held: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    for socket in &mut held {
        socket.write_all(b"\x16\x03\x01").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
    }
    let client = Secure::asking("localhost");
    assert_eq!(client.get(server.address(), "/t").unwrap().1, "ok");
    let began = std::time::Instant::now();
    let mut rest = Vec::new();
    for socket in &mut held {
        drop(socket.read_to_end(&mut rest));
    }
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}

#[test]
fn bodies_that_many_clients_send_at_once_take_no_more_memory_than_they_may() {
    let server = Project::new(&[("t.rhai", "post(|req| req.bytes().len());\nget(|| \"ok\");")])
        .config("[limits]\nbody_bytes = 1048576\ntotal_body_bytes = 4194304\n")
        .start();
    let is_full = || {
        let answer = server.ask(Ask::post("/t").body("text/plain", vec![b'x'; 500_000]));
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        (answer.status == 503).then(|| assert!(answer.header("retry-after").is_some())).is_some()
    };
    // All but the last byte of a body, on one connection after the other.
    let mut held = Vec::new();
    wait_until("all that bodies may hold is held", || {
        let mut connection = server.connect();
        connection.send(b"POST /t HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n");
        // Whoever is turned away on the way has closed the connection.
        drop(connection.try_send(&vec![b'x'; 1_000_000]));
        held.push(connection);
        is_full()
    });
    assert!(held.len() < 40, "{}", held.len());
    // Who sends little, and who sends nothing, notices nothing of it.
    let small = Ask::post("/t").body("text/plain", vec![b'x'; 16_000]);
    assert_eq!(server.ask(small).ok(), "16000");
    assert_eq!(server.get("/t").ok(), "ok");
    let mut answered: Vec<u16> = Vec::new();
    for connection in &mut held {
        drop(connection.try_send(b"x"));
        answered.extend(connection.answer(false).map(|answer| answer.status));
    }
    let whole = answered.iter().filter(|status| **status == 200).count();
    assert!((2..=4).contains(&whole), "{answered:?}");
    drop(held);
    wait_until("what they held is free", || !is_full());
}
