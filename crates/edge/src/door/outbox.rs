//! Bytes on their way to a client.

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::time::Duration;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Pieces written by one call.
const PIECES: usize = 16;

/// What comes behind the bytes that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// Nothing that is at hand: they go out now.
    Nothing,
    /// More, at once: they may go out together, which costs the network and the client one turn instead of two.
    More,
}

/// Pieces in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pieces: VecDeque<Piece>,
    length: usize,
}

#[derive(Debug)]
enum Piece {
    /// What others hold too.
    Shared(Bytes),
    /// What only this outbox holds; short pieces behind it are copied into the room that it has left.
    Own(BytesMut),
}

impl Piece {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(bytes) => bytes,
            Self::Own(bytes) => bytes,
        }
    }

    fn advance(&mut self, sent: usize) {
        match self {
            Self::Shared(bytes) => bytes.advance(sent),
            Self::Own(bytes) => bytes.advance(sent),
        }
    }
}

impl Outbox {
    /// Puts a piece at the end.
    pub(crate) fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.length += piece.len();
        match self.pieces.back_mut() {
            Some(Piece::Own(last)) if piece.len() <= last.capacity() - last.len() => last.extend_from_slice(&piece),
            _ => self.pieces.push_back(Piece::Shared(piece)),
        }
    }

    /// Puts a piece at the end that may grow there.
    pub(crate) fn push_own(&mut self, piece: BytesMut) {
        self.length += piece.len();
        self.pieces.push_back(Piece::Own(piece));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Bytes waiting.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Sends some of it, waiting for the client for at most `patience`. May be dropped while it waits.
    pub(crate) async fn send(&mut self, stream: &TcpStream, patience: Duration, behind: Behind) -> io::Result<()> {
        loop {
            match self.try_send(stream, behind) {
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

    fn try_send(&self, stream: &TcpStream, behind: Behind) -> io::Result<usize> {
        let flags = match behind {
            Behind::Nothing => SendFlags::NOSIGNAL,
            Behind::More => SendFlags::NOSIGNAL | SendFlags::MORE,
        };
        stream.try_io(Interest::WRITABLE, || match self.pieces.as_slices() {
            // The kernel has less to look at, and most answers are one piece.
            ([piece], []) => Ok(send(stream, piece.bytes(), flags)?),
            _ => Ok(sendmsg(stream, &self.slices(), &mut SendAncillaryBuffer::default(), flags)?),
        })
    }

    /// The first pieces, as one call writes them.
    pub(crate) fn slices(&self) -> SmallVec<[IoSlice<'_>; PIECES]> {
        self.pieces.iter().take(PIECES).map(|p| IoSlice::new(p.bytes())).collect()
    }

    /// Drops what has been sent.
    pub(crate) fn drop_front(&mut self, mut sent: usize) {
        self.length -= sent;
        while let Some(front) = self.pieces.front_mut() {
            let length = front.bytes().len();
            if sent < length {
                front.advance(sent);
                return;
            }
            sent -= length;
            self.pieces.pop_front();
        }
    }
}
