//! A client of HTTP/2 that may send anything: the door's own connection over a wire in memory, and its protocol alone.
//!
//! The exchange behind the door is replaced by one that reads the request's body and answers with a body and trailers; all
//! before it is what clients meet. What has to hold, whatever comes: no panic, no more streams than allowed, an end once
//! the client has gone, each request that passes is the same when a replica reads it, and it is all the same how the
//! bytes are cut (invariants C3, H1, H3).

use super::cuts::cuts;
use super::request::{in_pieces, meaning, onward};
use crate::codec::h2::{FrameHead, Kind, Reader};
use crate::codec::{
    AnswerHead, AnswerLength, Fields, Persistence, Refusal, RequestHead, RequestLength, Scheme, Trailers,
};
use crate::door::caller::Caller;
use crate::door::http2::machine::{Fault, Machine, STREAMS_MAX};
use crate::door::http2::session::{Host, Session, Terms};
use crate::door::http2::stream::Stream;
use crate::door::outbox::Behind;
use crate::exchange::After;
use crate::exchange::downstream::{BodyTerms, Downstream};
use crate::run::timer::Timers;
use bytes::{Bytes, BytesMut};
use std::cell::Cell;
use std::future::pending;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::LocalSet;

/// What a client of HTTP/2 sends first, and settings, so that every input gets past them.
const START: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// The longest answer is longer than a stream's first window.
const ANSWER_BYTES: usize = 70_000;
/// A request's body may be so long.
const BODY_BYTES_MAX: u64 = 1024 * 1024;
/// Nothing here waits for a clock; whoever waits for the client gives up when the client has gone.
const PATIENCE: Duration = Duration::from_secs(60);
/// So often the client is still there when it has sent everything: the answers go out meanwhile.
const LAST_ROUNDS: usize = 64;
/// Most reads of a connection for one input: each input is far shorter.
const READS_MAX: usize = 100_000;

/// The client's side of the wire: everything it sends, then its end; whatever it gets, it takes.
struct Script {
    left: Bytes,
    /// Bytes of one read, so that frames are cut in places that follow from the input.
    step: usize,
    rounds_left: usize,
    reads: usize,
    /// Every second read finds nothing yet, so that whoever has something to do gets to do it.
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Bytes,
    Nothing,
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        self.reads += 1;
        assert!(self.reads < READS_MAX, "a client that has gone is served for ever");
        if self.next == Next::Nothing || (self.left.is_empty() && self.rounds_left > 0) {
            self.rounds_left -= usize::from(self.left.is_empty() && self.rounds_left > 0);
            self.next = Next::Bytes;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.next = Next::Nothing;
        let length = self.left.len().min(buffer.remaining()).min(self.step);
        buffer.put_slice(&self.left.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Serves a client that sends these frames and goes.
pub fn http2(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let bytes = [START, rest].concat();
    let whole = outcome([&bytes[..]]);
    for cut in cuts(&bytes) {
        assert_eq!(outcome(cut), whole, "the same bytes in other pieces");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let wire = Script {
        left: bytes.into(),
        step: 1 + usize::from(*first),
        rounds_left: LAST_ROUNDS,
        reads: 0,
        next: Next::Bytes,
    };
    let (timers, caller) = (Timers::new(), Caller::new(IpAddr::V4(Ipv4Addr::LOCALHOST), Scheme::Http));
    LocalSet::new().block_on(&runtime, Session::new(wire, Stage::default(), caller, timers).run(BytesMut::new()));
}

/// What comes of some bytes that nobody answers: a fault, requests, and frames, but those that give room back, which
/// are counted together.
fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Result<(), Fault>, Vec<String>, Vec<String>) {
    let now = Instant::now();
    let (mut machine, mut reader) = (Machine::new(now), Reader::new());
    let end = pieces.into_iter().try_for_each(|piece| machine.receive(&mut reader, piece, now));
    let (mut frames, out) = (Vec::new(), machine.written());
    let mut rest = &out[..];
    while let Some((head, behind)) = rest.split_first_chunk() {
        let head = FrameHead::parse(*head);
        let (payload, behind) = behind.split_at(head.length);
        rest = behind;
        if head.kind != Kind::WindowUpdate {
            frames.push(format!("{head:?} {payload:?}"));
        }
    }
    let requests = machine.requests();
    let told = requests.iter().map(|(stream, head)| format!("{stream} {:?}", head.as_ref().map(meaning)));
    (end, told.collect(), frames)
}

/// An exchange for the sake of the fuzzing.
#[derive(Clone, Default)]
struct Stage {
    open: Rc<Cell<usize>>,
}

impl Host for Stage {
    async fn answer(&self, stream: &mut Stream, head: Result<RequestHead, Refusal>) -> After {
        assert!(self.open.get() < STREAMS_MAX, "more streams than allowed");
        let _open = Open::enter(&self.open);
        match head {
            Ok(head) => {
                check(&head);
                converse(stream, &head).await
            }
            Err(_) => After::Close,
        }
    }

    fn terms(&self) -> Terms {
        Terms { head: PATIENCE, idle: PATIENCE, stall: PATIENCE }
    }

    async fn stopping(&self) {
        pending().await
    }

    fn sent_away(&self, _fault: Fault) {}
}

/// A stream that is being served, also when it is dropped in the middle.
struct Open(Rc<Cell<usize>>);

impl Open {
    fn enter(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// What a replica reads is what was understood.
fn check(head: &RequestHead) {
    let canonical = onward(head);
    let again = match in_pieces([&canonical[..]]) {
        Ok(Some(again)) => again,
        // Each hop adds to a head, and one that only just passed does not pass again.
        Err(Refusal::HeadTooLarge) => return,
        other => panic!("{other:?} from {}", String::from_utf8_lossy(&canonical)),
    };
    assert_eq!(meaning(&again), meaning(head), "written for a replica, it is another request");
}

/// Takes the body and answers with one as long as the path says, and with what came behind it.
async fn converse(stream: &mut Stream, head: &RequestHead) -> After {
    let terms = BodyTerms { room: BODY_BYTES_MAX, patience: PATIENCE, since: Instant::now() };
    let mut came = 0;
    loop {
        match stream.next_piece(terms).await {
            Ok(Some(data)) => came += data.len() as u64,
            Ok(None) => break,
            Err(_) => return After::Close,
        }
    }
    if let RequestLength::Known(bytes) = head.length {
        assert_eq!(came, bytes, "the body is as long as was said");
    }
    let trailers = stream.trailers();
    let again =
        trailers.iter().try_fold(Trailers::default(), |mut all, (name, value)| all.take(name, value).map(|()| all));
    assert_eq!(again.expect("what went on goes on again").iter().count(), trailers.iter().count());
    let length = AnswerLength::Chunked;
    let answer = AnswerHead { status: 200, fields: Fields::default(), length, persistence: Persistence::Keep };
    stream.begin(&answer, Persistence::Keep);
    stream.piece(Bytes::from(vec![b'x'; if head.path().len() > 1 { ANSWER_BYTES } else { 5 }]));
    stream.end(trailers);
    while stream.backlog() > 0 {
        if stream.send(PATIENCE, Behind::Nothing).await.is_err() {
            return After::Close;
        }
    }
    After::Keep
}
