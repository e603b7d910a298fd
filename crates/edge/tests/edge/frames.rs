//! A client that speaks HTTP/2 byte for byte, so that it can do what no library would.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RESET: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Error codes.
pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CALM: u32 = 11;

/// `GET http://a/`, from the static table.
pub(crate) const GET: &[u8] = &[0x82, 0x86, 0x84, 0x01, 1, b'a'];
/// `POST http://a/`.
pub(crate) const POST: &[u8] = &[0x83, 0x86, 0x84, 0x01, 1, b'a'];

/// One frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field as HPACK writes it without any table.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut out = vec![0x00];
    for text in [name, value] {
        assert!(text.len() < 127, "longer ones would need more bytes for the length");
        out.push(text.len() as u8);
        out.extend_from_slice(text.as_bytes());
    }
    out
}

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Came {
    /// The code of a reset or a GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().expect("four bytes"))
    }
}

/// A connection.
pub(crate) struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects, and sends preface and settings.
    pub(crate) async fn connect(edge: SocketAddr) -> Self {
        let mut raw = Self { stream: TcpStream::connect(edge).await.expect("the edge listens") };
        raw.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    /// Sends bytes; an edge that does not take them any more has said why.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next frame; `None` when the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<Came> {
        timeout(PATIENCE, self.read()).await.expect("a frame within the test's patience").ok()
    }

    async fn read(&mut self) -> std::io::Result<Came> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.stream.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Ok(Came { kind: head[3], flags: head[4], stream, payload })
    }

    /// All frames until the connection ends.
    pub(crate) async fn rest(&mut self) -> Vec<Came> {
        let mut all = Vec::new();
        while let Some(came) = self.next().await {
            all.push(came);
        }
        all
    }

    /// The next frame of a kind on a stream.
    pub(crate) async fn next_of(&mut self, kind: u8, stream: u32) -> Came {
        loop {
            let came = self.next().await.expect("the connection goes on");
            if (came.kind, came.stream) == (kind, stream) {
                return came;
            }
        }
    }
}

/// The code of the last GOAWAY.
pub(crate) fn farewell(frames: &[Came]) -> Option<u32> {
    frames.iter().rev().find(|came| came.kind == GOAWAY).map(Came::code)
}
