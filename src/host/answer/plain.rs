//! Values as JSON, the host's own types among them.

use std::cell::Cell;

use hyper::body::Bytes;
use rhai::{Dynamic, ImmutableString};

use super::{AnswerError, ScriptResponse};
use crate::{
    host::request::{Headers, ScriptRequest, file::File},
    script::{Native, json},
};

/// How deep a value is searched for requests and responses before it is written, and how much of it:
/// it may hold itself.
const MOST_NESTING: usize = 64;
const MOST_SEARCHED: usize = 100_000;

/// A value of one of the host's own types as plain maps and strings; `None` for other values.
pub(crate) fn as_plain(value: &Dynamic) -> Option<Native<Dynamic>> {
    if let Some(request) = value.read_lock::<ScriptRequest>() {
        return Some(request.to_map());
    }
    if let Some(file) = value.read_lock::<File>() {
        return Some(Ok(file.to_map().into()));
    }
    if let Some(headers) = value.read_lock::<Headers>() {
        return Some(Ok(headers.to_map().into()));
    }
    value.read_lock::<ScriptResponse>().map(|response| Ok(response.to_map().into()))
}

/// The largest answer that is copied out of the buffer it was written into, so that the next one is written
/// there too: a copy costs less than a buffer that grows.
const COPIED: usize = 64 << 10;

thread_local! {
    /// What answers of this thread are written into; never much larger than [`COPIED`] between two.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A value as JSON text of at most `most` bytes.
pub(super) fn as_json(value: &Dynamic, most: usize) -> Result<Bytes, AnswerError> {
    let mut buffer = BUFFER.take();
    buffer.clear();
    write(value, &mut buffer, most)?;
    if buffer.len() > COPIED {
        return Ok(buffer.into());
    }
    let bytes = Bytes::copy_from_slice(&buffer);
    if buffer.capacity() <= COPIED * 2 {
        BUFFER.set(buffer);
    }
    Ok(bytes)
}

/// A text as the body of an answer.
pub(super) fn as_bytes(text: ImmutableString) -> Bytes {
    match text.len() <= COPIED {
        true => Bytes::copy_from_slice(text.as_bytes()),
        false => text.into_owned().into(),
    }
}

fn write(value: &Dynamic, bytes: &mut Vec<u8>, most: usize) -> Result<(), AnswerError> {
    let Err(error) = json::write(value, bytes, most) else { return Ok(()) };
    // The writer knows nothing of requests and responses; they are rare enough to try again.
    let Some(plain) =
        replaced(value, MOST_NESTING, &mut { MOST_SEARCHED }).map_err(AnswerError::Raised)?
    else {
        return Err(unwritable(&error));
    };
    bytes.clear();
    json::write(&plain, bytes, most).map_err(|error| unwritable(&error))
}

fn unwritable(error: &json::Unserializable) -> AnswerError {
    match error.why {
        json::Why::Size(most) => AnswerError::TooLarge { most },
        _ => AnswerError::Unserializable(error.to_string()),
    }
}

/// The value with the host's own types in it made plain; `None` if there are none.
fn replaced(value: &Dynamic, nesting: usize, left: &mut usize) -> Native<Option<Dynamic>> {
    if let Some(plain) = as_plain(value) {
        return plain.map(Some);
    }
    let (Some(nesting), Some(less)) = (nesting.checked_sub(1), left.checked_sub(1)) else {
        return Ok(None);
    };
    *left = less;
    let mut found = None;
    if let Ok(map) = value.as_map_ref() {
        for (name, item) in map.iter() {
            if let Some(plain) = replaced(item, nesting, left)? {
                found.get_or_insert_with(|| map.clone()).insert(name.clone(), plain);
            }
        }
        return Ok(found.map(Dynamic::from));
    }
    let Ok(array) = value.as_array_ref() else { return Ok(None) };
    let mut found = None;
    for (index, item) in array.iter().enumerate() {
        if let Some(plain) = replaced(item, nesting, left)?
            && let Some(slot) = found.get_or_insert_with(|| array.clone()).get_mut(index)
        {
            *slot = plain;
        }
    }
    Ok(found.map(Dynamic::from_array))
}
