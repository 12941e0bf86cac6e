//! The time that sessions live by: that of the wall, which others may set, and never back.
//!
//! Set forward, sessions end sooner than they should; set back, the time goes on from where it was, at the
//! pace of the monotonic clock. So whoever has expired once has expired for good.

use std::{
    sync::{Mutex, PoisonError},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// A clock that is never set back.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<(Instant, i64)>>);

impl Clock {
    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.at(Instant::now(), super::millis(wall))
    }

    /// The time at this moment, when the wall shows `wall`.
    fn at(&self, moment: Instant, wall: i64) -> i64 {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |(before, time): (Instant, i64)| {
            time.saturating_add(super::millis(moment.saturating_duration_since(before)))
        };
        let now = last.map_or(wall, |last| since(last).max(wall));
        *last = Some((moment, now));
        now
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_goes_on_when_the_wall_is_set_back_and_follows_it_forward() {
        let (clock, start) = (Clock::default(), Instant::now());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(clock.at(after(0), 1_000_000), 1_000_000);
        assert_eq!(clock.at(after(1), 1_001_000), 1_001_000);
        assert_eq!(clock.at(after(2), 0), 1_002_000, "set back");
        assert_eq!(clock.at(after(3), 9_000_000), 9_000_000, "set forward");
        assert_eq!(clock.at(after(4), 1_004_000), 9_001_000, "and back again");
        // A machine that slept: its monotonic clock did not see it.
        assert_eq!(clock.at(after(5), 9_500_000), 9_500_000);
    }
}
