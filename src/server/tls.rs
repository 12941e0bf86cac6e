//! The certificates that connections begin with, and their renewal.
//!
//! Invariants:
//! - What is shown changes as a whole, between one handshake and the next.
//! - A pair that cannot be used changes nothing for those who were shown another before.
//! - At a start everything must be usable; dates are only warned of.

mod development;
mod names;
mod pair;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::{
    ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
    version::{TLS12, TLS13},
};

pub(crate) use self::{
    development::{Development, DevelopmentError, ensure as development},
    pair::TlsError,
};
use self::{
    names::ByName,
    pair::{Authorities, Named, Pair},
};
use crate::{
    diagnostic::Diagnostic,
    middleware::certificate::Standing,
    settings::{TlsSettings, TlsVersion},
};

/// How long a fault is kept to ourselves that only lasts while files are being written one by one.
const SETTLE: Duration = Duration::from_secs(1);

/// The certificates of a server.
#[derive(Debug)]
pub(crate) struct Certificates {
    config: Arc<ArcSwap<ServerConfig>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shown: Shown,
    /// Since when something cannot be used, and whether that was told.
    faulty: Option<(Instant, bool)>,
}

/// What is shown to whom.
#[derive(Debug, Clone, PartialEq)]
struct Shown {
    main: Arc<Pair>,
    names: HashMap<String, Arc<Pair>>,
    /// Of whom clients must show a certificate.
    clients: Option<Arc<Authorities>>,
    min_version: TlsVersion,
}

/// What became of a renewal.
#[derive(Debug, Default)]
pub(crate) struct Renewal {
    /// What is wrong.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether files may still be being written, so that a look is due soon.
    pub(crate) unsettled: bool,
}

impl Certificates {
    /// Reads all that the settings name; `None` without TLS.
    ///
    /// # Errors
    /// [`TlsError`] naming the file that is at fault.
    pub(crate) fn open(settings: &TlsSettings) -> Result<Option<Self>, TlsError> {
        let provider = aws_lc_rs::default_provider();
        let mut faults = Vec::new();
        let shown = Shown::read(settings, None, &provider, &mut |error| faults.push(error));
        if let Some(error) = faults.into_iter().next() {
            return Err(error);
        }
        let Some(shown) = shown else { return Ok(None) };
        let config = Arc::new(ArcSwap::from_pointee(shown.config(provider)?));
        Ok(Some(Self { config, state: Mutex::new(State { shown, faulty: None }) }))
    }

    /// What is wrong with the files that the settings name.
    pub(crate) fn check(settings: &TlsSettings) -> Vec<Diagnostic> {
        let mut faults = Vec::new();
        let fault = &mut |error: TlsError| faults.push(error.diagnostic());
        let shown = Shown::read(settings, None, &aws_lc_rs::default_provider(), fault);
        faults.extend(shown.iter().flat_map(|shown| shown.warnings(Timestamp::now())));
        faults
    }

    /// What connections begin with.
    pub(crate) fn config(&self) -> Arc<ArcSwap<ServerConfig>> {
        Arc::clone(&self.config)
    }

    /// Takes what is on disk now. What cannot be used leaves in use what was before it; unless somebody
    /// `asked`, that is told only when it is so for longer than it takes to write a few files.
    pub(crate) fn renew(&self, settings: &TlsSettings, asked: bool) -> Renewal {
        let provider = aws_lc_rs::default_provider();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = Vec::new();
        let before = state.shown.clone();
        let asked_for = before.clients.is_some();
        let fault = &mut |error: TlsError| faults.push(error.refusal(asked_for));
        let shown = Shown::read(settings, Some(&before), &provider, fault).unwrap_or(before);
        if shown != state.shown {
            match shown.config(provider) {
                Ok(config) => {
                    self.config.store(Arc::new(config));
                    state.shown = shown;
                    tracing::info!("new certificates are in use");
                }
                Err(error) => fault(error),
            }
        }
        let unsettled = state.is_unsettled(!faults.is_empty(), asked);
        if unsettled {
            faults.clear();
        }
        faults.extend(state.shown.warnings(Timestamp::now()));
        Renewal { diagnostics: faults, unsettled }
    }
}

impl State {
    /// Whether what is wrong may only be so because files are being written.
    fn is_unsettled(&mut self, is_faulty: bool, asked: bool) -> bool {
        if !is_faulty {
            self.faulty = None;
            return false;
        }
        let (since, told) = self.faulty.get_or_insert_with(|| (Instant::now(), false));
        *told |= asked || since.elapsed() >= SETTLE;
        !*told
    }
}

impl Shown {
    /// What the settings name, as far as it can be used; for the rest, what was `before`.
    fn read(
        settings: &TlsSettings,
        before: Option<&Self>,
        provider: &CryptoProvider,
        fault: &mut dyn FnMut(TlsError),
    ) -> Option<Self> {
        let (true, Some(cert), Some(key)) = (settings.enabled, &settings.cert, &settings.key)
        else {
            return None;
        };
        let main = Pair::read(Named::new("tls.cert", cert), Named::new("tls.key", key), provider);
        let mut names = HashMap::new();
        for sni in &settings.sni {
            let cert = Named::new("tls.sni.cert", &sni.cert);
            let key = Named::new("tls.sni.key", &sni.key);
            let pair = Pair::read(cert, key, provider).map(Arc::new);
            for host in &sni.hosts {
                let old = || before.and_then(|before| before.names.get(host)).cloned();
                let pair = pair.as_ref().ok().cloned().or_else(old);
                names.extend(pair.map(|pair| (host.clone(), pair)));
            }
            pair.err().into_iter().for_each(&mut *fault);
        }
        let main = match main {
            Ok(pair) => Some(Arc::new(pair)),
            Err(error) => {
                fault(error);
                before.map(|before| Arc::clone(&before.main))
            }
        };
        let clients = settings.client_ca.as_ref().and_then(|file| {
            match Authorities::read(&Named::new("tls.client_ca", file)) {
                Ok(read) => Some(Arc::new(read)),
                Err(error) => {
                    fault(error);
                    before.and_then(|before| before.clients.clone())
                }
            }
        });
        Some(Self { main: main?, names, clients, min_version: settings.min_version })
    }

    /// A configuration that offers HTTP/2 and HTTP/1.1.
    fn config(&self, provider: CryptoProvider) -> Result<ServerConfig, TlsError> {
        let versions: &[&SupportedProtocolVersion] = match self.min_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let named = self.names.iter();
        let named = named.map(|(host, pair)| (host.clone(), Arc::clone(&pair.certified)));
        let resolver = ByName::new(Arc::clone(&self.main.certified), named);
        let provider = Arc::new(provider);
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(TlsError::Setup)?;
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let roots = Arc::clone(&clients.roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(TlsError::Verifier)?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(resolver));
        // Ours is sound for everybody, theirs need not be.
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }

    /// What is served although somebody should know of it.
    fn warnings(&self, now: Timestamp) -> Vec<Diagnostic> {
        let mut pairs = vec![&self.main];
        let mut hosts: Vec<_> = self.names.iter().collect();
        hosts.sort_by_key(|(host, _)| *host);
        for (_, pair) in &hosts {
            if !pairs.contains(pair) {
                pairs.push(pair);
            }
        }
        let dates = pairs.into_iter().filter_map(|pair| dates(pair, now));
        let names = hosts.into_iter().filter_map(|(host, pair)| {
            let foreign = pair.facts.as_ref().is_some_and(|facts| !facts.covers(host));
            foreign.then(|| {
                let message = format!("the certificate {} is not for {host}", pair.cert.short());
                Diagnostic::warning("tls-names", message)
                    .help("give the host a certificate that names it, or take it out of `hosts`")
            })
        });
        dates.chain(names).collect()
    }
}

/// What is to be said of the dates of a certificate.
fn dates(pair: &Pair, now: Timestamp) -> Option<Diagnostic> {
    let which = pair.cert.short();
    let Some(facts) = &pair.facts else {
        let message = format!("the certificate {which} is served, but its dates cannot be read");
        return Some(Diagnostic::warning("tls-dates", message).help("have it made anew"));
    };
    let (begin, end) = (facts.not_before, facts.not_after);
    let message = match facts.standing(now) {
        Standing::Good => return None,
        Standing::NotYet => format!("the certificate {which} does not hold before {begin}"),
        Standing::Soon(..1) => format!("the certificate {which} expires today, at {end}"),
        Standing::Soon(1) => format!("the certificate {which} expires in a day, at {end}"),
        Standing::Soon(days) => {
            format!("the certificate {which} expires in {days} days, at {end}")
        }
        Standing::Expired => format!("the certificate {which} has expired, at {end}"),
    };
    let help = match facts.standing(now) {
        Standing::NotYet => "set the clock of this machine, or wait: clients refuse it until then",
        Standing::Expired => "renew it: clients refuse it",
        _ => "renew it: the new one is taken as soon as its files are written",
    };
    Some(Diagnostic::warning("tls-dates", message).help(help))
}

#[cfg(test)]
mod tests;
