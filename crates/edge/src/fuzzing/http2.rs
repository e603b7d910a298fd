//! A client of HTTP/2 that may send anything: the door's own connection, meter and limits over a wire in memory.
//!
//! The exchange behind the door is replaced by one that reads the request's body and answers with a body and trailers; all
//! before it is what clients meet. What has to hold, whatever comes: no panic, no more streams than allowed, an end once
//! the client has gone, and each request that passes is the same when a replica reads it (invariants C3, H1, H3).

use super::request::{in_pieces, meaning, onward};
use crate::codec::{
    AnswerHead, AnswerLength, Fields, Follows, Persistence, Refusal, RequestHead, RequestLength, Trailers,
    request_from_parts,
};
use crate::door::caller::Caller;
use crate::door::http2::{STREAMS_MAX, Stir, terms, turn};
use crate::door::metered::{Meter, Metered};
use crate::door::outbox::Behind;
use crate::door::stream::Stream;
use crate::exchange::After;
use crate::exchange::downstream::{BodyTerms, Downstream};
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::Request;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
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
/// Most turns of a connection for one input: each input is far shorter.
const TURNS_MAX: usize = 100_000;

/// The client's side of the wire: everything it sends, then its end; whatever it gets, it takes.
struct Script {
    left: Bytes,
    /// Bytes of one read, so that frames are cut in places that follow from the input.
    step: usize,
    rounds_left: usize,
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let (first, rest) = data.split_first().unwrap_or((&0, &[]));
    let wire = Script {
        left: [START, rest].concat().into(),
        step: 1 + usize::from(*first),
        rounds_left: LAST_ROUNDS,
        next: Next::Bytes,
    };
    LocalSet::new().block_on(&runtime, serve(wire));
}

async fn serve(wire: Script) {
    let meter = Rc::new(RefCell::new(Meter::new(Instant::now())));
    let io = Metered::new(wire, BytesMut::new(), meter.clone());
    let Ok(mut connection) = terms().handshake(io).await else { return };
    let open: Rc<Cell<usize>> = Rc::default();
    for _ in 0..TURNS_MAX {
        match poll_fn(|cx| turn(&mut connection, &meter, cx)).await {
            Stir::Request(request) => {
                assert!(open.get() < STREAMS_MAX as usize, "more streams than allowed");
                tokio::task::spawn_local(answer(*request, open.clone()));
            }
            Stir::Reset(_) => {}
            // Sent away, or gone.
            _ => return,
        }
    }
    panic!("a client that has gone is served for ever");
}

async fn answer((request, respond): (Request<RecvStream>, SendResponse<Bytes>), open: Rc<Cell<usize>>) {
    let (parts, body) = request.into_parts();
    let follows = if body.is_end_stream() { Follows::Nothing } else { Follows::Body };
    let caller = Caller::new(IpAddr::V4(Ipv4Addr::LOCALHOST), crate::codec::Scheme::Http);
    let mut stream = Stream::new(body, respond, caller, open);
    let after = match request_from_parts(&parts, follows) {
        Ok(head) => {
            check(&head);
            converse(&mut stream, &head).await
        }
        Err(_) => After::Close,
    };
    stream.finish(after);
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
