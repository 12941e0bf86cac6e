//! Request bodies, read whole within a size, and within what all of them may hold together.

use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes};
use poem::Body;

use crate::services::bodies::{Crowded, Held, Sizes};

/// Why a body could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    /// It is larger than allowed.
    #[error("the body is larger than {0} bytes")]
    TooLarge(usize),
    /// The bodies of other requests take all that there is for them.
    #[error(transparent)]
    Crowded(#[from] Crowded),
    /// It did not come in time.
    #[error("the body did not come in time")]
    TooSlow,
    /// The client stopped in the middle.
    #[error("the body was cut short")]
    CutShort,
}

/// A whole body.
#[derive(Debug, Default)]
pub(crate) struct Received {
    /// What is in it.
    pub(crate) bytes: Bytes,
    /// What it takes of the account, to be kept for as long as the bytes are.
    pub(crate) held: Held,
}

/// Reads a body; counted as it comes, whatever was announced.
pub(crate) async fn read(body: Body, sizes: Sizes) -> Result<Received, Unread> {
    let mut body: http_body_util::combinators::BoxBody<Bytes, std::io::Error> = body.into();
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > sizes.one {
        return Err(Unread::TooLarge(sizes.one));
    }
    let mut held = Held::default();
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
        if read > sizes.one {
            return Err(Unread::TooLarge(sizes.one));
        }
        held.grow(read, sizes)?;
        match whole.take() {
            None if parts.is_empty() => whole = Some(data),
            first => {
                if parts.capacity() < read {
                    // What is announced, but no more than twice what is there: announcing costs nothing.
                    let wanted = announced.clamp(read, read.saturating_mul(2));
                    parts.reserve_exact(wanted - parts.len());
                }
                parts.extend_from_slice(&first.unwrap_or_default());
                parts.extend_from_slice(&data);
            }
        }
    }
    Ok(Received { bytes: whole.unwrap_or_else(|| parts.into()), held })
}
