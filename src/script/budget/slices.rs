//! Slices of the processors: of the scripts that take long a few run at a time, in turn.
//!
//! The system would let all of them run, each for a moment. One that is interrupted while it holds what all need, such as
//! a lock of the allocator, then goes on when all others had their moment, and everybody waits for it. So no more
//! run than there is something to run on, and the plugins come in turn: next is the one that had the least.
//!
//! No lock may be held where a script may wait for its slice, which is wherever it may be stopped: those who have the
//! slices would wait for the lock.

use std::{
    sync::{Arc, LazyLock},
    thread,
    time::{Duration, Instant},
};

use super::{ESCALATE_AFTER, Spent};
use crate::services::{
    processor,
    turns::{Asked, Turn, Turns},
};

/// How long a script runs before another one may, if any waits.
const SLICE: Duration = Duration::from_millis(4);

/// How many run at a time, for each processor: some wait where nothing tells it, as for memory.
const FOR_EACH: usize = 2;

static TURNS: LazyLock<Turns> =
    LazyLock::new(|| Turns::new(FOR_EACH * thread::available_parallelism().map_or(1, usize::from)));

/// The slices of one run. It has none before it has worked for [`ESCALATE_AFTER`].
pub(super) struct Slices {
    party: Arc<str>,
    /// The processor time of the thread when the run began.
    from: Duration,
    turn: Option<Turn<'static>>,
}

impl Slices {
    /// Those of a run that begins now, for this party.
    pub(super) fn new(party: Arc<str>) -> Self {
        Self { party, from: processor::time(), turn: None }
    }

    /// Waits for the next slice, if one is due and others wait; until when it may go on without asking.
    pub(super) fn go_on(&mut self, deadline: Instant) -> Result<Instant, Spent> {
        if self.turn.is_none() {
            let worked = processor::time().saturating_sub(self.from);
            let left = ESCALATE_AFTER.saturating_sub(worked);
            if !left.is_zero() {
                return Ok(Instant::now() + left);
            }
        } else if !TURNS.is_waited_for() {
            return Ok(Instant::now() + SLICE);
        }
        self.turn = None;
        self.take(deadline)
    }

    /// Lets others run while the thread waits for something else; whether it had a slice, which must be taken again.
    pub(super) fn pause(&mut self) -> bool {
        self.turn.take().is_some()
    }

    /// Waits for the next slice; until when it may go on without asking.
    pub(super) fn take(&mut self, deadline: Instant) -> Result<Instant, Spent> {
        let asked = Asked { by: &self.party, until: deadline };
        self.turn = Some(TURNS.take(asked).ok_or(Spent::Time)?);
        Ok(Instant::now() + SLICE)
    }
}
