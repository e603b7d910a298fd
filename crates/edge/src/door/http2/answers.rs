//! What a stream's own side does: takes the request, gives room back, hands the answer over, ends the stream.
//!
//! Whoever serves a stream names it by its place and its number, so that nobody touches the one that came to its place.

use super::closed::End;
use super::machine::Machine;
use super::slot::{Inlet, Next, Outlet, Request, Slot};
use crate::codec::h2::{ErrorCode, FRAME_MAX, Last, put_answer, put_continue, put_data_head, put_reset, put_trailers};
use crate::codec::{AnswerHead, Trailers};
use bytes::Bytes;
use std::collections::VecDeque;

/// Most bytes of answers that a connection holds until the socket takes them.
const SEND_BUFFER: usize = 64 * 1024;

/// A stream, and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) stream: u32,
    pub(super) at: usize,
}

/// Pieces of an answer that wait for room, and what ends it.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    pieces: VecDeque<Bytes>,
    length: usize,
    /// No more pieces come; these follow the last one.
    end: Option<Trailers>,
}

/// How handing over went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handed {
    Some,
    /// There is no room.
    Nothing,
    /// The stream is no more.
    Gone,
}

impl Backlog {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        self.pieces.push_back(piece);
    }

    /// No more pieces come.
    pub(super) fn end(&mut self, trailers: Trailers) {
        self.end = Some(trailers);
    }

    pub(super) const fn len(&self) -> usize {
        self.length
    }

    pub(super) fn clear(&mut self) {
        self.pieces.clear();
        (self.length, self.end) = (0, None);
    }

    /// Takes so many bytes off the front.
    fn take(&mut self, mut bytes: usize, mut put: impl FnMut(Bytes)) {
        self.length -= bytes;
        while bytes > 0
            && let Some(front) = self.pieces.front_mut()
        {
            let part = front.split_to(front.len().min(bytes));
            if front.is_empty() {
                self.pieces.pop_front();
            }
            bytes -= part.len();
            put(part);
        }
    }
}

impl Machine {
    fn slot(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.get_mut(key.at).filter(|slot| slot.stream == key.stream)
    }

    /// Takes the request that has come to a place.
    pub(super) fn take_request(&mut self, at: usize) -> Option<Request> {
        self.slots.get_mut(at)?.request.take()
    }

    /// What comes next of a request's body. Whoever has to wait is woken.
    pub(super) fn next_piece(&mut self, key: Key) -> Next {
        let next = self.slot(key).map_or(Next::Gone, Slot::next);
        match next {
            Next::Wait => self.hungry |= 1 << key.at,
            _ => self.hungry &= !(1 << key.at),
        }
        next
    }

    /// Gives the room of what has been consumed back.
    pub(super) fn consumed(&mut self, key: Key, bytes: usize) {
        self.give_back(bytes);
        if self.slot(key).is_some() {
            self.give_back_of(key.at, bytes);
        }
    }

    /// Tells the client to go on with its body, unless it has.
    pub(super) fn invite(&mut self, key: Key) {
        if self.slot(key).is_some_and(|slot| slot.outlet == Outlet::Awaited && slot.is_empty()) {
            put_continue(&mut self.encoder, self.out.tail(), key.stream);
        }
    }

    /// Begins an answer; false when the stream is no more.
    #[must_use]
    pub(super) fn answer(&mut self, key: Key, head: &AnswerHead, last: Last) -> bool {
        let Some(slot) = self.slot(key).filter(|slot| slot.outlet == Outlet::Awaited) else { return false };
        slot.outlet = if last == Last::Yes { Outlet::Ended } else { Outlet::Begun };
        put_answer(&mut self.encoder, self.out.tail(), key.stream, head, last);
        true
    }

    /// Hands over as much of an answer as there is room for. Whoever finds none is woken.
    pub(super) fn hand_over(&mut self, key: Key, backlog: &mut Backlog) -> Handed {
        if self.slot(key).is_none_or(|slot| slot.outlet != Outlet::Begun) {
            return Handed::Gone;
        }
        let before = backlog.length;
        while backlog.length > 0 && self.out.len() < SEND_BUFFER {
            let slot = &mut self.slots[key.at];
            let part = backlog.length.min(slot.window.room()).min(self.window.room()).min(FRAME_MAX);
            if part == 0 || !slot.window.take(part) || !self.window.take(part) {
                break;
            }
            let ends = part == backlog.length && backlog.end.as_ref().is_some_and(Trailers::is_empty);
            put_data_head(self.out.tail(), key.stream, part, if ends { Last::Yes } else { Last::No });
            backlog.take(part, |piece| self.out.put(piece));
            self.calm.data_sent();
            if ends {
                slot.outlet = Outlet::Ended;
            }
        }
        if backlog.length == 0 {
            self.end_answer(key, backlog);
        } else if backlog.length == before {
            let waiting = if self.out.len() < SEND_BUFFER { &mut self.blocked } else { &mut self.crowded };
            *waiting |= 1 << key.at;
            return Handed::Nothing;
        }
        (self.blocked, self.crowded) = (self.blocked & !(1 << key.at), self.crowded & !(1 << key.at));
        Handed::Some
    }

    /// Ends an answer of which everything else is out.
    fn end_answer(&mut self, key: Key, backlog: &mut Backlog) {
        let Some(trailers) = backlog.end.take() else { return };
        let slot = &mut self.slots[key.at];
        if slot.outlet == Outlet::Ended {
            return;
        }
        slot.outlet = Outlet::Ended;
        if trailers.is_empty() {
            put_data_head(self.out.tail(), key.stream, 0, Last::Yes);
        } else {
            put_trailers(&mut self.encoder, self.out.tail(), key.stream, &trailers);
        }
    }

    /// Ends a stream. What is not whole is reset, so that nobody takes it for whole; a body that nobody wants is not
    /// waited for (RFC 9113, 8.1).
    pub(super) fn finish(&mut self, key: Key, broken: ErrorCode) {
        let Some(slot) = self.slot(key) else { return };
        let code = match (slot.outlet, &slot.inlet) {
            (Outlet::Ended, Inlet::Ended(_)) => return self.vacate(key.at, End::Closed),
            (Outlet::Ended, Inlet::Open(_)) => ErrorCode::NoError,
            (Outlet::Awaited | Outlet::Begun, _) => broken,
        };
        put_reset(self.out.tail(), key.stream, code);
        self.vacate(key.at, End::Reset);
    }

    /// The socket has taken something: there may be room again.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.out.drop_front(bytes);
        if self.out.len() < SEND_BUFFER {
            self.woken |= std::mem::take(&mut self.crowded);
        }
    }

    /// Everything that was written and not yet sent.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn written(&self) -> Vec<u8> {
        self.out.bytes()
    }

    /// The requests that nobody has taken.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn requests(&mut self) -> Vec<Request> {
        self.slots.iter_mut().filter_map(|slot| slot.request.take()).collect()
    }
}
