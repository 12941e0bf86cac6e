//! Blobs: what makes, lengthens or converts one.

use rhai::{Array, Blob, Dynamic, Module};

use crate::{
    host::define::global,
    script::{Native, budget},
};

pub(super) fn register(module: &mut Module) {
    global("blob", &["len: i64", "Blob"], "A blob of zeros.")
        .set_into_module(module, |len: i64| blob(len, 0));
    global("blob", &["len: i64", "value: i64", "Blob"], "A blob of one byte, many times.")
        .set_into_module(module, blob);
    global(
        "pad",
        &["blob: &mut Blob", "len: i64", "value: i64", "()"],
        "Appends a byte until the blob has that length.",
    )
    .set_into_module(module, |blob: &mut Blob, len: i64, value: i64| pad(blob, len, value));
    global("to_array", &["blob: &mut Blob", "Array"], "The bytes as an array of integers.")
        .set_into_module(module, |blob: &mut Blob| to_array(blob));
    global("as_string", &["blob: &mut Blob", "String"], "The bytes as text.")
        .set_into_module(module, |blob: &mut Blob| as_string(blob));
}

fn blob(len: i64, value: i64) -> Native<Blob> {
    let len = usize::try_from(len).unwrap_or(0);
    budget::charge(len)?;
    Ok(vec![low_byte(value); len])
}

fn pad(blob: &mut Blob, len: i64, value: i64) -> Native<()> {
    let len = usize::try_from(len).unwrap_or(0);
    if len > blob.len() {
        budget::charge(len)?;
        blob.resize(len, low_byte(value));
    }
    Ok(())
}

fn to_array(blob: &Blob) -> Native<Array> {
    budget::charge(blob.len().saturating_mul(size_of::<Dynamic>()))?;
    Ok(blob.iter().map(|&byte| Dynamic::from_int(byte.into())).collect())
}

fn as_string(blob: &Blob) -> Native<String> {
    // A byte that is no text becomes a character of three.
    budget::charge(blob.len().saturating_mul(3))?;
    Ok(String::from_utf8_lossy(blob).into_owned())
}

fn low_byte(value: i64) -> u8 {
    value.to_le_bytes().first().copied().unwrap_or(0)
}
