//! How much of something many have taken together, and may take.

use std::sync::atomic::{AtomicUsize, Ordering};

/// An account, in bytes.
#[derive(Debug)]
pub(crate) struct Account(AtomicUsize);

impl Account {
    /// One of which nothing is taken.
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Takes so many bytes, unless more than `most` would be taken then: true if they were taken.
    pub(crate) fn take(&self, bytes: usize, most: usize) -> bool {
        let taken = |all: usize| all.checked_add(bytes).filter(|all| *all <= most);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    /// Gives back so many of the bytes that were taken.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many bytes are taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
