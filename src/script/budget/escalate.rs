//! How a worker gives up its other requests for a script that takes long.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{ESCALATE_AFTER, Meter, Slow, Thread};

/// How long to wait for another thread to take over a worker's queue.
const HANDOVER: Duration = Duration::from_millis(20);

/// After how long a slow script makes sure again that it holds up nobody; then twice as long, and so on.
const AGAIN: Duration = Duration::from_millis(8);

impl Meter {
    /// Gives the worker's other work to another thread; false when too many did so already.
    ///
    /// Tokio takes the queue back when this thread is ready before the other one has begun, and nothing
    /// tells whether it did. So this thread waits a little, and a script that goes on does it again, at
    /// ever longer intervals; where the queue is gone already, that costs nothing but the wait.
    pub(super) fn escalate(&self) -> bool {
        let Some(Thread::Worker(slow)) = self.thread.borrow().clone() else { return true };
        if !self.reserve(slow) {
            return false;
        }
        let began = Instant::now();
        let (sender, taken) = std::sync::mpsc::channel::<()>();
        tokio::spawn(async move { drop(sender) });
        tokio::task::block_in_place(|| {
            // Whether it ran or the time is over: the wait is what counts.
            taken.recv_timeout(HANDOVER).unwrap_or_default();
            std::thread::sleep(ESCALATE_AFTER.saturating_sub(began.elapsed()));
        });
        let rounds = self.rounds.get();
        self.rounds.set(rounds + 1);
        self.escalate_at.set(Some(Instant::now() + AGAIN * 2_u32.pow(rounds.min(10))));
        true
    }

    /// Counts this script among the slow ones; false when there are too many.
    pub(super) fn reserve(&self, slow: Arc<Slow>) -> bool {
        if self.escalated.borrow().is_some() {
            return true;
        }
        if slow.running.fetch_add(1, Ordering::Relaxed) >= slow.most {
            slow.running.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.escalated.replace(Some(slow));
        true
    }
}
