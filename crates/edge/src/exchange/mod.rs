//! One request and its answer, from the client's side.

mod ask;
mod cached;
pub(crate) mod downstream;
pub(crate) mod own;
mod record;
pub(crate) mod relay;
mod renew;
pub(crate) mod told;
mod tunnel;
pub(crate) mod upload;

use crate::admit::traffic::{Admission, What};
use crate::ask::attempt::{Answer, Order};
use crate::ask::race::{Finish, Lost, Terms, Thrift, race};
use crate::cache::filling::Filling;
use crate::change::settings::Repeatable;
use crate::change::site::ComponentId;
use crate::choose::tries::Repetition;
use crate::codec::{Expectation, Persistence, Refusal, RequestHead, RequestLength, Trailers, Version, reason};
use crate::door::caller::Caller;
use crate::exchange::cached::Looked;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream};
use crate::exchange::own::OwnAnswer;
use crate::exchange::record::Recorder;
use crate::exchange::relay::{Ending, relay};
use crate::exchange::told::Told;
use crate::exchange::tunnel::tunnel;
use crate::exchange::upload::{Upload, upload};
use crate::run::experience::Reply;
use crate::run::worker::Worker;
use crate::tell::access::{Entry, Notes};
use crate::tell::events;
use crate::tell::sessions::fingerprint;
use bytes::{Bytes, BytesMut};
use downbeat_core::model::FailureKind;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Longest request body that is kept to be sent again.
const REPLAY_BYTES_MAX: usize = 64 * 1024;
/// Pause before somebody who is held is asked for again; doubles each time.
const HELD_PAUSE: Duration = Duration::from_millis(20);
/// Longest pause.
const HELD_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Clients turned away come back within so many seconds, each at another one.
const RETRY_AFTER_SPREAD: f64 = 5.0;

/// What becomes of the client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It serves another request.
    Keep,
    /// It is closed.
    Close,
    /// It is cut, for what was sent is not whole.
    Cut,
}

/// One exchange under way.
struct Exchange<'a, D> {
    worker: &'a Rc<Worker>,
    client: &'a mut D,
    head: &'a RequestHead,
    caller: Caller,
    component: ComponentId,
    since: Instant,
    then: Persistence,
    notes: &'a Notes,
}

/// Answers one request.
pub(crate) async fn exchange<D: Downstream>(worker: &Rc<Worker>, client: &mut D, head: &RequestHead) -> After {
    let since = Instant::now();
    let caller = client.caller().asking(&head.fields, &worker.shared.settings.proxies);
    let log = worker.shared.access_log.as_ref().filter(|log| log.takes(worker.dice.roll()));
    let notes = Notes::new(log.is_some());
    let route = worker.shared.site.router.route(&head.host, head.path());
    let after = match route {
        None => nowhere(worker, client, head, &notes).await,
        Some(component) => {
            let then = persistence(worker, head);
            Exchange { worker, client, head, caller, component, since, then, notes: &notes }.run().await
        }
    };
    if let Some(log) = log {
        let component = route.map(|component| worker.component_name(component));
        let entry = Entry { head, caller, component, took: since.elapsed(), notes: &notes };
        log.write(&entry, &worker.shared.site);
    }
    after
}

/// Answers a request that is refused before it belongs to any component.
pub(crate) async fn refuse(worker: &Worker, client: &mut impl Downstream, refusal: &Refusal) -> After {
    worker.shared.counters.refusals.fetch_add(1, Ordering::Relaxed);
    let answer = OwnAnswer::error(refusal.status(), &refusal.to_string(), None);
    tell(worker, client, answer, Persistence::Close).await
}

async fn nowhere(worker: &Worker, client: &mut impl Downstream, head: &RequestHead, notes: &Notes) -> After {
    worker.shared.counters.refusals.fetch_add(1, Ordering::Relaxed);
    notes.answered(404, Duration::ZERO, None);
    let then = if head.has_body() { Persistence::Close } else { persistence(worker, head) };
    let answer = OwnAnswer::error(404, "no component serves this path", None);
    tell(worker, client, answer.to(&head.method), then).await
}

async fn tell(worker: &Worker, client: &mut impl Downstream, answer: OwnAnswer, then: Persistence) -> After {
    match answer.send(client, then, worker.shared.settings.limits.client_stall).await {
        Ok(()) if then == Persistence::Keep => After::Keep,
        _ => After::Close,
    }
}

fn persistence(worker: &Worker, head: &RequestHead) -> Persistence {
    if worker.is_stopping() || head.version == Version::Http10 { Persistence::Close } else { head.persistence }
}

impl<'a, D: Downstream> Exchange<'a, D> {
    async fn run(mut self) -> After {
        let site = self.worker.shared.site.component(self.component);
        let what = What { component: self.component, feature: site.feature(self.head.path()) };
        match self.worker.shared.admit(what, self.caller.network, 1, self.since).of_one() {
            Admission::Granted => {}
            Admission::Withheld => return self.go_without(what).await,
            Admission::Shed if self.is_held() => return self.lose(FailureKind::Shed, false),
            Admission::Shed => return self.turn_away(Told::shed(), Duration::ZERO).await,
            Admission::Limited(wait) => return self.turn_away(Told::limited(), wait).await,
        }
        let looked = self.look_up().await;
        if let Looked::Answered(after) = looked {
            return after;
        }
        self.worker.shared.requested(self.component, 1, self.since);
        if let Looked::Ask(visit) = looked {
            return Box::pin(self.fetch_for(visit)).await;
        }
        let limits = &self.worker.shared.settings.limits;
        if matches!(self.head.length, RequestLength::Known(n) if n > limits.body_bytes) {
            return self.refuse_body(Refusal::BodyTooLarge).await;
        }
        let terms = BodyTerms { room: limits.body_bytes, patience: limits.idle, since: self.since };
        match self.read_body(terms).await {
            Ok(Body::Whole(body, trailers)) => self.fetch(body, trailers).await,
            // What few requests need lies on the heap for as long as they need it: a connection is as large as the rest.
            Ok(Body::Long(start)) => Box::pin(self.stream(start, terms)).await,
            Err(BodyTrouble::Refused(refusal)) => self.refuse_body(refusal).await,
            Err(BodyTrouble::Gone) => After::Close,
        }
    }

    /// Reads a body that is short enough to be kept, or the beginning of one that is not.
    async fn read_body(&mut self, terms: BodyTerms) -> Result<Body, BodyTrouble> {
        if !self.head.has_body() {
            return Ok(Body::Whole(Bytes::new(), Trailers::default()));
        }
        if self.head.expectation == Expectation::Continue {
            self.client.invite_body().await.map_err(|_| BodyTrouble::Gone)?;
        }
        let mut start = BytesMut::new();
        while start.len() <= REPLAY_BYTES_MAX && !self.is_long() {
            match self.client.next_piece(terms).await? {
                Some(data) => start.extend_from_slice(&data),
                None => return Ok(Body::Whole(start.freeze(), self.client.trailers())),
            }
        }
        Ok(Body::Long(start.freeze()))
    }

    fn is_long(&self) -> bool {
        matches!(self.head.length, RequestLength::Known(n) if n > REPLAY_BYTES_MAX as u64)
    }

    fn order(&self, body: Bytes, repetition: Repetition) -> Order<'a> {
        let (component, trailers) = (self.component, Trailers::default());
        Order { head: self.head, body, trailers, component, caller: self.caller, repetition, notes: self.notes }
    }

    fn repetition(&self) -> Repetition {
        let repeatable = match self.worker.shared.settings.retry.methods {
            Repeatable::Safe => self.head.method.is_safe(),
            Repeatable::Idempotent => self.head.method.is_idempotent(),
        };
        if repeatable && self.head.upgrade.is_none() { Repetition::Allowed } else { Repetition::Forbidden }
    }

    /// A request whose body is at hand: asked of as many replicas as it takes.
    async fn fetch(mut self, body: Bytes, trailers: Trailers) -> After {
        let order = Order { trailers, ..self.order(body, self.repetition()) };
        let finish = self.ask(&order, None).await;
        let retried = finish.attempts > 1;
        match finish.result {
            Ok(answer) => self.deliver(&order, answer, retried, None).await,
            Err(lost) if self.is_held() => self.lose(lost.kind, retried),
            Err(Lost { answer: Some(answer), .. }) => self.deliver(&order, answer, retried, None).await,
            Err(lost) => self.fail(lost.kind, retried).await,
        }
    }

    /// Asks until there is a good answer. A player that goes on with a song throws away what it has at any failure, so
    /// it is held until somebody can serve it, as long as a broken body of our own would be. Nobody is held, and the
    /// wait is over at `fallback_at`, when there is something else to answer with.
    async fn ask(&self, order: &Order<'_>, fallback_at: Option<Instant>) -> Finish {
        let settings = &self.worker.shared.settings;
        let until = self.since + settings.resume.give_up;
        let held = self.is_held() && fallback_at.is_none();
        let deadline = if held { until } else { self.since + settings.retry.first_byte };
        let deadline = fallback_at.map_or(deadline, |at| at.min(deadline));
        let terms = Terms { rest: None, extra: settings.retry.extra, thrift: Thrift::Budgeted, deadline };
        let mut finish = race(self.worker, order, terms, &[]).await;
        let mut pause = HELD_PAUSE;
        while held && finish.result.is_err() && Instant::now() + pause < until {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(HELD_PAUSE_MAX);
            let before = finish.attempts;
            finish = race(self.worker, order, terms, &[]).await;
            finish.attempts += before;
        }
        finish
    }

    /// True for a request that is answered well or not at all.
    fn is_held(&self) -> bool {
        self.head.resumes()
    }

    /// Nobody could serve who has to be served well: a cut is what players try again after.
    fn lose(&mut self, kind: FailureKind, retried: bool) -> After {
        self.count(Told::nothing(kind), retried);
        After::Cut
    }

    /// A request whose body is streamed.
    async fn stream(mut self, start: Bytes, terms: BodyTerms) -> After {
        let order = self.order(start, Repetition::Forbidden);
        match upload(self.worker, self.client, &order, terms).await {
            Upload::Answered(answer) => self.deliver(&order, answer, false, None).await,
            Upload::AnsweredEarly(answer) => {
                self.then = Persistence::Close;
                self.deliver(&order, answer, false, None).await
            }
            Upload::Failed(kind) => {
                self.then = Persistence::Close;
                self.fail(kind, false).await
            }
            Upload::Trouble(BodyTrouble::Refused(refusal)) => self.refuse_body(refusal).await,
            Upload::Trouble(BodyTrouble::Gone) => After::Close,
        }
    }

    /// A stop that came while the answer was waited for goes with it.
    fn then_by_now(&self) -> Persistence {
        if self.worker.is_stopping() { Persistence::Close } else { self.then }
    }

    /// Hands a replica's answer on to the client, and to the store where that is wanted.
    async fn deliver(&mut self, order: &Order<'_>, answer: Answer, retried: bool, filling: Option<Filling>) -> After {
        self.invalidate(&answer.head);
        self.count(Told::answer(answer.head.status), retried);
        self.then = self.then_by_now();
        if let (101, Some(protocol)) = (answer.head.status, &self.head.upgrade) {
            return Box::pin(self.carry(answer, protocol)).await;
        }
        let mut client = Recorder::new(self.client, &self.worker.shared.cache, filling);
        match relay(self.worker, &mut client, order, answer, self.then).await {
            Ending::Whole if self.then == Persistence::Keep => After::Keep,
            Ending::Whole | Ending::ClientGone => After::Close,
            Ending::Cut => After::Cut,
        }
    }

    async fn carry(&mut self, answer: Answer, protocol: &[u8]) -> After {
        let replica = answer.upstream.replica();
        // How a tunnel ends is the business of those who speak in it.
        let passed = tunnel(self.client, answer, protocol).await.unwrap_or_default();
        let (shared, one) = (&self.worker.shared, self.worker.one());
        shared.body_read(one, self.component, replica, passed.to_client);
        shared.body_sent(one, self.component, self.caller.network, passed.to_client);
        After::Close
    }

    /// No replica gave any answer.
    async fn fail(&mut self, kind: FailureKind, retried: bool) -> After {
        let told = Told::unanswered(kind);
        if told.is_turned_away() {
            return self.turn_away(told, Duration::ZERO).await;
        }
        self.count(told, retried);
        self.tell(told.status, "no replica answered", Some(self.jitter())).await
    }

    /// The edge itself does not let the request in.
    async fn turn_away(&mut self, told: Told, wait: Duration) -> After {
        self.count(told, false);
        if self.head.has_body() {
            self.then = Persistence::Close;
        }
        let after = wait.as_secs() + self.jitter();
        self.tell(told.status, reason(told.status), Some(after)).await
    }

    /// The plan keeps the request's feature out.
    async fn go_without(&mut self, what: What) -> After {
        let shared = &self.worker.shared;
        let features = &shared.site.component(what.component).settings.features;
        let Some(feature) = what.feature.and_then(|number| features.get(number.0)) else {
            return self.turn_away(Told::shed(), Duration::ZERO).await;
        };
        shared.withheld(self.worker.one(), what.component, &feature.name);
        let told = Told::withheld(feature.status);
        self.turn_away(told, feature.retry_after).await
    }

    async fn refuse_body(&mut self, refusal: Refusal) -> After {
        self.then = Persistence::Close;
        self.worker.shared.counters.refusals.fetch_add(1, Ordering::Relaxed);
        self.notes.answered(refusal.status(), self.since.elapsed(), None);
        self.tell(refusal.status(), &refusal.to_string(), None).await
    }

    /// 1 to 5 seconds, so that those turned away together do not come back together.
    fn jitter(&self) -> u64 {
        // The product is below 5, so the cast is exact.
        1 + (self.worker.dice.roll() * RETRY_AFTER_SPREAD) as u64
    }

    async fn tell(&mut self, status: u16, error: &str, retry_after: Option<u64>) -> After {
        events::request_failed(self.worker.component_name(self.component), status);
        let answer = OwnAnswer::error(status, error, retry_after).to(&self.head.method);
        tell(self.worker, self.client, answer, self.then).await
    }

    fn count(&self, told: Told, retried: bool) {
        let (component, network, now) = (self.component, self.caller.network, Instant::now());
        let took = now.saturating_duration_since(self.since);
        self.notes.answered(told.status, took, told.failure);
        let reply = Reply { component, network, told, took, retried, session: self.session(told) };
        self.worker.shared.answered(self.worker.one(), &reply, now);
    }

    /// Which session it is. Whoever is refused for want of credentials is none yet: tokens that were made up are no sessions.
    fn session(&self, told: Told) -> Option<u64> {
        let mark = self.worker.shared.settings.session.as_ref()?;
        let is_known = told.failure != Some(FailureKind::Denied);
        mark.token(self.head).filter(|_| is_known).map(fingerprint)
    }
}

/// A request's body.
enum Body {
    /// All of it, and what follows it.
    Whole(Bytes, Trailers),
    /// The beginning of one that is too long to be kept.
    Long(Bytes),
}
