//! Several replicas, one answer: retries and hedges around single attempts.
//!
//! At most two attempts run at a time. A second one starts when the first has been silent for longer than nearly
//! every answer takes (a hedge), and when an attempt has failed (a retry); the first is never given up for that. Both
//! come out of the component's budget, except that a replica which alone stays silent for twice that long is hedged in
//! any case. Neither is made while the component is shedding, nor when too little time is left (invariant B5). The
//! first good answer wins. Source of hedging: Dean and Barroso, *The Tail at Scale* (2013).
//!
//! How often, and after what: [`choose::tries`](crate::choose::tries); out of which budget: [`run::extra`](crate::run::extra).

use crate::ask::attempt::{Answer, Failed, Order, Reach, attempt};
use crate::ask::resume::{Proof, Verdict};
use crate::ask::straggler::Straggler;
use crate::change::site::ReplicaId;
use crate::choose::health::Part;
use crate::choose::tries::{Repetition, Tries, Urgency, failure_of_attempt, is_passing};
use crate::codec::AnswerHead;
use crate::run::experience::Loser;
use crate::run::extra::{Overtaken, Wanted};
use crate::run::pick::{Keys, Pick, Wish};
use crate::run::seat::Overdue;
use crate::run::timer::Alarm;
use crate::run::worker::Worker;
use downbeat_core::model::FailureKind;
use smallvec::SmallVec;
use std::future::{Future, pending};
use std::pin::Pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What is asked for and how hard it is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<'a> {
    /// Only the rest of a body, when it is one.
    pub(crate) rest: Option<&'a Proof>,
    /// Most attempts beyond the first that may have been sent.
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
    tried: SmallVec<[ReplicaId; 4]>,
    keys: Keys,
    tries: Tries,
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
            tried: SmallVec::from_slice(passed_over),
            keys: Keys::of(&worker.shared, order.component, order.head, order.caller.address),
            tries: Tries::new(terms.extra),
            hedge_after,
            // Set anew with each attempt that starts; without one nobody waits.
            hedge_at: terms.deadline,
            alarm: worker.timers.alarm(),
            lost: Lost { kind: FailureKind::Unreachable, answer: None, useless: Vec::new() },
        }
    }

    async fn run(mut self) -> Finish {
        self.begin().await;
        while self.lanes.iter().any(Option::is_some) {
            match self.event().await {
                Event::Ended(lane, result) => {
                    if let Some(answer) = self.ended(lane, result) {
                        return Finish { result: Ok(answer), attempts: self.tries.started() };
                    }
                }
                Event::Silence => self.silence(),
                Event::Deadline => self.deadline(),
            }
        }
        Finish { result: Err(self.lost), attempts: self.tries.started() }
    }

    /// Starts the first attempt. A request that finds all seats taken waits for one; the rest of a body does not,
    /// for whoever looks for it asks again by itself.
    async fn begin(&mut self) {
        let (shared, dice) = (&self.worker.shared, &self.worker.dice);
        let wish = self.wish();
        let pick = match self.terms.rest {
            None => shared.pick_patiently(&wish, dice, self.terms.deadline).await,
            Some(_) => shared.pick(&wish, dice, Instant::now()),
        };
        if matches!(pick, Pick::Full) {
            self.lost.kind = FailureKind::Shed;
        }
        self.launch(pick, Instant::now());
    }

    fn wish(&self) -> Wish<'_> {
        let Order { component, repetition, .. } = *self.order;
        Wish { component, tried: &self.tried, keys: self.keys, repetition, places: 1 }
    }

    /// Starts a further attempt, if there is anybody to ask.
    fn start(&mut self, now: Instant) {
        let pick = self.worker.shared.pick(&self.wish(), &self.worker.dice, now);
        self.launch(pick, now);
    }

    fn launch(&mut self, pick: Pick, since: Instant) {
        let Pick::Replica(replica, seat) = pick else { return };
        let Some(free) = self.lanes.iter().position(Option::is_none) else { return };
        let run = Box::pin(attempt(self.worker, self.order, self.terms.rest, replica, seat));
        self.lanes[free] = Some(Lane { replica, since, overdue: None, run });
        self.tried.push(replica);
        self.tries.begin();
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
        let (Lane { replica, since, .. }, now) = (self.lanes[lane].take()?, Instant::now());
        let answer = match result {
            Ok(answer) => answer,
            Err(Failed { kind, reach }) => {
                self.failed(replica, kind, now);
                if reach == Reach::Unsent {
                    self.tries.was_unsent();
                }
                match (reach, self.order.repetition) {
                    (Reach::Unsent, _) if self.tries.may_go_on() => self.start(now),
                    (Reach::Sent, Repetition::Allowed) => self.retry(replica, now),
                    _ => {}
                }
                return None;
            }
        };
        let (judgement, first_byte) = (self.judge(&answer.head), now.saturating_duration_since(since));
        self.worker.head_came(self.order.component, replica, first_byte, judgement.failure, now);
        match judgement.use_it {
            Use::Take => {
                self.overtake(first_byte, now);
                return Some(answer);
            }
            Use::Spare => {
                self.lost.kind = FailureKind::Status;
                self.lost.answer = Some(answer);
            }
            Use::None => self.lost.useless.push(replica),
        }
        self.retry(replica, now);
        None
    }

    fn judge(&self, head: &AnswerHead) -> Judgement {
        let failure = failure_of_attempt(head.status);
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

    /// The one still running has lost to one that took `first_byte`.
    fn overtake(&mut self, first_byte: Duration, now: Instant) {
        let (component, hedge_after) = (self.order.component, self.hedge_after);
        for lane in self.lanes.iter_mut().filter_map(Option::take) {
            let Lane { replica, since, overdue, run } = lane;
            let loser = Loser { component, replica, silent: now.saturating_duration_since(since), hedge_after };
            if self.worker.shared.overtaken(&loser, first_byte, 1, now) == Overtaken::HeardOut {
                let head = self.order.head.clone();
                let straggler = Straggler { component, replica, since, head, _overdue: overdue };
                straggler.listen(self.worker, || drop(run));
            }
        }
    }

    fn failed(&mut self, replica: ReplicaId, kind: FailureKind, now: Instant) {
        self.lost.kind = kind;
        self.worker.attempt_failed(self.order.component, replica, Part::Head, kind, now);
    }

    /// Whether one more attempt is to be made because of this replica, on top of the budget only when it is urgent.
    fn may_ask_another(&self, because_of: ReplicaId, urgency: Urgency, now: Instant) -> bool {
        let (component, deadline) = (self.order.component, self.terms.deadline);
        let wanted = Wanted { component, because_of, urgency, deadline };
        let free = self.terms.thrift == Thrift::Free;
        self.tries.may_go_on() && (free || self.worker.shared.extra_attempts(&wanted, 1, now) > 0)
    }

    fn retry(&mut self, failed: ReplicaId, now: Instant) {
        if self.may_ask_another(failed, Urgency::Usual, now) {
            self.start(now);
        }
    }

    /// Nothing heard for long: asks somebody else besides, as far as the budget goes.
    fn silence(&mut self) {
        let now = Instant::now();
        self.hedge_at = now + self.hedge_after;
        let Some(lane) = self.lanes.iter_mut().flatten().next() else { return };
        let (component, shared, replica) = (self.order.component, &self.worker.shared, lane.replica);
        lane.overdue.get_or_insert_with(|| shared.overdue(component, replica));
        let urgency = Urgency::of(now.saturating_duration_since(lane.since), self.hedge_after);
        if self.may_ask_another(replica, urgency, now) {
            self.hedge(now);
        }
    }

    fn hedge(&mut self, now: Instant) {
        let before = self.tries.started();
        self.start(now);
        if let Some(replica) = self.tried.last().filter(|_| self.tries.started() > before) {
            self.worker.shared.hedged(self.worker.one(), self.order.component, *replica);
        }
    }

    fn deadline(&mut self) {
        let now = Instant::now();
        for lane in [0, 1] {
            if let Some(lane) = self.lanes[lane].take() {
                self.failed(lane.replica, FailureKind::Late, now);
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
