//! `crypto::hash_password` and `crypto::verify_password`.
//!
//! Both take a processor for a while, so they give their worker away, and wait for their turn no longer than the
//! script may run. Their memory is not counted to the script: it is always the same, and bounded for all scripts
//! together.

use std::time::{Duration, Instant};

use http::StatusCode;
use rhai::{Dynamic, ImmutableString, Module};

use super::fill;
use crate::{
    host::{
        current,
        define::{native, refusal, words},
        error::raise,
    },
    script::{Native, budget},
    services::{
        passwords::{self, Hash, PasswordError, SALT_BYTES},
        turns::Asked,
    },
};

/// How long to wait for a turn at most.
const LONGEST: Duration = Duration::from_secs(10);

/// Adds both.
pub(super) fn register(module: &mut Module) {
    native(
        "hash_password",
        &["password: Dynamic", "String"],
        "The hash of a password, to be kept in its place: Argon2id, slow on purpose.",
    )
    .set_into_module(module, |password: Dynamic| hash(&password));
    native(
        "verify_password",
        &["password: Dynamic", "hash: Dynamic", "bool"],
        "Whether a password is the one of a hash. With null as hash it is not, and takes as long to say so.",
    )
    .set_into_module(module, |password: Dynamic, hash: Dynamic| verify(&password, &hash));
}

fn hash(password: &Dynamic) -> Native<String> {
    const NAME: &str = "crypto::hash_password";
    let password = text(NAME, password, "a string")?;
    let mut salt = [0; SALT_BYTES];
    fill(NAME, &mut salt)?;
    work(NAME, |asked| passwords::hash(&password, salt, asked))
}

fn verify(password: &Dynamic, hash: &Dynamic) -> Native<bool> {
    const NAME: &str = "crypto::verify_password";
    let password = text(NAME, password, "a string")?;
    let hash = if hash.is_unit() {
        None
    } else {
        let text = text(NAME, hash, "a hash (a string, or null)")?;
        Some(Hash::read(&text).map_err(|error| refusal(format!("`{NAME}`: {error}")))?)
    };
    work(NAME, |asked| passwords::verify(&password, hash.as_ref(), asked))
}

fn text(function: &str, value: &Dynamic, wanted: &str) -> Native<ImmutableString> {
    let text = value.read_lock::<ImmutableString>().map(|text| text.clone());
    text.ok_or_else(|| {
        refusal(format!("`{function}` takes {wanted}, not {}", words(value.type_name())))
    })
}

fn work<T>(function: &str, work: impl FnOnce(Asked<'_>) -> Result<T, PasswordError>) -> Native<T> {
    budget::check()?;
    let by = Instant::now() + budget::remaining().unwrap_or(LONGEST).min(LONGEST);
    let worked = budget::blocking(|| current::asks(by, work))?;
    budget::check()?;
    worked.map_err(|error| match error {
        // It is who asks that gave it.
        PasswordError::Long(_) => raise(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
        PasswordError::Late | PasswordError::Memory => {
            raise(StatusCode::SERVICE_UNAVAILABLE, format!("passwords: {error}"))
        }
        PasswordError::NoHash | PasswordError::Costly => refusal(format!("`{function}`: {error}")),
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use crate::host::testing::{Trial, eval, overrun, refused};

    #[test]
    fn a_password_is_known_by_its_hash() {
        for (script, wanted) in [
            (
                r#"crypto::hash_password("a").starts_with("$argon2id$v=19$m=19456,t=2,p=1$")"#,
                "true",
            ),
            (r#"crypto::hash_password("a") == crypto::hash_password("a")"#, "false"),
            (r#"crypto::verify_password("a", crypto::hash_password("a"))"#, "true"),
            (r#"crypto::verify_password("b", crypto::hash_password("a"))"#, "false"),
            (r#"crypto::verify_password("a", ())"#, "false"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn odd_arguments_are_refused() {
        for (script, message) in [
            ("crypto::hash_password(())", "`crypto::hash_password` takes a string, not null"),
            (
                r#"crypto::verify_password("a", 1)"#,
                "`crypto::verify_password` takes a hash (a string, or null), not an integer",
            ),
        ] {
            assert_eq!(refused(script), message, "{script}");
        }
        let message = refused(r#"crypto::verify_password("a", "b")"#);
        assert!(message.contains("no hash of a password"), "{message}");
        let message = refused(r#"crypto::hash_password("x".repeat(5000))"#);
        assert!(message.contains("at most 4096 bytes"), "{message}");
    }

    #[test]
    fn its_memory_is_not_the_scripts() {
        let trial = Trial { memory_bytes: 1 << 20, ..Trial::default() };
        assert!(trial.run(r#"crypto::hash_password("a")"#).is_ok());
    }

    #[test]
    fn hashes_without_end_are_stopped() {
        let began = Instant::now();
        overrun(r#"loop { crypto::hash_password("a") }"#);
        overrun(r#"loop { try { crypto::verify_password("a", ()) } catch { } }"#);
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
