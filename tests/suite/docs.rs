//! `/docs` over real sockets: the page and its files, who may open it, and what it is told.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::harness::{Ask, PATIENCE, Project, Server, assert_problem, wait_until};

const HELLO: &str = "get(|| \"hi\");";

/// Somebody who listens to `/docs/events`.
struct Listener {
    lines: BufReader<TcpStream>,
}

impl Listener {
    /// Listens, with these headers; the status that was answered.
    fn try_open(server: &Server, headers: &str) -> (u16, Self) {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head =
            format!("GET /docs/events HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", server.address());
        stream.write_all(head.as_bytes()).unwrap();
        let mut listener = Self { lines: BufReader::new(stream) };
        let status = listener.line().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        (status, listener)
    }

    #[track_caller]
    fn open(server: &Server) -> Self {
        let (status, listener) = Self::try_open(server, "");
        assert_eq!(status, 200);
        listener
    }

    /// The next line, or nothing at the end.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).unwrap();
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// What the next event tells.
    #[track_caller]
    fn event(&mut self) -> Value {
        loop {
            let line = self.line().expect("an event");
            if let Some(data) = line.strip_prefix("data: ") {
                return serde_json::from_str(data).unwrap();
            }
        }
    }
}

#[test]
fn the_page_and_its_files_allow_nothing_inline_and_nothing_from_elsewhere() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let page = server.get("/docs");
    let text = page.ok();
    let mut parts = vec!["/docs".to_owned()];
    for (before, after) in [("src=\"", "\""), ("href=\"", "\"")] {
        for reference in text.split(before).skip(1) {
            let reference = reference.split(after).next().unwrap();
            assert!(
                !reference.starts_with('/') && !reference.contains(':'),
                "{reference} is not relative"
            );
            parts.push(format!("/{reference}"));
        }
    }
    assert!(parts.len() > 6, "{parts:?}");
    assert!(
        !text.contains("<style") && !text.contains("style=") && !text.contains("onclick"),
        "{text}"
    );
    for part in parts.iter().filter(|part| part.starts_with("/docs")) {
        let file = server.get(part);
        assert_eq!(file.status, 200, "{part}");
        let policy = file.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'; script-src 'self'; style-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"), "{part}");
    }
    assert_problem(&server.get("/docs/none"), 404);
    assert_eq!(server.ask(Ask::post("/docs")).header("allow"), Some("GET, HEAD, OPTIONS"));
    assert_eq!(server.get("/docsx").status, 404);
}

#[test]
fn a_file_is_sent_again_only_when_it_is_another_one() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    for part in ["/docs", "/docs/docs.js", "/docs/swagger-ui-bundle.js"] {
        let etag = server.get(part).header("etag").unwrap().to_owned();
        let again = server.ask(Ask::get(part).header("If-None-Match", &etag));
        assert_eq!((again.status, again.body.len()), (304, 0), "{part}");
        assert_eq!(server.ask(Ask::get(part).header("If-None-Match", "\"x\"")).status, 200);
    }
}

#[test]
fn the_bundle_is_sent_compressed_to_those_who_take_it() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let bundle = "/docs/swagger-ui-bundle.js";
    let sent = server.ask(Ask::get(bundle).header("Accept-Encoding", "gzip, br"));
    assert_eq!(sent.header("content-encoding"), Some("gzip"));
    assert_eq!(sent.header("vary"), Some("accept-encoding"));
    assert_problem(&server.ask(Ask::get(bundle).header("Accept-Encoding", "identity")), 406);
}

#[test]
fn the_swagger_ui_is_the_one_that_its_note_names() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("static/swagger-ui");
    let note = std::fs::read_to_string(folder.join("VERSION")).unwrap();
    let mut seen = 0;
    for (digest, name) in note.lines().filter_map(|line| line.split_once("  ")) {
        let unpacked = Command::new("gzip")
            .args(["-dc"])
            .stdin(Stdio::from(std::fs::File::open(folder.join(format!("{name}.gz"))).unwrap()))
            .output()
            .unwrap();
        let hex = |byte: &u8| {
            [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16).unwrap())
        };
        let actual: String = Sha256::digest(&unpacked.stdout).iter().flat_map(hex).collect();
        assert_eq!(actual, digest, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 2);
}

#[test]
fn who_listens_is_told_of_each_generation_and_of_what_failed() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let mut listener = Listener::open(&server);
    let first = listener.event();
    assert_eq!(first["generation"], 1);
    let etag = server.get("/openapi.json").header("etag").unwrap().to_owned();
    assert_eq!(first["document"], etag);
    server.save("b.rhai", "get(|| 2);");
    let second = listener.event();
    assert_eq!(second["generation"], 2);
    assert_ne!(second["document"], etag, "another document");
    assert_eq!(second["failed"], serde_json::json!([]));
    server.save("b.rhai", "get(|| nope());");
    let third = listener.event();
    let failed = &third["failed"][0];
    assert_eq!((&failed["plugin"], &failed["state"]), (&"b".into(), &"stale".into()));
    let rendered = failed["diagnostics"][0]["rendered"].as_str().unwrap();
    assert!(rendered.contains("1 | get(|| nope());"), "{rendered}");
    server.save("b.rhai", "get(|| 3);");
    assert_eq!(listener.event()["failed"], serde_json::json!([]));
}

#[test]
fn outside_development_nothing_of_a_script_is_told() {
    let server = Server::start(&[("a.rhai", HELLO), ("b.rhai", "get(|| nope());")]);
    let told = Listener::open(&server).event();
    assert_eq!(told["development"], false);
    let mut names: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["development", "document", "generation"]);
    assert!(!server.get("/docs/state").text().contains("nope"));
}

#[test]
fn the_state_is_told_once_to_those_who_look_again_and_again() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let state = server.get("/docs/state");
    assert_eq!(state.json()["generation"], 1);
    let etag = state.header("etag").unwrap().to_owned();
    let again = || server.ask(Ask::get("/docs/state").header("If-None-Match", &etag));
    assert_eq!(again().status, 304);
    server.save("a.rhai", "get(|| 2);");
    server.wait_for("/a", "2");
    assert_eq!(again().status, 200);
}

#[test]
fn only_so_many_may_listen_and_a_place_that_is_left_is_free_again() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let mut listeners: Vec<Listener> = (0..64).map(|_| Listener::open(&server)).collect();
    let (status, _) = Listener::try_open(&server, "");
    assert_eq!(status, 503);
    assert_eq!(server.get("/docs/state").status, 200, "the page of one more polls");
    listeners.truncate(10);
    wait_until("a place is free", || Listener::try_open(&server, "").0 == 200);
    assert_eq!(listeners[0].event()["generation"], 1);
}

#[test]
fn the_end_does_not_wait_for_those_who_listen() {
    let server = Project::new(&[("a.rhai", HELLO)])
        .arg("--dev")
        .env("HOTPLATE_LIMITS__GRACE_MS", "60000")
        .start();
    let mut listeners: Vec<Listener> = (0..3).map(|_| Listener::open(&server)).collect();
    listeners.iter_mut().for_each(|listener| drop(listener.event()));
    let ended = server.terminate();
    assert!(ended.status.success(), "{}", ended.stderr);
    assert!(ended.time < Duration::from_secs(10), "{:?}", ended.time);
    for mut listener in listeners {
        while listener.line().is_some() {}
    }
}

#[test]
fn events_come_over_http2_too() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let events = runtime.block_on(async {
        let stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .unwrap();
        tokio::spawn(connection);
        let request = http::Request::get(format!("http://{}/docs/events", server.address()))
            .body(http_body_util::Empty::<hyper::body::Bytes>::new())
            .unwrap();
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut body = answer.into_body();
        let mut text = String::new();
        for wanted in ["\"generation\":1", "\"generation\":2"] {
            while !text.contains(wanted) {
                let frame = tokio::time::timeout(PATIENCE, body.frame()).await.unwrap();
                let data = frame.expect("the stream goes on").unwrap().into_data().unwrap();
                text.push_str(&String::from_utf8_lossy(&data));
            }
            server.save("b.rhai", "get(|| 2);");
        }
        text
    });
    assert!(events.starts_with("event: generation\nid: 1\n"), "{events}");
}

#[test]
fn a_key_is_asked_for_outside_development() {
    let config = "[auth]\napikey = \"secret-key\"\n[auth.keys.reader]\nkey = \"read\"\nscopes = [\"openapi\"]\n";
    let server = Project::new(&[("a.rhai", HELLO)]).config(config).start();
    for part in ["/docs", "/docs/events", "/docs/state"] {
        assert_eq!(server.get(part).status, 403, "{part}");
        assert_eq!(
            server.ask(Ask::get(part).header("X-Custom-Auth", "wrong")).status,
            403,
            "{part}"
        );
    }
    let asking = server.get("/docs");
    assert!(asking.text().contains("key-form"), "the page asks for it");
    assert_eq!(asking.header("cache-control"), Some("no-store"));
    assert_eq!(asking.header("www-authenticate"), None);
    // A browser that is told to show the page asks its user, and shows what is behind if that gives nothing.
    let navigation = |part| server.ask(Ask::get(part).header("Sec-Fetch-Mode", "navigate"));
    let asking = navigation("/docs");
    assert_eq!(asking.status, 401);
    assert!(asking.header("www-authenticate").is_some_and(|asked| asked.starts_with("Basic ")));
    assert!(asking.text().contains("key-form"));
    let basic = Ask::get("/docs").header("Authorization", "Basic bWU6c2VjcmV0LWtleQ==");
    assert_eq!(server.ask(basic.header("Sec-Fetch-Mode", "navigate")).status, 200);
    for part in ["/docs", "/docs/state"] {
        assert_eq!(server.get(&format!("{part}?apikey=secret-key")).status, 200, "{part}");
        assert_eq!(server.get(&format!("{part}?apikey=read")).status, 200, "{part}");
        let bearer = Ask::get(part).header("Authorization", "Bearer secret-key");
        assert_eq!(server.ask(bearer).status, 200, "{part}");
    }
    let (status, mut listener) = Listener::try_open(&server, "X-Custom-Auth: secret-key\r\n");
    assert_eq!(status, 200);
    assert_eq!(listener.event()["generation"], 1);
}

#[test]
fn it_can_be_open_to_everybody_and_switched_off() {
    let open = Project::new(&[("a.rhai", HELLO)])
        .config("[auth]\napikey = \"secret-key\"\n[openapi]\naccess = \"open\"\n")
        .start();
    assert_eq!((open.get("/docs").status, open.get("/docs/state").status), (200, 200));
    let off = Project::new(&[("a.rhai", HELLO)])
        .config("[openapi]\naccess = \"off\"\n")
        .arg("--dev")
        .start();
    for part in ["/docs", "/docs/", "/docs/state", "/docs/events", "/docs/docs.js"] {
        assert_problem(&off.get(part), 404);
    }
}

#[test]
fn who_may_read_no_more_is_told_nothing_more() {
    let config = |access: &str, key: &str| {
        format!(
            "[auth]\napikey = \"secret-key\"\n[auth.keys.reader]\nkey = \"{key}\"\n\
                 scopes = [\"openapi\"]\n[openapi]\naccess = \"{access}\"\n"
        )
    };
    let server = Project::new(&[("a.rhai", HELLO)]).config(&config("key", "read")).start();
    let key = |key: &str| format!("X-Custom-Auth: {key}\r\nConnection: close\r\n");
    let (_, mut reader) = Listener::try_open(&server, &key("read"));
    let (_, mut administrator) = Listener::try_open(&server, &key("secret-key"));
    reader.event();
    administrator.event();
    server.save_config(&config("key", "another"));
    assert_eq!(administrator.event()["generation"], 2);
    assert_ends(reader);
    server.save_config(&config("off", "another"));
    assert_ends(administrator);
    assert_eq!(Listener::try_open(&server, &key("secret-key")).0, 404);
}

/// Somebody who is told nothing any more, and whose stream ends.
#[track_caller]
fn assert_ends(mut listener: Listener) {
    while let Some(line) = listener.line() {
        assert!(!line.starts_with("data:"), "{line}");
    }
}

#[test]
fn in_development_a_foreign_name_is_not_ours() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    for part in ["/docs", "/docs/state", "/docs/events"] {
        assert_eq!(server.ask(Ask::get(part).header("Host", "evil.example")).status, 421, "{part}");
    }
}

#[test]
fn a_slash_at_the_end_leads_to_the_page() {
    let server = Server::dev(&[("a.rhai", HELLO)]);
    let there = server.get("/docs/?a=b");
    assert_eq!((there.status, there.header("location")), (308, Some("../docs?a=b")));
}
