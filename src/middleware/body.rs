//! Request bodies, read whole within a size.

use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use poem::Body;

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It is larger than allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// It did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// The client stopped in the middle.
    #[error("the body was cut short")]
    CutShort,
}

/// Reads a body of at most `most` bytes; counted as they come, whatever was announced.
pub(crate) async fn read(body: Body, most: usize) -> Result<Bytes, Unread> {
    let mut body: http_body_util::combinators::BoxBody<Bytes, std::io::Error> = body.into();
    if body.size_hint().lower() > most as u64 {
        return Err(Unread::TooLarge(most));
    }
    let mut whole: Option<Bytes> = None;
    let mut parts: Vec<u8> = Vec::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error.kind() {
            std::io::ErrorKind::TimedOut => Unread::TooSlow,
            _ => Unread::CutShort,
        })?;
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        if read > most {
            return Err(Unread::TooLarge(most));
        }
        match whole.take() {
            None if parts.is_empty() => whole = Some(data),
            None => parts.extend_from_slice(&data),
            Some(first) => {
                parts.extend_from_slice(&first);
                parts.extend_from_slice(&data);
            }
        }
    }
    Ok(whole.unwrap_or_else(|| parts.into()))
}
