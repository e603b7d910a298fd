//! Requests with bodies too long to be kept: streamed to one replica, and never to a second one.
//!
//! Until a replica has been connected to, another one may be tried. An answer that comes before the body is
//! through goes out at once, and the connection ends with it.

use crate::ask::attempt::{Answer, Order, await_head};
use crate::ask::line::{Connection, Line};
use crate::change::site::ReplicaId;
use crate::choose::health::Part;
use crate::choose::tries::failure_of_attempt;
use crate::codec::{
    AnswerHead, BodyEncoder, HeadScanner, Onward, Outgoing, Persistence, RequestLength, Version, announced,
    request_bytes,
};
use crate::door::outbox::Outbox;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream};
use crate::run::pick::{Keys, Pick, Wish};
use crate::run::seat::Seat;
use crate::run::worker::Worker;
use bytes::Bytes;
use downbeat_core::model::FailureKind;
use std::rc::Rc;
use std::time::Instant;

/// How an upload ended.
#[derive(Debug)]
pub(crate) enum Upload {
    /// The replica has taken all of it and answered.
    Answered(Answer),
    /// The replica answered before it had all of it.
    AnsweredEarly(Answer),
    /// No answer.
    Failed(FailureKind),
    /// The client's body could not be read.
    Trouble(BodyTrouble),
}

/// Streams a request. `order.body` is the part of the body that was read already.
pub(crate) async fn upload(
    worker: &Rc<Worker>,
    client: &mut impl Downstream,
    order: &Order<'_>,
    terms: BodyTerms,
) -> Upload {
    let (line, seat, mut connection) = match connect(worker, order).await {
        Ok(connected) => connected,
        Err(kind) => return Upload::Failed(kind),
    };
    let since = Instant::now();
    let end = exchange(client, order, terms, &line, &mut connection).await;
    let (head, waited) = match end {
        Ok(answered) => answered,
        Err(Halt::Client(trouble)) => return Upload::Trouble(trouble),
        Err(Halt::Replica(kind)) => {
            worker.attempt_failed(order.component, line.replica, Part::Head, kind, Instant::now());
            return Upload::Failed(kind);
        }
    };
    let (failure, now) = (failure_of_attempt(head.status), Instant::now());
    // The time of an upload is the client's; only the answer's own wait says something of the replica.
    let first_byte = now.saturating_duration_since(waited.since.unwrap_or(since));
    worker.head_came(order.component, line.replica, first_byte, failure, now);
    // A connection on which half a request lies is of no more use (invariant H2).
    let persistence = if waited.since.is_some() { head.persistence } else { Persistence::Close };
    let answer = Answer::of(worker, line, seat, connection, AnswerHead { persistence, ..head });
    if waited.since.is_some() { Upload::Answered(answer) } else { Upload::AnsweredEarly(answer) }
}

async fn connect(worker: &Rc<Worker>, order: &Order<'_>) -> Result<(Line, Seat, Connection), FailureKind> {
    let (mut tried, mut last): (Vec<ReplicaId>, _) = (Vec::new(), FailureKind::Unreachable);
    let retry = &worker.shared.settings.retry;
    let keys = Keys::of(&worker.shared, order.component, order.head, order.caller.address);
    while tried.len() <= retry.extra as usize {
        let wish = Wish { component: order.component, tried: &tried, keys, repetition: order.repetition, places: 1 };
        let pick = if tried.is_empty() {
            worker.shared.pick_patiently(&wish, &worker.dice, Instant::now() + retry.first_byte).await
        } else {
            worker.shared.pick(&wish, &worker.dice, Instant::now())
        };
        let (replica, seat) = match pick {
            Pick::Replica(replica, seat) => (replica, seat),
            Pick::Full if tried.is_empty() => return Err(FailureKind::Shed),
            Pick::Full | Pick::Nobody => break,
        };
        order.notes.asked(replica);
        let line = Line { shared: worker.shared.clone(), component: Some(order.component), replica };
        match line.connect(retry.connect).await {
            Ok(connection) => return Ok((line, seat, connection)),
            Err(kind) => last = kind,
        }
        worker.attempt_failed(order.component, replica, Part::Head, last, Instant::now());
        tried.push(replica);
    }
    Err(last)
}

enum Halt {
    Client(BodyTrouble),
    Replica(FailureKind),
}

/// Since when the replica had all of the body; never, when it answered before.
struct Waited {
    since: Option<Instant>,
}

enum Stir {
    Piece(Result<Option<Bytes>, BodyTrouble>),
    Sent(std::io::Result<()>),
    Head(Result<AnswerHead, FailureKind>),
    Deadline,
}

async fn exchange(
    client: &mut impl Downstream,
    order: &Order<'_>,
    terms: BodyTerms,
    line: &Line,
    connection: &mut Connection,
) -> Result<(AnswerHead, Waited), Halt> {
    let (head, encoder) = onward_head(order, line);
    let mut outbox = Outbox::default();
    outbox.push(head);
    if !order.body.is_empty() {
        encoder.piece(order.body.clone(), |part| outbox.push(part));
    }
    let first_byte = line.shared.settings.retry.first_byte;
    let (mut scanner, mut whole) = (HeadScanner::default(), false);
    let mut waited_since: Option<Instant> = None;
    loop {
        if whole && outbox.is_empty() {
            waited_since.get_or_insert_with(Instant::now);
        }
        let deadline = waited_since.unwrap_or_else(Instant::now) + first_byte;
        let hungry = !whole && outbox.is_empty();
        let stir = tokio::select! {
            biased;
            stir = talk(connection, &mut outbox, &mut scanner, order, line) => stir,
            piece = client.next_piece(terms), if hungry => Stir::Piece(piece),
            () = tokio::time::sleep_until(deadline.into()), if waited_since.is_some() => Stir::Deadline,
        };
        match stir {
            Stir::Head(Ok(head)) => return Ok((head, Waited { since: waited_since })),
            Stir::Head(Err(kind)) => return Err(Halt::Replica(kind)),
            Stir::Sent(Ok(())) => {}
            Stir::Sent(Err(_)) => return Err(Halt::Replica(FailureKind::Reset)),
            Stir::Piece(Err(trouble)) => return Err(Halt::Client(trouble)),
            Stir::Piece(Ok(Some(data))) => encoder.piece(data, |part| outbox.push(part)),
            Stir::Piece(Ok(None)) => {
                outbox.push(encoder.end(&client.trailers()));
                whole = true;
            }
            Stir::Deadline => return Err(Halt::Replica(FailureKind::Late)),
        }
    }
}

/// Sends what there is to send, else listens for the answer. May be dropped while it waits.
async fn talk(
    connection: &mut Connection,
    outbox: &mut Outbox,
    scanner: &mut HeadScanner,
    order: &Order<'_>,
    line: &Line,
) -> Stir {
    if outbox.is_empty() {
        Stir::Head(await_head(connection, scanner, order.head, line).await)
    } else {
        Stir::Sent(connection.send(outbox, line.shared.settings.retry.first_byte).await)
    }
}

fn onward_head(order: &Order<'_>, line: &Line) -> (Bytes, BodyEncoder) {
    // In HTTP/2 trailers may follow a body of known length; in HTTP/1.1 only chunks have a place for them.
    let trailing = order.head.version == Version::Http2 && announced(&order.head.fields).next().is_some();
    let (length, encoder) = match order.head.length {
        RequestLength::Known(bytes) if !trailing => (Outgoing::Known(bytes), BodyEncoder::Plain),
        RequestLength::Known(_) | RequestLength::Chunked => (Outgoing::Chunked, BodyEncoder::Chunked),
    };
    (
        request_bytes(
            order.head,
            Onward { trace: order.caller.trace(&line.shared.settings.proxies), length, rest: None },
        )
        .freeze(),
        encoder,
    )
}
