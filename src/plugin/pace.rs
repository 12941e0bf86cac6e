//! How fast the calls of a route are, as far as that is known: it decides which threads they run on.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::execute::Pace;
use crate::script::budget::Speed;

/// How many quick calls after the last slow one make a slow route a quick one.
const QUICK_AGAIN: u32 = 32;

/// The most that are asked of a route which held up a worker time and again.
const MOST: u32 = 1 << 16;

/// Of how many calls three may be late before that is no accident: a worker that waits for the processor does so in
/// the middle of a call once in thousands.
const OFTEN: u64 = 64;

/// What stands there for a route that was never called.
const NEVER_CALLED: u32 = u32::MAX;

/// What is known of one route.
#[derive(Debug)]
pub(super) struct RoutePace {
    /// How many calls must be quick before it no longer counts as slow; 0 when it does not.
    left: AtomicU32,
    /// How many that are after the next slow one.
    needed: AtomicU32,
    /// The numbers of the calls that were late, the last two.
    late: [AtomicU64; 2],
}

impl Default for RoutePace {
    fn default() -> Self {
        Self {
            left: AtomicU32::new(NEVER_CALLED),
            needed: AtomicU32::new(QUICK_AGAIN),
            late: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }
}

impl RoutePace {
    /// Whether its calls took long lately.
    pub(super) fn get(&self) -> Pace {
        match self.left.load(Ordering::Relaxed) {
            0 => Pace::Quick,
            NEVER_CALLED => Pace::New,
            _ => Pace::Slow,
        }
    }

    /// Notes the call of this number, counted from 1, and how fast it was.
    pub(super) fn note(&self, speed: Speed, call: u64) {
        let needed = self.needed.load(Ordering::Relaxed);
        match speed {
            Speed::Slow => self.left.store(needed, Ordering::Relaxed),
            Speed::Late if self.is_often_late(call) => self.left.store(needed, Ordering::Relaxed),
            // What waits without work looks quick on threads of our own, and would come back soon.
            Speed::Stalled => {
                self.left.store(needed, Ordering::Relaxed);
                self.needed.store(needed.saturating_mul(2).min(MOST), Ordering::Relaxed);
            }
            // Two calls at once may count as one: it is the trend that matters.
            Speed::Quick | Speed::Late => match self.left.load(Ordering::Relaxed) {
                0 => {}
                NEVER_CALLED => self.left.store(0, Ordering::Relaxed),
                left => self.left.store(left - 1, Ordering::Relaxed),
            },
        }
    }

    #[cold]
    fn is_often_late(&self, call: u64) -> bool {
        let [before, last] = &self.late;
        let third = before.swap(last.swap(call, Ordering::Relaxed), Ordering::Relaxed);
        third > 0 && call.saturating_sub(third) < OFTEN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick_until(pace: &RoutePace, wanted: Pace) -> u32 {
        let mut calls = 0;
        while pace.get() != wanted {
            pace.note(Speed::Quick, 0);
            calls += 1;
        }
        calls
    }

    #[test]
    fn a_slow_route_is_quick_again_after_some_quick_calls() {
        let pace = RoutePace::default();
        assert_eq!(pace.get(), Pace::New);
        assert_eq!(quick_until(&pace, Pace::Quick), 1);
        for _ in 0..3 {
            pace.note(Speed::Slow, 0);
            assert_eq!(pace.get(), Pace::Slow);
            assert_eq!(quick_until(&pace, Pace::Quick), QUICK_AGAIN);
        }
    }

    #[test]
    fn a_route_that_holds_up_workers_time_and_again_is_believed_ever_less() {
        let pace = RoutePace::default();
        pace.note(Speed::Stalled, 0);
        assert_eq!(quick_until(&pace, Pace::Quick), 32);
        pace.note(Speed::Stalled, 0);
        assert_eq!(quick_until(&pace, Pace::Quick), 64);
        (0..20).for_each(|_| pace.note(Speed::Stalled, 0));
        assert_eq!(quick_until(&pace, Pace::Quick), MOST);
        pace.note(Speed::Slow, 0);
        assert_eq!(quick_until(&pace, Pace::Quick), MOST);
    }

    #[test]
    fn a_route_that_is_late_now_and_then_is_quick_and_one_that_often_is_is_not() {
        let pace = RoutePace::default();
        pace.note(Speed::Quick, 1);
        for call in (100..10_000).step_by(50) {
            pace.note(Speed::Late, call);
            assert_eq!(pace.get(), Pace::Quick, "{call}");
        }
        pace.note(Speed::Late, 20_000);
        pace.note(Speed::Late, 20_010);
        assert_eq!(pace.get(), Pace::Quick);
        pace.note(Speed::Late, 20_063);
        assert_eq!(pace.get(), Pace::Slow);
    }
}
