//! `hotplate serve`.

use std::{io::Write as _, net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{Failure, arguments::Serve, log};
use crate::{
    app::{Hotplate, StartError, serve},
    server::{self, PidFile, Shutdown, Signals},
    settings::{Settings, TlsSettings},
};

/// Serves until a signal ends it.
pub(super) fn run(options: &Serve) -> Result<(), Failure> {
    let sources = options.sources()?;
    let loaded = Settings::load(&sources)?;
    let level = log::begin(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{}", warning.render(false));
    }
    if let Err(error) = crate::script::memory::give_back_soon() {
        tracing::debug!(%error, "memory goes back to the system late");
    }
    let settings = loaded.settings;
    let tls = certificates(&settings.tls)?;
    // A port in use is told before the scripts are loaded, and nothing connects before they are.
    let listener = server::bind(settings.network.address()).map_err(StartError::from)?;
    let address = listener.local_addr()?;
    let runtime = serve::runtime(settings.network.worker_count())?;
    let swapped = tls.clone();
    let site = Hotplate::builder()
        .sources(sources)
        .on_workers()
        .apply(move |settings| {
            level.set(&settings.log);
            renew(swapped.as_ref(), &settings.tls);
        })
        .build()?;
    let pidfile = settings.paths.pidfile.as_deref().map(PidFile::write).transpose()?;
    let served = runtime.block_on(until_signal(&site, listener, tls, address));
    drop(pidfile);
    // Requests that ignored the end are not waited for.
    runtime.shutdown_background();
    served
}

async fn until_signal(
    site: &Hotplate,
    listener: std::net::TcpListener,
    tls: Option<serve::Tls>,
    address: SocketAddr,
) -> Result<(), Failure> {
    let shutdown = Shutdown::new();
    let (hangup, mut hangups) = mpsc::channel(1);
    let signals = Signals::handle(shutdown.clone(), hangup)?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    ready(scheme, address);
    let serving = site.serve_until(listener, tls, shutdown);
    tokio::pin!(serving);
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            Some(()) = hangups.recv() => site.look_again(),
        }
    };
    drop(signals);
    Ok(served?)
}

/// The one line that says where to look.
fn ready(scheme: &str, address: SocketAddr) {
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    let mut out = std::io::stdout();
    let line = format!("hotplate {version} serves {scheme}://{address} (pid {pid})\n");
    // Whoever closed standard output does not want to know.
    drop(out.write_all(line.as_bytes()).and_then(|()| out.flush()));
}

fn certificates(settings: &TlsSettings) -> Result<Option<serve::Tls>, Failure> {
    let (true, Some(cert), Some(key)) = (settings.enabled, &settings.cert, &settings.key) else {
        return Ok(None);
    };
    let config = server::load_tls(cert, key)?;
    Ok(Some(Arc::new(ArcSwap::new(config))))
}

/// Takes the certificates as they are on disk now; those in use stay when they cannot be used.
fn renew(tls: Option<&serve::Tls>, settings: &TlsSettings) {
    let (Some(tls), Some(cert), Some(key)) = (tls, &settings.cert, &settings.key) else { return };
    match server::load_tls(cert, key) {
        Ok(config) => tls.store(config),
        Err(error) => tracing::error!(%error, "the certificate in use stays"),
    }
}
