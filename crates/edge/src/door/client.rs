//! A client's connection: requests off it, answers of our own onto it.

use crate::codec::{
    BodyDecoder, HeadScanner, Persistence, Piece, Refusal, RequestHead, RequestLength, own_answer_bytes, parse_request,
};
use crate::door::network::Network;
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

/// Room for a request's head; grows when one is longer.
const HEAD_ROOM: usize = 2 * 1024;
/// Room for one read of a body.
const BODY_ROOM: usize = 16 * 1024;
/// Most bytes read and dropped behind an answer that came early, so that the client gets to read it.
const LINGER_BYTES: usize = 256 * 1024;
/// No longer than this.
const LINGER: Duration = Duration::from_secs(2);

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    buffer: BytesMut,
    scanner: HeadScanner,
    pub(crate) peer: IpAddr,
    pub(crate) network: Network,
}

/// How long a client may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Until the first byte of a request.
    pub(crate) idle: Duration,
    /// From there to the end of its head.
    pub(crate) head: Duration,
}

/// What came.
#[derive(Debug)]
pub(crate) enum Incoming {
    Request(RequestHead),
    Refused(Refusal),
    /// The client has gone, or never came back.
    Gone,
}

/// Why a request's body cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BodyTrouble {
    Refused(Refusal),
    /// The client went away in the middle of it.
    Gone,
}

/// Reads one request's body.
#[derive(Debug)]
pub(crate) struct BodyReader {
    decoder: BodyDecoder,
    room: u64,
    patience: Duration,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, peer: IpAddr) -> Self {
        // Answers go out when they are there; where this fails, they only wait a little.
        let _ = stream.set_nodelay(true);
        let network = Network::of(peer);
        Self { stream, buffer: BytesMut::new(), scanner: HeadScanner::default(), peer, network }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The next request's head. Anything but a request ends the connection.
    pub(crate) async fn next_head(&mut self, patience: Patience) -> Incoming {
        if self.buffer.is_empty() && !matches!(timeout(patience.idle, self.read(HEAD_ROOM)).await, Ok(Ok(1..))) {
            return Incoming::Gone;
        }
        let deadline = Instant::now() + patience.head;
        loop {
            match parse_request(&mut self.scanner, &mut self.buffer) {
                Ok(Some(head)) => return Incoming::Request(head),
                Ok(None) => {}
                Err(refusal) => return Incoming::Refused(refusal),
            }
            match timeout_at(deadline, self.read(HEAD_ROOM)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Incoming::Gone,
                Err(_) => return Incoming::Refused(Refusal::TooSlow),
            }
        }
    }

    async fn read(&mut self, room: usize) -> io::Result<usize> {
        self.buffer.reserve(room);
        self.stream.read_buf(&mut self.buffer).await
    }

    /// Tells the client to go on with its body, unless it already has.
    pub(crate) async fn invite_body(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() { self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await } else { Ok(()) }
    }

    /// The next bytes of a body; `None` when it is whole. May be dropped while it waits; nothing is lost.
    pub(crate) async fn next_piece(&mut self, body: &mut BodyReader) -> Result<Option<Bytes>, BodyTrouble> {
        loop {
            match body.decoder.take(&mut self.buffer) {
                Ok(Piece::Data(data)) => return body.let_through(data).map(Some),
                Ok(Piece::End) => return Ok(None),
                Ok(Piece::More) => {}
                Err(_) => return Err(BodyTrouble::Refused(Refusal::Malformed("a broken body"))),
            }
            match timeout(body.patience, self.read(BODY_ROOM)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return Err(BodyTrouble::Gone),
                Err(_) => return Err(BodyTrouble::Refused(Refusal::TooSlow)),
            }
        }
    }

    /// Sends a whole answer of our own.
    pub(crate) async fn tell(
        &mut self,
        status: u16,
        fields: &str,
        body: &[u8],
        then: Persistence,
        patience: Duration,
    ) -> io::Result<()> {
        let bytes = own_answer_bytes(status, fields, body, then);
        timeout(patience, self.stream.write_all(&bytes)).await?
    }

    /// Closes so that the client can read the last answer though it may still be sending.
    pub(crate) async fn close(mut self) {
        let lingering = async {
            self.stream.shutdown().await?;
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
        let _ = self.stream.set_zero_linger();
    }
}

impl BodyReader {
    pub(crate) fn new(length: RequestLength, room: u64, patience: Duration) -> Self {
        let decoder = match length {
            RequestLength::Known(bytes) => BodyDecoder::length(bytes),
            RequestLength::Chunked => BodyDecoder::chunked(),
        };
        Self { decoder, room, patience }
    }

    fn let_through(&mut self, data: Bytes) -> Result<Bytes, BodyTrouble> {
        let size = data.len() as u64;
        self.room = self.room.checked_sub(size).ok_or(BodyTrouble::Refused(Refusal::BodyTooLarge))?;
        Ok(data)
    }
}
