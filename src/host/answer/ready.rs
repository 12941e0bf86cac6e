//! An answer that is there whole.

use http::{Extensions, HeaderMap, StatusCode, Version};
use hyper::body::Bytes;
use poem::{Body, Response, ResponseParts};

use super::{Answer, AnswerError};
use crate::script::budget;

/// Bodies of so many bytes are on no account: they are as little as what a connection holds anyway.
const SMALL: usize = 16 << 10;

/// The bytes of an answer, on the account of what all scripts hold.
struct Held {
    bytes: Bytes,
    _kept: budget::Kept,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A whole answer. What it holds is on the account until the client has taken it.
pub(super) fn ready(
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Answer, AnswerError> {
    let parts = ResponseParts {
        status,
        version: Version::default(),
        headers,
        extensions: Extensions::new(),
    };
    let length = body.len() as u64;
    let body = match body.len() {
        0 => Body::empty(),
        1..=SMALL => Body::from_bytes(body),
        large => {
            let kept = budget::keep(large).map_err(AnswerError::Raised)?;
            Body::from_bytes(Bytes::from_owner(Held { bytes: body, _kept: kept }))
        }
    };
    Ok(Answer::Ready(Response::from_parts(parts, body), length))
}
