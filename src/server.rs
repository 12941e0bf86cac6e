//! The accept loop: turns sockets into requests for one endpoint and survives hostile peers.
//!
//! Invariants:
//! - Every wait on a peer has a deadline: handshake, first byte, head, body, idle, a write that stalls.
//! - Nothing a peer does ends the loop; only [`Shutdown`] does, and never later than `grace` after it.
//! - A connection that waits for its peer may be shed when room runs out; one that serves is not.
//! - What a client reads is either the endpoint's answer or a short problem document without detail.

mod accept;
mod alarm;
mod body;
mod check;
mod connection;
mod pidfile;
mod registry;
mod request;
mod service;
mod shutdown;
mod signals;
mod stream;
#[cfg(test)]
mod tests;
mod tls;
mod vitals;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;

pub(crate) use pidfile::{PidFile, PidFileError};
pub(crate) use request::{Answers, Request};
pub(crate) use shutdown::{Phase, Shutdown};
pub(crate) use signals::{EarlyHangup, SignalError, Signals};
pub(crate) use tls::{Certificates, Development, DevelopmentError, TlsError, development};

/// What new connections begin their handshakes with.
pub(crate) type Tls = Arc<ArcSwap<rustls::ServerConfig>>;

/// Connections the kernel may hold for us before they are accepted.
const BACKLOG: i32 = 1024;

/// What one peer may take. New connections read it anew; open ones keep what they began with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerLimits {
    /// Time for a request head, counted from its first byte; also for the first byte of a connection.
    pub(crate) header: Duration,
    /// Time for a request body as a whole, counted from the end of its head.
    pub(crate) body: Duration,
    /// Time a connection may be kept without a request, and a peer may go without reading.
    pub(crate) idle: Duration,
    /// Bytes of its answers that a peer has to take in each second, on average, once it has had that time.
    pub(crate) rate: u64,
    /// Time that requests get to finish once a drain began.
    pub(crate) grace: Duration,
    /// Announced body size, in bytes, above which a request is refused unread.
    pub(crate) body_bytes: u64,
    /// Size of a request head in bytes.
    pub(crate) header_bytes: usize,
    /// Connections open at once, upgraded ones included.
    pub(crate) connections: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            rate: 1 << 10,
            grace: Duration::from_secs(10),
            body_bytes: 1 << 20,
            header_bytes: 32 << 10,
            connections: 10_000,
        }
    }
}

/// Why the server cannot listen. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Another program listens there.
    #[error(
        "port {} on {} is in use: stop the other program or choose another with --port",
        address.port(),
        address.ip()
    )]
    PortInUse {
        /// Where listening was tried.
        address: SocketAddr,
    },
    /// The system refuses this port to this user.
    #[error(
        "not permitted to listen on port {} of {}: choose a port from 1024 up with --port",
        address.port(),
        address.ip()
    )]
    NotPermitted {
        /// Where listening was tried.
        address: SocketAddr,
    },
    /// The address belongs to no interface of this machine.
    #[error("{} is not an address of this machine: choose another with --bind", address.ip())]
    NotAvailable {
        /// Where listening was tried.
        address: SocketAddr,
    },
    /// Any other refusal of the system.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// Where listening was tried.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A socket that cannot be listened on was passed in.
    #[error("cannot use the listening socket: {0}")]
    Listener(#[source] io::Error),
}

impl ServerError {
    /// What went wrong, without what to do.
    pub(crate) fn reason(&self) -> String {
        let (address, why) = match self {
            Self::PortInUse { address } => (address, "is in use".to_owned()),
            Self::NotPermitted { address } => (address, "is not permitted".to_owned()),
            Self::NotAvailable { address } => (address, "is not of this machine".to_owned()),
            Self::Bind { address, source } => (address, format!("cannot be used, {source}")),
            Self::Listener(source) => return source.to_string(),
        };
        format!("port {} on {} {why}", address.port(), address.ip())
    }
}

/// Opens a listening socket on `address`; port 0 takes a free one.
///
/// # Errors
/// [`ServerError`] when the system refuses, with the remedy in its message.
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ServerError> {
    open(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ServerError::PortInUse { address },
        io::ErrorKind::PermissionDenied => ServerError::NotPermitted { address },
        io::ErrorKind::AddrNotAvailable => ServerError::NotAvailable { address },
        _ => ServerError::Bind { address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the last run's connections to leave TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves `endpoint` on `listener` until `shutdown`, and returns when the last connection has ended
/// or `grace` is over, whichever is first. With `tls` every connection begins with a handshake; the
/// configuration in the `ArcSwap` at that moment is the one it gets.
///
/// # Errors
/// [`ServerError::Listener`] when the socket cannot be registered with the runtime.
pub(crate) async fn serve<E>(
    listener: std::net::TcpListener,
    endpoint: Arc<E>,
    limits: Arc<ArcSwap<ServerLimits>>,
    tls: Option<Tls>,
    shutdown: Shutdown,
) -> Result<(), ServerError>
where
    E: Answers,
{
    listener.set_nonblocking(true).map_err(ServerError::Listener)?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(ServerError::Listener)?;
    accept::run(listener, endpoint, limits, tls, shutdown).await;
    Ok(())
}
