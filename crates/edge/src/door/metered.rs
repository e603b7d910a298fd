//! A client's wire with a meter beside it: the frames that pass are counted, and a client that floods is no longer
//! listened to.

use crate::admit::calm::{Calm, Excess};
use crate::codec::{Frame, FrameScanner};
use crate::door::wire::Wire;
use bytes::{Buf, BytesMut};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// Longest wait for a client to close, so that it gets to read the last frame.
const LINGER: Duration = Duration::from_secs(2);
/// Most bytes dropped meanwhile.
const LINGER_BYTES: usize = 256 * 1024;

/// What the meter shows.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) calm: Calm,
    /// What the client did too much of.
    pub(crate) excess: Option<Excess>,
    /// Streams that the client has reset and that nobody has looked at yet.
    pub(crate) resets: BTreeSet<u32>,
    /// When the client last took any bytes.
    pub(crate) taken_at: Instant,
}

/// The wire with its meter; `W` is something else only where no client is (`fuzzing`).
#[derive(Debug)]
pub(crate) struct Metered<W = Wire> {
    wire: W,
    /// Bytes that were read before anybody knew what is spoken.
    start: BytesMut,
    meter: Rc<RefCell<Meter>>,
    received: FrameScanner,
    sent: FrameScanner,
    linger: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self { calm: Calm::new(now), excess: None, resets: BTreeSet::new(), taken_at: now }
    }

    /// Takes the resets of streams up to this one.
    pub(crate) fn resets_up_to(&mut self, stream: u32) -> Vec<u32> {
        let later = self.resets.split_off(&stream.saturating_add(1));
        std::mem::replace(&mut self.resets, later).into_iter().collect()
    }

    fn received(&mut self, frame: Frame, now: Instant) {
        if let Frame::Reset { stream, .. } = frame {
            self.resets.insert(stream);
        }
        self.excess = self.excess.or(self.calm.received(frame, now).err());
    }

    fn sent(&mut self, frame: Frame, now: Instant) {
        self.excess = self.excess.or(self.calm.sent(frame, now).err());
    }
}

impl<W: AsyncRead + AsyncWrite + Unpin> Metered<W> {
    pub(crate) fn new(wire: W, start: BytesMut, meter: Rc<RefCell<Meter>>) -> Self {
        let (received, sent) = (FrameScanner::behind_preface(), FrameScanner::new());
        Self { wire, start, meter, received, sent, linger: None }
    }

    fn count_received(&mut self, bytes: &[u8]) {
        let (mut meter, now) = (self.meter.borrow_mut(), Instant::now());
        self.received.scan(bytes, |frame| meter.received(frame, now));
    }

    /// Counts the first `left` bytes of some slices.
    fn count_sent<'a>(&mut self, slices: impl Iterator<Item = &'a [u8]>, mut left: usize) {
        let (mut meter, now) = (self.meter.borrow_mut(), Instant::now());
        meter.taken_at = now;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            left -= part.len();
            self.sent.scan(part, |frame| meter.sent(frame, now));
        }
    }

    /// Drops what the client still sends, until it closes: a close of ours with bytes unread would be a reset, and
    /// could take our last words with it.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (until, left) = self.linger.get_or_insert_with(|| (Box::pin(tokio::time::sleep(LINGER)), LINGER_BYTES));
        let mut scrap = [0; 4096];
        while *left > 0 && until.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scrap);
            ready!(Pin::new(&mut self.wire).poll_read(cx, &mut buffer))?;
            match buffer.filled().len() {
                0 => break,
                n => *left = left.saturating_sub(n),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncRead + AsyncWrite + Unpin> AsyncRead for Metered<W> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.meter.borrow().excess.is_some() {
            // Nobody wakes this: whoever drives the connection looks at the meter after each turn and ends it.
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        if this.start.is_empty() {
            ready!(Pin::new(&mut this.wire).poll_read(cx, buffer))?;
        } else {
            let length = this.start.len().min(buffer.remaining());
            buffer.put_slice(&this.start[..length]);
            this.start.advance(length);
        }
        this.count_received(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Metered<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.wire).poll_write(cx, bytes))?;
        this.count_sent([bytes].into_iter(), written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = ready!(Pin::new(&mut this.wire).poll_write_vectored(cx, slices))?;
        this.count_sent(slices.iter().map(|slice| &**slice), written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().wire).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.linger.is_none() {
            ready!(Pin::new(&mut this.wire).poll_shutdown(cx))?;
        }
        this.poll_linger(cx)
    }
}
