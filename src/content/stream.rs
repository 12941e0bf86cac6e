//! Large files as bodies: read piece by piece as the client takes them, off the workers.

use std::{
    fs::File,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use flate2::{Compression, write::GzEncoder};
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::task::JoinHandle;

/// How much is read at once: what a client that does not read holds in memory.
const PIECE: u64 = 64 << 10;

/// A part of a file on its way to a client.
struct FileBody {
    file: Arc<File>,
    position: u64,
    left: u64,
    encoder: Option<GzEncoder<Vec<u8>>>,
    reading: Option<JoinHandle<io::Result<Step>>>,
}

/// What one reading came to.
struct Step {
    piece: Bytes,
    /// How many bytes of the file it took.
    taken: u64,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

/// `length` bytes of a file from `start` on.
pub(crate) fn part(file: Arc<File>, start: u64, length: u64) -> poem::Body {
    body(FileBody { file, position: start, left: length, encoder: None, reading: None })
}

/// The first `length` bytes of a file, compressed on the way.
pub(crate) fn gzipped(file: Arc<File>, length: u64) -> poem::Body {
    let encoder = Some(GzEncoder::new(Vec::new(), Compression::new(4)));
    body(FileBody { file, position: 0, left: length, encoder, reading: None })
}

fn body(body: FileBody) -> poem::Body {
    BoxBody::new(body).into()
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            let Some(reading) = &mut self.reading else {
                if self.left == 0 && self.encoder.is_none() {
                    return Poll::Ready(None);
                }
                let (file, position, left) = (Arc::clone(&self.file), self.position, self.left);
                let encoder = self.encoder.take();
                let read = move || read(&file, position, left, encoder);
                self.reading = Some(tokio::task::spawn_blocking(read));
                continue;
            };
            let Poll::Ready(step) = Pin::new(reading).poll(cx) else { return Poll::Pending };
            self.reading = None;
            let step = match step.map_err(io::Error::other).and_then(|step| step) {
                Ok(step) => step,
                Err(error) => {
                    self.left = 0;
                    self.encoder = None;
                    return Poll::Ready(Some(Err(error)));
                }
            };
            self.position += step.taken;
            self.left -= step.taken;
            self.encoder = step.encoder;
            if !step.piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(step.piece))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0 && self.encoder.is_none() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let is_plain = self.encoder.is_none() && self.reading.is_none();
        if is_plain { SizeHint::with_exact(self.left) } else { SizeHint::default() }
    }
}

fn read(
    file: &File,
    position: u64,
    left: u64,
    encoder: Option<GzEncoder<Vec<u8>>>,
) -> io::Result<Step> {
    let size = usize::try_from(left.min(PIECE)).unwrap_or(0);
    let mut piece = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, position + filled as u64) {
            // It is shorter than it was: what is missing must not look like the end.
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let taken = filled as u64;
    let Some(mut encoder) = encoder else {
        return Ok(Step { piece: piece.into(), taken, encoder: None });
    };
    encoder.write_all(&piece)?;
    if taken == left {
        return Ok(Step { piece: encoder.finish()?.into(), taken, encoder: None });
    }
    let out = std::mem::take(encoder.get_mut());
    Ok(Step { piece: out.into(), taken, encoder: Some(encoder) })
}
