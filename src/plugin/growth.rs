//! Whether what a plugin keeps only ever grows: a leak from request to request.
//!
//! A script has two ways to keep anything: `state::`, whose size is known, and natives of the program
//! that hold on to memory, which shows in what its calls leave behind on their thread. Both are looked
//! at once in [`WINDOW`] calls. Values that hold themselves are no third one: see [`crate::script::cells`]. Growth without an end is told in the log, once, and as a warning of the
//! plugin for as long as it goes on.
//!
//! What a call leaves behind is known from below only: the request that it ends was allocated before
//! it, the answer is freed after it. So what is left is summed up and never falls below nothing. A plugin
//! that has left several times its `memory_bytes` behind is served no more until it changes.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
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

/// How many times `memory_bytes` the calls of a plugin may leave behind.
const MOST_TIMES: i64 = 4;

/// What is known of the growth of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    calls: AtomicU64,
    /// Bytes that calls left behind since the last look.
    left: AtomicI64,
    exhausted: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    state: Trend,
    memory: Trend,
    /// All that calls left behind, as far as it is known; never less than nothing.
    left: i64,
    /// The size of what the plugin kept at the last look.
    kept: i64,
    is_exhausted: bool,
}

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The plugin's name.
    pub(crate) plugin: &'a str,
    /// Bytes that are allocated more than before it; less than nothing where it freed.
    pub(crate) left: i64,
    /// Bytes of the body it answered with.
    pub(crate) body: u64,
    /// Bytes that a call may hold.
    pub(crate) memory_bytes: u64,
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
    /// Notes a call that left so many bytes allocated and answered with a body of so many.
    pub(crate) fn note(&self, call: &Call<'_>, state: impl FnOnce() -> usize) {
        let answer = i64::try_from(call.body).unwrap_or(i64::MAX).saturating_mul(2);
        let left = call.left.saturating_sub(answer).saturating_sub(AROUND);
        self.left.fetch_add(left, Ordering::Relaxed);
        let calls = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let is_whole = calls.is_multiple_of(WINDOW);
        if is_whole || left.unsigned_abs() >= SMALL {
            self.look(call, state() as u64, is_whole);
        }
    }

    fn look(&self, call: &Call<'_>, state: u64, is_whole: bool) {
        let left = self.left.swap(0, Ordering::Relaxed);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // What went into `state` was left behind too, and what was taken out was freed.
        let kept = i64::try_from(state).unwrap_or(i64::MAX);
        let more = left.saturating_sub(kept.saturating_sub(seen.kept));
        seen.kept = kept;
        seen.left = seen.left.saturating_add(more).max(0);
        let size = seen.left.unsigned_abs();
        let mut begins = seen.memory.look(size);
        if is_whole {
            begins |= seen.state.look(state);
        }
        let most = i64::try_from(call.memory_bytes).unwrap_or(i64::MAX).saturating_mul(MOST_TIMES);
        if seen.left >= most && !seen.is_exhausted {
            seen.is_exhausted = true;
            begins = true;
            self.exhausted.store(true, Ordering::Relaxed);
        }
        let told = seen.diagnostic(call.plugin).filter(|_| begins);
        drop(seen);
        if let Some(diagnostic) = told {
            tracing::warn!(plugin = call.plugin, "{}", diagnostic.render(false));
        }
    }

    /// Whether its calls left so much behind that it may not be called any more.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.load(Ordering::Relaxed)
    }

    /// The leak, if there is one now.
    pub(crate) fn leak(&self, plugin: &str) -> Option<Diagnostic> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).diagnostic(plugin)
    }
}

impl Seen {
    fn diagnostic(&self, plugin: &str) -> Option<Diagnostic> {
        let (message, help) = if self.is_exhausted {
            (
                format!(
                    "calls of the plugin left {} bytes behind: it is called no more",
                    self.left
                ),
                "a native function that it calls keeps memory for good: call it less, or mend it",
            )
        } else if self.state.is_leak {
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
                "a native function that it calls keeps memory: is it freed ever?",
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
        let one = Call { plugin: "t", left, body: 0, memory_bytes: 64 << 20 };
        for call in 0..count {
            growth.note(&one, || state(call));
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

    #[test]
    fn state_that_comes_and_goes_is_nothing_left_behind() {
        let growth = Growth::default();
        for _ in 0..1000 {
            let one = |left| Call { plugin: "t", left, body: 0, memory_bytes: 1 << 20 };
            growth.note(&one(5_000_000), || 5_000_000);
            growth.note(&one(-5_000_000), || 0);
        }
        assert_eq!(growth.leak("t"), None);
        assert!(!growth.is_exhausted());
    }

    #[test]
    fn whoever_leaves_much_behind_is_called_no_more() {
        let growth = Growth::default();
        calls(&growth, 10, 20 << 20, |_| 0);
        assert!(growth.leak("t").is_some() && !growth.is_exhausted());
        calls(&growth, 10, 20 << 20, |_| 0);
        assert!(growth.is_exhausted());
        assert!(growth.leak("t").unwrap().message.contains("no more"));
    }
}
