//! An instance that takes connections itself.

use std::{net::TcpListener, sync::Arc};

use arc_swap::ArcSwap;

use super::{Hotplate, StartError};
use crate::{
    plugin::pool::STACK,
    server::{self, ServerLimits, Shutdown},
    settings::Limits,
};

impl From<&Limits> for ServerLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout(),
            body: limits.body_timeout(),
            idle: limits.idle_timeout(),
            grace: limits.grace(),
            body_bytes: limits.body_bytes as u64,
            header_bytes: limits.header_bytes,
            connections: limits.connections,
        }
    }
}

/// The certificates that new connections are served with.
pub(crate) type Tls = Arc<ArcSwap<rustls::ServerConfig>>;

impl Hotplate {
    /// Serves on `listener` with hotplate's own limits and deadlines until `shutdown` is done; then
    /// requests that were accepted, and jobs, are finished within `grace_ms`, and `on_stop` runs everywhere.
    ///
    /// Works on any tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`StartError::Server`] when the socket cannot be used.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let handle = Shutdown::new();
        let drain = handle.clone();
        let waiting = tokio::spawn(async move {
            shutdown.await;
            drain.drain();
        });
        let served = self.serve_until(listener, None, handle).await;
        waiting.abort();
        served
    }

    /// Serves until `shutdown` says so, with TLS if there are certificates.
    pub(crate) async fn serve_until(
        &self,
        listener: TcpListener,
        tls: Option<Tls>,
        shutdown: Shutdown,
    ) -> Result<(), StartError> {
        let limits = Arc::clone(&self.inner.server_limits);
        let endpoint = Arc::new(self.endpoint());
        let serving = server::serve(listener, endpoint, limits, tls, shutdown.clone());
        tokio::pin!(serving);
        tokio::select! {
            served = &mut serving => served?,
            // Pages that listen would be waited for until the grace is over.
            () = shutdown.reached(server::Phase::Draining) => {
                self.drain();
                serving.await?;
            }
        }
        let grace = self.inner.server_limits.load().grace;
        let grace = grace + self.inner.scheduler.left(grace);
        // A script that does not end must not hold the process; the second signal is not waited for.
        tokio::select! {
            () = self.end() => {}
            () = tokio::time::sleep(grace) => tracing::warn!("`on_stop` did not end in time"),
            () = shutdown.reached(server::Phase::Stopped) => {}
        }
        Ok(())
    }
}

/// A runtime whose workers may run scripts: multi-threaded, with stacks that deep values fit on.
pub(crate) fn runtime(workers: usize) -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("hotplate-worker")
        .thread_stack_size(STACK)
        .enable_all()
        .build()
}
