//! The id of a session: 256 random bits, written as 43 letters of base64url.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};

/// How many random bytes an id has.
const BYTES: usize = 32;

/// What a visitor shows to be known again. It is a secret, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SessionId([u8; BYTES]);

impl SessionId {
    /// A new one, that nobody can guess.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The one that is written so; whatever is not written as we do is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(BYTES) => Some(Self(bytes)),
            Ok(_) | Err(_) => None,
        }
    }

    /// As a cookie has it.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the store knows it by.
    pub(super) fn key(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_no_other_way() {
        let id = SessionId::new().unwrap();
        let text = id.text();
        assert_eq!(text.len(), 43);
        assert_eq!(SessionId::parse(&text), Some(id.clone()));
        assert_ne!(SessionId::new().unwrap(), id);
        let odd = [
            String::new(),
            "a".to_owned(),
            "../../etc/passwd".to_owned(),
            format!("{text}="),
            format!("{text}A"),
            format!(" {text}"),
            format!("{text}\r\nFLUSHALL"),
            "é".repeat(43),
            "/".repeat(43),
            // The last letter holds four bits: others would be the same id written another way.
            format!("{}_", "A".repeat(42)),
        ];
        for odd in odd {
            assert_eq!(SessionId::parse(&odd), None, "{odd}");
        }
        assert!(!format!("{id:?}").contains(&text));
    }
}
