//! `base64::`.
//!
//! `decode` takes both alphabets, padded or not. Text comes back as a string; bytes that are no
//! text come back as a blob.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT},
};
use rhai::{Dynamic, ImmutableString, Module};

use super::define::{native, refusal, with_bytes};
use crate::script::{Native, budget};

/// The functions of `base64::`.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let m = &mut module;
    native("encode", &["data: Dynamic", "String"], "A string or blob in base64.").set_into_module(
        m,
        |data: Dynamic| {
            with_bytes("base64::encode", &data, |bytes| {
                budget::charge(bytes.len() / 3 * 4 + 4)?;
                Ok(STANDARD.encode(bytes))
            })
        },
    );
    native(
        "decode",
        &["text: &str", "Dynamic"],
        "What is behind base64 (also URL-safe): a string if it is text, else a blob.",
    )
    .set_into_module(m, decode);
    module
}

fn decode(text: &str) -> Native<Dynamic> {
    budget::charge(text.len().saturating_mul(2))?;
    let plain: Vec<u8> = text
        .trim()
        .bytes()
        .map(|byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        })
        .collect();
    let bytes = STANDARD_PAD_INDIFFERENT
        .decode(&plain)
        .map_err(|error| refusal(format!("`base64::decode`: not base64: {error}")))?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => ImmutableString::from(text).into(),
        Err(error) => Dynamic::from_blob(error.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use crate::host::testing::{eval, refused};

    #[test]
    fn text_and_bytes_go_both_ways() {
        for (script, wanted) in [
            (r#"base64::encode("hé?>")"#, "aMOpPz4="),
            (r"base64::encode(blob(3, 255))", "////"),
            (r#"base64::decode("aMOpPz4=")"#, "hé?>"),
            (r#"base64::decode("aMOpPz4")"#, "hé?>"),
            (r#"base64::decode("____") == blob(3, 255)"#, "true"),
            (r#"base64::decode("")"#, ""),
        ] {
            assert_eq!(eval(script).to_string(), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        assert!(refused(r#"base64::decode("a!")"#).starts_with("`base64::decode`: not base64: "));
        let message = "`base64::encode` takes a string or a blob, not an integer";
        assert_eq!(refused("base64::encode(5)"), message);
    }
}
