//! Bytes on their way to a client.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::net::TcpStream;

/// Pieces written by one call.
const PIECES: usize = 16;

/// Pieces in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Bytes>,
    length: usize,
}

impl Outbox {
    /// Puts a piece at the end.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.length += piece.len();
            self.pieces.push_back(piece);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes waiting.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Sends some of it, waiting for the client for at most `patience`. May be dropped while it waits.
    pub(crate) async fn send(&mut self, stream: &TcpStream, patience: Duration) -> io::Result<()> {
        loop {
            match stream.try_write_vectored(&self.slices()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    self.drop_front(n);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::timeout(patience, stream.writable()).await.map_err(|_| io::ErrorKind::TimedOut)??;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The first pieces, as one call writes them.
    pub(crate) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.pieces.iter().take(PIECES).map(|p| IoSlice::new(p)).collect()
    }

    /// Drops what has been sent.
    pub(crate) fn drop_front(&mut self, mut sent: usize) {
        self.length -= sent;
        while let Some(front) = self.pieces.front_mut() {
            if sent < front.len() {
                front.advance(sent);
                return;
            }
            sent -= front.len();
            self.pieces.pop_front();
        }
    }
}
