//! What the bodies of all requests hold together, from their first bytes until their requests are answered.

use super::account::Account;

/// Bytes of a body that are on no account.
const FREE: usize = 16 << 10;

/// Bytes that a body is given at a time, so that it does not ask for each piece.
const STEP: usize = 64 << 10;

/// Bytes that bodies were given, an account of the process like its memory.
static GIVEN: Account = Account::new();

/// How large bodies may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// The most bytes of one.
    pub(crate) one: usize,
    /// The most bytes of all together; one alone may always be as large as it may.
    pub(crate) together: usize,
}

/// The bodies of other requests take all that there is for them.
#[derive(Debug, thiserror::Error)]
#[error("too many large bodies are being received")]
pub(crate) struct Crowded;

/// Bytes on the account of all bodies, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(usize);

impl Held {
    /// Makes room for a body of which so many bytes are there.
    pub(crate) fn grow(&mut self, read: usize, sizes: Sizes) -> Result<(), Crowded> {
        let needed = read.saturating_sub(FREE);
        if needed <= self.0 {
            return Ok(());
        }
        let more = needed.next_multiple_of(STEP) - self.0;
        let most = sizes.together.max(sizes.one.saturating_add(STEP));
        if !GIVEN.take(more, most) {
            return Err(Crowded);
        }
        self.0 += more;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.0 != 0 {
            GIVEN.give_back(self.0);
        }
    }
}
