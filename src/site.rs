//! The generation that is being served, swapped in one step.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{generation::Generation, settings::Settings};

/// Holds the current generation. Requests read it; only the reloader publishes.
#[derive(Debug)]
pub(crate) struct Site {
    current: ArcSwap<Generation>,
}

impl Site {
    /// A site that serves nothing yet.
    pub(crate) fn new(settings: Arc<Settings>) -> Arc<Self> {
        Arc::new(Self { current: ArcSwap::from_pointee(Generation::empty(settings)) })
    }

    /// The generation to begin a request on, and to keep to its end.
    pub(crate) fn current(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Serves `generation` from now on and gives back the one before.
    pub(crate) fn publish(&self, generation: Generation) -> (Arc<Generation>, Arc<Generation>) {
        let new = Arc::new(generation);
        let old = self.current.swap(Arc::clone(&new));
        (old, new)
    }
}
