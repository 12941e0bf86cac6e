//! The generation that is being served, swapped in one step.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use crate::{diagnostic::Diagnostic, generation::Generation, settings::Settings};

/// Holds the current generation. Requests read it; only the reloader publishes.
#[derive(Debug)]
pub(crate) struct Site {
    current: ArcSwap<Generation>,
    published: watch::Sender<u64>,
    /// The first address by which others than this machine reach it.
    exposed: OnceLock<IpAddr>,
}

impl Site {
    /// A site that serves nothing yet.
    pub(crate) fn new(settings: Arc<Settings>) -> Arc<Self> {
        let current = ArcSwap::from_pointee(Generation::empty(settings));
        Arc::new(Self { current, published: watch::Sender::new(0), exposed: OnceLock::new() })
    }

    /// Notes an address that is listened on.
    pub(crate) fn is_reached_at(&self, address: IpAddr) {
        if !address.to_canonical().is_loopback() {
            self.exposed.get_or_init(|| address);
        }
    }

    /// Why these settings are not for a server that others can reach, if they can.
    pub(crate) fn refused(&self, settings: &Settings) -> Option<Diagnostic> {
        let address = self.exposed.get().filter(|_| settings.server.development)?;
        let message = format!(
            "development mode is refused on {address}, which others can reach: it shows sources and faults"
        );
        let help = "listen on 127.0.0.1, or leave development mode off";
        Some(Diagnostic::error("config-exposed", message).help(help))
    }

    /// The generation that is served now.
    pub(crate) fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// The same, to begin a request on and to keep to its end: its count is not touched unless another one
    /// is published meanwhile.
    pub(crate) fn lease(&self) -> Guard<Arc<Generation>> {
        self.current.load()
    }

    /// Serves `generation` from now on and gives back the one before.
    pub(crate) fn publish(&self, generation: Generation) -> (Arc<Generation>, Arc<Generation>) {
        let new = Arc::new(generation);
        let old = self.current.swap(Arc::clone(&new));
        self.published.send_replace(new.number);
        (old, new)
    }

    /// Tells of each publishing from now on, by the number of the generation. Who is slow is told of the
    /// last one only.
    pub(crate) fn follow(&self) -> watch::Receiver<u64> {
        self.published.subscribe()
    }
}
