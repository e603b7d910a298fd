//! A client as one stream of an HTTP/2 connection: the request's body off it, the answer onto it.
//!
//! Both ways keep to the stream's windows: room for the body is given back when it is consumed, and of the answer no
//! more is handed to the connection than the client has made room for.

use crate::codec::{AnswerHead, AnswerLength, Persistence, Refusal, Trailers, announced};
use crate::door::caller::Caller;
use crate::door::outbox::Behind;
use crate::exchange::After;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream, READ_AHEAD};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue, TRAILER};
use http::{HeaderMap, Response, StatusCode};
use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::{timeout, timeout_at};

/// Read ahead for one of many streams, at least.
const READ_AHEAD_MIN: usize = 16 * 1024;

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream {
    caller: Caller,
    /// Streams of the same connection that are served now.
    open: Rc<Cell<usize>>,
    body: RecvStream,
    body_bytes: u64,
    /// What followed the body.
    body_trailers: Trailers,
    /// Bytes of the body that were handed on and whose room was not given back yet.
    unreleased: usize,
    reply: Reply,
    outbox: VecDeque<Bytes>,
    length: usize,
}

/// How far the answer has come.
#[derive(Debug)]
enum Reply {
    /// Nothing was said yet.
    Awaited(SendResponse<Bytes>),
    /// The head is out.
    Begun(SendStream<Bytes>),
    /// No more pieces come: the last one of the outbox ends the stream, or what follows it.
    Ending(SendStream<Bytes>, Trailers),
    /// Everything is out.
    Over,
    /// The client takes no more.
    Gone,
}

impl Stream {
    pub(crate) fn new(body: RecvStream, respond: SendResponse<Bytes>, caller: Caller, open: Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self {
            caller,
            open,
            body,
            body_bytes: 0,
            body_trailers: Trailers::default(),
            unreleased: 0,
            reply: Reply::Awaited(respond),
            outbox: VecDeque::new(),
            length: 0,
        }
    }

    /// Ends the stream. Whatever is not whole is reset, so that nobody takes it for whole.
    pub(crate) fn finish(&mut self, after: After) {
        let reason = if after == After::Cut { Reason::INTERNAL_ERROR } else { Reason::CANCEL };
        match &mut self.reply {
            Reply::Awaited(respond) => respond.send_reset(reason),
            Reply::Begun(stream) | Reply::Ending(stream, _) => stream.send_reset(reason),
            Reply::Over | Reply::Gone => {}
        }
    }

    /// Gives back the room of what has been consumed.
    fn release(&mut self) {
        // A stream that has gone meanwhile has given everything back already.
        let _ = self.body.flow_control().release_capacity(std::mem::take(&mut self.unreleased));
    }

    /// Hands as much as there is room for to the connection; the end with the last byte, or behind it.
    fn hand_over(&mut self, room: usize) -> io::Result<()> {
        let Some(front) = self.outbox.front_mut() else { return Ok(()) };
        let part = front.split_to(front.len().min(room));
        if front.is_empty() {
            self.outbox.pop_front();
        }
        self.length -= part.len();
        let last = self.length == 0;
        let sent = match &mut self.reply {
            Reply::Ending(stream, trailers) if last => end_stream(stream, part, trailers).map(|()| Reached::End),
            Reply::Begun(stream) | Reply::Ending(stream, _) => stream.send_data(part, false).map(|()| Reached::Middle),
            Reply::Awaited(_) | Reply::Over | Reply::Gone => return Err(gone()),
        };
        match sent {
            Ok(Reached::Middle) => {}
            Ok(Reached::End) => self.reply = Reply::Over,
            Err(_) => return Err(self.lost()),
        }
        Ok(())
    }

    /// Takes what follows the body.
    fn take_trailers(&mut self, trailers: &HeaderMap) -> Result<(), BodyTrouble> {
        for (name, value) in trailers {
            let taken = self.body_trailers.take(name.as_str().as_bytes(), value.as_bytes());
            taken.map_err(|_| BodyTrouble::Refused(Refusal::Malformed("a broken body")))?;
        }
        Ok(())
    }

    fn lost(&mut self) -> io::Error {
        self.reply = Reply::Gone;
        gone()
    }
}

/// How far an answer has been handed over.
enum Reached {
    Middle,
    End,
}

/// Ends a stream with its last bytes, or with trailers behind them.
fn end_stream(stream: &mut SendStream<Bytes>, last: Bytes, trailers: &Trailers) -> Result<(), h2::Error> {
    if trailers.is_empty() {
        return stream.send_data(last, true);
    }
    if !last.is_empty() {
        stream.send_data(last, false)?;
    }
    stream.send_trailers(header_map(trailers.iter()))
}

/// What has passed our own parser is a name and a value here too; a field that is not ends here.
fn header_map<'a>(fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> HeaderMap {
    let header = |(name, value)| Some((HeaderName::from_bytes(name).ok()?, HeaderValue::from_bytes(value).ok()?));
    let mut map = HeaderMap::new();
    for (name, value) in fields.filter_map(header) {
        map.append(name, value);
    }
    map
}

fn gone() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}

impl Downstream for Stream {
    fn caller(&self) -> Caller {
        self.caller
    }

    async fn invite_body(&mut self) -> io::Result<()> {
        let mut head = Response::new(());
        *head.status_mut() = StatusCode::CONTINUE;
        match &mut self.reply {
            Reply::Awaited(respond) => respond.send_informational(head).map_err(|_| gone()),
            _ => Ok(()),
        }
    }

    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble> {
        self.release();
        loop {
            let deadline = terms.deadline(self.body_bytes, Instant::now()).into();
            let data = match timeout_at(deadline, next_part(&mut self.body)).await {
                Ok(Part::Data(data)) => data,
                Ok(Part::End(trailers)) => return self.take_trailers(&trailers).map(|()| None),
                Ok(Part::Broken) => return Err(BodyTrouble::Gone),
                Err(_) => return Err(BodyTrouble::Refused(Refusal::TooSlow)),
            };
            self.unreleased += data.len();
            self.body_bytes += data.len() as u64;
            if self.body_bytes > terms.room {
                return Err(BodyTrouble::Refused(Refusal::BodyTooLarge));
            }
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
    }

    fn trailers(&mut self) -> Trailers {
        std::mem::take(&mut self.body_trailers)
    }

    /// What becomes of a connection is not one stream's business, so `then` says nothing here.
    fn begin(&mut self, head: &AnswerHead, _then: Persistence) {
        let Reply::Awaited(respond) = &mut self.reply else { return };
        let bodiless = matches!(head.length, AnswerLength::Bodiless { .. } | AnswerLength::Known(0));
        self.reply = match respond.send_response(response(head), bodiless) {
            Ok(_) if bodiless => Reply::Over,
            Ok(stream) => Reply::Begun(stream),
            Err(_) => Reply::Gone,
        };
    }

    fn piece(&mut self, data: Bytes) {
        if !data.is_empty() && !matches!(self.reply, Reply::Over) {
            self.length += data.len();
            self.outbox.push_back(data);
        }
    }

    fn end(&mut self, trailers: Trailers) {
        self.reply = match std::mem::replace(&mut self.reply, Reply::Gone) {
            Reply::Begun(stream) if self.length > 0 => Reply::Ending(stream, trailers),
            Reply::Begun(mut stream) => match end_stream(&mut stream, Bytes::new(), &trailers) {
                Ok(()) => Reply::Over,
                Err(_) => Reply::Gone,
            },
            other => other,
        };
    }

    fn backlog(&self) -> usize {
        self.length
    }

    /// The more streams there are, the less of each: one connection holds about as much as one of HTTP/1.
    fn read_ahead(&self) -> usize {
        (READ_AHEAD / self.open.get().max(1)).max(READ_AHEAD_MIN)
    }

    async fn send(&mut self, patience: Duration, _behind: Behind) -> io::Result<()> {
        let wanted = self.length;
        let (Reply::Begun(stream) | Reply::Ending(stream, _)) = &mut self.reply else { return Err(gone()) };
        stream.reserve_capacity(wanted);
        let room = match stream.capacity() {
            0 => match timeout(patience, poll_fn(|cx| stream.poll_capacity(cx))).await {
                Ok(Some(Ok(room))) => room,
                Ok(None | Some(Err(_))) => return Err(self.lost()),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            },
            room => room,
        };
        self.hand_over(room)
    }
}

fn response(head: &AnswerHead) -> Response<()> {
    let mut response = Response::new(());
    // A head's status is one of 200 to 599, so it is a status.
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut fields = header_map(head.fields.end_to_end().map(|field| (field.name, field.value)));
    if head.length == AnswerLength::Chunked {
        for names in announced(&head.fields).filter_map(|names| HeaderValue::from_bytes(names).ok()) {
            fields.append(TRAILER, names);
        }
    }
    let length = match head.length {
        AnswerLength::Known(bytes) => Some(bytes),
        AnswerLength::Bodiless { would_be } => would_be,
        AnswerLength::Chunked | AnswerLength::UntilClose => None,
    };
    if let Some(length) = length {
        fields.insert(CONTENT_LENGTH, length.into());
    }
    *response.headers_mut() = fields;
    response
}

/// What comes next of a request's body.
enum Part {
    Data(Bytes),
    /// The body is whole.
    End(HeaderMap),
    Broken,
}

/// May be dropped while it waits; nothing is lost.
async fn next_part(body: &mut RecvStream) -> Part {
    match body.data().await {
        Some(Ok(data)) => Part::Data(data),
        Some(Err(_)) => Part::Broken,
        None => match body.trailers().await {
            Ok(trailers) => Part::End(trailers.unwrap_or_default()),
            Err(_) => Part::Broken,
        },
    }
}
