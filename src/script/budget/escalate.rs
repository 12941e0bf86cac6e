//! How a script that takes long gives way: a worker gives up its other requests, and a thread of our own its slice.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use super::{ESCALATE_AFTER, Meter, Slow, Spent, Thread, slices::Slices};

/// How long to wait for another thread to take over a worker's queue.
const HANDOVER: Duration = Duration::from_millis(20);

/// After how long a slow script makes sure again that it holds up nobody; then twice as long, and so on.
const AGAIN: Duration = Duration::from_millis(8);

impl Meter {
    /// Gives way to others, where the thread has any.
    pub(super) fn give_way(&self, deadline: Instant) -> Result<(), Spent> {
        if let Some(slow) = self.worker() {
            return self.escalate(slow);
        }
        if let Some(slices) = &mut *self.slices.borrow_mut() {
            self.escalate_at.set(Some(slices.go_on(deadline)?));
        }
        Ok(())
    }

    /// Runs what blocks; others have the thread's queue, or its slice, meanwhile.
    pub(super) fn blocking<T>(&self, work: impl FnOnce() -> T) -> Result<T, Spent> {
        if let Some(slow) = self.worker() {
            self.reserve(slow)?;
            return Ok(tokio::task::block_in_place(work));
        }
        // What it runs may ask whether it may go on.
        let mut slices = self.slices.take();
        let paused = slices.as_mut().is_some_and(Slices::pause);
        let began = Instant::now();
        let done = work();
        self.blocked.set(self.blocked.get() + began.elapsed());
        if paused && let (Some(slices), Some(limits)) = (&mut slices, self.limits.get()) {
            slices.take(limits.deadline)?;
        }
        self.slices.replace(slices);
        Ok(done)
    }

    fn worker(&self) -> Option<Arc<Slow>> {
        match &*self.thread.borrow() {
            Some(Thread::Worker(slow)) => Some(Arc::clone(slow)),
            _ => None,
        }
    }

    /// Gives the worker's other work to another thread, unless too many did so already.
    ///
    /// Tokio takes the queue back when this thread is ready before the other one has begun, and nothing
    /// tells whether it did. So this thread waits a little, and a script that goes on does it again, at
    /// ever longer intervals; where the queue is gone already, that costs nothing but the wait.
    fn escalate(&self, slow: Arc<Slow>) -> Result<(), Spent> {
        self.reserve(slow)?;
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
        Ok(())
    }

    /// Counts this script among the slow ones, unless there are too many.
    fn reserve(&self, slow: Arc<Slow>) -> Result<(), Spent> {
        if self.escalated.borrow().is_some() {
            return Ok(());
        }
        if slow.running.fetch_add(1, Ordering::Relaxed) >= slow.most {
            slow.running.fetch_sub(1, Ordering::Relaxed);
            return Err(Spent::Busy);
        }
        self.escalated.replace(Some(slow));
        Ok(())
    }
}
