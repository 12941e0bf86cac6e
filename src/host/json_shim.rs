//! JSON to and from script values, until the script floor brings its own.
//!
//! Same signatures as `script::json`; one `use` in each caller names it.

use rhai::Dynamic;

/// Why a value cannot be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unserializable(String);

/// Why bytes are not JSON, with line and column.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct ParseError(String);

/// Appends `value` to `out`, at most `most_bytes` of it.
pub(crate) fn write(
    value: &Dynamic,
    out: &mut Vec<u8>,
    most_bytes: usize,
) -> Result<(), Unserializable> {
    if strange(value, 64) {
        return Err(Unserializable("there is a function or another object in it".to_owned()));
    }
    serde_json::to_writer(&mut *out, value).map_err(|error| Unserializable(error.to_string()))?;
    if out.len() > most_bytes {
        return Err(Unserializable(format!("it has more than {most_bytes} bytes as JSON")));
    }
    Ok(())
}

/// The value that `bytes` are the JSON of.
pub(crate) fn parse(bytes: &[u8]) -> Result<Dynamic, ParseError> {
    serde_json::from_slice(bytes).map_err(|error| ParseError(error.to_string()))
}

fn strange(value: &Dynamic, nesting: usize) -> bool {
    let Some(nesting) = nesting.checked_sub(1) else { return true };
    if let Ok(map) = value.as_map_ref() {
        return map.values().any(|value| strange(value, nesting));
    }
    if let Ok(array) = value.as_array_ref() {
        return array.iter().any(|value| strange(value, nesting));
    }
    value.is_fnptr() || value.is_variant() || value.is_timestamp()
}
