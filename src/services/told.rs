//! Trouble that goes on is logged now and then, not each time.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often the same trouble is logged.
const AGAIN: Duration = Duration::from_secs(10);

/// What was logged last, and when.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<(Instant, String)>>);

impl Told {
    /// Whether this is to be logged: it is another trouble, or was not logged for a while.
    pub(super) fn is_news(&self, text: &str) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.as_ref().is_some_and(|(at, before)| at.elapsed() < AGAIN && before == text) {
            return false;
        }
        *told = Some((Instant::now(), text.to_owned()));
        true
    }
}
