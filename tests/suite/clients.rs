//! Clients that are hostile: bombs, floods, forms that mean something else to another server.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::harness::{Ask, Project, Server, assert_problem, wait_until};

const ECHO: &str = "post(|req| req.text().len());\nget(|req| \"ok\");";

#[test]
fn chunks_that_are_none_end_the_connection() {
    let server = Server::start(&[("t.rhai", ECHO)]);
    let tail = "GET /t HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for body in [
        "zz\r\nabc\r\n0\r\n\r\n".to_owned(),
        "fffffffffffffffff\r\nabc\r\n0\r\n\r\n".to_owned(),
        "-1\r\nabc\r\n0\r\n\r\n".to_owned(),
        "0x3\r\nabc\r\n0\r\n\r\n".to_owned(),
        "3\r\nabcXX0\r\n\r\n".to_owned(),
        format!("3;{}\r\nabc\r\n0\r\n\r\n", "a".repeat(1 << 20)),
        format!("3\r\nabc\r\n0\r\nX-T: {}\r\n\r\n", "a".repeat(1 << 20)),
        format!("3\r\nabc\r\n0\r\n{}\r\n", "X-T: a\r\n".repeat(20_000)),
    ] {
        let mut connection = server.connect();
        let head = "POST /t HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
        connection.send(format!("{head}{body}{tail}").as_bytes());
        let begins: String = body.chars().take(30).collect();
        let first = connection.answer(false);
        assert!(first.is_none_or(|answer| answer.status >= 400), "{begins}");
        assert!(connection.answer(false).is_none(), "{begins}: the rest was taken for a request");
    }
    assert_eq!(server.get("/t").ok(), "ok");
}

#[test]
fn heads_that_are_none_are_refused() {
    let server = Server::start(&[("t.rhai", ECHO)]);
    let host = "Host: localhost\r\n";
    for head in [
        format!("GE T /t HTTP/1.1\r\n{host}\r\n"),
        format!("G\u{1}T /t HTTP/1.1\r\n{host}\r\n"),
        format!("GET /t\0 HTTP/1.1\r\n{host}\r\n"),
        format!("GET /a b HTTP/1.1\r\n{host}\r\n"),
        format!("GET /t HTTP/1.1\r\n{host}X\0A: b\r\n\r\n"),
        format!("GET /t HTTP/1.1\r\n{host}X-A: b\0c\r\n\r\n"),
        format!("GET /t HTTP/1.1\r\n{host}X-A: b\rX-B: c\r\n\r\n"),
        format!("GET /t HTTP/1.1\r\n{host}NoColonHere\r\n\r\n"),
        format!("GET /t HTTP/1.1\r\n{host}: b\r\n\r\n"),
        format!("GET /t HTTP/1.1\r\n {host}\r\n"),
        format!("{} /t HTTP/1.1\r\n{host}\r\n", "A".repeat(65_536)),
        format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(1 << 20)),
    ] {
        let begins: String = head.chars().take(60).collect();
        let mut connection = server.connect();
        connection.send(head.as_bytes());
        let answer = connection.answer(false);
        assert!(answer.is_none_or(|answer| (400..500).contains(&answer.status)), "{begins:?}");
    }
    assert_eq!(server.get("/t").ok(), "ok");
}

#[test]
fn no_form_of_a_target_leads_elsewhere_and_nothing_is_echoed() {
    let server = Server::start(&[("t.rhai", "any(|req| req.path);")]);
    for (line, statuses) in [
        ("GET http://169.254.169.254/latest/meta-data/ HTTP/1.1", [400, 404, 421]),
        ("GET file:///etc/passwd HTTP/1.1", [400, 404, 421]),
        ("GET evil.example:80 HTTP/1.1", [400, 404, 421]),
        ("CONNECT 127.0.0.1:22 HTTP/1.1", [501, 405, 400]),
        ("TRACE /t HTTP/1.1", [405, 405, 405]),
    ] {
        let bytes = format!("{line}\r\nHost: localhost\r\nX-Secret: echoed\r\n\r\n");
        let answer = server.raw(bytes.as_bytes());
        assert!(statuses.contains(&answer.status), "{line}: {}", answer.status);
        assert!(!answer.text().contains("echoed"), "{line}");
    }
}

#[test]
fn bytes_that_are_no_text_in_headers_are_no_panic() {
    let server = Server::start(&[("t.rhai", "get(|req| { req.headers; req.cookies; \"ok\" });")]);
    for name in [
        "Origin",
        "Cookie",
        "Authorization",
        "X-Custom-Auth",
        "Accept",
        "Range",
        "X-Forwarded-For",
        "Content-Encoding",
    ] {
        for target in ["/t", "/plugins", "/none"] {
            let mut bytes = format!(
                "GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{name}: "
            )
            .into_bytes();
            bytes.extend([0xff, 0xfe, b'\r', b'\n', b'\r', b'\n']);
            let answer = server.raw(&bytes);
            assert!(answer.status < 500, "{name} at {target}: {}", answer.status);
        }
    }
    let log = server.log();
    assert!(!log.contains("panic") && !log.contains("ERROR"), "{log}");
}

#[test]
fn bodies_that_are_bombs_are_bad_requests() {
    let server = Server::start(&[("t.rhai", "post(|req| { req.body; \"read\" });")]);
    for body in [
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        format!("{}1{}", "{\"a\":".repeat(50_000), "}".repeat(50_000)),
        "{\"a\":1e400}".to_owned(),
        "{\"a\":\"\\ud800\"}".to_owned(),
        "[".to_owned(),
    ] {
        let answer = server.ask(Ask::post("/t").body("application/json", body));
        assert_problem(&answer, 400);
    }
    assert_problem(
        &server.ask(Ask::post("/t").body("application/json", &b"{\"a\":\"\xff\"}"[..])),
        400,
    );
    assert_eq!(server.ask(Ask::post("/t").body("application/json", "{}")).ok(), "read");
}

#[test]
fn an_object_of_half_a_million_keys_ends_nothing() {
    let server = Project::new(&[("t.rhai", "post(|req| { req.body; \"read\" });")])
        .config("[limits]\nbody_bytes = 16777216\n")
        .start();
    let keys: Vec<String> = (0..500_000).map(|n| format!("\"k{n}\":1")).collect();
    let body = format!("{{{}}}", keys.join(","));
    let answer = server.ask(Ask::post("/t").body("application/json", body));
    // It may be more than a call may have, or take longer than one may.
    assert!([200, 400, 503].contains(&answer.status), "{}: {}", answer.status, answer.text());
    assert_eq!(server.ask(Ask::post("/t").body("application/json", "{}")).ok(), "read");
}

#[test]
fn a_compressed_body_is_never_inflated() {
    let server = Server::start(&[("t.rhai", "post(|req| req.bytes().len());")]);
    let packed: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\xff";
    let ask =
        Ask::post("/t").header("Content-Encoding", "gzip").body("application/octet-stream", packed);
    let answer = server.ask(ask);
    assert!(answer.status == 415 || answer.text() == packed.len().to_string(), "{}", answer.text());
}

#[test]
fn many_wrong_keys_cost_little_and_lock_nobody_out() {
    let server =
        Project::new(&[("t.rhai", ECHO)]).config("[auth]\napikey = \"the-right-key\"\n").start();
    let mut connection = server.connect();
    let began = Instant::now();
    for n in 0..500 {
        let ask = Ask::get("/plugins").header("Authorization", &format!("Bearer wrong{n}"));
        let answer = connection.ask(&ask);
        assert_eq!(answer.status, 403, "{n}");
        assert!(n < 40 || answer.header("retry-after").is_some(), "{n}");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let right = Ask::get("/plugins").header("Authorization", "Bearer the-right-key");
    assert_eq!(connection.ask(&right).status, 200);
}

#[test]
fn how_much_of_a_key_is_right_does_not_show_in_the_time() {
    const KEY: &str = "4f1d8a2b7c3e9605d4f1a8b27c3e9605";
    let config = format!("[auth]\napikey = \"{KEY}\"\n");
    let server = Project::new(&[("t.rhai", ECHO)]).config(&config).start();
    let near = format!("{}x", KEY.strip_suffix('5').unwrap());
    let far = format!("x{}", KEY.strip_prefix('4').unwrap());
    let mut connection = server.connect();
    let mut time_of = |key: &str| {
        let ask = Ask::get("/plugins").header("Authorization", &format!("Bearer {key}"));
        let began = Instant::now();
        assert_eq!(connection.ask(&ask).status, 403);
        began.elapsed()
    };
    let (mut of_near, mut of_far) = (Vec::new(), Vec::new());
    for _ in 0..500 {
        of_near.push(time_of(&near));
        of_far.push(time_of(&far));
    }
    of_near.sort();
    of_far.sort();
    // Coarse: what shows here would show to everybody. That digests are compared, and how, is for a review.
    let ratio = of_near[250].as_secs_f64() / of_far[250].as_secs_f64();
    assert!((0.67..1.5).contains(&ratio), "{:?} and {:?}", of_near[250], of_far[250]);
}

#[test]
fn few_descriptors_are_enough_to_serve_on_and_nothing_spins() {
    let server = Project::new(&[("t.rhai", ECHO)]).through(&["prlimit", "--nofile=80"]).start();
    let mut held = Vec::new();
    for _ in 0..300 {
        let Ok(mut connection) = crate::harness::Connection::try_open(server.address()) else {
            break;
        };
        connection.send(b"GET /t HTTP/1.1\r\nHost: localhost\r\nX-");
        held.push(connection);
    }
    assert!(held.len() > 80);
    let before = cpu_ticks(server.pid());
    let began = Instant::now();
    wait_until("somebody is served beside them", || {
        let mut connection = server.connect();
        connection.begin(&Ask::get("/t").header("Connection", "close"));
        connection.answer(false).is_some_and(|answer| answer.status == 200)
    });
    while began.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let used = Duration::from_millis(10 * (cpu_ticks(server.pid()) - before));
    assert!(used < began.elapsed() / 2, "{used:?} of processor time in {:?}", began.elapsed());
    drop(held);
    wait_until("it recovers", || server.get("/t").status == 200);
}

#[test]
fn many_idle_connections_take_little_memory_and_nobody_notices_them() {
    // As many as this process may have open, and no more than the server takes.
    let limit = getrlimit(Resource::Nofile).maximum;
    let raised = Rlimit { current: limit, maximum: limit };
    setrlimit(Resource::Nofile, raised).unwrap();
    let many = limit.map_or(10_000, |limit| limit.saturating_sub(200).min(10_000));
    if many < 10_000 {
        let required = std::env::var("HOTPLATE_REQUIRE_SERVICES").as_deref() == Ok("1");
        assert!(!required, "this process may open {many} connections, not 10,000");
        eprintln!("SKIPPED: this process may open {many} connections, not 10,000");
    }
    let config = "[limits]\nconnections = 11000\n";
    let server = Project::new(&[("t.rhai", ECHO)]).config(config).start();
    server.get("/t");
    server.forget_peak_memory();
    let before = server.peak_memory();
    let mut held = Vec::new();
    for _ in 0..many {
        let mut connection = crate::harness::Connection::try_open(server.address()).unwrap();
        // Some have asked before, others never did.
        if held.len() % 4 == 0 {
            assert_eq!(connection.ask(&Ask::get("/t")).status, 200);
        }
        held.push(connection);
    }
    assert_eq!(server.get("/t").status, 200);
    let each = server.peak_memory().saturating_sub(before) / many;
    assert!(each <= 64 << 10, "{each} bytes for each of {many}");
    drop(held);
    assert_eq!(server.get("/t").status, 200);
}

/// The processor time of a process, in ticks of ten milliseconds.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// A frame of HTTP/2.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Floods a connection with `rounds` of frames, which must be cut before they are over.
#[track_caller]
fn assert_cut(server: &Server, what: &str, rounds: u32, make: impl Fn(u32) -> Vec<u8>) {
    let mut connection = server.connect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    connection.send(&bytes);
    let before = server.peak_memory();
    let sent = (0..rounds).take_while(|&n| connection.try_send(&make(n)).is_ok()).count();
    assert!(sent < rounds as usize, "{what}: all of {rounds} rounds were taken");
    assert!(server.peak_memory() - before < 64 << 20, "{what} took memory");
    assert_eq!(server.get("/t").ok(), "ok", "{what}");
}

#[test]
fn floods_of_http2_frames_are_cut() {
    let server = Server::start(&[("t.rhai", ECHO)]);
    // GET, http, /, and the name of the host.
    let mut head = b"\x82\x86\x84\x41\x09".to_vec();
    head.extend(b"localhost");
    let reset = |n: u32| {
        let one = |k: u32| {
            let stream = 2 * (n * 20 + k) + 1;
            [frame(1, 5, stream, &head), frame(3, 0, stream, &[0, 0, 0, 8])].concat()
        };
        (0..20).flat_map(one).collect::<Vec<u8>>()
    };
    assert_cut(&server, "rapid reset", 20_000, reset);
    let first_then = |n: u32, rest: Vec<u8>| if n == 0 { frame(1, 1, 1, &head) } else { rest };
    let field = [&b"\x00\x01a\x7f\x81\x7e"[..], &[b'b'; 253]].concat();
    assert_cut(&server, "a head without an end", 100_000, |n| {
        first_then(n, frame(9, 0, 1, &field))
    });
    assert_cut(&server, "a head of nothing", 1_000_000, |n| first_then(n, frame(9, 0, 1, &[])));
}

#[test]
fn small_frames_of_http2_without_end_take_no_memory() {
    let server = Server::start(&[("t.rhai", ECHO)]);
    // GET, http, /t, and the name of the host.
    let mut head = b"\x82\x86\x44\x02/t\x41\x09".to_vec();
    head.extend(b"localhost");
    let floods: [(&str, Vec<u8>); 5] = [
        ("settings", frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("pings", frame(6, 0, 0, b"hotplate")),
        ("priorities", frame(2, 0, 1, &[0, 0, 0, 3, 16])),
        ("windows", frame(8, 0, 0, &[0, 0, 0, 1])),
        ("data of nothing", frame(0, 0, 1, &[])),
    ];
    for (what, flood) in floods {
        let mut connection = server.connect();
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        bytes.extend(frame(4, 0, 0, &[]));
        bytes.extend(frame(1, 4, 1, &head));
        connection.send(&bytes);
        let before = server.peak_memory();
        let many = flood.repeat(1000);
        // Nothing is read meanwhile: what is to be acknowledged would pile up on the other side.
        let began = Instant::now();
        for _ in 0..300 {
            if connection.try_send(&many).is_err() || began.elapsed() > Duration::from_secs(5) {
                break;
            }
        }
        let grown = server.peak_memory() - before;
        assert!(grown < 64 << 20, "{what} took {} MiB", grown >> 20);
        assert_eq!(server.get("/t").ok(), "ok", "{what}");
    }
}

#[test]
fn a_window_that_never_opens_holds_nothing_for_ever() {
    let big = "get(|req| \"x\".repeat(1000000));\npost(|req| \"ok\");";
    let server = Project::new(&[("t.rhai", big)])
        .env("HOTPLATE_LIMITS__IDLE_MS", "1000")
        .env("HOTPLATE_LIMITS__BODY_MS", "1000")
        .start();
    let mut head = b"\x82\x86\x44\x02/t\x41\x09".to_vec();
    head.extend(b"localhost");
    let mut connection = server.connect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // The peer may send us nothing on any stream.
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    let before = server.peak_memory();
    for n in 0..90 {
        bytes.extend(frame(1, 5, 2 * n + 1, &head));
    }
    connection.send(&bytes);
    wait_until("the connection is given up", || {
        // Somebody who answers pings is alive, and still takes nothing.
        connection.try_send(&frame(6, 1, 0, b"hotplate")).is_err()
    });
    let grown = server.peak_memory() - before;
    assert!(grown < 256 << 20, "{} MiB", grown >> 20);
    let mut beside = server.connect();
    assert_eq!(beside.ask(&Ask::post("/t")).text(), "ok");
}

/// A connection of HTTP/2 whose peer may send nothing on any stream, and the head of `GET /t`.
fn without_window(server: &Server) -> (crate::harness::Connection, Vec<u8>) {
    let mut connection = server.connect();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    connection.send(&bytes);
    let mut head = b"\x82\x86\x44\x02/t\x41\x09".to_vec();
    head.extend(b"localhost");
    (connection, head)
}

#[test]
fn a_window_that_opens_a_little_at_a_time_holds_nothing_for_ever() {
    let server = Project::new(&[("t.rhai", "get(|req| \"x\".repeat(1000000));")])
        .env("HOTPLATE_LIMITS__IDLE_MS", "1000")
        .start();
    let (mut connection, head) = without_window(&server);
    connection.send(&frame(1, 5, 1, &head));
    let begun = Instant::now();
    // Each time it takes more than what is sent to keep a connection alive.
    while connection.try_send(&frame(8, 0, 1, &70_u32.to_be_bytes())).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it is still there");
        std::thread::sleep(Duration::from_millis(150));
    }
    assert!(begun.elapsed() > Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn answers_that_nobody_takes_are_on_the_account_of_all_scripts() {
    let script = "get(|req| \"x\".repeat(4000000));\npost(|req| \"ok\");";
    let server = Project::new(&[("t.rhai", script)])
        .env("HOTPLATE_LIMITS__MEMORY_BYTES", "33554432")
        .env("HOTPLATE_LIMITS__TOTAL_MEMORY_BYTES", "67108864")
        .start();
    let before = server.peak_memory();
    let (mut connection, head) = without_window(&server);
    let mut streams = (0..99).map(|n| 2 * n + 1);
    let mut refused = server.get("/t");
    wait_until("others are turned away", || {
        if let Some(stream) = streams.next() {
            connection.send(&frame(1, 5, stream, &head));
        }
        refused = server.get("/t");
        refused.status == 503
    });
    assert_problem(&refused, 503);
    assert!(refused.header("retry-after").is_some());
    assert_eq!(server.ask(Ask::post("/t")).ok(), "ok");
    let grown = server.peak_memory() - before;
    assert!(grown < 160 << 20, "{} MiB", grown >> 20);
    drop(connection);
    wait_until("there is room again", || server.get("/t").status == 200);
}
