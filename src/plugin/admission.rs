//! How many requests a plugin works on at a time, and how many may wait.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The places of one plugin.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Semaphore,
    waiting: AtomicUsize,
    queue: usize,
}

/// All places are taken and the queue is full, or the wait was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Admission {
    /// `concurrency` places and a queue of `queue`.
    pub(crate) fn new(concurrency: usize, queue: usize) -> Self {
        let places = Semaphore::new(concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self { places, waiting: AtomicUsize::new(0), queue }
    }

    /// A place, at once or after waiting for at most `patience`.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<SemaphorePermit<'_>, Full> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.waiting, self.queue)?;
        match tokio::time::timeout(patience, self.places.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }
}

/// One request in the queue; a client that goes away leaves it.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Full> {
        let waiting = Waiting(waiting);
        if waiting.0.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Full);
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
