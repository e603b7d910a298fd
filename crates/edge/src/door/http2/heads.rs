//! Header blocks: requests that begin, and trailers that end them.
//!
//! Every block is read, also one that leads nowhere: the blocks behind it rely on what it leaves in the table.

use super::closed::End;
use super::machine::{Fault, Machine, STREAMS_MAX, Stage, of_stream, parent};
use super::slot::{Inlet, Slot, inlet_of};
use crate::admit::calm::{Frame, HEADER_BLOCK_BYTES};
use crate::codec::Trailers;
use crate::codec::h2::{
    BadBlock, BadHead, ErrorCode, FLAG_END_HEADERS, FLAG_END_STREAM, FLAG_PADDED, FLAG_PRIORITY, Follows, FrameHead,
    HeadBuilder, Last, TrailersBuilder,
};
use std::time::Instant;

/// A header block that has not ended.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) stream: u32,
    start: Start,
    bytes: Vec<u8>,
}

/// What the first frame of a block says.
#[derive(Debug, Clone, Copy)]
struct Start {
    /// Whether nothing follows the block on its stream.
    last: Last,
    /// The stream waits for itself.
    is_entangled: bool,
}

impl From<BadBlock> for Fault {
    fn from(_: BadBlock) -> Self {
        Self::Protocol(ErrorCode::Compression)
    }
}

impl Machine {
    pub(super) fn headers(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        of_stream(head)?;
        let whole = Last::of(head.flags, FLAG_END_HEADERS);
        self.calm.received(Frame::HeaderBlock { length: payload.len(), last: whole }, now)?;
        let (mut part, start) = (payload, Last::of(head.flags, FLAG_END_STREAM));
        if head.has(FLAG_PADDED) {
            let (padding, rest) = part.split_first().ok_or(ErrorCode::FrameSize)?;
            let length = rest.len().checked_sub(usize::from(*padding)).ok_or(ErrorCode::Protocol)?;
            part = &rest[..length];
        }
        let mut start = Start { last: start, is_entangled: false };
        if head.has(FLAG_PRIORITY) {
            let (priority, rest) = part.split_first_chunk().ok_or(ErrorCode::FrameSize)?;
            start.is_entangled = parent(*priority) == head.stream;
            part = rest;
        }
        if whole == Last::Yes {
            return self.take_block(head.stream, start, part, now);
        }
        self.block = Some(Block { stream: head.stream, start, bytes: part.to_vec() });
        Ok(())
    }

    pub(super) fn continuation(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        let mut block = self.block.take().ok_or(ErrorCode::Protocol)?;
        let whole = Last::of(head.flags, FLAG_END_HEADERS);
        self.calm.received(Frame::HeaderBlock { length: payload.len(), last: whole }, now)?;
        block.bytes.extend_from_slice(payload);
        if whole == Last::Yes {
            return self.take_block(block.stream, block.start, &block.bytes, now);
        }
        self.block = Some(block);
        Ok(())
    }

    fn take_block(&mut self, stream: u32, start: Start, block: &[u8], now: Instant) -> Result<(), Fault> {
        if let Some(at) = self.find(stream) {
            return self.trailers(at, start, block, now);
        }
        // Clients have the odd ones.
        if stream.is_multiple_of(2) {
            return Err(ErrorCode::Protocol.into());
        }
        if stream <= self.last_stream {
            self.decoder.decode(block, |_, _| {})?;
            return self.late(stream);
        }
        self.last_stream = stream;
        if self.open() == STREAMS_MAX || self.stage == Stage::Closing {
            self.decoder.decode(block, |_, _| {})?;
            return self.refuse(stream, ErrorCode::RefusedStream, now);
        }
        let mut head = HeadBuilder::new();
        self.decoder.decode(block, |name, value| head.field(name, value, HEADER_BLOCK_BYTES))?;
        if start.is_entangled {
            return self.refuse(stream, ErrorCode::Protocol, now);
        }
        let follows = if start.last == Last::Yes { Follows::Nothing } else { Follows::Body };
        let head = match head.finish(follows) {
            Ok(head) => Ok(head),
            Err(BadHead::Refused(refusal)) => Err(refusal),
            Err(BadHead::Malformed) => return self.refuse(stream, ErrorCode::Protocol, now),
        };
        let inlet = match (start.last, &head) {
            (Last::Yes, _) => Inlet::Ended(Trailers::default()),
            (Last::No, Ok(head)) => inlet_of(head),
            (Last::No, Err(_)) => Inlet::Open(None),
        };
        let at = self.place();
        self.slots[at].begin((stream, head), inlet, self.first_window);
        self.woken |= 1 << at;
        Ok(())
    }

    /// A place for a stream.
    fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::vacant());
            self.slots.len() - 1
        })
    }

    /// Resets a stream that has not begun.
    fn refuse(&mut self, stream: u32, code: ErrorCode, now: Instant) -> Result<(), Fault> {
        self.closed.remember(stream, End::Reset);
        self.put_reset(stream, code, now)
    }

    /// Fields behind a body, which they end.
    fn trailers(&mut self, at: usize, start: Start, block: &[u8], now: Instant) -> Result<(), Fault> {
        let mut trailers = TrailersBuilder::default();
        self.decoder.decode(block, |name, value| trailers.field(name, value))?;
        if matches!(self.slots[at].inlet, Inlet::Ended(_)) {
            return self.reset(at, ErrorCode::StreamClosed, now);
        }
        match trailers.finish() {
            Some(trailers) if start.last == Last::Yes && !start.is_entangled => self.end_body(at, trailers, now),
            _ => self.reset(at, ErrorCode::Protocol, now),
        }
    }

    /// The body of a request has ended.
    pub(super) fn end_body(&mut self, at: usize, trailers: Trailers, now: Instant) -> Result<(), Fault> {
        if !self.slots[at].is_whole() {
            return self.reset(at, ErrorCode::Protocol, now);
        }
        self.slots[at].inlet = Inlet::Ended(trailers);
        self.woken |= self.hungry & 1 << at;
        Ok(())
    }
}
