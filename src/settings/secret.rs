//! A key that callers must present.
//!
//! Only its SHA-256 is kept: the text of a key is gone once the configuration has been read, and no
//! `Debug`, diagnostic or serialised form can show it.

use std::fmt;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What stands in place of a secret wherever settings are shown.
pub(crate) const REDACTED: &str = "[redacted]";

/// A key, kept as its SHA-256 and compared in constant time.
#[derive(Clone)]
pub struct Secret {
    digest: [u8; 32],
}

/// The text is not a SHA-256 in hexadecimal: 64 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 is written as 64 hexadecimal digits")]
pub struct InvalidDigest;

impl Secret {
    /// The secret whose text is `key`.
    pub fn new(key: impl AsRef<[u8]>) -> Self {
        Self { digest: Sha256::digest(key.as_ref()).into() }
    }

    /// The secret whose SHA-256 is `hex`, 64 hexadecimal digits in either case.
    pub fn from_sha256_hex(hex: &str) -> Result<Self, InvalidDigest> {
        if hex.len() != 64 {
            return Err(InvalidDigest);
        }
        let mut digest = [0_u8; 32];
        for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let &[high, low] = pair else { return Err(InvalidDigest) };
            *byte = nibble(high)? << 4 | nibble(low)?;
        }
        Ok(Self { digest })
    }

    /// Whether `candidate` is the key, without telling by the time it takes how near it came.
    pub fn matches(&self, candidate: &[u8]) -> bool {
        let candidate: [u8; 32] = Sha256::digest(candidate).into();
        self.digest.ct_eq(&candidate).into()
    }

    /// The digest, for telling one setting from another; never shown.
    pub(super) fn digest(&self) -> &[u8; 32] {
        &self.digest
    }
}

fn nibble(digit: u8) -> Result<u8, InvalidDigest> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(InvalidDigest),
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.digest.ct_eq(&other.digest).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_its_key_and_nothing_else() {
        let secret = Secret::new("swordfish");
        assert!(secret.matches(b"swordfish"));
        assert!(!secret.matches(b"swordfis"));
        assert!(!secret.matches(b""));
    }

    #[test]
    fn a_digest_in_either_case_is_the_same_secret() {
        let hex = "b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799";
        assert!(Secret::from_sha256_hex(hex).unwrap().matches(b"swordfish"));
        assert_eq!(
            Secret::from_sha256_hex(hex).unwrap(),
            Secret::from_sha256_hex(&hex.to_uppercase()).unwrap()
        );
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for hex in ["", "b9", &"g".repeat(64), &"é".repeat(32), &"a".repeat(65)] {
            assert_eq!(Secret::from_sha256_hex(hex), Err(InvalidDigest));
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("swordfish")), "[redacted]");
        assert_eq!(serde_json::to_string(&Secret::new("swordfish")).unwrap(), "\"[redacted]\"");
    }
}
