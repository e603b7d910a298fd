//! Several replicas, one answer: retries and hedges around single attempts.
//!
//! At most two attempts run at a time. A second one starts when the first has been silent for longer than nearly
//! every answer takes (a hedge), and when an attempt has failed (a retry); the first is never given up for that. Both
//! come out of the component's budget, except that a replica which alone is silent is always hedged, and that an attempt
//! which was never sent is replaced for nothing. The first good answer wins. Source of hedging: Dean and Barroso, *The Tail at Scale* (2013).

use crate::ask::attempt::{Answer, Failed, Order, Reach, Repetition, attempt};
use crate::ask::resume::{Proof, Verdict};
use crate::change::site::ReplicaId;
use crate::choose::budget::Trouble;
use crate::choose::health::Part;
use crate::codec::AnswerHead;
use crate::run::shared::{Overdue, Pick};
use crate::run::timer::Alarm;
use crate::run::worker::Worker;
use downbeat_core::model::FailureKind;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is asked for and how hard it is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Only the rest of a body, when it is one.
    pub(crate) rest: Option<&'a Proof>,
    /// Most attempts beyond the first.
    pub(crate) extra: u32,
    /// Who asks the budget.
    pub(crate) thrift: Thrift,
    /// No later than this.
    pub(crate) deadline: Instant,
}

/// Whether extra attempts come out of the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Thrift {
    /// They do.
    Budgeted,
    /// They do not: a listener who hears the gap waits for them.
    Free,
}

/// How a race ended.
#[derive(Debug)]
pub(crate) struct Finish {
    pub(crate) result: Result<Answer, Lost>,
    /// Attempts started.
    pub(crate) attempts: u32,
}

/// No good answer.
#[derive(Debug)]
pub(crate) struct Lost {
    /// The last failure; `Shed` when there was no room with anybody.
    pub(crate) kind: FailureKind,
    /// The last bad answer, to be handed on for want of a better one.
    pub(crate) answer: Option<Answer>,
    /// Replicas that answered well, but not with what was asked for.
    pub(crate) useless: Vec<ReplicaId>,
}

/// Asks until there is a good answer. Replicas in `passed_over` are not asked.
pub(crate) async fn race(
    worker: &Rc<Worker>,
    order: &Order<'_>,
    terms: Terms<'_>,
    passed_over: &[ReplicaId],
) -> Finish {
    Race::new(worker, order, terms, passed_over).run().await
}

struct Race<'a> {
    worker: &'a Rc<Worker>,
    order: &'a Order<'a>,
    terms: Terms<'a>,
    lanes: [Option<Lane<'a>>; 2],
    tried: Vec<ReplicaId>,
    started: u32,
    hedge_after: Duration,
    hedge_at: Instant,
    alarm: Alarm,
    lost: Lost,
}

struct Lane<'a> {
    replica: ReplicaId,
    since: Instant,
    overdue: Option<Overdue>,
    run: Pin<Box<dyn Future<Output = Result<Answer, Failed>> + 'a>>,
}

enum Event {
    Ended(usize, Result<Answer, Failed>),
    Silence,
    Deadline,
}

/// What an answer is worth.
struct Judgement {
    failure: Option<FailureKind>,
    use_it: Use,
}

#[derive(PartialEq)]
enum Use {
    Take,
    /// Better than nothing.
    Spare,
    /// Not what was asked for.
    None,
}

impl<'a> Race<'a> {
    fn new(worker: &'a Rc<Worker>, order: &'a Order<'a>, terms: Terms<'a>, passed_over: &[ReplicaId]) -> Self {
        let hedge_after = worker.shared.hedge_after(order.component);
        Self {
            worker,
            order,
            terms,
            lanes: [None, None],
            tried: passed_over.to_vec(),
            started: 0,
            hedge_after,
            hedge_at: Instant::now() + hedge_after,
            alarm: worker.timers.alarm(),
            lost: Lost { kind: FailureKind::Unreachable, answer: None, useless: Vec::new() },
        }
    }

    async fn run(mut self) -> Finish {
        self.start();
        while self.lanes.iter().any(Option::is_some) {
            match self.event().await {
                Event::Ended(lane, result) => {
                    if let Some(answer) = self.ended(lane, result) {
                        return Finish { result: Ok(answer), attempts: self.started };
                    }
                }
                Event::Silence => self.silence(),
                Event::Deadline => self.deadline(),
            }
        }
        Finish { result: Err(self.lost), attempts: self.started }
    }

    /// Starts an attempt in a free lane, if there is anybody to ask.
    fn start(&mut self) {
        let Some(free) = self.lanes.iter().position(Option::is_none) else { return };
        let (replica, seat) = match self.worker.shared.pick(self.order.component, &self.tried, &self.worker.dice) {
            Pick::Replica(replica, seat) => (replica, seat),
            Pick::Full if self.started == 0 => {
                self.lost.kind = FailureKind::Shed;
                return;
            }
            Pick::Full | Pick::Nobody => return,
        };
        let run = Box::pin(attempt(self.worker, self.order, self.terms.rest, replica, seat));
        let since = Instant::now();
        self.lanes[free] = Some(Lane { replica, since, overdue: None, run });
        self.tried.push(replica);
        self.started += 1;
        self.hedge_at = since + self.hedge_after;
    }

    async fn event(&mut self) -> Event {
        let hedging = self.order.repetition == Repetition::Allowed && self.lanes.iter().flatten().count() == 1;
        let deadline = self.terms.deadline;
        self.alarm.set(if hedging { deadline.min(self.hedge_at) } else { deadline });
        let [first, second] = &mut self.lanes;
        tokio::select! {
            biased;
            result = Lane::result(first) => Event::Ended(0, result),
            result = Lane::result(second) => Event::Ended(1, result),
            () = self.alarm.ring() => if Instant::now() >= deadline { Event::Deadline } else { Event::Silence },
        }
    }

    /// Takes the outcome of an attempt; returns the answer that won.
    fn ended(&mut self, lane: usize, result: Result<Answer, Failed>) -> Option<Answer> {
        let Lane { replica, since, .. } = self.lanes[lane].take()?;
        let answer = match result {
            Ok(answer) => answer,
            Err(Failed { kind, reach }) => {
                self.failed(replica, kind);
                match (reach, self.order.repetition) {
                    // Nobody was burdened by it, so its replacement costs nothing.
                    (Reach::Unsent, _) if self.has_extra() => self.start(),
                    (Reach::Sent, Repetition::Allowed) => self.retry(replica),
                    _ => {}
                }
                return None;
            }
        };
        let judgement = self.judge(&answer.head);
        self.worker.head_came(self.order.component, replica, since.elapsed(), judgement.failure);
        match judgement.use_it {
            Use::Take => {
                self.overtake();
                return Some(answer);
            }
            Use::Spare => {
                self.lost.kind = FailureKind::Status;
                self.lost.answer = Some(answer);
            }
            Use::None => self.lost.useless.push(replica),
        }
        self.retry(replica);
        None
    }

    fn judge(&self, head: &AnswerHead) -> Judgement {
        let failure = (head.status >= 500).then_some(FailureKind::Status);
        let use_it = match self.terms.rest.map(|proof| proof.judge(head)) {
            Some(Verdict::Same) => Use::Take,
            Some(Verdict::Failed) => Use::Spare,
            Some(Verdict::Other) => Use::None,
            None if self.order.repetition == Repetition::Allowed && is_passing(head.status) => Use::Spare,
            None if self.starts_over(head) => Use::Spare,
            None => Use::Take,
        };
        Judgement { failure, use_it }
    }

    /// A whole body for a client that has the beginning already, from a component that serves parts: this replica does not
    /// do as the others. (With `If-Range` it is right: the body has changed.)
    fn starts_over(&self, head: &AnswerHead) -> bool {
        let asked = self.order.head;
        let unasked = head.status == 200 && asked.resumes() && asked.fields.get("if-range").is_none();
        unasked && self.worker.shared.serves_parts(self.order.component)
    }

    /// The one still running has lost: it counts as late when it was silent for long.
    fn overtake(&mut self) {
        for lane in self.lanes.iter_mut().filter_map(Option::take) {
            if lane.since.elapsed() >= self.hedge_after {
                self.worker.attempt_failed(self.order.component, lane.replica, Part::Head, FailureKind::Late);
            }
        }
    }

    fn failed(&mut self, replica: ReplicaId, kind: FailureKind) {
        self.lost.kind = kind;
        self.worker.attempt_failed(self.order.component, replica, Part::Head, kind);
    }

    fn has_extra(&self) -> bool {
        self.started <= self.terms.extra
    }

    fn retry(&mut self, failed: ReplicaId) {
        let trouble = self.worker.shared.trouble(self.order.component, failed);
        let free = self.terms.thrift == Thrift::Free;
        if self.has_extra() && (free || self.worker.shared.budget(self.order.component).take(trouble, Instant::now())) {
            self.start();
        }
    }

    /// Nothing heard for long: asks somebody else besides, as far as the budget goes.
    fn silence(&mut self) {
        let now = Instant::now();
        self.hedge_at = now + self.hedge_after;
        let Some(lane) = self.lanes.iter_mut().flatten().next() else { return };
        let (component, shared) = (self.order.component, &self.worker.shared);
        lane.overdue.get_or_insert_with(|| shared.overdue(component, lane.replica));
        let trouble = shared.trouble(component, lane.replica);
        if !self.has_extra() {
            return;
        }
        if self.terms.thrift == Thrift::Free || shared.budget(component).take(trouble, now) {
            self.hedge();
        } else if trouble == Trouble::Lone {
            shared.budget(component).force(now);
            self.hedge();
        }
    }

    fn hedge(&mut self) {
        let before = self.started;
        self.start();
        if let Some(replica) = self.tried.last().filter(|_| self.started > before) {
            self.worker.hedged(self.order.component, *replica);
        }
    }

    fn deadline(&mut self) {
        for lane in [0, 1] {
            if let Some(lane) = self.lanes[lane].take() {
                self.failed(lane.replica, FailureKind::Late);
            }
        }
    }
}

impl Lane<'_> {
    async fn result(lane: &mut Option<Self>) -> Result<Answer, Failed> {
        match lane {
            Some(lane) => lane.run.as_mut().await,
            None => pending().await,
        }
    }
}

/// Failures of a server that another one need not have.
const fn is_passing(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}
