//! The loop that accepts, holds back when room runs out, and ends.
//!
//! Invariants:
//! - No error of accept ends the loop or makes it spin.
//! - Files of the process are left for other uses than connections.
//! - A drain answers what the kernel had already accepted for us, then closes the listening socket.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    ServerLimits, Tls,
    connection::{self, Accepted},
    registry::Registry,
    request::Answers,
    shutdown::{Phase, Shutdown},
    vitals::Order,
};

/// The first pause after the system ran out of something, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// How often room is looked for while every connection is taken.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Least time between two warnings about the same trouble.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Connections that the kernel may have accepted before a drain and that are still taken.
const LAST_CALL: usize = 1024;

/// A queue that brings nothing for so long is empty.
const LAST_CALL_PAUSE: Duration = Duration::from_millis(10);

/// Time for cut connections to be dropped.
const CUT_TIME: Duration = Duration::from_millis(250);

struct Acceptor<E> {
    listener: TcpListener,
    endpoint: Arc<E>,
    limits: Arc<ArcSwap<ServerLimits>>,
    tls: Option<Tls>,
    registry: Arc<Registry>,
    most: usize,
    /// Accepted and not yet served, for want of room.
    in_hand: Option<(TcpStream, SocketAddr)>,
    warned: Option<Instant>,
}

/// Accepts and serves until `shutdown`, then sees the open connections out.
pub(super) async fn run<E>(
    listener: TcpListener,
    endpoint: Arc<E>,
    limits: Arc<ArcSwap<ServerLimits>>,
    tls: Option<Tls>,
    shutdown: Shutdown,
) where
    E: Answers,
{
    let registry = Arc::new(Registry::default());
    // Dropped with this future, however it ends: an abandoned server keeps no connection.
    let _cut = CutOnDrop(Arc::clone(&registry));
    let mut acceptor = Acceptor {
        listener,
        endpoint,
        limits: Arc::clone(&limits),
        tls,
        registry: Arc::clone(&registry),
        most: most_connections(),
        in_hand: None,
        warned: None,
    };
    until(shutdown.reached(Phase::Draining), acceptor.accept_for_ever()).await;
    if shutdown.phase() == Phase::Draining {
        registry.tell_all(Order::Drain);
        acceptor.take_the_last().await;
    }
    drop(acceptor);
    let grace = limits.load().grace;
    tracing::info!(connections = registry.len(), "draining");
    until(shutdown.reached(Phase::Stopped), async {
        if timeout(grace, registry.all_closed()).await.is_err() {
            tracing::warn!(connections = registry.len(), "grace time is over");
        }
    })
    .await;
    registry.tell_all(Order::Cut);
    drop(timeout(CUT_TIME, registry.all_closed()).await);
}

struct CutOnDrop(Arc<Registry>);

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        self.0.tell_all(Order::Cut);
    }
}

impl<E> Acceptor<E>
where
    E: Answers,
{
    async fn accept_for_ever(&mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.listener.accept().await {
                Ok(accepted) => {
                    pause = FIRST_PAUSE;
                    self.in_hand = Some(accepted);
                    // Only now is it known that somebody needs the room.
                    while self.registry.len() >= self.room() {
                        self.make_room("every connection is taken", FULL_PAUSE).await;
                    }
                    self.serve_in_hand(Order::Run);
                }
                Err(error) if is_shortage(&error) => {
                    self.make_room("the system has no room for another connection", pause).await;
                    pause = (pause * 2).min(LAST_PAUSE);
                }
                // The peer gave up while it was queued: its error, not ours.
                Err(error) => tracing::debug!(%error, "connection lost before it was accepted"),
            }
        }
    }

    fn room(&self) -> usize {
        self.limits.load().connections.min(self.most).max(1)
    }

    /// Waits for a connection to end, after cutting those that only wait for their peer.
    async fn make_room(&mut self, trouble: &str, pause: Duration) {
        let shed = self.registry.shed();
        if self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            tracing::warn!(connections = self.registry.len(), shed, "{trouble}");
        }
        drop(timeout(pause, self.registry.one_closed()).await);
    }

    async fn take_the_last(&mut self) {
        self.serve_in_hand(Order::Drain);
        // A pause rather than one look: the kernel's news of a connection may be on its way to us.
        for _ in 0..LAST_CALL {
            match timeout(LAST_CALL_PAUSE, self.listener.accept()).await {
                Ok(Ok(accepted)) => self.in_hand = Some(accepted),
                Ok(Err(error)) if is_shortage(&error) => return,
                Ok(Err(_)) => {}
                Err(_) => return,
            }
            self.serve_in_hand(Order::Drain);
        }
    }

    fn serve_in_hand(&mut self, order: Order) {
        let Some((socket, remote)) = self.in_hand.take() else { return };
        let registration = self.registry.open();
        registration.vitals().tell(order);
        tokio::spawn(connection::serve(Accepted {
            socket,
            remote,
            registration,
            endpoint: Arc::clone(&self.endpoint),
            limits: self.limits.load_full(),
            tls: self.tls.as_ref().map(|tls| tls.load_full()),
        }));
    }
}

/// Runs `work` until `end`, whichever ends first.
async fn until(end: impl Future<Output = ()>, work: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = end => {}
        () = work => {}
    }
}

/// Whether the system lacks files or memory, so that trying again at once would only spin.
fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|shortage| error.raw_os_error() == Some(shortage.raw_os_error()))
}

/// How many connections leave enough of the process's files for scripts, stores and reloading.
fn most_connections() -> usize {
    use rustix::process::{Resource, getrlimit};
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    files - (files / 8).clamp(32, 1024).min(files / 2)
}
