//! An instance that takes connections itself.

use std::{net::TcpListener, sync::Arc, time::Duration};

use super::{Hotplate, StartError, redirect::Redirect};
use crate::{
    script::stack::{STACK, is_large_here},
    server::{self, ServerError, ServerLimits, Shutdown, Tls},
    settings::Limits,
};

impl From<&Limits> for ServerLimits {
    fn from(limits: &Limits) -> Self {
        Self {
            header: limits.header_timeout(),
            body: limits.body_timeout(),
            idle: limits.idle_timeout(),
            rate: Self::default().rate,
            grace: limits.grace(),
            body_bytes: limits.body_bytes as u64,
            header_bytes: limits.header_bytes,
            connections: limits.connections,
        }
    }
}

/// What `on_stop` has beside the rest of the grace, which requests and jobs may have used up.
const LAST: Duration = Duration::from_secs(1);

/// Where connections come in.
pub(crate) struct Ports {
    /// Where everything is served.
    pub(crate) listener: TcpListener,
    /// What connections begin with there, if they speak TLS.
    pub(crate) tls: Option<Tls>,
    /// The plain port that leads there, if there is one.
    pub(crate) redirect: Option<TcpListener>,
}

impl Hotplate {
    /// Serves on `listener` with hotplate's own limits and deadlines until `shutdown` is done; then
    /// requests that were accepted, and jobs, are finished within `grace_ms`, and `on_stop` runs everywhere, in
    /// what is left of that time and a second more.
    ///
    /// Works on any tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`StartError::Server`] when the socket cannot be used, [`StartError::Faults`] when others can reach it
    /// and the instance is in development mode, which shows sources and faults.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), StartError> {
        let address = listener.local_addr().map_err(ServerError::Listener)?.ip();
        let site = &self.inner.site;
        site.is_reached_at(address);
        if let Some(fault) = site.refused(&site.current().settings) {
            return Err(StartError::Faults(vec![fault]));
        }
        let handle = Shutdown::new();
        let drain = handle.clone();
        let waiting = tokio::spawn(async move {
            shutdown.await;
            drain.drain();
        });
        let ports = Ports { listener, tls: None, redirect: None };
        let served = self.serve_until(ports, handle).await;
        waiting.abort();
        served
    }

    /// Serves until `shutdown` says so.
    pub(crate) async fn serve_until(
        &self,
        ports: Ports,
        shutdown: Shutdown,
    ) -> Result<(), StartError> {
        let Ports { listener, tls, redirect } = ports;
        let limits = || Arc::clone(&self.inner.server_limits);
        let port = listener.local_addr().map_err(ServerError::Listener)?.port();
        let endpoint = Arc::new(self.endpoint());
        let main = server::serve(listener, endpoint, limits(), tls, shutdown.clone());
        let plain = async {
            let Some(listener) = redirect else { return Ok(()) };
            let endpoint = Redirect { inner: Arc::clone(&self.inner), port };
            server::serve(listener, Arc::new(endpoint), limits(), None, shutdown.clone()).await
        };
        let serving = async { tokio::try_join!(main, plain) };
        tokio::pin!(serving);
        tokio::select! {
            served = &mut serving => {
                served?;
            }
            // Pages that listen would be waited for until the grace is over.
            () = shutdown.reached(server::Phase::Draining) => {
                self.drain();
                serving.await?;
            }
        }
        let grace = self.inner.server_limits.load().grace;
        let grace = self.inner.scheduler.left(grace) + LAST;
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
        .on_thread_start(is_large_here)
        .enable_all()
        .build()
}
