//! The one timer of a connection, in the marks of its [`Vitals`].
//!
//! Invariant: a poll that finds the timer neither moved nor fired costs two loads and no lock, since
//! connections are polled for each request and their timers hardly ever matter.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use tokio::time::{Sleep, sleep_until};

use super::{ServerLimits, vitals::Vitals};

/// The furthest ahead an alarm is set, in milliseconds; it is only looked at again then.
const FURTHEST: u64 = 3_600_000;

/// A timer that can be pulled forward.
pub(super) struct Alarm<'a> {
    vitals: &'a Vitals,
    limits: &'a ServerLimits,
    timer: Pin<Box<Sleep>>,
    /// The mark the timer stands at.
    at: u64,
    /// The waker the timer will wake, once it has been polled at this mark.
    armed: Option<Waker>,
}

impl<'a> Alarm<'a> {
    /// An alarm at the next moment the connection has to be looked at.
    pub(super) fn new(vitals: &'a Vitals, limits: &'a ServerLimits) -> Self {
        let at = next_look(vitals, limits);
        let timer = Box::pin(sleep_until(vitals.instant(at)));
        Self { vitals, limits, timer, at, armed: None }
    }

    /// Moves the alarm to `at`.
    pub(super) fn set(&mut self, at: u64) {
        self.at = at;
        self.armed = None;
        self.timer.as_mut().reset(self.vitals.instant(at));
    }

    /// Moves the alarm to the next moment the connection has to be looked at.
    pub(super) fn set_to_next_look(&mut self) {
        self.set(next_look(self.vitals, self.limits));
    }

    /// Pulls the alarm forward to a mark that has appeared since it was set.
    pub(super) fn pull_forward(&mut self) {
        if let Some(urgent) = self.vitals.urgent(self.limits)
            && urgent < self.at
        {
            self.set(urgent);
        }
    }

    /// Ready once the alarm goes off.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_armed = self.armed.as_ref().is_some_and(|waker| waker.will_wake(cx.waker()));
        if is_armed && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        self.armed = Some(cx.waker().clone());
        ready!(self.timer.as_mut().poll(cx));
        Poll::Ready(())
    }
}

/// The mark of the next look: at the deadline, but a few times in each idle time, because activity
/// gets its time only when it is looked at, and while it serves a deadline may begin at any moment.
fn next_look(vitals: &Vitals, limits: &ServerLimits) -> u64 {
    let now = vitals.now();
    let often = limits.header.min(limits.idle / 4);
    let often = u64::try_from(often.as_millis()).unwrap_or(FURTHEST).clamp(1, FURTHEST);
    vitals.due(limits).unwrap_or(u64::MAX).clamp(now + 1, now.saturating_add(often))
}
