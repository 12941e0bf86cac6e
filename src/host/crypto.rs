//! `crypto::`.
//!
//! Random values come from the operating system. Where it has none, the script gets an error and
//! never a weaker value.

mod passwords;

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use rhai::{Dynamic, Module};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::define::{native, refusal, with_bytes};
use crate::script::{Native, budget, effect};

/// The most random bytes of a token.
const MOST_TOKEN: usize = 1024;

/// Bytes between two looks at the budget.
const PIECE: usize = 256 << 10;

/// The bytes that SHA-256 works on at a time.
const BLOCK: usize = 64;

/// The functions of `crypto::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("sha256", &["data: Dynamic", "String"], "The SHA-256 of a string or blob, in hex.")
        .set_into_module(m, |data: Dynamic| with_bytes("crypto::sha256", &data, sha256));
    native(
        "hmac_sha256",
        &["key: Dynamic", "data: Dynamic", "String"],
        "The HMAC-SHA-256 of data with a key, in hex; both are strings or blobs.",
    )
    .set_into_module(m, |key: Dynamic, data: Dynamic| {
        with_bytes("crypto::hmac_sha256", &key, |key| {
            with_bytes("crypto::hmac_sha256", &data, |data| hmac_sha256(key, data))
        })
    });
    native(
        "equal",
        &["a: Dynamic", "b: Dynamic", "bool"],
        "Whether two strings or blobs are equal, in a time that tells nothing about where they differ.",
    )
    .set_into_module(m, |a: Dynamic, b: Dynamic| {
        with_bytes("crypto::equal", &a, |a| {
            with_bytes("crypto::equal", &b, |b| Ok(bool::from(a.ct_eq(b))))
        })
    });
    native("uuid", &["String"], "A random UUID (version 4).").set_into_module(
        m,
        || -> Native<String> {
            let mut bytes = [0; 16];
            fill("crypto::uuid", &mut bytes)?;
            Ok(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
        },
    );
    native("token", &["String"], "32 random bytes, in base64 that is safe in URLs.")
        .set_into_module(m, || token(32));
    native("token", &["bytes: i64", "String"], "Random bytes, in base64 that is safe in URLs.")
        .set_into_module(m, token);
    passwords::register(m);
    module
}

fn sha256(data: &[u8]) -> Native<String> {
    digest(data).map(|digest| hex(&digest))
}

fn digest(data: &[u8]) -> Native<Vec<u8>> {
    let mut hash = Sha256::new();
    for piece in data.chunks(PIECE) {
        hash.update(piece);
        budget::check()?;
    }
    Ok(hash.finalize().to_vec())
}

fn hmac_sha256(key: &[u8], data: &[u8]) -> Native<String> {
    // The standard puts the digest of a key in place of one that is longer than a block; here with looks
    // at the budget.
    let short = (key.len() > BLOCK).then(|| digest(key)).transpose()?;
    let key = short.as_deref().unwrap_or(key);
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|_| refusal("`crypto::hmac_sha256`: this key cannot be used"))?;
    for piece in data.chunks(PIECE) {
        mac.update(piece);
        budget::check()?;
    }
    Ok(hex(&mac.finalize().into_bytes()))
}

fn token(bytes: i64) -> Native<String> {
    let length = usize::try_from(bytes).ok().filter(|length| (1..=MOST_TOKEN).contains(length));
    let length = length.ok_or_else(|| {
        refusal(format!("`crypto::token` makes 1 to {MOST_TOKEN} bytes, not {bytes}"))
    })?;
    let mut random = vec![0; length];
    fill("crypto::token", &mut random)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

fn fill(function: &str, bytes: &mut [u8]) -> Native<()> {
    effect::note();
    getrandom::fill(bytes)
        .map_err(|error| refusal(format!("`{function}`: no random bytes to be had: {error}")))
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap_or_default();
    }
    hex
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, refused};

    #[test]
    fn digests_are_those_of_the_standards() {
        for (script, wanted) in [
            (
                r#"crypto::sha256("abc")"#,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                r#"crypto::hmac_sha256("Jefe", "what do ya want for nothing?")"#,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (r#"crypto::equal("a", "a")"#, "true"),
            (r#"crypto::equal("a", "ab")"#, "false"),
            ("crypto::uuid().len()", "36"),
            ("crypto::token().len()", "43"),
            ("crypto::token(3).len()", "4"),
            ("crypto::token() == crypto::token()", "false"),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn odd_arguments_are_refused() {
        for (script, message) in [
            ("crypto::token(0)", "`crypto::token` makes 1 to 1024 bytes, not 0"),
            ("crypto::token(-1)", "`crypto::token` makes 1 to 1024 bytes, not -1"),
            ("crypto::token(1000000)", "`crypto::token` makes 1 to 1024 bytes, not 1000000"),
            ("crypto::sha256(())", "`crypto::sha256` takes a string or a blob, not null"),
            ("crypto::equal(1, 1)", "`crypto::equal` takes a string or a blob, not an integer"),
        ] {
            assert_eq!(refused(script), message, "{script}");
        }
    }
}
