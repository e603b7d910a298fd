//! One attempt: one request to one replica, up to the head of its answer.

use crate::ask::line::{Connection, Input, Line};
use crate::ask::pipe::Pipe;
use crate::ask::resume::Proof;
use crate::ask::straggler::Held;
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::tries::Repetition;
use crate::codec::{
    AnswerHead, BodyDecoder, BodyEncoder, HeadScanner, Onward, Outgoing, Persistence, Piece, RequestHead, Trailers,
    parse_answer, request_bytes,
};
use crate::door::caller::Caller;
use crate::run::seat::Seat;
use crate::run::worker::Worker;
use crate::tell::access::Notes;
use bytes::{Bytes, BytesMut};
use downbeat_core::model::FailureKind;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A rest shorter than this is copied: two system calls more cost as much.
pub(crate) const PIPED_MIN: u64 = 32 * 1024;

/// What a client wants, with all of its body.
#[derive(Debug)]
pub(crate) struct Order<'a> {
    pub(crate) head: &'a RequestHead,
    pub(crate) body: Bytes,
    /// What follows the body.
    pub(crate) trailers: Trailers,
    pub(crate) component: ComponentId,
    pub(crate) caller: Caller,
    pub(crate) repetition: Repetition,
    /// For the access log.
    pub(crate) notes: &'a Notes,
}

/// Why an attempt has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) kind: FailureKind,
    pub(crate) reach: Reach,
}

/// How far a failed attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The replica cannot have seen any of it.
    Unsent,
    /// It may have seen it.
    Sent,
}

/// A replica's answer: its head, and where its body comes from.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: AnswerHead,
    pub(crate) upstream: Box<Upstream>,
}

/// A stretch of a body.
#[derive(Debug)]
pub(crate) enum Stretch {
    Here(Bytes),
    /// So many bytes are in the pipe.
    InPipe(usize),
}

impl Stretch {
    pub(crate) const fn len(&self) -> usize {
        match self {
            Self::Here(data) => data.len(),
            Self::InPipe(bytes) => *bytes,
        }
    }
}

/// Where a body comes from.
#[derive(Debug)]
pub(crate) struct Upstream {
    worker: Rc<Worker>,
    line: Line,
    /// None when the answer was made up by a fault.
    connection: Option<Connection>,
    decoder: BodyDecoder,
    persistence: Persistence,
    ended: Option<Input>,
    /// A slowed body does not come before this.
    not_before: Option<Instant>,
    _seat: Seat,
}

/// Makes one attempt. `rest` asks for the rest of a body only.
pub(crate) async fn attempt(
    worker: &Rc<Worker>,
    order: &Order<'_>,
    rest: Option<&Proof>,
    replica: ReplicaId,
    seat: Seat,
) -> Result<Answer, Failed> {
    order.notes.asked(replica);
    let line = Line { shared: worker.shared.clone(), component: Some(order.component), replica };
    if let Some((status, share)) = line.effects().error
        && worker.dice.roll() < share
    {
        line.lag().await;
        return Ok(Answer::made_up(worker, line, seat, status));
    }
    let mut held = worker.stragglers.hold(seat);
    let mut head = converse(worker, order, &request(worker, order, rest), &line, &mut held).await?;
    if order.head.upgrade.is_some() {
        // A connection on which a switch was asked for serves nobody else (invariant H2).
        head.persistence = Persistence::Close;
    }
    line.lag().await;
    if head.status == 206 {
        worker.shared.served_part(order.component);
    }
    let (seat, connection) = held.release();
    Ok(Answer::of(worker, line, seat, connection, head))
}

fn request(worker: &Worker, order: &Order<'_>, rest: Option<&Proof>) -> BytesMut {
    let range = rest.map(Proof::range);
    let rest = rest.zip(range.as_deref()).map(|(proof, range)| (range, proof.etag()));
    let (length, encoder) = match order.head.has_body() {
        false => (Outgoing::None, BodyEncoder::Plain),
        true if order.trailers.is_empty() => (Outgoing::Known(order.body.len() as u64), BodyEncoder::Plain),
        true => (Outgoing::Chunked, BodyEncoder::Chunked),
    };
    let trace = order.caller.trace(&worker.shared.settings.proxies);
    let mut bytes = request_bytes(order.head, Onward { trace, length, rest });
    if !order.body.is_empty() {
        encoder.piece(order.body.clone(), |part| bytes.extend_from_slice(&part));
    }
    bytes.extend_from_slice(&encoder.end(&order.trailers));
    bytes
}

/// Sends the request and waits for the head of the answer. The connection is held then.
async fn converse(
    worker: &Worker,
    order: &Order<'_>,
    request: &[u8],
    line: &Line,
    held: &mut Held<'_>,
) -> Result<AnswerHead, Failed> {
    // An idle connection may be closed under a request, and then nobody knows whether it was seen: requests
    // that must not be repeated go over a new one, and so do those that may become something else than HTTP.
    let may_reuse = order.repetition == Repetition::Allowed && order.head.upgrade.is_none();
    let idle = if may_reuse { worker.reuse(line.replica) } else { None };
    if let Some(connection) = idle {
        let connection = held.take(connection);
        match ask(connection, request, order.head, line).await {
            Ok(head) => return Ok(head),
            // Closed under us, as idle connections are: no word about the replica, so ask it again.
            Err(FailureKind::Reset) if connection.buffer.is_empty() => {}
            Err(kind) => return Err(Failed { kind, reach: Reach::Sent }),
        }
    }
    held.close();
    let limit = worker.shared.settings.retry.connect;
    // Most requests find a connection; what makes one lies on the heap for those that do not.
    let made = Box::pin(line.connect(limit)).await;
    let connection = made.map_err(|kind| Failed { kind, reach: Reach::Unsent })?;
    let asked = ask(held.take(connection), request, order.head, line).await;
    asked.map_err(|kind| Failed { kind, reach: Reach::Sent })
}

async fn ask(c: &mut Connection, request: &[u8], asked: &RequestHead, line: &Line) -> Result<AnswerHead, FailureKind> {
    line.open().await;
    c.write(request).await.map_err(|_| FailureKind::Reset)?;
    await_head(c, &mut HeadScanner::default(), asked, line).await
}

/// Waits for the head of an answer. May be dropped while it waits, and called again with the same scanner.
pub(crate) async fn await_head(
    connection: &mut Connection,
    scanner: &mut HeadScanner,
    asked: &RequestHead,
    line: &Line,
) -> Result<AnswerHead, FailureKind> {
    loop {
        let input = connection.read(line.portion()).await;
        line.open().await;
        match input {
            Input::Bytes(_) => {}
            Input::End | Input::Broken => return Err(FailureKind::Reset),
        }
        let head = parse_answer(scanner, &mut connection.buffer, &asked.method).map_err(|_| FailureKind::Wrong)?;
        match head {
            Some(head) if head.status == 101 && asked.upgrade.is_none() => return Err(FailureKind::Wrong),
            Some(head) => return Ok(head),
            None => {}
        }
    }
}

impl Answer {
    pub(crate) fn of(worker: &Rc<Worker>, line: Line, seat: Seat, connection: Connection, head: AnswerHead) -> Self {
        if let Some(said) = worker.shared.settings.version_header.as_ref().and_then(|name| head.fields.get(name)) {
            worker.shared.told_version(line.replica, said);
        }
        let (decoder, persistence) = (head.decoder(), head.persistence);
        Self { head, upstream: Upstream::new(worker, line, seat, Some(connection), decoder, persistence) }
    }

    fn made_up(worker: &Rc<Worker>, line: Line, seat: Seat, status: u16) -> Self {
        let (decoder, persistence) = (BodyDecoder::length(0), Persistence::Close);
        Self { head: AnswerHead::bare(status), upstream: Upstream::new(worker, line, seat, None, decoder, persistence) }
    }
}

impl Upstream {
    fn new(
        worker: &Rc<Worker>,
        line: Line,
        seat: Seat,
        connection: Option<Connection>,
        decoder: BodyDecoder,
        persistence: Persistence,
    ) -> Box<Self> {
        let worker = worker.clone();
        Box::new(Self { worker, line, connection, decoder, persistence, ended: None, not_before: None, _seat: seat })
    }

    pub(crate) fn replica(&self) -> ReplicaId {
        self.line.replica
    }

    /// The connection, for a tunnel; none when the answer was made up by a fault.
    pub(crate) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// The next stretch of the body; `None` when it is whole. A long rest goes into the pipe, when there is one and it is
    /// empty. May be dropped while it waits; nothing is lost.
    ///
    /// # Errors
    /// `Reset` when the body was cut, `Wrong` when it is malformed.
    pub(crate) async fn next(&mut self, pipe: Option<&mut Pipe>) -> Result<Option<Stretch>, FailureKind> {
        let mut pipe = pipe.filter(|pipe| pipe.is_empty());
        loop {
            self.line.open().await;
            let Some(connection) = &mut self.connection else { return Ok(None) };
            match self.decoder.take(&mut connection.buffer) {
                Ok(Piece::Data(data)) => return Ok(Some(Stretch::Here(data))),
                Ok(Piece::End) => return Ok(self.whole()),
                Ok(Piece::More) => {}
                Err(_) => return Err(FailureKind::Wrong),
            }
            match (self.ended, &mut pipe) {
                (Some(Input::End), _) if self.decoder.may_end() => return Ok(None),
                (Some(_), _) => return Err(FailureKind::Reset),
                (None, Some(pipe)) if self.may_pass() => return self.fill(pipe).await,
                (None, _) => self.read().await,
            }
        }
    }

    /// The trailers behind the body, once it is whole.
    pub(crate) fn take_trailers(&mut self) -> Trailers {
        self.decoder.take_trailers()
    }

    /// True when the rest is long enough for a pipe to pay, and nobody wants to see it.
    fn may_pass(&self) -> bool {
        self.line.is_clear() && self.decoder.plain_left().is_some_and(|left| left >= PIPED_MIN)
    }

    async fn fill(&mut self, pipe: &mut Pipe) -> Result<Option<Stretch>, FailureKind> {
        let (connection, left) = (self.connection.as_ref(), self.decoder.plain_left().unwrap_or(0));
        let from = connection.and_then(Connection::bare).expect("the decoder has taken all that was read");
        match pipe.fill(from, left).await {
            Ok(bytes @ 1..) => {
                self.decoder.pass(bytes as u64);
                self.connection.as_mut().map(Connection::passed);
                Ok(Some(Stretch::InPipe(bytes)))
            }
            Ok(0) | Err(_) => Err(FailureKind::Reset),
        }
    }

    async fn read(&mut self) {
        if let Some(instant) = self.not_before {
            tokio::time::sleep_until(instant.into()).await;
        }
        let slowed = self.line.effects().bytes_per_second;
        let portion = self.line.portion();
        let Some(connection) = &mut self.connection else { return };
        match connection.read(portion).await {
            Input::Bytes(n) => {
                let pause = |rate: u64| Duration::from_secs_f64(n as f64 / rate as f64);
                self.not_before = slowed.map(|rate| Instant::now() + pause(rate));
            }
            ended => self.ended = Some(ended),
        }
    }

    /// The body is whole: the connection may serve again, unless something came behind the body.
    fn whole(&mut self) -> Option<Stretch> {
        let clean = |c: &Connection| self.persistence == Persistence::Keep && c.buffer.is_empty();
        if let Some(connection) = self.connection.take().filter(clean) {
            self.worker.keep(connection);
        }
        None
    }
}
