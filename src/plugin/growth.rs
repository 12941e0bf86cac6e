//! Whether what a plugin keeps only ever grows: a leak from request to request.
//!
//! A script has two ways to keep anything: `state::`, whose size is known, and natives of the program
//! that hold on to memory, which shows in what its calls leave behind on their thread. Both are looked
//! at once in [`WINDOW`] calls. Growth without an end is told in the log, once, and as a warning of the
//! plugin for as long as it goes on.
//!
//! What a call leaves behind is known from below only: the request that it ends was allocated before
//! it, the answer is freed after it.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use crate::diagnostic::Diagnostic;

/// Calls between two looks.
const WINDOW: u64 = 32;

/// Looks that must all find growth before it counts as a leak, and none before it no longer does.
const STREAK: u32 = 8;

/// Growth that is not worth a word, in bytes.
const SMALL: u64 = 256 << 10;

/// What an answer takes besides its body, in bytes.
const AROUND: i64 = 4 << 10;

/// What is known of the growth of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    calls: AtomicU64,
    /// Bytes that calls left behind since the last look.
    left: AtomicI64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    state: Trend,
    memory: Trend,
    /// All that calls left behind, as far as it is known.
    left: u64,
}

/// One size over time.
#[derive(Debug, Default)]
struct Trend {
    highest: u64,
    /// The size when the present rise began.
    base: u64,
    rising: u32,
    quiet: u32,
    is_leak: bool,
}

impl Trend {
    /// Takes a new size; true when it is a leak from now on.
    fn look(&mut self, size: u64) -> bool {
        if size > self.highest {
            self.highest = size;
            self.rising += 1;
            self.quiet = 0;
        } else {
            self.quiet += 1;
            if self.quiet >= STREAK || size < self.highest / 2 {
                *self = Self { highest: size, base: size, ..Self::default() };
            }
        }
        let leaks = self.rising >= STREAK && self.grown() >= SMALL;
        let begins = leaks && !self.is_leak;
        self.is_leak |= leaks;
        begins
    }

    fn grown(&self) -> u64 {
        self.highest.saturating_sub(self.base)
    }
}

impl Growth {
    /// Notes a call that left so many bytes allocated and answered with a body of so many. `state` is
    /// asked for the size of what the plugin keeps.
    pub(crate) fn note(&self, plugin: &str, left: i64, body: u64, state: impl FnOnce() -> usize) {
        let answer = i64::try_from(body).unwrap_or(i64::MAX).saturating_mul(2);
        let left = left.saturating_sub(answer).saturating_sub(AROUND);
        self.left.fetch_add(left, Ordering::Relaxed);
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if calls.is_multiple_of(WINDOW) {
            self.look(plugin, state() as u64);
        }
    }

    fn look(&self, plugin: &str, state: u64) {
        let left = self.left.swap(0, Ordering::Relaxed);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // What went into `state` was left behind too, and is told as what it is.
        let kept = state.saturating_sub(seen.state.highest);
        let left = u64::try_from(left).unwrap_or(0).saturating_sub(kept.saturating_mul(2));
        seen.left = seen.left.saturating_add(left);
        let left = seen.left;
        let begins = [seen.state.look(state), seen.memory.look(left)].contains(&true);
        let told = seen.diagnostic(plugin).filter(|_| begins);
        drop(seen);
        if let Some(diagnostic) = told {
            tracing::warn!(plugin, "{}", diagnostic.render(false));
        }
    }

    /// The leak, if there is one now.
    pub(crate) fn leak(&self, plugin: &str) -> Option<Diagnostic> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).diagnostic(plugin)
    }
}

impl Seen {
    fn diagnostic(&self, plugin: &str) -> Option<Diagnostic> {
        let (message, help) = if self.state.is_leak {
            let grown = self.state.grown();
            (
                format!(
                    "what the plugin keeps in `state` grew by {grown} bytes and does not shrink"
                ),
                "delete keys that are needed no more: the state of a plugin is limited",
            )
        } else if self.memory.is_leak {
            let grown = self.memory.grown();
            (
                format!("calls of the plugin leave memory behind, {grown} bytes so far"),
                "a function of the program that it calls holds on to what it was given",
            )
        } else {
            return None;
        };
        Some(Diagnostic::warning("leak", message).of_plugin(plugin).help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(growth: &Growth, count: u64, left: i64, state: impl Fn(u64) -> usize) {
        for call in 0..count {
            growth.note("t", left, 0, || state(call));
        }
    }

    #[test]
    fn a_state_that_grows_with_each_call_is_a_leak_until_it_stops() {
        let growth = Growth::default();
        calls(&growth, 1000, 0, |call| usize::try_from(call).unwrap() * 10_000);
        assert!(growth.leak("t").unwrap().message.contains("`state`"));
        calls(&growth, 1000, 0, |_| 9_999_999);
        assert_eq!(growth.leak("t"), None);
    }

    #[test]
    fn a_state_that_was_filled_once_or_goes_up_and_down_is_none() {
        let growth = Growth::default();
        calls(&growth, 2000, 0, |call| usize::try_from(call.min(100)).unwrap() * 100_000);
        assert_eq!(growth.leak("t"), None);
        calls(&growth, 5000, 0, |call| usize::try_from(call % 100).unwrap() * 100_000);
        assert_eq!(growth.leak("t"), None);
    }

    #[test]
    fn calls_that_leave_memory_behind_are_a_leak_and_those_that_free_are_not() {
        let growth = Growth::default();
        calls(&growth, 1000, AROUND / 2, |_| 0);
        calls(&growth, 1000, -100_000, |_| 0);
        assert_eq!(growth.leak("t"), None);
        calls(&growth, 1000, 20_000, |_| 0);
        assert!(growth.leak("t").unwrap().message.contains("behind"));
    }
}
