//! What tells one content from another.

use sha2::{Digest as _, Sha256};

/// The SHA-256 of a content: equal digests are equal contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of several named digests, in their order.
    pub(crate) fn of_all<'a>(parts: impl Iterator<Item = (&'a str, &'a Self)>) -> Self {
        let mut whole = Sha256::new();
        for (name, digest) in parts {
            // Names hold no NUL, so that no two lists give the same bytes.
            whole.update(name.as_bytes());
            whole.update([0]);
            whole.update(digest.0);
        }
        Self(whole.finalize().into())
    }

    /// It in hexadecimal.
    pub(crate) fn hex(&self) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
        self.0.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
    }

    /// The 32 bytes.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
