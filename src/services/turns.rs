//! Turns: no more than a few do something at a time, and the others wait for theirs, but not for ever.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// So many turns at a time.
#[derive(Debug)]
pub(super) struct Turns {
    most: usize,
    taken: Mutex<usize>,
    given_back: Condvar,
}

/// One's turn, until it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// At most `most` at a time.
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default(), given_back: Condvar::new() }
    }

    /// Waits for a turn until `by`; `None` if there was none. Blocks.
    pub(super) fn take(&self, by: Instant) -> Option<Turn<'_>> {
        let mut taken = self.lock();
        while *taken >= self.most {
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let waited = self.given_back.wait_timeout(taken, left);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *taken += 1;
        Some(Turn(self))
    }

    // A panic under the lock leaves a number behind, which is whole.
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
        self.0.given_back.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Turns;

    #[test]
    fn no_more_have_a_turn_than_may() {
        let turns = Turns::new(2);
        let one = turns.take(Instant::now());
        let two = turns.take(Instant::now());
        assert!(one.is_some() && two.is_some());
        assert!(turns.take(Instant::now() + Duration::from_millis(20)).is_none());
        drop(one);
        assert!(turns.take(Instant::now()).is_some());
    }
}
