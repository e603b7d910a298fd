//! A client as one stream of an HTTP/2 connection: the request's body off it, the answer onto it.
//!
//! Both ways keep to the stream's windows: room for the body is given back when it is consumed, and of the answer no
//! more is handed to the connection than the client has made room for.

use super::answers::{Backlog, Handed, Key};
use super::machine::Machine;
use super::slot::{Next, Request};
use crate::codec::h2::{ErrorCode, Last};
use crate::codec::{AnswerHead, AnswerLength, Persistence, Refusal, RequestHead, Trailers};
use crate::door::caller::Caller;
use crate::door::outbox::Behind;
use crate::exchange::After;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream, READ_AHEAD};
use crate::run::timer::Alarm;
use bytes::Bytes;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Read ahead for one of many streams, at least.
const READ_AHEAD_MIN: usize = 16 * 1024;

/// A place for streams, one after the other.
#[derive(Debug)]
pub(crate) struct Stream {
    machine: Rc<RefCell<Machine>>,
    key: Key,
    caller: Caller,
    alarm: Alarm,
    body_bytes: u64,
    /// What followed the body.
    body_trailers: Trailers,
    /// Bytes of the body that were handed on and whose room was not given back yet.
    unreleased: usize,
    reply: Reply,
    backlog: Backlog,
}

/// How far the answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reply {
    /// Nothing was said yet.
    Awaited,
    /// The head is out.
    Begun,
    /// Everything is there: the last piece ends the stream, or what follows it.
    Ending,
    /// There is nothing to add.
    Over,
    /// The client takes no more.
    Gone,
}

impl Stream {
    pub(super) fn new(machine: Rc<RefCell<Machine>>, at: usize, caller: Caller, alarm: Alarm) -> Self {
        let (body_bytes, body_trailers, unreleased, backlog) = Default::default();
        let (key, reply) = (Key { stream: 0, at }, Reply::Gone);
        Self { machine, key, caller, alarm, body_bytes, body_trailers, unreleased, reply, backlog }
    }

    /// The next request on a stream of this place.
    pub(super) async fn next_request(&mut self) -> Result<RequestHead, Refusal> {
        let (stream, head): Request = poll_fn(|_| match self.machine.borrow_mut().take_request(self.key.at) {
            Some(request) => Poll::Ready(request),
            None => Poll::Pending,
        })
        .await;
        (self.key.stream, self.body_bytes, self.reply) = (stream, 0, Reply::Awaited);
        head
    }

    /// Ends the stream. Whatever is not whole is reset, so that nobody takes it for whole.
    pub(super) fn finish(&mut self, after: After) {
        self.release();
        let broken = if after == After::Cut { ErrorCode::Internal } else { ErrorCode::Cancel };
        self.machine.borrow_mut().finish(self.key, broken);
        self.backlog.clear();
        self.body_trailers = Trailers::default();
        (self.key.stream, self.reply) = (0, Reply::Gone);
    }

    /// Gives back the room of what has been consumed.
    fn release(&mut self) {
        if self.unreleased > 0 {
            self.machine.borrow_mut().consumed(self.key, std::mem::take(&mut self.unreleased));
        }
    }

    /// Hands over what there is room for.
    fn hand_over(&mut self) -> Handed {
        let handed = self.machine.borrow_mut().hand_over(self.key, &mut self.backlog);
        if handed == Handed::Gone {
            self.reply = Reply::Gone;
        } else if self.backlog.len() == 0 && self.reply == Reply::Ending {
            self.reply = Reply::Over;
        }
        handed
    }
}

fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Drop for Stream {
    /// The client has reset the stream in the middle of its body: what was held of it counts for the others again.
    fn drop(&mut self) {
        self.release();
    }
}

impl Downstream for Stream {
    fn caller(&self) -> Caller {
        self.caller
    }

    async fn invite_body(&mut self) -> io::Result<()> {
        self.machine.borrow_mut().invite(self.key);
        Ok(())
    }

    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble> {
        self.release();
        let mut is_set = false;
        let Self { machine, key, alarm, body_bytes, .. } = self;
        let next = poll_fn(|cx| match machine.borrow_mut().next_piece(*key) {
            Next::Wait => {
                if !is_set {
                    alarm.set(terms.deadline(*body_bytes, Instant::now()));
                    is_set = true;
                }
                alarm.poll_ring(cx).map(|()| Next::Wait)
            }
            next => Poll::Ready(next),
        })
        .await;
        match next {
            Next::Data(data) => {
                self.unreleased = data.len();
                self.body_bytes += data.len() as u64;
                let fits = self.body_bytes <= terms.room;
                if fits { Ok(Some(data)) } else { Err(BodyTrouble::Refused(Refusal::BodyTooLarge)) }
            }
            Next::End(trailers) => {
                self.body_trailers = trailers;
                Ok(None)
            }
            Next::Gone => Err(BodyTrouble::Gone),
            Next::Wait => Err(BodyTrouble::Refused(Refusal::TooSlow)),
        }
    }

    fn trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.body_trailers)
    }

    /// What becomes of a connection is not one stream's business, so `then` says nothing here.
    fn begin(&mut self, head: &AnswerHead, _then: Persistence) {
        if self.reply != Reply::Awaited {
            return;
        }
        let bodiless = matches!(head.length, AnswerLength::Bodiless { .. } | AnswerLength::Known(0));
        let last = if bodiless { Last::Yes } else { Last::No };
        self.reply = match self.machine.borrow_mut().answer(self.key, head, last) {
            true if bodiless => Reply::Over,
            true => Reply::Begun,
            false => Reply::Gone,
        };
    }

    fn piece(&mut self, data: Bytes) {
        if !data.is_empty() && self.reply != Reply::Over {
            self.backlog.push(data);
        }
    }

    fn end(&mut self, trailers: Trailers) {
        if self.reply != Reply::Begun {
            return;
        }
        self.reply = Reply::Ending;
        self.backlog.end(trailers);
        if self.backlog.len() == 0 {
            self.hand_over();
        }
    }

    fn backlog(&self) -> usize {
        self.backlog.len()
    }

    /// The more streams there are, the less of each: one connection holds about as much as one of HTTP/1.
    fn read_ahead(&self) -> usize {
        (READ_AHEAD / self.machine.borrow().open().max(1)).max(READ_AHEAD_MIN)
    }

    async fn send(&mut self, patience: Duration, _behind: Behind) -> io::Result<()> {
        let mut is_set = false;
        poll_fn(|cx| match self.hand_over() {
            Handed::Some => Poll::Ready(Ok(())),
            Handed::Gone => Poll::Ready(Err(gone())),
            Handed::Nothing => {
                if !is_set {
                    self.alarm.set_after(patience);
                    is_set = true;
                }
                self.alarm.poll_ring(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        })
        .await
    }
}
