//! A body from a replica to a client, unbroken whatever happens to the replica.
//!
//! Reading runs ahead of writing by at most [`Downstream::read_ahead`], so a slow client slows the replica down, and a fault is
//! noticed early. A replica has stalled when it is waited for, with room to read into, and sends nothing: time spent
//! on a slow client never counts. While another replica is asked for the rest, the stalled one may still go on.

use crate::ask::attempt::{Answer, Order, PIPED_MIN, Stretch, Upstream};
use crate::ask::pipe::Pipe;
use crate::ask::rescue::{Plight, rescue};
use crate::ask::resume::Proof;
use crate::change::site::ReplicaId;
use crate::choose::health::Part;
use crate::codec::{AnswerLength, Persistence, Trailers};
use crate::door::outbox::Behind;
use crate::exchange::downstream::Downstream;
use crate::run::experience::Body;
use crate::run::seat::Overdue;
use crate::run::timer::Alarm;
use crate::run::worker::Worker;
use crate::tell::events;
use bytes::{Bytes, BytesMut};
use downbeat_core::model::FailureKind;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// Patience with stalls grows by this after each one in an answer, so that a body that is slow
/// everywhere does not wander from replica to replica.
const PATIENCE_GROWTH: u32 = 2;
/// It does not grow further than this many times the setting.
const PATIENCE_MAX: u32 = 8;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client has all of it.
    Whole,
    /// The client has gone, or takes nothing more.
    ClientGone,
    /// The body could not be brought to its end.
    Cut,
}

/// Sends an answer to a client.
pub(crate) async fn relay(
    worker: &Rc<Worker>,
    client: &mut impl Downstream,
    order: &Order<'_>,
    answer: Answer,
    then: Persistence,
) -> Ending {
    client.begin(&answer.head, then);
    let mut pipe = pipe_for(worker, client, &answer);
    let mut source = Source::new(worker, order, answer);
    let mut ending = None;
    loop {
        let (backlog, piped) = (client.backlog(), pipe.as_ref().map_or(0, Pipe::len));
        if let Some(ending) = ending.filter(|_| backlog == 0 && piped == 0) {
            return ending;
        }
        // What is in the pipe goes out behind the backlog, so nothing may come into the backlog meanwhile.
        let reading = ending.is_none() && backlog < client.read_ahead() && piped == 0;
        if !reading {
            source.rest();
        }
        let behind = if piped > 0 { Behind::More } else { Behind::Nothing };
        let sent = tokio::select! {
            biased;
            event = source.next(pipe.as_mut()), if reading => {
                ending = take_in(worker, client, order, event);
                Ok(())
            }
            sent = client.send(worker.shared.settings.limits.client_stall, behind), if backlog > 0 => sent,
            else => drain(worker, client, &mut pipe).await,
        };
        if sent.is_err() {
            return Ending::ClientGone;
        }
    }
}

/// A pipe for a long body that may go to the client as it comes.
fn pipe_for(worker: &Worker, client: &impl Downstream, answer: &Answer) -> Option<Pipe> {
    let long = matches!(answer.head.length, AnswerLength::Known(PIPED_MIN..));
    if long && client.bare().is_some() { worker.pipes.take() } else { None }
}

async fn drain(worker: &Worker, client: &impl Downstream, pipe: &mut Option<Pipe>) -> io::Result<()> {
    let (Some(pipe), Some(socket)) = (pipe, client.bare()) else { return Ok(()) };
    let patience = worker.shared.settings.limits.client_stall;
    timeout(patience, pipe.drain(socket)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

fn take_in(worker: &Worker, client: &mut impl Downstream, order: &Order<'_>, event: Event) -> Option<Ending> {
    match event {
        Event::Stretch(stretch) => {
            order.notes.sent(stretch.len() as u64);
            worker.shared.body_sent(worker.one(), order.component, order.caller.network, stretch.len() as u64);
            if let Stretch::Here(data) = stretch {
                client.piece(data);
            }
            None
        }
        Event::Resumed => {
            order.notes.resumed();
            worker.shared.resumed(worker.one(), order.component, order.caller.network);
            None
        }
        Event::End(trailers) => {
            client.end(trailers);
            Some(Ending::Whole)
        }
        Event::Cut => {
            order.notes.broken(FailureKind::Reset);
            worker.shared.body_cut(worker.one(), order.component, order.caller.network);
            Some(Ending::Cut)
        }
    }
}

/// Reads a body of at most so many bytes for nobody in particular; `None` when it is longer, or was cut.
pub(crate) async fn collect(worker: &Rc<Worker>, order: &Order<'_>, answer: Answer, most: usize) -> Option<Bytes> {
    let (mut source, mut body) = (Source::new(worker, order, answer), BytesMut::new());
    loop {
        match source.next(None).await {
            Event::Stretch(Stretch::Here(data)) if body.len() + data.len() <= most => body.extend_from_slice(&data),
            Event::Resumed => {}
            Event::End(_) => return Some(body.freeze()),
            Event::Stretch(_) | Event::Cut => return None,
        }
    }
}

/// A body, from whichever replica has it.
struct Source<'a> {
    worker: &'a Rc<Worker>,
    order: &'a Order<'a>,
    upstream: Option<Box<Upstream>>,
    replica: ReplicaId,
    /// Why another replica is asked, and by whom the body was broken.
    fault: FailureKind,
    proof: Option<Proof>,
    rescue: Option<Pin<Box<dyn Future<Output = Option<Answer>> + 'a>>>,
    waiting_since: Option<Instant>,
    /// The same, over all the replicas that were asked meanwhile.
    stuck_since: Option<Instant>,
    /// Rescues since then.
    fruitless: u32,
    patience: Duration,
    longest_gap: Duration,
    bytes: u64,
    alarm: Alarm,
    /// Its replica counts as silent while its body is.
    overdue: Option<Overdue>,
}

enum Event {
    Stretch(Stretch),
    Resumed,
    End(Trailers),
    Cut,
}

enum Stir {
    Piece(Result<Option<Stretch>, FailureKind>),
    Rescued(Option<Answer>),
    Silence,
    Hopeless,
}

impl<'a> Source<'a> {
    fn new(worker: &'a Rc<Worker>, order: &'a Order<'a>, answer: Answer) -> Self {
        Self {
            worker,
            order,
            proof: Proof::of(&order.head.method, &answer.head),
            replica: answer.upstream.replica(),
            upstream: Some(answer.upstream),
            fault: FailureKind::Reset,
            rescue: None,
            waiting_since: None,
            stuck_since: None,
            fruitless: 0,
            patience: worker.shared.stall_after(order.component),
            longest_gap: Duration::ZERO,
            bytes: 0,
            alarm: worker.timers.alarm(),
            overdue: None,
        }
    }

    /// Nobody waits for the replica now; its silence does not count.
    fn rest(&mut self) {
        (self.waiting_since, self.stuck_since, self.overdue) = (None, None, None);
    }

    /// The next thing to happen. May be dropped while it waits; nothing is lost.
    async fn next(&mut self, mut pipe: Option<&mut Pipe>) -> Event {
        loop {
            let event = match self.stir(pipe.as_deref_mut()).await {
                Stir::Piece(Ok(Some(stretch))) => Some(self.stretch(stretch)),
                Stir::Piece(Ok(None)) => Some(self.end()),
                Stir::Piece(Err(kind)) => self.broken(kind),
                Stir::Rescued(Some(answer)) => Some(self.go_on(answer)),
                Stir::Rescued(None) => self.no_rescue(),
                Stir::Silence => self.stalled(),
                Stir::Hopeless => Some(self.cut(FailureKind::Stalled)),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    async fn stir(&mut self, pipe: Option<&mut Pipe>) -> Stir {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.stuck_since.get_or_insert(since);
        let waits_for_rescue = self.rescue.is_some();
        let hopeless_at = since + self.worker.shared.settings.resume.idle;
        if !waits_for_rescue {
            let asks_at = if self.proof.is_some() { since + self.patience } else { hopeless_at };
            self.alarm.set(asks_at.min(hopeless_at));
        }
        tokio::select! {
            biased;
            piece = piece(&mut self.upstream, pipe) => Stir::Piece(piece),
            answer = rescued(&mut self.rescue) => Stir::Rescued(answer),
            () = self.alarm.ring(), if !waits_for_rescue => {
                if Instant::now() >= hopeless_at { Stir::Hopeless } else { Stir::Silence }
            }
        }
    }

    fn stretch(&mut self, stretch: Stretch) -> Event {
        let waited = self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.longest_gap = self.longest_gap.max(waited);
        self.bytes += stretch.len() as u64;
        self.rest();
        self.fruitless = 0;
        // Whoever was asked meanwhile would come too late: the place where the body goes on has moved.
        self.rescue = None;
        if let Some(proof) = &mut self.proof {
            proof.advance(stretch.len() as u64);
        }
        self.worker.shared.body_read(self.worker.one(), self.order.component, self.replica, stretch.len() as u64);
        Event::Stretch(stretch)
    }

    fn end(&mut self) -> Event {
        let body = Body { bytes: self.bytes, longest_gap: self.longest_gap };
        self.worker.shared.body_good(self.order.component, self.replica, body, Instant::now());
        let whole = self.upstream.take();
        Event::End(whole.map_or_else(Trailers::default, |mut upstream| upstream.take_trailers()))
    }

    /// The body was cut by the replica.
    fn broken(&mut self, kind: FailureKind) -> Option<Event> {
        self.upstream = None;
        // A replica that stalled first and broke later counts once, for what it is.
        self.fault = kind;
        if self.rescue.is_none() && !self.ask_others() {
            return Some(self.cut(kind));
        }
        None
    }

    fn stalled(&mut self) -> Option<Event> {
        if self.may_ask_for_stall() {
            self.fault = FailureKind::Stalled;
            self.ask_others();
        }
        None
    }

    /// Whether others are asked because of a silence; else it is waited until it is a stall by any measure.
    fn may_ask_for_stall(&mut self) -> bool {
        let (shared, component, now) = (&self.worker.shared, self.order.component, Instant::now());
        let waited = self.waiting_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        self.overdue.get_or_insert_with(|| shared.overdue(component, self.replica));
        let helped = shared.helped(component, self.replica, waited, 1, now) > 0;
        if !helped {
            self.patience = self.patience.max(shared.settings.resume.stall_after);
        }
        helped
    }

    /// Asks other replicas for the rest, where the body can be proven to be the same.
    fn ask_others(&mut self) -> bool {
        let Some(proof) = self.proof.clone() else { return false };
        let since = self.stuck_since.unwrap_or_else(Instant::now);
        let plight = Plight { broken: self.replica, since, fruitless: self.fruitless };
        let (worker, order) = (self.worker, self.order);
        self.rescue = Some(Box::pin(async move { rescue(worker, order, &proof, plight).await }));
        self.fruitless += 1;
        true
    }

    fn go_on(&mut self, answer: Answer) -> Event {
        let to = answer.upstream.replica();
        self.worker.attempt_failed(self.order.component, self.replica, Part::Body, self.fault, Instant::now());
        let names = (self.worker.replica_name(self.replica), self.worker.replica_name(to));
        events::body_resumed(self.worker.component_name(self.order.component), names.0, names.1, self.fault);
        if self.fault == FailureKind::Stalled {
            let longest = self.worker.shared.settings.resume.stall_after * PATIENCE_MAX;
            self.patience = (self.patience * PATIENCE_GROWTH).min(longest);
        }
        (self.replica, self.upstream) = (to, Some(answer.upstream));
        (self.rescue, self.waiting_since, self.overdue) = (None, None, None);
        Event::Resumed
    }

    /// Nobody can help: what is left is the stalled replica itself, if it is still there.
    fn no_rescue(&mut self) -> Option<Event> {
        (self.rescue, self.proof) = (None, None);
        self.upstream.is_none().then(|| self.cut(self.fault))
    }

    fn cut(&mut self, kind: FailureKind) -> Event {
        self.worker.attempt_failed(self.order.component, self.replica, Part::Body, kind, Instant::now());
        let names = (self.worker.component_name(self.order.component), self.worker.replica_name(self.replica));
        events::body_cut(names.0, names.1, kind);
        self.upstream = None;
        Event::Cut
    }
}

async fn piece(upstream: &mut Option<Box<Upstream>>, pipe: Option<&mut Pipe>) -> Result<Option<Stretch>, FailureKind> {
    match upstream {
        Some(upstream) => upstream.next(pipe).await,
        None => pending().await,
    }
}

async fn rescued(rescue: &mut Option<Pin<Box<dyn Future<Output = Option<Answer>> + '_>>>) -> Option<Answer> {
    match rescue {
        Some(rescue) => rescue.as_mut().await,
        None => pending().await,
    }
}
