//! A client that speaks HTTP/1: requests off its connection, answers onto it.

use crate::codec::{
    AnswerHead, BodyDecoder, BodyEncoder, HeadScanner, Persistence, Piece, Refusal, RequestHead, RequestLength,
    Trailers, Version, answer_bytes, parse_request,
};
use crate::door::caller::Caller;
use crate::door::outbox::{Behind, Outbox};
use crate::door::wire::Wire;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream, Duplex};
use crate::run::timer::{Alarm, Timers};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The first line of what a client of HTTP/2 sends first.
const PREFACE_LINE: &[u8] = b"PRI * HTTP/2.0\r\n";
/// Room for a request's head; grows when one is longer.
const HEAD_ROOM: usize = 2 * 1024;
/// A head that has begun gets more room when less than this is left of it; whoever dawdles shall not hold twice as much.
const HEAD_MORE: usize = 512;
/// Room for one read of a body.
const BODY_ROOM: usize = 16 * 1024;
/// Most bytes read and dropped behind an answer that came early, so that the client gets to read it.
const LINGER_BYTES: usize = 256 * 1024;
/// No longer than this.
const LINGER: Duration = Duration::from_secs(2);

/// A client's connection, and the exchange under way on it.
#[derive(Debug)]
pub(crate) struct Client {
    wire: Wire,
    caller: Caller,
    buffer: BytesMut,
    scanner: HeadScanner,
    version: Version,
    body: BodyDecoder,
    body_bytes: u64,
    encoder: BodyEncoder,
    outbox: Outbox,
    alarm: Alarm,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until the first byte of a request.
    pub(crate) idle: Duration,
    /// From there to the end of its head.
    pub(crate) head: Duration,
}

/// How a read ended.
enum InTime {
    Bytes,
    Gone,
    Late,
}

/// What came.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it lives for one match; a box would cost each request an allocation")]
pub(crate) enum Incoming {
    Request(RequestHead),
    Refused(Refusal),
    /// The client has gone, or never came back.
    Gone,
}

/// How a client begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    Http1,
    Http2,
    /// It has gone, or never began.
    Gone,
}

impl Client {
    pub(crate) fn new(wire: Wire, peer: IpAddr, timers: &Rc<Timers>) -> Self {
        let caller = Caller::new(peer, wire.scheme());
        Self {
            wire,
            caller,
            buffer: BytesMut::new(),
            scanner: HeadScanner::default(),
            version: Version::Http11,
            body: BodyDecoder::length(0),
            body_bytes: 0,
            encoder: BodyEncoder::Plain,
            outbox: Outbox::default(),
            alarm: timers.alarm(),
        }
    }

    /// Looks at a new client's first bytes, as many as it takes to know what it speaks. They stay to be read.
    pub(crate) async fn beginning(&mut self, patience: Patience) -> Beginning {
        self.alarm.set_after(patience.idle);
        if !matches!(self.read_in_time(HEAD_ROOM).await, InTime::Bytes) {
            return Beginning::Gone;
        }
        self.alarm.set_after(patience.head);
        while PREFACE_LINE.starts_with(&self.buffer) && self.buffer.len() < PREFACE_LINE.len() {
            if !matches!(self.read_in_time(HEAD_MORE).await, InTime::Bytes) {
                return Beginning::Gone;
            }
        }
        if self.buffer.starts_with(PREFACE_LINE) { Beginning::Http2 } else { Beginning::Http1 }
    }

    /// The next request's head. Anything but a request ends the connection.
    pub(crate) async fn next_head(&mut self, patience: Patience) -> Incoming {
        if self.buffer.is_empty() {
            self.alarm.set_after(patience.idle);
            match self.read_in_time(HEAD_ROOM).await {
                InTime::Bytes => {}
                InTime::Gone | InTime::Late => return Incoming::Gone,
            }
        }
        self.alarm.set_after(patience.head);
        loop {
            match parse_request(&mut self.scanner, &mut self.buffer) {
                Ok(Some(head)) => return Incoming::Request(self.open(head)),
                Ok(None) => {}
                Err(refusal) => return Incoming::Refused(refusal),
            }
            match self.read_in_time(HEAD_MORE).await {
                InTime::Bytes => {}
                InTime::Gone => return Incoming::Gone,
                InTime::Late => return Incoming::Refused(Refusal::TooSlow),
            }
        }
    }

    /// Reads some bytes, unless the alarm rings first. May be dropped while it waits; nothing is lost.
    async fn read_in_time(&mut self, room: usize) -> InTime {
        self.buffer.reserve(room);
        tokio::select! {
            biased;
            read = self.wire.read_buf(&mut self.buffer) => match read {
                Ok(1..) => InTime::Bytes,
                Ok(0) | Err(_) => InTime::Gone,
            },
            () = self.alarm.ring() => InTime::Late,
        }
    }

    /// Gets ready for the exchange that a head opens.
    fn open(&mut self, head: RequestHead) -> RequestHead {
        self.version = head.version;
        self.body_bytes = 0;
        self.body = match head.length {
            RequestLength::Known(bytes) => BodyDecoder::length(bytes),
            RequestLength::Chunked => BodyDecoder::chunked(),
        };
        head
    }

    /// What is left when the client goes on in another way: its wire, and what was read off it.
    pub(crate) fn into_parts(self) -> (Wire, BytesMut, Caller) {
        (self.wire, self.buffer, self.caller)
    }

    async fn read(&mut self, room: usize) -> io::Result<usize> {
        self.buffer.reserve(room);
        self.wire.read_buf(&mut self.buffer).await
    }

    /// Closes so that the client can read the last answer though it may still be sending.
    pub(crate) async fn close(mut self) {
        let lingering = async {
            self.wire.shutdown().await?;
            let mut left = LINGER_BYTES;
            while left > 0 {
                self.buffer.clear();
                match self.read(BODY_ROOM).await? {
                    0 => break,
                    n => left = left.saturating_sub(n),
                }
            }
            io::Result::Ok(())
        };
        // Whatever goes wrong here, the connection is closed by the drop.
        let _ = timeout(LINGER, lingering).await;
    }

    /// Cuts the connection so that nobody takes what was sent for a whole answer.
    pub(crate) fn cut(self) {
        // Where this fails, the close without the promised bytes still tells.
        let _ = self.wire.set_zero_linger();
    }
}

impl Downstream for Client {
    fn caller(&self) -> Caller {
        self.caller
    }

    async fn invite_body(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            self.wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            self.wire.flush().await?;
        }
        Ok(())
    }

    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble> {
        loop {
            match self.body.take(&mut self.buffer) {
                Ok(Piece::Data(data)) => {
                    self.body_bytes += data.len() as u64;
                    let fits = self.body_bytes <= terms.room;
                    return if fits { Ok(Some(data)) } else { Err(BodyTrouble::Refused(Refusal::BodyTooLarge)) };
                }
                Ok(Piece::End) => return Ok(None),
                Ok(Piece::More) => {}
                Err(_) => return Err(BodyTrouble::Refused(Refusal::Malformed("a broken body"))),
            }
            self.alarm.set(terms.deadline(self.body_bytes, Instant::now()));
            match self.read_in_time(BODY_ROOM).await {
                InTime::Bytes => {}
                InTime::Gone => return Err(BodyTrouble::Gone),
                InTime::Late => return Err(BodyTrouble::Refused(Refusal::TooSlow)),
            }
        }
    }

    fn trailers(&mut self) -> Trailers {
        self.body.take_trailers()
    }

    fn begin(&mut self, head: &AnswerHead, then: Persistence) {
        let (bytes, encoder) = answer_bytes(head, self.version, then);
        self.encoder = encoder;
        self.outbox.push_own(bytes);
    }

    fn piece(&mut self, data: Bytes) {
        if !data.is_empty() {
            self.encoder.piece(data, |part| self.outbox.push(part));
        }
    }

    fn end(&mut self, trailers: Trailers) {
        self.outbox.push(self.encoder.end(&trailers));
    }

    fn backlog(&self) -> usize {
        self.wire.backlog(&self.outbox)
    }

    fn bare(&self) -> Option<&TcpStream> {
        self.wire.plain().filter(|_| self.encoder == BodyEncoder::Plain)
    }

    fn raw(&mut self) -> Option<(&mut dyn Duplex, BytesMut)> {
        Some((&mut self.wire, self.buffer.split()))
    }

    async fn send(&mut self, patience: Duration, behind: Behind) -> io::Result<()> {
        self.wire.send(&mut self.outbox, patience, behind).await
    }
}
