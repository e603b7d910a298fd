//! Frames on their way to a client: what is short in one buffer, what is long as it came.

use bytes::{Buf, Bytes, BytesMut};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::io::IoSlice;

/// A payload of at most this is copied behind its head: one piece is cheaper to send than two.
const COPIED_MAX: usize = 4 * 1024;
/// Pieces written by one call.
const PIECES: usize = 16;

/// Bytes in order.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// What goes first.
    pieces: VecDeque<Bytes>,
    /// What comes last, and grows.
    tail: BytesMut,
    /// Bytes of the tail that have been sent.
    sent: usize,
    /// Bytes in the pieces.
    shared: usize,
}

impl Outgoing {
    /// Where the next frame is written.
    pub(super) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Puts a payload at the end.
    pub(super) fn put(&mut self, payload: Bytes) {
        if payload.len() <= COPIED_MAX {
            self.tail.extend_from_slice(&payload);
            return;
        }
        let mut before = self.tail.split();
        before.advance(std::mem::take(&mut self.sent));
        self.shared += before.len() + payload.len();
        self.pieces.push_back(before.freeze());
        self.pieces.push_back(payload);
    }

    /// Bytes waiting.
    pub(super) fn len(&self) -> usize {
        self.shared + self.tail.len() - self.sent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it, where it lies in one piece, as most answers do.
    pub(super) fn single(&self) -> Option<&[u8]> {
        self.pieces.is_empty().then(|| &self.tail[self.sent..])
    }

    /// The first pieces, as one call writes them.
    pub(super) fn slices(&self) -> SmallVec<[IoSlice<'_>; PIECES]> {
        let tail = &self.tail[self.sent..];
        self.pieces.iter().map(|piece| &piece[..]).chain([tail]).take(PIECES).map(IoSlice::new).collect()
    }

    /// All of it.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.pieces.iter().map(|piece| &piece[..]).chain([&self.tail[self.sent..]]).collect::<Vec<_>>().concat()
    }

    /// Drops what has been sent. The buffer stays for the next frames.
    pub(super) fn drop_front(&mut self, mut sent: usize) {
        while let Some(front) = self.pieces.front_mut() {
            let part = sent.min(front.len());
            front.advance(part);
            (sent, self.shared) = (sent - part, self.shared - part);
            if !front.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
        self.sent += sent;
        if self.sent == self.tail.len() {
            self.tail.clear();
            self.sent = 0;
        }
    }

    /// Gives memory back that nothing needs.
    pub(super) fn shrink(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_however_they_are_taken() {
        let long = |byte: u8| Bytes::from(vec![byte; COPIED_MAX + 1]);
        for step in [1, 7, 1_000, COPIED_MAX + 3, 100_000] {
            let (mut out, mut expected, mut got) = (Outgoing::default(), Vec::new(), Vec::new());
            for round in 0..5 {
                for payload in [Bytes::from_static(b"a"), long(round), Bytes::from_static(b"b"), long(9), Bytes::new()]
                {
                    out.tail().extend_from_slice(b"head");
                    expected.extend_from_slice(b"head");
                    expected.extend_from_slice(&payload);
                    out.put(payload);
                }
                // Some of it goes while more comes.
                for _ in 0..3 {
                    let bytes: Vec<u8> = out.slices().iter().flat_map(|slice| slice.to_vec()).take(step).collect();
                    assert!(out.bytes().starts_with(&bytes));
                    assert!(out.single().is_none_or(|single| *single == out.bytes()));
                    out.drop_front(bytes.len());
                    got.extend(bytes);
                }
                assert_eq!(out.len(), expected.len() - got.len());
            }
            while !out.is_empty() {
                let bytes: Vec<u8> = out.slices().iter().flat_map(|slice| slice.to_vec()).take(step).collect();
                out.drop_front(bytes.len());
                got.extend(bytes);
            }
            assert!(got == expected, "in steps of {step}");
            out.shrink();
            assert_eq!((out.tail.capacity(), out.pieces.capacity()), (0, 0));
        }
    }
}
