//! One of a connection's streams, as far as the protocol goes: how far its request has come, and its answer.

use crate::codec::h2::{Credit, FRAME_MAX, Window};
use crate::codec::{Refusal, RequestHead, RequestLength, Trailers};
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;

/// Room for a request's body that nobody has consumed yet.
pub(crate) const STREAM_WINDOW: u32 = 256 * 1024;
/// Room that a piece of a body gets at least, so that a body in tiny pieces takes no more memory than in long ones.
const CHUNK_MIN: usize = 4 * 1024;

/// A request that nobody has taken yet: its stream, and its head or why it is refused.
pub(super) type Request = (u32, Result<RequestHead, Refusal>);

/// How far a request has come.
#[derive(Debug)]
pub(super) enum Inlet {
    /// Its body goes on; so many bytes are still to come, where the head has said how many.
    Open(Option<u64>),
    /// All of it is here, with what followed it.
    Ended(Trailers),
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlet {
    Awaited,
    Begun,
    Ended,
}

/// What comes next of a request's body.
#[derive(Debug)]
pub(super) enum Next {
    Data(Bytes),
    End(Trailers),
    /// Nothing yet.
    Wait,
    /// The stream is no more.
    Gone,
}

/// A stream, or a place for one.
#[derive(Debug)]
pub(super) struct Slot {
    /// 0 when there is none.
    pub(super) stream: u32,
    pub(super) request: Option<Request>,
    pub(super) inlet: Inlet,
    pub(super) outlet: Outlet,
    /// Room that the client has given for the answer.
    pub(super) window: Window,
    /// Room that it has for the body.
    pub(super) credit: Credit,
    inbox: VecDeque<BytesMut>,
}

impl Slot {
    pub(super) fn vacant() -> Self {
        let (inlet, outlet) = (Inlet::Open(None), Outlet::Awaited);
        let (window, credit, inbox) = (Window::new(0), Credit::new(STREAM_WINDOW), VecDeque::new());
        Self { stream: 0, request: None, inlet, outlet, window, credit, inbox }
    }

    /// Takes a new stream in.
    pub(super) fn begin(&mut self, request: Request, inlet: Inlet, window: u32) {
        (self.stream, self.request, self.inlet) = (request.0, Some(request), inlet);
        (self.outlet, self.window, self.credit) = (Outlet::Awaited, Window::new(window), Credit::new(STREAM_WINDOW));
    }

    /// Lets the stream go. Says how many bytes of its body nobody has taken.
    pub(super) fn leave(&mut self) -> usize {
        let held = self.inbox.iter().map(BytesMut::len).sum();
        (self.stream, self.request, self.inlet) = (0, None, Inlet::Open(None));
        self.inbox.clear();
        held
    }

    /// Keeps a piece of the body; `more` bytes may follow it at once.
    pub(super) fn keep(&mut self, data: &[u8], more: usize) {
        match self.inbox.back_mut() {
            Some(last) if last.capacity() - last.len() >= data.len() => last.extend_from_slice(data),
            _ => {
                let room = (data.len() + more).clamp(CHUNK_MIN, FRAME_MAX.max(data.len()));
                let mut chunk = BytesMut::with_capacity(room);
                chunk.extend_from_slice(data);
                self.inbox.push_back(chunk);
            }
        }
    }

    /// True while nothing of the body has come.
    pub(super) fn is_empty(&self) -> bool {
        self.inbox.is_empty()
    }

    /// Bytes that the body's buffers have room for.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.inbox.iter().map(BytesMut::capacity).sum()
    }

    /// Takes what comes next of the body.
    pub(super) fn next(&mut self) -> Next {
        match (self.inbox.pop_front(), &mut self.inlet) {
            (Some(data), _) => Next::Data(data.freeze()),
            (None, Inlet::Open(_)) => Next::Wait,
            (None, Inlet::Ended(trailers)) => Next::End(std::mem::take(trailers)),
        }
    }

    /// Takes in that so much data comes; false when it is more than the head has said.
    #[must_use]
    pub(super) fn expects(&mut self, data: usize) -> bool {
        match &mut self.inlet {
            Inlet::Open(Some(left)) => left.checked_sub(data as u64).inspect(|rest| *left = *rest).is_some(),
            Inlet::Open(None) => true,
            Inlet::Ended(_) => false,
        }
    }

    /// True when the body may end here.
    pub(super) const fn is_whole(&self) -> bool {
        matches!(self.inlet, Inlet::Open(None | Some(0)))
    }
}

/// What a head says of the body behind it.
pub(super) const fn inlet_of(head: &RequestHead) -> Inlet {
    match head.length {
        RequestLength::Known(bytes) => Inlet::Open(Some(bytes)),
        RequestLength::Chunked => Inlet::Open(None),
    }
}
