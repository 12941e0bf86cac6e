//! How fast a run of a script was, which decides where the next one runs.

use std::time::{Duration, Instant};

use super::{ESCALATE_AFTER, Guard, METER};
use crate::services::processor;

/// How long a script holds a worker at once only where it waits: a worker that must wait for the processor itself
/// waits less.
const STALL: Duration = Duration::from_millis(30);

/// When a budget began.
pub(super) enum Began {
    OnWorker(Instant),
    /// By the processor time of the thread.
    OnOwn(Duration),
}

/// How fast a run was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speed {
    /// It holds up nobody.
    Quick,
    /// It took long by the clock, and nothing in it was asked meanwhile: it did work of one piece, or its worker
    /// waited for the processor.
    Late,
    /// It made its worker give up its other work, or would have.
    Slow,
    /// It held up its worker without a chance to make it give up its other work, as what waits in vain does for
    /// a value that is locked.
    Stalled,
}

impl Guard {
    /// How fast the run was. How long it waited for the processor does not count on a thread of our own.
    pub(crate) fn speed(&self) -> Speed {
        METER.with(|meter| match self.began {
            Began::OnWorker(_) if meter.escalated.borrow().is_some() => Speed::Slow,
            Began::OnWorker(began) => match began.elapsed() {
                took if took >= STALL => Speed::Stalled,
                took if took >= ESCALATE_AFTER => Speed::Late,
                _ => Speed::Quick,
            },
            Began::OnOwn(began) => {
                let worked = processor::time().saturating_sub(began);
                if worked + meter.blocked.get() >= ESCALATE_AFTER {
                    Speed::Slow
                } else {
                    Speed::Quick
                }
            }
        })
    }
}
