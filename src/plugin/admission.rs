//! How many requests a plugin works on at a time, and how many may wait.

use std::{
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use tokio::sync::Notify;

/// The places of one plugin.
///
/// A place is one number that goes up and down: a semaphore takes a lock for each that is given back,
/// which every request would pay for and hardly any needs.
#[derive(Debug)]
pub(crate) struct Admission {
    taken: AtomicUsize,
    concurrency: usize,
    waiting: AtomicUsize,
    queue: usize,
    /// Tells the one who has waited longest of each place that is given back.
    given_back: Notify,
}

/// All places are taken and the queue is full, or the wait was too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a Admission);

impl Admission {
    /// `concurrency` places and a queue of `queue`.
    pub(crate) fn new(concurrency: usize, queue: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            concurrency: concurrency.max(1),
            waiting: AtomicUsize::new(0),
            queue,
            given_back: Notify::new(),
        }
    }

    /// A place, if there is one and nobody waits for it.
    #[inline]
    pub(crate) fn enter_at_once(&self) -> Option<Place<'_>> {
        if self.waiting.load(Ordering::SeqCst) == 0 { self.take() } else { None }
    }

    /// A place, at once or after waiting for at most `patience`.
    pub(crate) async fn enter(&self, patience: Duration) -> Result<Place<'_>, Full> {
        if let Some(place) = self.enter_at_once() {
            return Ok(place);
        }
        let _waiting = Waiting::begin(&self.waiting, self.queue)?;
        let place = async {
            loop {
                // In the queue before the last look: whoever gives a place back after it finds us there.
                let mut told = pin!(self.given_back.notified());
                told.as_mut().enable();
                if let Some(place) = self.take() {
                    return place;
                }
                told.await;
            }
        };
        tokio::time::timeout(patience, place).await.map_err(|_| Full)
    }

    fn take(&self) -> Option<Place<'_>> {
        let more = |taken| (taken < self.concurrency).then_some(taken + 1);
        self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok()?;
        Some(Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::SeqCst);
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.given_back.notify_one();
        }
    }
}

/// One request in the queue; a client that goes away leaves it.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize, most: usize) -> Result<Self, Full> {
        let waiting = Waiting(waiting);
        if waiting.0.fetch_add(1, Ordering::SeqCst) >= most {
            return Err(Full);
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        time::Duration,
    };

    use super::{Admission, Full};

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn places_and_the_queue_are_counted() {
        let admission = Arc::new(Admission::new(1, 1));
        let place = admission.enter(LONG).await.unwrap();
        let other = Arc::clone(&admission);
        let waiting = tokio::spawn(async move { other.enter(LONG).await.map(drop) });
        while admission.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(admission.enter(LONG).await.unwrap_err(), Full, "the queue is full");
        assert!(admission.enter_at_once().is_none());
        drop(place);
        assert!(admission.enter_at_once().is_none(), "who waits comes first");
        waiting.await.unwrap().unwrap();
        assert!(admission.enter_at_once().is_some());
    }

    #[tokio::test]
    async fn who_loses_patience_leaves_the_queue() {
        let admission = Admission::new(1, 1);
        let place = admission.enter(LONG).await.unwrap();
        for _ in 0..3 {
            assert_eq!(admission.enter(Duration::from_millis(1)).await.unwrap_err(), Full);
        }
        drop(place);
        assert!(admission.enter(LONG).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_is_forgotten_and_never_are_there_more_than_places() {
        let admission = Arc::new(Admission::new(3, 1000));
        let inside = Arc::new(AtomicUsize::new(0));
        let all: Vec<_> = (0..64)
            .map(|number| {
                let (admission, inside) = (Arc::clone(&admission), Arc::clone(&inside));
                tokio::spawn(async move {
                    for round in 0..200 {
                        // Some go away while they wait.
                        let patience = match (number + round) % 7 {
                            0 => Duration::from_micros(50),
                            _ => LONG,
                        };
                        let Ok(_place) = admission.enter(patience).await else { continue };
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < 3);
                        tokio::task::yield_now().await;
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for one in all {
            tokio::time::timeout(LONG, one).await.expect("it is told").unwrap();
        }
        assert_eq!(admission.taken.load(Ordering::SeqCst), 0);
    }
}
