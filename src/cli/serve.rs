//! `hotplate serve`.

use std::{io::Write as _, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior},
};

use super::{
    Failure,
    arguments::Serve,
    log::{self, Log},
};
use crate::{
    app::{
        Hotplate, StartError,
        serve::{self, Ports},
    },
    diagnostic::Diagnostic,
    reload::Applied,
    server::{self, Certificates, Development, EarlyHangup, PidFile, Shutdown, Signals},
    settings::Settings,
};

/// How often the dates of certificates are looked at.
const DATES_EVERY: Duration = Duration::from_secs(60 * 60);

/// How often it is looked whether records of the log were lost.
const LOSSES_EVERY: Duration = Duration::from_secs(2);

/// Serves until a signal ends it.
pub(super) fn run(options: &Serve) -> Result<(), Failure> {
    let sources = options.sources()?;
    let loaded = Settings::load(&sources)?;
    let (level, mut log) = log::begin(&loaded.settings.log)?;
    for warning in &loaded.warnings {
        tracing::warn!("{}", warning.render(false));
    }
    if let Err(error) = crate::script::memory::give_back_soon() {
        tracing::debug!(%error, "memory goes back to the system late");
    }
    let settings = loaded.settings;
    let development = server::development(&settings)?;
    let certificates = Certificates::open(&settings.tls)?.map(Arc::new);
    let tls = certificates.as_ref().map(|certificates| certificates.config());
    // A port in use is told before the scripts are loaded, and nothing connects before they are.
    let listener = server::bind(settings.network.address()).map_err(StartError::from)?;
    let redirect = settings.tls.redirect_port.filter(|_| tls.is_some());
    let redirect = redirect.map(|port| server::bind((settings.network.bind, port).into()));
    let redirect = redirect.transpose().map_err(|error| Failure::Redirect(error.reason()))?;
    let ports = Ports { listener, tls, redirect };
    // Before the pidfile: whoever reads that may send a signal.
    let early = EarlyHangup::keep()?;
    // A folder that takes no pidfile is told before the scripts are loaded, too.
    let pidfile = settings.paths.pidfile.as_deref().map(PidFile::write).transpose()?;
    let runtime = serve::runtime(settings.network.worker_count())?;
    let site = Hotplate::builder()
        .sources(sources)
        .on_workers()
        .apply(move |settings, asked| {
            level.set(&settings.log);
            let Some(certificates) = &certificates else { return Applied::default() };
            let unmade = server::development(settings).err();
            let renewal = certificates.renew(&settings.tls, asked);
            let mut diagnostics = renewal.diagnostics;
            diagnostics.extend(unmade.map(|error| {
                tracing::error!("{error}");
                Diagnostic::error(
                    "tls-development",
                    "the development certificate cannot be made anew",
                )
                .help("the log tells why")
            }));
            Applied { diagnostics, unsettled: renewal.unsettled }
        })
        .build()?;
    let served =
        runtime.block_on(until_signal(&site, ports, development.as_ref(), early, &mut log));
    drop(pidfile);
    // Requests that ignored the end are not waited for.
    runtime.shutdown_background();
    served
}

async fn until_signal(
    site: &Hotplate,
    ports: Ports,
    development: Option<&Development>,
    early: EarlyHangup,
    log: &mut Log,
) -> Result<(), Failure> {
    let shutdown = Shutdown::new();
    let (hangup, mut hangups) = mpsc::channel(1);
    let signals = Signals::handle(shutdown.clone(), hangup)?;
    if early.came() {
        site.look_again();
    }
    drop(early);
    let has_dates = ports.tls.is_some();
    ready(&ports, development)?;
    let mut dates = tokio::time::interval_at(Instant::now() + DATES_EVERY, DATES_EVERY);
    dates.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut losses = tokio::time::interval(LOSSES_EVERY);
    losses.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let serving = site.serve_until(ports, shutdown);
    tokio::pin!(serving);
    let served = loop {
        tokio::select! {
            served = &mut serving => break served,
            Some(()) = hangups.recv() => site.look_again(),
            _ = dates.tick(), if has_dates => site.time_passed(),
            _ = losses.tick() => log.tell_lost(),
        }
    };
    drop(signals);
    Ok(served?)
}

/// The one line that says where to look, and how to trust a certificate that was made on request.
fn ready(ports: &Ports, development: Option<&Development>) -> std::io::Result<()> {
    let scheme = if ports.tls.is_some() { "https" } else { "http" };
    let address = ports.listener.local_addr()?;
    let led = ports.redirect.as_ref().map(std::net::TcpListener::local_addr).transpose()?;
    let led = led.map(|address| format!(" and leads there from http://{address}"));
    let led = led.unwrap_or_default();
    let (version, pid) = (env!("CARGO_PKG_VERSION"), std::process::id());
    let mut out = std::io::stdout();
    let trust = development.map(|made| trust(made, address.port())).unwrap_or_default();
    let lines = format!("hotplate {version} serves {scheme}://{address}{led} (pid {pid})\n{trust}");
    // Whoever closed standard output does not want to know.
    drop(out.write_all(lines.as_bytes()).and_then(|()| out.flush()));
    Ok(())
}

/// What makes clients believe a development certificate.
fn trust(made: &Development, port: u16) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let file = made.cert.strip_prefix(here).unwrap_or(&made.cert).display();
    let names = made.names.join(", ");
    let end = made.not_after.map(|end| format!(", until {}", end.strftime("%Y-%m-%d")));
    let end = end.unwrap_or_default();
    format!(
        "development certificate {file}: for {names}{end}\n\
         trust it with: curl --cacert {file} https://localhost:{port}/\n\
         in a browser: import that file as the certificate of a server\n"
    )
}
