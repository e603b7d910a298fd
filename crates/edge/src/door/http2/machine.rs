//! The protocol of one connection, without its wire: frames in, streams and what happens to them, frames out.
//!
//! A fault of the client's is one of a stream, which is reset, or of the connection, which ends ([`Fault`]). Which one
//! it is, and by which code, follows RFC 9113; what that leaves open is decided the stricter way. Header blocks are taken
//! in by `heads`, other frames without data by `control`; what becomes of a stream once it is there stands in `answers`.

use super::closed::{Closed, End};
use super::heads::Block;
use super::outgoing::Outgoing;
use super::ready::Set;
use super::slot::{Inlet, STREAM_WINDOW, Slot};
use crate::admit::calm::{Calm, Excess, Frame, HEADER_BLOCK_BYTES};
use crate::codec::h2::{
    Credit, Decoder, Encoder, ErrorCode, FLAG_ACK, FLAG_END_STREAM, FrameHead, INITIAL_WINDOW_SIZE, Kind, Last,
    MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, Overflow, Part, Reader, WINDOW_FIRST, Window, put_goaway, put_ping,
    put_reset, put_settings, put_window_update,
};
use std::time::{Duration, Instant};

/// Most requests of one client at once.
pub(crate) const STREAMS_MAX: usize = 100;
/// Room for the bodies of all requests of a client together.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// The last stream of a client that is told to open no more of them, as long as it may not have heard so.
const ANY_STREAM: u32 = 0x7fff_ffff;
/// The ping that finds out whether it has.
pub(super) const FAREWELL: [u8; 8] = *b"farewell";

/// Why a connection ends before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The client breaks the protocol.
    Protocol(ErrorCode),
    /// It does too much of something.
    Excess(Excess),
}

impl Fault {
    pub(super) const fn code(self) -> ErrorCode {
        match self {
            Self::Protocol(code) => code,
            Self::Excess(_) => ErrorCode::Calm,
        }
    }
}

impl From<ErrorCode> for Fault {
    fn from(code: ErrorCode) -> Self {
        Self::Protocol(code)
    }
}

impl From<Excess> for Fault {
    fn from(excess: Excess) -> Self {
        Self::Excess(excess)
    }
}

impl From<Overflow> for Fault {
    fn from(_: Overflow) -> Self {
        Self::Protocol(ErrorCode::FlowControl)
    }
}

/// How far a connection is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The client's settings are awaited.
    New,
    Open,
    /// The client was told to open no more streams; those that it had opened by then are served.
    Leaving,
    /// No more streams are served but those there are.
    Closing,
}

/// The protocol's side of one connection.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) calm: Calm,
    pub(super) out: Outgoing,
    pub(super) slots: Vec<Slot>,
    /// Places that have been given back.
    pub(super) free: Vec<usize>,
    pub(super) closed: Closed,
    pub(super) stage: Stage,
    /// The highest stream of the client.
    pub(super) last_stream: u32,
    /// A header block that has not ended.
    pub(super) block: Option<Block>,
    /// The stream of the DATA frame that is coming, its place, and bytes of data that are still to come of it.
    data: Option<(u32, usize)>,
    data_left: usize,
    /// Room that the client has given for all answers together.
    pub(super) window: Window,
    /// Room that a stream begins with.
    pub(super) first_window: u32,
    credit: Credit,
    /// Since when a frame has been coming that has not come to its end.
    amid_since: Option<Instant>,
    /// The client takes its leave.
    pub(super) is_left: bool,
    /// Who waits for data.
    pub(super) hungry: Set,
    /// Who waits for room that the client gives.
    pub(super) blocked: Set,
    /// Who waits for the socket to take something.
    pub(super) crowded: Set,
    /// Who waits no longer.
    pub(super) woken: Set,
    /// Whose stream is no more.
    pub(super) gone: Set,
}

impl Machine {
    pub(crate) fn new(now: Instant) -> Self {
        let mut out = Outgoing::default();
        let settings = [
            (MAX_CONCURRENT_STREAMS, STREAMS_MAX as u32),
            (INITIAL_WINDOW_SIZE, STREAM_WINDOW),
            (MAX_HEADER_LIST_SIZE, HEADER_BLOCK_BYTES as u32),
        ];
        put_settings(out.tail(), &settings);
        put_window_update(out.tail(), 0, CONNECTION_WINDOW - WINDOW_FIRST);
        Self {
            decoder: Decoder::new(),
            encoder: Encoder::new(),
            calm: Calm::new(now),
            out,
            slots: Vec::new(),
            free: Vec::new(),
            closed: Closed::default(),
            stage: Stage::New,
            last_stream: 0,
            block: None,
            data: None,
            data_left: 0,
            window: Window::new(WINDOW_FIRST),
            first_window: WINDOW_FIRST,
            credit: Credit::new(CONNECTION_WINDOW),
            amid_since: Some(now),
            is_left: false,
            hungry: 0,
            blocked: 0,
            crowded: 0,
            woken: 0,
            gone: 0,
        }
    }

    /// Takes in what the client sends.
    ///
    /// # Errors
    /// When the connection has to end.
    pub(crate) fn receive(&mut self, reader: &mut Reader, mut input: &[u8], now: Instant) -> Result<(), Fault> {
        let mut came = false;
        while let Some(part) = reader.next(&mut input)? {
            self.take_in(part, now)?;
            came = true;
        }
        match (reader.is_amid(), came) {
            (false, _) => self.amid_since = None,
            (true, true) => self.amid_since = Some(now),
            (true, false) => self.amid_since = self.amid_since.or(Some(now)),
        }
        Ok(())
    }

    /// Looks at the clock: a frame or a block has to come to its end within `patience`.
    ///
    /// # Errors
    /// When it does not.
    pub(super) fn check(&self, patience: Duration, now: Instant) -> Result<(), Fault> {
        let slow = self.amid_since.is_some_and(|since| now.saturating_duration_since(since) > patience);
        if slow && self.stage != Stage::New {
            return Err(Excess::SlowHeaderBlock.into());
        }
        Ok(self.calm.check(patience, now)?)
    }

    fn take_in(&mut self, part: Part<'_>, now: Instant) -> Result<(), Fault> {
        match part {
            Part::Frame(head, payload) => self.frame(head, payload, now),
            Part::Data(head, no_data) => self.begin_data(head, no_data, now),
            Part::Piece(data) => {
                self.piece(data);
                Ok(())
            }
            Part::DataEnd(last) => self.end_data(last, now),
        }
    }

    /// Nothing comes before the client's settings, and nothing between the frames of a header block.
    fn check_order(&self, head: FrameHead) -> Result<(), ErrorCode> {
        let settings = head.kind == Kind::Settings && !head.has(FLAG_ACK);
        let goes_on = |block: &Block| head.kind == Kind::Continuation && head.stream == block.stream;
        let in_order = (self.stage != Stage::New || settings) && self.block.as_ref().is_none_or(goes_on);
        if in_order { Ok(()) } else { Err(ErrorCode::Protocol) }
    }

    fn frame(&mut self, head: FrameHead, payload: &[u8], now: Instant) -> Result<(), Fault> {
        self.check_order(head)?;
        match head.kind {
            Kind::Headers => self.headers(head, payload, now),
            Kind::Continuation => self.continuation(head, payload, now),
            Kind::WindowUpdate => self.window_update(head, payload, now),
            Kind::Reset => self.reset_came(head, payload, now),
            Kind::Settings => self.settings(head, payload, now),
            Kind::Ping => self.ping(head, payload, now),
            Kind::GoAway => self.goaway(head, payload, now),
            Kind::Priority => self.priority(head, payload, now),
            Kind::PushPromise | Kind::Data => Err(ErrorCode::Protocol.into()),
            Kind::Unknown => Ok(self.calm.received(Frame::Other, now)?),
        }
    }

    /// The room counts from the beginning of a frame; what nobody will see of it is given back at once.
    fn begin_data(&mut self, head: FrameHead, no_data: usize, now: Instant) -> Result<(), Fault> {
        self.check_order(head)?;
        of_stream(head)?;
        self.not_idle(head.stream)?;
        let data = head.length - no_data;
        let last = Last::of(head.flags, FLAG_END_STREAM);
        self.calm.received(Frame::Data { length: data, last }, now)?;
        if !self.credit.came(head.length) {
            return Err(ErrorCode::FlowControl.into());
        }
        self.give_back(no_data);
        (self.data, self.data_left) = (None, data);
        let Some(at) = self.find(head.stream) else { return self.late(head.stream) };
        let slot = &mut self.slots[at];
        if matches!(slot.inlet, Inlet::Ended(_)) {
            return self.reset(at, ErrorCode::StreamClosed, now);
        }
        if !slot.credit.came(head.length) {
            return self.reset(at, ErrorCode::FlowControl, now);
        }
        if !slot.expects(data) {
            return self.reset(at, ErrorCode::Protocol, now);
        }
        self.give_back_of(at, no_data);
        self.data = Some((head.stream, at));
        Ok(())
    }

    /// The place of the stream whose data is coming, if it is still there.
    fn data_at(&self) -> Option<usize> {
        let (stream, at) = self.data?;
        (self.slots[at].stream == stream).then_some(at)
    }

    fn piece(&mut self, data: &[u8]) {
        self.data_left -= data.len();
        match self.data_at() {
            Some(at) => {
                self.slots[at].keep(data, self.data_left);
                self.woken |= self.hungry & 1 << at;
            }
            None => self.give_back(data.len()),
        }
    }

    fn end_data(&mut self, last: Last, now: Instant) -> Result<(), Fault> {
        let at = self.data_at();
        self.data = None;
        match (at, last) {
            (Some(at), Last::Yes) => self.end_body(at, Default::default(), now),
            _ => Ok(()),
        }
    }

    /// A frame on a stream that is no more.
    pub(super) fn late(&self, stream: u32) -> Result<(), Fault> {
        match self.closed.end(stream) {
            Some(End::Reset) => Ok(()),
            Some(End::Closed) => Err(ErrorCode::StreamClosed.into()),
            // Passed over by higher ones: it cannot be opened any more.
            None => Err(ErrorCode::Protocol.into()),
        }
    }

    /// The place of a stream.
    pub(super) fn find(&self, stream: u32) -> Option<usize> {
        self.slots.iter().position(|slot| slot.stream == stream)
    }

    pub(super) fn not_idle(&self, stream: u32) -> Result<(), ErrorCode> {
        if stream > self.last_stream { Err(ErrorCode::Protocol) } else { Ok(()) }
    }

    /// A fault of a stream; of the connection, where there is no such stream yet.
    pub(super) fn stream_fault(&mut self, stream: u32, code: ErrorCode, now: Instant) -> Result<(), Fault> {
        if stream > self.last_stream {
            return Err(code.into());
        }
        match self.find(stream) {
            Some(at) => self.reset(at, code, now),
            None => Ok(()),
        }
    }

    /// Resets a stream for something that its client has done.
    pub(super) fn reset(&mut self, at: usize, code: ErrorCode, now: Instant) -> Result<(), Fault> {
        let stream = self.slots[at].stream;
        self.gone |= 1 << at;
        self.vacate(at, End::Reset);
        self.put_reset(stream, code, now)
    }

    pub(super) fn put_reset(&mut self, stream: u32, code: ErrorCode, now: Instant) -> Result<(), Fault> {
        put_reset(self.out.tail(), stream, code);
        Ok(self.calm.reset_sent(code, now)?)
    }

    /// Gives the place of a stream back.
    pub(super) fn vacate(&mut self, at: usize, end: End) {
        self.closed.remember(self.slots[at].stream, end);
        let held = self.slots[at].leave();
        self.give_back(held);
        for set in [&mut self.hungry, &mut self.blocked, &mut self.crowded, &mut self.woken] {
            *set &= !(1 << at);
        }
        self.free.push(at);
    }

    /// Gives room for all bodies back.
    pub(super) fn give_back(&mut self, bytes: usize) {
        if let Some(more) = self.credit.consumed(bytes) {
            put_window_update(self.out.tail(), 0, more);
        }
    }

    /// Gives a stream's room back, unless its body has ended.
    pub(super) fn give_back_of(&mut self, at: usize, bytes: usize) {
        let slot = &mut self.slots[at];
        if matches!(slot.inlet, Inlet::Open(_))
            && let Some(more) = slot.credit.consumed(bytes)
        {
            put_window_update(self.out.tail(), slot.stream, more);
        }
    }

    /// Streams that are being served.
    pub(super) fn open(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Tells the client to open no more streams.
    pub(super) fn leave(&mut self) {
        if matches!(self.stage, Stage::New | Stage::Open) {
            self.stage = Stage::Leaving;
            put_goaway(self.out.tail(), ANY_STREAM, ErrorCode::NoError);
            put_ping(self.out.tail(), &FAREWELL);
        }
    }

    /// Takes no more streams.
    pub(super) fn close(&mut self) {
        if self.stage != Stage::Closing {
            self.stage = Stage::Closing;
            put_goaway(self.out.tail(), self.last_stream, ErrorCode::NoError);
        }
    }

    /// Says why the connection ends.
    pub(super) fn fail(&mut self, code: ErrorCode) {
        self.stage = Stage::Closing;
        put_goaway(self.out.tail(), self.last_stream, code);
    }

    /// What is still to be said when nobody is served any more.
    pub(super) fn last_words(&mut self) -> Outgoing {
        self.close();
        std::mem::take(&mut self.out)
    }

    /// True when nothing more comes of the connection.
    pub(super) fn is_done(&self) -> bool {
        self.open() == 0 && (self.stage == Stage::Closing || self.is_left)
    }
}

/// Checks that a frame is one of a stream.
pub(super) fn of_stream(head: FrameHead) -> Result<(), ErrorCode> {
    if head.stream == 0 { Err(ErrorCode::Protocol) } else { Ok(()) }
}

/// The stream that a priority makes another one wait for.
pub(super) const fn parent([a, b, c, d, _]: [u8; 5]) -> u32 {
    u32::from_be_bytes([a, b, c, d]) & 0x7fff_ffff
}
