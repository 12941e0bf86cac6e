//! Hashes of passwords: Argon2id, slow and large on purpose.
//!
//! A hash takes a processor for some hundredth of a second and cannot be interrupted, and it takes 19 MiB. So no more
//! of them are made at a time than there are processors, and the others wait for their turn.

use std::{hint::black_box, sync::LazyLock, thread};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::Error,
};

use super::turns::{Asked, Turns};

/// The most bytes of a password.
pub(crate) const MOST_PASSWORD_BYTES: usize = 4096;

/// The bytes of a salt.
pub(crate) const SALT_BYTES: usize = 16;

/// What OWASP recommends for Argon2id: KiB of memory, passes over it, lanes.
const OURS: (u32, u32, u32) = (19 * 1024, 2, 1);

/// The most that a hash made elsewhere may ask for: KiB, KiB of all passes together, lanes.
const MOST_MEMORY: u32 = 64 * 1024;
const MOST_WORK: u64 = 4 * 64 * 1024;
const MOST_LANES: u32 = 16;

/// The bytes of the longest text that may be a hash.
const MOST_HASH_BYTES: usize = 512;

/// As many as there are processors, for the whole program.
static TURNS: LazyLock<Turns> =
    LazyLock::new(|| Turns::new(thread::available_parallelism().map_or(1, usize::from)));

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasswordError {
    /// The password is too long.
    #[error("a password has at most {MOST_PASSWORD_BYTES} bytes, not {0}")]
    Long(usize),
    /// It is no hash of a password.
    #[error(
        "the second argument is no hash of a password: give what `crypto::hash_password` returned \
         (\"$argon2id$…\"), or null"
    )]
    NoHash,
    /// It would cost too much.
    #[error("the hash asks for more than {} MiB, or for too many passes", MOST_MEMORY / 1024)]
    Costly,
    /// No processor was free in time.
    #[error("no processor was free in time")]
    Late,
    /// There is no memory for it.
    #[error("there is no memory for it")]
    Memory,
}

/// A hash to compare with.
#[derive(Debug)]
pub(crate) struct Hash(PasswordHash);

impl Hash {
    /// Reads a hash in the form of the PHC, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`.
    pub(crate) fn read(text: &str) -> Result<Self, PasswordError> {
        if text.len() > MOST_HASH_BYTES {
            return Err(PasswordError::NoHash);
        }
        let hash = PasswordHash::new(text).map_err(|_| PasswordError::NoHash)?;
        if Algorithm::try_from(hash.algorithm.as_str()).is_err()
            || hash.salt.is_none()
            || hash.hash.is_none()
            || hash.version.is_some_and(|version| Version::try_from(version).is_err())
        {
            return Err(PasswordError::NoHash);
        }
        let params = Params::try_from(&hash).map_err(|_| PasswordError::NoHash)?;
        let work = u64::from(params.m_cost()) * u64::from(params.t_cost());
        if params.m_cost() > MOST_MEMORY || params.p_cost() > MOST_LANES || work > MOST_WORK {
            return Err(PasswordError::Costly);
        }
        Ok(Self(hash))
    }
}

/// The hash of a password, as text. Blocks for its time at most, and that of one hash.
pub(crate) fn hash(
    password: &str,
    salt: [u8; SALT_BYTES],
    asked: Asked<'_>,
) -> Result<String, PasswordError> {
    fits(password)?;
    let _turn = TURNS.take(asked).ok_or(PasswordError::Late)?;
    ours(password, &salt).map(|hash| hash.to_string())
}

/// Whether a password is the one that was hashed; in the same time where there is no hash, for then nobody learns
/// from it who has an account. Blocks as [`hash`] does.
pub(crate) fn verify(
    password: &str,
    hash: Option<&Hash>,
    asked: Asked<'_>,
) -> Result<bool, PasswordError> {
    fits(password)?;
    let _turn = TURNS.take(asked).ok_or(PasswordError::Late)?;
    let Some(Hash(hash)) = hash else {
        black_box(ours(password, b"nobody has this.")?);
        return Ok(false);
    };
    match Argon2::default().verify_password(password.as_bytes(), hash) {
        Ok(()) => Ok(true),
        Err(Error::PasswordInvalid) => Ok(false),
        Err(_) => Err(PasswordError::Memory),
    }
}

fn fits(password: &str) -> Result<(), PasswordError> {
    match password.len() {
        0..=MOST_PASSWORD_BYTES => Ok(()),
        length => Err(PasswordError::Long(length)),
    }
}

fn ours(password: &str, salt: &[u8; SALT_BYTES]) -> Result<PasswordHash, PasswordError> {
    let (memory, passes, lanes) = OURS;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| PasswordError::Costly)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_with_salt(password.as_bytes(), salt)
        .map_err(|_| PasswordError::Memory)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Asked, Hash, PasswordError, hash, verify};

    fn soon() -> Asked<'static> {
        Asked { by: "test", until: Instant::now() + Duration::from_secs(60) }
    }

    #[test]
    fn hashes_are_in_the_form_of_the_standard() {
        let made = hash("secret", *b"0123456789abcdef", soon()).unwrap();
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$"),
            "{made}"
        );
        let made = Hash::read(&made).unwrap();
        assert_eq!(verify("secret", Some(&made), soon()), Ok(true));
        assert_eq!(verify("Secret", Some(&made), soon()), Ok(false));
        assert_eq!(verify("secret", None, soon()), Ok(false));
    }

    #[test]
    fn hashes_of_other_programs_are_understood() {
        // What argon2-cffi of Python makes of "password" unless it is told otherwise.
        let theirs = "$argon2id$v=19$m=65536,t=3,p=4$R5MExtgT/Fxitl6+VN6+pg$\
                      Y89SXqpdNYuMVu+69/aRwZfC4xQNYLkufu911XQJDSY";
        let theirs = Hash::read(theirs).unwrap();
        assert_eq!(verify("password", Some(&theirs), soon()), Ok(true));
        assert_eq!(verify("passwort", Some(&theirs), soon()), Ok(false));
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        for (text, why) in [
            ("", PasswordError::NoHash),
            ("secret", PasswordError::NoHash),
            ("$2b$12$abcdefghijklmnopqrstuv", PasswordError::NoHash),
            ("$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg", PasswordError::NoHash),
            (
                "$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
                PasswordError::Costly,
            ),
            (
                "$argon2id$v=19$m=1024,t=4000000,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZg",
                PasswordError::Costly,
            ),
        ] {
            assert_eq!(Hash::read(text).map(|_| ()), Err(why), "{text}");
        }
        assert_eq!(verify(&"x".repeat(5000), None, soon()), Err(PasswordError::Long(5000)));
    }
}
