//! The socket under one connection: marks what passes and closes without losing the last answer.
//!
//! Invariants:
//! - Bytes that were read to tell the protocol are handed on first and once.
//! - A close over unread input sends our end first and listens a bounded while, since a reset would
//!   make the peer's kernel throw away the answer.
//! - The connection stays registered until this is dropped.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    registry::Registration,
    vitals::{Order, Vitals},
};

/// The longest prefix that is read to tell the protocol.
pub(super) const PREFIX: usize = 24;

/// Bytes thrown away after our end before the connection is dropped all the same.
const LINGER_BYTES: usize = 64 << 20;

/// Up to this many bytes are written as one piece: cheaper for the kernel than a list of pieces.
const JOINED: usize = 2 << 10;

/// Reads of one poll while lingering, so that a fast sender does not hold the worker.
const LINGER_READS: usize = 8;

/// A socket with its marks.
#[derive(Debug)]
pub(super) struct Stream<T> {
    io: T,
    prefix: Prefix,
    joined: Vec<u8>,
    ending: Ending,
    registration: Registration,
}

/// The first bytes of a connection.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    bytes: [u8; PREFIX],
    from: usize,
    to: usize,
}

impl Prefix {
    /// What was read so far and not handed on.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.from..self.to).unwrap_or_default()
    }

    /// Reads more of it; 0 bytes mean the peer's end.
    pub(super) fn poll_fill<T: AsyncRead + Unpin>(
        &mut self,
        io: &mut T,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(self.bytes.get_mut(self.to..).unwrap_or_default());
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        self.to += read;
        Poll::Ready(Ok(read))
    }
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    Open,
    Sending,
    Listening { left: usize },
    Done,
}

impl<T> Stream<T> {
    /// Marks what passes `io`, beginning with `prefix`.
    pub(super) fn new(io: T, prefix: Prefix, registration: Registration) -> Self {
        Self { io, prefix, joined: Vec::new(), ending: Ending::Open, registration }
    }

    fn vitals(&self) -> &Arc<Vitals> {
        self.registration.vitals()
    }

    /// An upgraded socket has no driver that could drop it, so the order to end is an error here.
    fn refuse_if_cut(&self, cx: &Context<'_>) -> io::Result<()> {
        let vitals = self.vitals();
        if vitals.is_upgraded() {
            vitals.keep_waker(cx, &mut None);
            if vitals.order() == Order::Cut {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(())
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &polled {
            Poll::Ready(Ok(bytes)) => self.vitals().wrote(*bytes),
            Poll::Ready(Err(_)) => {}
            Poll::Pending => self.vitals().write_blocked(),
        }
        polled
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stream<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let kept = this.prefix.bytes();
        if !kept.is_empty() {
            let part = kept.get(..kept.len().min(buf.remaining())).unwrap_or_default();
            buf.put_slice(part);
            this.prefix.from += part.len();
            return Poll::Ready(Ok(()));
        }
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.io).poll_read(cx, buf);
        if polled.is_ready() {
            if buf.filled().len() > before {
                this.vitals().read();
            }
        } else {
            this.refuse_if_cut(cx)?;
        }
        polled
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let size: usize = bufs.iter().map(|buf| buf.len()).sum();
        let polled = if size <= JOINED {
            this.joined.clear();
            for buf in bufs {
                this.joined.extend_from_slice(buf);
            }
            Pin::new(&mut this.io).poll_write(cx, &this.joined)
        } else {
            Pin::new(&mut this.io).poll_write_vectored(cx, bufs)
        };
        this.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.io).poll_flush(cx);
        match &polled {
            Poll::Ready(_) => this.vitals().flushed(),
            Poll::Pending => this.vitals().write_blocked(),
        }
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match this.ending {
                Ending::Open => this.ending = Ending::Sending,
                Ending::Sending => {
                    let polled = Pin::new(&mut this.io).poll_shutdown(cx);
                    if polled.is_pending() {
                        this.vitals().write_blocked();
                        return Poll::Pending;
                    }
                    this.vitals().flushed();
                    if !matches!(polled, Poll::Ready(Ok(()))) || !this.vitals().must_linger() {
                        this.ending = Ending::Done;
                        return polled;
                    }
                    this.vitals().linger();
                    this.ending = Ending::Listening { left: LINGER_BYTES };
                }
                Ending::Listening { left } => match ready!(discard(&mut this.io, cx, left)) {
                    Some(left) => {
                        this.ending = Ending::Listening { left };
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    None => this.ending = Ending::Done,
                },
                Ending::Done => return Poll::Ready(Ok(())),
            }
        }
    }
}

/// Reads and forgets; ready with what may still be thrown away, or nothing once all is over.
fn discard<T: AsyncRead + Unpin>(
    io: &mut T,
    cx: &mut Context<'_>,
    mut left: usize,
) -> Poll<Option<usize>> {
    let mut scratch = [0_u8; 16 << 10];
    for _ in 0..LINGER_READS {
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer));
        let read = buffer.filled().len();
        if polled.is_err() || read == 0 || read >= left {
            return Poll::Ready(None);
        }
        left -= read;
    }
    Poll::Ready(Some(left))
}
