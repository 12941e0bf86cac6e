//! The server as its peers see it: real sockets on the loopback address.

mod ending;
mod reading;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use http::StatusCode;
use poem::Response;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinHandle,
    time::timeout,
};

use super::{
    Answers, Certificates, Request, ServerError, ServerLimits, Shutdown, Tls, bind, serve,
};

/// `/echo` gives the body back, `/panic` panics, `/gate` waits for a permit, `/silent` answers with
/// a body that never comes; all else is a short text with the host and path.
struct App {
    gate: Arc<Semaphore>,
    entered: Arc<Semaphore>,
}

impl Answers for App {
    async fn answer(&self, request: &mut Request<'_>) -> Response {
        match request.uri().path() {
            "/echo" => request.body.take().unwrap_or_default().into_bytes().await.map_or_else(
                |_| Response::builder().status(StatusCode::BAD_REQUEST).finish(),
                |body| Response::builder().body(body),
            ),
            "/panic" => panic!("as asked"),
            "/gate" => {
                self.entered.add_permits(1);
                self.gate.acquire().await.unwrap().forget();
                Response::builder().body("through")
            }
            "/large" => Response::builder().body(vec![b'x'; 64 << 20]),
            _ => {
                let host = request.headers().get("host").and_then(|host| host.to_str().ok());
                let host = host.unwrap_or("-");
                Response::builder().body(format!("{} at {host}", request.uri()))
            }
        }
    }
}

struct Server {
    address: SocketAddr,
    gate: Arc<Semaphore>,
    entered: Arc<Semaphore>,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), ServerError>>,
}

fn quick() -> ServerLimits {
    ServerLimits {
        header: Duration::from_millis(300),
        body: Duration::from_millis(300),
        idle: Duration::from_millis(600),
        grace: Duration::from_millis(500),
        ..ServerLimits::default()
    }
}

fn start(limits: ServerLimits, tls: Option<Tls>) -> Server {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let entered = Arc::new(Semaphore::new(0));
    let app = App { gate: Arc::clone(&gate), entered: Arc::clone(&entered) };
    let shutdown = Shutdown::new();
    let limits = Arc::new(ArcSwap::from_pointee(limits));
    let task = tokio::spawn(serve(listener, Arc::new(app), limits, tls, shutdown.clone()));
    Server { address, gate, entered, shutdown, task }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `text` on a new connection and returns all that comes until the server closes.
    async fn exchange(&self, text: &str) -> String {
        let mut socket = self.connect().await;
        socket.write_all(text.as_bytes()).await.unwrap();
        rest(&mut socket).await
    }
}

async fn rest(socket: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A reset after the answer ends it as well as a close.
    let read = timeout(Duration::from_secs(5), socket.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "not closed; got {:?}", String::from_utf8_lossy(&all));
    String::from_utf8_lossy(&all).into_owned()
}

async fn answer(socket: &mut TcpStream, end: &str) -> String {
    let mut all = String::new();
    let mut part = [0; 4096];
    while !all.ends_with(end) {
        let read = timeout(Duration::from_secs(5), socket.read(&mut part)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed after {all:?}");
        all.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    all
}

const GET: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
const GET_GATE: &str = "GET /gate HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = start(quick(), None);
    let mut socket = server.connect().await;
    for _ in 0..3 {
        socket.write_all(GET.as_bytes()).await.unwrap();
        let got = answer(&mut socket, "/x at a").await;
        assert!(got.starts_with("HTTP/1.1 200 OK\r\n"), "{got}");
    }
}

#[tokio::test]
async fn a_contradictory_head_is_refused_and_the_connection_closed() {
    let server = start(quick(), None);
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    ] {
        let got = server.exchange(&format!("{head}{smuggled}")).await;
        assert!(got.starts_with("HTTP/1.1 400 "), "{head:?}: {got}");
        assert!(got.contains("application/problem+json"), "{got}");
        assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
    }
    let got = server.exchange("CONNECT a:1 HTTP/1.1\r\nHost: a\r\nX-Secret: s\r\n\r\n").await;
    assert!(got.starts_with("HTTP/1.1 501 ") && !got.contains("Secret"), "{got}");
}

#[tokio::test]
async fn two_framings_of_one_body_end_the_connection_after_one_answer() {
    let server = start(quick(), None);
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked";
    let got = server.exchange(&format!("{head}\r\n\r\n0\r\n\r\n{GET}")).await;
    assert_eq!(got.matches("HTTP/1.1").count(), 1, "{got}");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    let server = start(quick(), None);
    let line = format!("X-A: {}\r\n", "a".repeat(200 << 10));
    let got = server.exchange(&format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n")).await;
    assert!(got.starts_with("HTTP/1.1 431 "), "{got}");
}

#[tokio::test]
async fn an_announced_body_over_the_limit_is_refused_unread() {
    let server = start(quick(), None);
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776";
    let mut socket = server.connect().await;
    socket.write_all(format!("{head}\r\nExpect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let got = rest(&mut socket).await;
    assert!(got.starts_with("HTTP/1.1 413 "), "{got}");
    assert!(got.to_lowercase().contains("connection: close"), "{got}");
}

#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let server = start(quick(), None);
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n";
    let got = server.exchange(&format!("{head}{}", "a".repeat(8 << 20))).await;
    assert!(got.starts_with("HTTP/1.1 413 "), "{got:.100}");
}

#[tokio::test]
async fn a_silent_or_dripping_head_is_cut_in_the_time_for_heads() {
    let server = start(quick(), None);
    for first in ["", "GET / HTTP/1.1\r\nHo", "PRI * HT"] {
        let begun = Instant::now();
        let mut socket = server.connect().await;
        socket.write_all(first.as_bytes()).await.unwrap();
        let (mut reader, mut writer) = socket.split();
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                if !first.is_empty() && writer.write_all(b"x").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let mut got = Vec::new();
        tokio::select! {
            read = timeout(Duration::from_secs(5), reader.read_to_end(&mut got)) => drop(read.unwrap()),
            () = drip => {}
        }
        assert!(begun.elapsed() < Duration::from_secs(2), "{first:?}: {:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn a_dripping_head_is_cut_on_a_used_connection_too() {
    let limits = ServerLimits { idle: Duration::from_secs(60), ..quick() };
    let server = start(limits, None);
    let mut socket = server.connect().await;
    socket.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut socket, "/x at a").await;
    socket.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut socket).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = start(quick(), None);
    let mut socket = server.connect().await;
    socket.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut socket, "/x at a").await;
    assert_eq!(rest(&mut socket).await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_answered_408() {
    let server = start(quick(), None);
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc";
    let got = server.exchange(head).await;
    assert!(got.starts_with("HTTP/1.1 408 "), "{got}");
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_cut() {
    let server = start(quick(), None);
    let mut socket = server.connect().await;
    socket.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    // Not a byte is read until the server has given up, which its end of writing shows.
    let begun = Instant::now();
    while socket.write_all(b"\r\n").await.is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(5), "not cut");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_long_service_is_not_taken_for_idleness() {
    let limits = ServerLimits {
        header: Duration::from_millis(50),
        idle: Duration::from_millis(50),
        ..quick()
    };
    let server = start(limits, None);
    let mut socket = server.connect().await;
    socket.write_all(GET_GATE.as_bytes()).await.unwrap();
    server.entered.acquire().await.unwrap().forget();
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.gate.add_permits(1);
    answer(&mut socket, "through").await;
}

#[tokio::test]
async fn a_panic_is_an_answer_without_its_text() {
    let server = start(quick(), None);
    let mut socket = server.connect().await;
    for _ in 0..2 {
        socket.write_all(b"GET /panic HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let got = answer(&mut socket, "}").await;
        assert!(got.starts_with("HTTP/1.1 500 "), "{got}");
        assert!(!got.contains("as asked"), "{got}");
    }
}

#[tokio::test]
async fn a_full_server_sheds_strangers_and_keeps_those_it_serves() {
    let limits = ServerLimits {
        connections: 3,
        header: Duration::from_secs(60),
        idle: Duration::from_secs(60),
        ..quick()
    };
    let server = start(limits, None);
    let mut busy = server.connect().await;
    busy.write_all(GET_GATE.as_bytes()).await.unwrap();
    server.entered.acquire().await.unwrap().forget();
    let mut known = server.connect().await;
    known.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut known, "/x at a").await;
    let mut stranger = server.connect().await;
    let mut late = server.connect().await;
    late.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut late, "/x at a").await;
    assert_eq!(rest(&mut stranger).await, "");
    known.write_all(GET.as_bytes()).await.unwrap();
    answer(&mut known, "/x at a").await;
    server.gate.add_permits(1);
    answer(&mut busy, "through").await;
}

#[tokio::test]
async fn a_port_in_use_is_said_with_the_remedy() {
    let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let said = bind(address).unwrap_err().to_string();
    let port = address.port();
    assert_eq!(
        said,
        format!(
            "port {port} on 127.0.0.1 is in use: stop the other program or choose another with --port"
        )
    );
    let said = bind(([192, 0, 2, 1], 0).into()).unwrap_err().to_string();
    assert!(said.contains("not an address of this machine"), "{said}");
}

#[tokio::test]
async fn http2_by_prior_knowledge_is_served_and_its_idleness_bounded() {
    let server = start(quick(), None);
    let socket = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, socket).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = http::Request::get("http://b.example/x?y").body(String::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    assert_eq!(body, "/x?y at b.example");
    drop(timeout(Duration::from_secs(5), connection).await.unwrap());
}

#[tokio::test]
async fn tls_speaks_what_was_negotiated_and_a_stalled_handshake_holds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (cert, key) = (folder.path().join("c"), folder.path().join("k"));
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let limits = ServerLimits { grace: Duration::from_secs(60), ..quick() };
    let mut tls = crate::settings::TlsSettings::default();
    (tls.enabled, tls.cert, tls.key) = (true, Some(cert), Some(key));
    let server = start(limits, Some(Certificates::open(&tls).unwrap().unwrap().config()));

    let mut stalled = server.connect().await;
    stalled.write_all(b"\x16\x03\x01\x02\x00\x01").await.unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut socket = connector.connect(name, server.connect().await).await.unwrap();
    let closing = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    socket.write_all(closing.as_bytes()).await.unwrap();
    let mut got = String::new();
    socket.read_to_string(&mut got).await.unwrap();
    assert!(got.ends_with("/x at a"), "{got}");

    server.shutdown.drain();
    timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap().unwrap();
}
