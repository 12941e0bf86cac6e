//! Where pages are rendered: on threads of their own, a few at a time, each in bounded time.
//!
//! Rendering cannot be interrupted. Whoever waits for a page that takes too long gives up, and its place is
//! free again only when it has ended, so that no number of such pages takes all processors.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long a page may take, waiting for a place included.
pub(super) const TIME: Duration = Duration::from_secs(5);

/// The stack of a rendering thread, in bytes: Markdown may nest as deep as its text is long. Only what is used
/// of it takes memory.
const STACK: usize = 256 << 20;

/// Renders pages.
#[derive(Debug, Clone)]
pub(super) struct Workshop {
    places: Arc<Places>,
}

#[derive(Debug)]
struct Places {
    free: Mutex<usize>,
    one_is_free: Condvar,
}

/// A place that is taken until it is dropped.
struct Place(Arc<Places>);

impl Drop for Place {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.one_is_free.notify_one();
    }
}

impl Default for Workshop {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let places = Places { free: Mutex::new(cores.max(2)), one_is_free: Condvar::new() };
        Self { places: Arc::new(places) }
    }
}

impl Workshop {
    /// Does `work` on a thread of its own, and waits for it: to be called where blocking is allowed.
    ///
    /// # Errors
    /// [`io::ErrorKind::TimedOut`] when it takes too long; an error when it panics or there is no thread.
    pub(super) fn make<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let until = Instant::now() + TIME;
        let place = self.place(until)?;
        let (done, made) = mpsc::channel();
        let thread = thread::Builder::new().name("hotplate-page".to_owned()).stack_size(STACK);
        thread.spawn(move || {
            let place = place;
            // Whoever asked may have given up.
            drop(done.send(work()));
            drop(place);
        })?;
        match made.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(made) => Ok(made),
            Err(mpsc::RecvTimeoutError::Timeout) => {
                tracing::warn!("a page took too long to render");
                Err(io::ErrorKind::TimedOut.into())
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(io::Error::other("rendering failed")),
        }
    }

    fn place(&self, until: Instant) -> io::Result<Place> {
        let free = self.places.free.lock().unwrap_or_else(PoisonError::into_inner);
        let time = until.saturating_duration_since(Instant::now());
        let (mut free, _) = self
            .places
            .one_is_free
            .wait_timeout_while(free, time, |free| *free == 0)
            .unwrap_or_else(PoisonError::into_inner);
        if *free == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        *free -= 1;
        drop(free);
        Ok(Place(Arc::clone(&self.places)))
    }
}
