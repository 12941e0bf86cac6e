//! What all scripts of the process may hold of its memory together.
//!
//! A script holds a little without asking. When that is over it takes a part of what all may hold, in steps, and
//! gives all of it back at its end: a call that needs little never touches the account. Answers are on the account
//! until their clients have taken them.

use super::{Limits, MOST_HELD, Meter, Spent};
use crate::{script::memory, services::account::Account};

/// Bytes that a script may hold without asking for a part of what all may hold together.
pub(super) const FREE: i64 = 1 << 20;

/// Bytes of that part that a script is given beyond what it asks for, so that it does not ask for each.
const STEP: i64 = 4 << 20;

/// Bytes of memory, an account of the process like the memory itself, that scripts were given.
static GIVEN: Account = Account::new();

/// Gives back what a script took.
pub(super) fn give_back(given: i64) {
    if given != 0 {
        GIVEN.give_back(size(given));
    }
}

/// Takes so many bytes of what all may hold together, if they are there.
fn take(more: i64, limits: &Limits) -> Option<()> {
    // One script alone may always have what is its own.
    let total = limits.total_memory_bytes.max(limits.memory_bytes);
    let total = usize::try_from(total).unwrap_or(usize::MAX);
    GIVEN.take(size(more), total).then_some(())
}

/// What is taken and given back is never less than nothing.
fn size(bytes: i64) -> usize {
    usize::try_from(bytes).unwrap_or_default()
}

/// Bytes that outlive the script which made them, as those of an answer do until its client has taken it.
#[derive(Debug)]
pub(crate) struct Kept(i64);

impl Drop for Kept {
    fn drop(&mut self) {
        give_back(self.0);
    }
}

impl Meter {
    /// Counts bytes that outlive the script against what all may hold together.
    pub(super) fn keep(&self, bytes: usize) -> Result<Kept, Spent> {
        let Some(limits) = self.limits.get() else { return Ok(Kept(0)) };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        take(bytes, &limits).map(|()| Kept(bytes)).ok_or(Spent::Crowded)
    }

    /// Takes of what all may hold together, so that the script may hold `asked` bytes more than it does.
    #[cold]
    pub(super) fn take_memory(&self, asked: i64) -> Result<(), Spent> {
        if let Some(spent) = self.spent.get() {
            return Err(spent);
        }
        let Some(limits) = self.limits.get() else { return Ok(()) };
        let most = i64::try_from(limits.memory_bytes).unwrap_or(i64::MAX);
        let base = self.base.get();
        let wanted = memory::balance().saturating_add(asked).saturating_sub(base);
        if wanted > most {
            return Err(Spent::Memory);
        }
        let may_hold = wanted.saturating_add(STEP).min(most);
        let given = self.given.get();
        let more = may_hold.saturating_sub(FREE).saturating_sub(given).max(0);
        take(more, &limits).ok_or(Spent::Crowded)?;
        self.given.set(given + more);
        MOST_HELD.set(base.saturating_add(may_hold));
        Ok(())
    }
}
