//! One connection from accept to close: handshake, protocol, and the driver that keeps its deadlines.
//!
//! Invariants:
//! - An order to cut ends a connection at any stage, its handshake included.
//! - One timer for the whole connection; it is re-armed when it fires or a nearer deadline appears,
//!   never for each request.
//! - No protocol state is allocated before the peer's first byte.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::{Instant, sleep},
};
use tokio_rustls::TlsAcceptor;

use super::{
    ServerLimits,
    alarm::Alarm,
    check::KnownHost,
    registry::Registration,
    request::Answers,
    service::{Context, service},
    stream::{PREFIX, Prefix, Stream},
    vitals::{Order, Protocol, Vitals},
};
use crate::middleware::certificate;

/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Once a drain began: time for the first byte of a connection that was just accepted.
const DRAIN_FIRST_BYTE: Duration = Duration::from_millis(250);

/// Once a drain began: milliseconds in which a request that was already on its way is still taken.
const DRAIN_IDLE: u64 = 20;

/// What an HTTP/2 connection begins with, and no HTTP/1 request can.
const HTTP2_PREFACE: &[u8; PREFIX] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The least and the usual buffer of an HTTP/1 connection, in bytes; it bounds reads and writes too.
const HTTP1_BUFFER: usize = 64 << 10;

/// A freshly accepted socket and all that serving it needs.
pub(super) struct Accepted<E> {
    /// The socket.
    pub(super) socket: TcpStream,
    /// The peer's end.
    pub(super) remote: SocketAddr,
    /// Its place among the open connections.
    pub(super) registration: Registration,
    /// Answers its requests.
    pub(super) endpoint: Arc<E>,
    /// The limits it lives under.
    pub(super) limits: Arc<ServerLimits>,
    /// The TLS configuration it begins with, if any.
    pub(super) tls: Option<Arc<rustls::ServerConfig>>,
}

/// Serves one connection to its end.
pub(super) async fn serve<E>(accepted: Accepted<E>)
where
    E: Answers,
{
    let vitals = Arc::clone(accepted.registration.vitals());
    let mut stages = pin!(stages(accepted));
    let mut kept = None;
    poll_fn(|cx| {
        vitals.keep_waker(cx, &mut kept);
        if vitals.order() == Order::Cut { Poll::Ready(()) } else { stages.as_mut().poll(cx) }
    })
    .await;
}

async fn stages<E>(accepted: Accepted<E>)
where
    E: Answers,
{
    let Accepted { socket, remote, registration, endpoint, limits, tls } = accepted;
    // Without it small answers wait for the peer's delayed acknowledgement; a socket that refuses is
    // already dead and shows it at the first read.
    drop(socket.set_nodelay(true));
    let Ok(local) = socket.local_addr() else { return };
    let mut context = Context {
        endpoint,
        vitals: Arc::clone(registration.vitals()),
        local: local.ip(),
        remote: remote.ip(),
        is_encrypted: tls.is_some(),
        body_time: limits.body,
        body_bytes: limits.body_bytes,
        host: KnownHost::default(),
        client: None,
    };
    let Some(tls) = tls else {
        return plain(socket, registration, context, &limits).await;
    };
    let handshake = TlsAcceptor::from(tls).accept(socket);
    let Some(Ok(socket)) = opening(registration.vitals(), HANDSHAKE, handshake).await else {
        return tracing::debug!(%remote, "no TLS handshake");
    };
    let session = socket.get_ref().1;
    let is_http2 = session.alpn_protocol() == Some(b"h2");
    let shown = session.peer_certificates().and_then(<[_]>::first);
    context.client = shown.map(|certificate| certificate::of_client(certificate));
    let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
    let stream = Stream::new(socket, Prefix::default(), registration);
    // Boxed: a connection on which nothing came yet is not to be as large as one that is answered.
    Box::pin(speak(stream, protocol, context, &limits)).await;
}

/// Tells the protocol of a socket without TLS by its first bytes.
async fn plain<E>(
    mut socket: TcpStream,
    registration: Registration,
    context: Context<E>,
    limits: &ServerLimits,
) where
    E: Answers,
{
    let reading = tell_protocol(&mut socket);
    let Some(Ok((protocol, prefix))) = opening(&context.vitals, limits.header, reading).await
    else {
        return;
    };
    // Boxed, as above.
    Box::pin(speak(Stream::new(socket, prefix, registration), protocol, context, limits)).await;
}

async fn tell_protocol(socket: &mut TcpStream) -> io::Result<(Protocol, Prefix)> {
    let mut prefix = Prefix::default();
    loop {
        if poll_fn(|cx| prefix.poll_fill(socket, cx)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if !HTTP2_PREFACE.starts_with(prefix.bytes()) {
            return Ok((Protocol::Http1, prefix));
        }
        if prefix.bytes().len() == PREFIX {
            return Ok((Protocol::Http2, prefix));
        }
    }
}

/// Waits for what opens a connection: no longer than `limit`, and hardly at all once a drain began.
async fn opening<F: Future>(vitals: &Vitals, limit: Duration, opening: F) -> Option<F::Output> {
    let mut opening = pin!(opening);
    let mut timer = pin!(sleep(limit));
    let mut is_draining = false;
    poll_fn(|cx| {
        if let Poll::Ready(output) = opening.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if !is_draining && vitals.order() == Order::Drain {
            is_draining = true;
            let soon = Instant::now() + DRAIN_FIRST_BYTE;
            let deadline = timer.deadline().min(soon);
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx).map(|()| None)
    })
    .await
}

async fn speak<T, E>(
    stream: Stream<T>,
    protocol: Protocol,
    context: Context<E>,
    limits: &ServerLimits,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Answers,
{
    let vitals = Arc::clone(&context.vitals);
    vitals.begin(protocol);
    let stream = TokioIo::new(stream);
    let service = service(context);
    match protocol {
        Protocol::Http1 => {
            let connection = pin!(
                http1::Builder::new()
                    // The driver keeps this deadline, without a timer for each request.
                    .header_read_timeout(None)
                    .max_header_size(limits.header_bytes)
                    .max_buf_size(limits.header_bytes.max(HTTP1_BUFFER))
                    .serve_connection(stream, service)
                    .with_upgrades()
            );
            drive(connection, &vitals, limits).await;
            vitals.upgrade();
        }
        Protocol::Http2 => {
            let connection = pin!(
                http2::Builder::new(TokioExecutor::new())
                    .timer(TokioTimer::new())
                    .max_concurrent_streams(100)
                    .max_pending_accept_reset_streams(20)
                    .max_local_error_reset_streams(64)
                    .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
                    .max_frame_size(16 << 10)
                    .initial_stream_window_size(64 << 10)
                    .initial_connection_window_size(256 << 10)
                    .max_send_buf_size(64 << 10)
                    .keep_alive_interval(Duration::from_secs(20))
                    .keep_alive_timeout(Duration::from_secs(10))
                    .serve_connection(stream, service)
            );
            drive(connection, &vitals, limits).await;
        }
    }
}

/// A hyper connection that can be told to end well.
trait Drain: Future<Output = hyper::Result<()>> {
    fn drain(self: Pin<&mut Self>);
}

impl<I, S> Drain for http1::UpgradeableConnection<I, S>
where
    S: hyper::service::HttpService<hyper::body::Incoming>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, X> Drain for http2::Connection<I, S, X>
where
    S: hyper::service::HttpService<hyper::body::Incoming>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::ResBody: 'static,
    <S::ResBody as hyper::body::Body>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    X: hyper::rt::bounds::Http2ServerConnExec<S::Future, S::ResBody>,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How far a connection is on its way to a graceful end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    No,
    Soon,
    Told,
}

/// Polls a connection until it ends by itself or has kept us waiting too long.
async fn drive<C: Drain>(mut connection: Pin<&mut C>, vitals: &Vitals, limits: &ServerLimits) {
    let mut alarm = Alarm::new(vitals, limits);
    let mut ending = Ending::No;
    poll_fn(|cx| {
        loop {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
            if ending == Ending::No && vitals.order() == Order::Drain {
                ending = Ending::Soon;
                alarm.set(vitals.now() + DRAIN_IDLE);
            }
            alarm.pull_forward();
            if alarm.poll(cx).is_pending() {
                return Poll::Pending;
            }
            if vitals.due(limits).is_some_and(|due| due <= vitals.now()) {
                return Poll::Ready(());
            }
            if ending == Ending::Soon {
                ending = Ending::Told;
                connection.as_mut().drain();
            }
            alarm.set_to_next_look();
        }
    })
    .await;
}
