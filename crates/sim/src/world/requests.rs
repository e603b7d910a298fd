//! What becomes of a request: let in, sent to a replica, tried again or asked of a second one, answered.

use crate::shape::{GRAIN, LOGIN};
use crate::time::Time;
use crate::world::crowd::Who;
use crate::world::{Happening, World};
use downbeat_core::model::FailureKind;
use downbeat_edge::policy::{
    Answered, Attempt, Choice, EdgePolicy, Overtaken, Part, ReplicaId, Seat, Silence, Silent, Told, Tries, Waiting,
    is_passing,
};
use std::time::Duration;

/// A request has to be answered within this time.
const DEADLINE: Duration = Duration::from_secs(5);
/// Bytes of an answer.
const BYTES: u64 = 40_000;

/// Names a request; one that is over is found no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    slot: usize,
    nth: u64,
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Request {
    nth: u64,
    who: Who,
    component: usize,
    edge: usize,
    times: u32,
    began: Time,
    hedge_after: Duration,
    tries: Tries,
    tried: Vec<ReplicaId>,
    out: Vec<Out>,
    last_failure: Option<FailureKind>,
    told: bool,
}

/// An attempt under way.
#[derive(Debug)]
struct Out {
    nth: u32,
    replica: usize,
    asked: Time,
    boot: u32,
    outcome: Result<(), FailureKind>,
    seat: Seat,
    silence: Option<Silence>,
    heard_out: bool,
}

/// All requests.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    slots: Vec<Option<Request>>,
    free: Vec<usize>,
    counted: u64,
    /// Requests that an edge tried more than once.
    pub(crate) retried: u64,
}

impl Requests {
    fn add(&mut self, request: Request) -> Key {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        let key = Key { slot, nth: request.nth };
        if slot == self.slots.len() {
            self.slots.push(Some(request));
        } else {
            self.slots[slot] = Some(request);
        }
        key
    }

    fn get(&mut self, key: Key) -> Option<&mut Request> {
        self.slots.get_mut(key.slot)?.as_mut().filter(|request| request.nth == key.nth)
    }

    /// A request that was answered and that nothing is under way for any more is forgotten.
    fn sweep(&mut self, key: Key) {
        if self.get(key).is_some_and(|request| request.told && request.out.is_empty()) {
            self.slots[key.slot] = None;
            self.free.push(key.slot);
        }
    }

    fn of_edge(&self, edge: usize) -> Vec<Key> {
        let here = |(slot, request): (usize, &Option<Request>)| {
            request.as_ref().filter(|r| r.edge == edge).map(|r| Key { slot, nth: r.nth })
        };
        self.slots.iter().enumerate().filter_map(here).collect()
    }
}

/// Whether a request may be sent to two replicas.
fn is_repeatable(component: usize) -> bool {
    // A log-in is a POST.
    component != LOGIN
}

impl World {
    /// A client asks for something, at the first edge that is there from its own one on.
    pub(crate) fn ask(&mut self, who: Who, component: usize) {
        let edges = self.edges.len();
        let home = self.crowd.home(who, edges);
        let Some(edge) = (0..edges).map(|n| (home + n) % edges).find(|n| self.edges[*n].is_up()) else {
            self.marks.reach("request: no edge is there");
            return self.hears(who, component, GRAIN, Err(FailureKind::Refused));
        };
        let (now, id) = (self.instant(), self.ids.components[component]);
        let network = self.crowd.network(who, &self.ids);
        let policy = &mut self.edges[edge].policy;
        // Requests of a bundle come apart in time, so at the door they count as one.
        let admitted = policy.admit(id, network, 1, now);
        if admitted.granted == 0 {
            let (told, mark) = if admitted.limited > 0 {
                (Told::limited(), "request: limited")
            } else {
                (Told::shed(), "request: shed at the door")
            };
            let took = Duration::ZERO;
            policy.answered(Answered { component: id, network, told, took, retried: false, times: GRAIN }, now);
            self.marks.reach(mark);
            return self.hears(who, component, GRAIN, told.failure.map_or(Ok(()), Err));
        }
        let (hedge_after, tries, times) = (policy.hedge_after(id), policy.tries(), GRAIN);
        policy.requested(id, times, now);
        self.requests.counted += 1;
        let (nth, began) = (self.requests.counted, self.now);
        let (tried, out) = (Vec::new(), Vec::new());
        let request = Request {
            nth,
            who,
            component,
            edge,
            times,
            began,
            hedge_after,
            tries,
            tried,
            out,
            last_failure: None,
            told: false,
        };
        let key = self.requests.add(request);
        self.attempt(key, Because::First);
    }

    /// Sends a request to one more replica, or lets it wait, or tells that there is none.
    fn attempt(&mut self, key: Key, because: Because) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let id = self.ids.components[request.component];
        let policy = &mut self.edges[request.edge].policy;
        match policy.choose(id, self.crowd.client(request.who), &request.tried, request.times, now) {
            Choice::Replica(seat) => self.send(key, seat, because),
            Choice::Full if because == Because::First => self.wait(key),
            Choice::Full | Choice::Nobody if !request.out.is_empty() => {}
            Choice::Full => self.answer(key, Told::shed()),
            Choice::Nobody => {
                self.marks.reach("request: nobody left to ask");
                let kind = request.last_failure.unwrap_or(FailureKind::Refused);
                self.answer(key, Told::unanswered(kind));
            }
        }
    }

    fn send(&mut self, key: Key, seat: Seat, because: Because) {
        let now = self.now;
        let Some(request) = self.requests.get(key) else { return };
        let id = seat.replica();
        let replica = self.ids.replicas.iter().position(|r| *r == id).expect("edges know these replicas and no others");
        request.tries.begin();
        request.tried.push(id);
        let nth = request.tries.started();
        let wrong = request.who == Who::Attacker;
        let (edge, component, times) = (request.edge, request.component, request.times);
        let reply = match self.lines.way(&self.shape, edge, replica) {
            Ok(delay) => {
                let mut reply = self.service.serve(replica, component, now + delay, wrong);
                reply.at = reply.at + delay;
                reply
            }
            Err(reply_after) => crate::service::Reply { at: now + reply_after, outcome: Err(FailureKind::Unreachable) },
        };
        if because != Because::Elsewhere {
            self.judge.attempted(now, component, times, because == Because::First);
        }
        if because == Because::Hedge {
            let attempt = Attempt { component: self.ids.components[component], replica: id, times };
            self.edges[edge].policy.hedged(attempt);
            self.marks.reach("request: hedged");
        }
        let boot = self.service.replica(replica).boot;
        let request = self.requests.get(key).expect("it was there a moment ago");
        let (silence, heard_out) = (None, false);
        request.out.push(Out { nth, replica, asked: now, boot, outcome: reply.outcome, seat, silence, heard_out });
        self.queue.plan(reply.at, Happening::AttemptEnds(key, nth));
        if because == Because::First && is_repeatable(component) && reply.at.since(now) > request.hedge_after {
            let after = request.hedge_after;
            self.queue.plan(now + after, Happening::Silence(key));
        }
    }

    fn wait(&mut self, key: Key) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let (edge, id) = (request.edge, self.ids.components[request.component]);
        match self.edges[edge].policy.enter(id, now) {
            Some(waiter) => {
                self.marks.reach("request: waits for a seat");
                let left = waiter.deadline().saturating_duration_since(now);
                self.edges[edge].waiting.push((key, waiter));
                self.queue.plan(self.now + left, Happening::WaitEnds(key));
            }
            None => {
                self.marks.reach("request: the waiting room is full");
                self.edges[edge].policy.shed(id, now);
                self.answer(key, Told::shed());
            }
        }
    }

    /// The time in the waiting room is over.
    pub(crate) fn wait_ends(&mut self, key: Key) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let (edge, id) = (request.edge, self.ids.components[request.component]);
        let Some(place) = self.edges[edge].waiting.iter().position(|(waiting, _)| *waiting == key) else { return };
        let (_, waiter) = self.edges[edge].waiting.swap_remove(place);
        let policy = &mut self.edges[edge].policy;
        policy.leave(waiter, now);
        policy.shed(id, now);
        self.marks.reach("request: waited in vain");
        self.answer(key, Told::shed());
    }

    /// Looks who was called, after seats became free.
    fn call(&mut self, edge: usize) {
        let mut n = 0;
        while n < self.edges[edge].waiting.len() {
            let now = self.instant();
            match self.edges[edge].waiting[n].1.look() {
                Waiting::Still => n += 1,
                Waiting::Called => {
                    let (key, waiter) = self.edges[edge].waiting.swap_remove(n);
                    self.edges[edge].policy.leave(waiter, now);
                    self.marks.reach("request: called from the waiting room");
                    self.attempt(key, Because::First);
                }
                Waiting::Displaced => {
                    let (key, waiter) = self.edges[edge].waiting.swap_remove(n);
                    self.edges[edge].policy.leave(waiter, now);
                    self.marks.reach("request: displaced from the waiting room");
                    self.answer(key, Told::shed());
                }
            }
        }
    }

    /// An attempt has been silent for as long as a hedge waits.
    pub(crate) fn silence(&mut self, key: Key) {
        let (now, at) = (self.now, self.instant());
        let Some(request) = self.requests.get(key) else { return };
        let hedge_after = request.hedge_after;
        let deadline = (request.began + DEADLINE).instant(self.base);
        let (component, times, edge, told) =
            (self.ids.components[request.component], request.times, request.edge, request.told);
        let may_go_on = request.tries.may_go_on();
        let [out] = &mut request.out[..] else { return };
        if told {
            return;
        }
        let attempt = Attempt { component, replica: out.seat.replica(), times };
        let policy = &mut self.edges[edge].policy;
        if out.silence.is_none() {
            out.silence = Some(policy.silent(attempt));
        }
        let silent = Silent { lasted: now.since(out.asked), hedge_after };
        if may_go_on && policy.may_hedge(attempt, silent, deadline, at) >= times {
            self.attempt(key, Because::Hedge);
        } else if may_go_on {
            self.queue.plan(now + hedge_after, Happening::Silence(key));
        }
    }

    /// An attempt comes to its end.
    pub(crate) fn attempt_ends(&mut self, key: Key, nth: u32) {
        let (now, at) = (self.now, self.instant());
        let Some(request) = self.requests.get(key) else { return };
        let Some(place) = request.out.iter().position(|out| out.nth == nth) else { return };
        let out = request.out.swap_remove(place);
        let (edge, component, times) = (request.edge, self.ids.components[request.component], request.times);
        let replica = self.service.replica(out.replica);
        let died = replica.boot != out.boot || !replica.up;
        let outcome = match out.outcome {
            Ok(()) | Err(FailureKind::Late | FailureKind::Status | FailureKind::Denied) if died => {
                Err(FailureKind::Reset)
            }
            outcome => outcome,
        };
        let attempt = Attempt { component, replica: out.seat.replica(), times };
        let policy = &mut self.edges[edge].policy;
        let first_byte = now.since(out.asked);
        policy.give_back(out.seat, at);
        if let Some(silence) = out.silence {
            policy.heard(silence);
        }
        let told = request.told;
        if told {
            hear_out(policy, attempt, out.heard_out, outcome, first_byte, at);
        } else {
            self.lesson(key, attempt, outcome, first_byte);
        }
        self.requests.sweep(key);
        self.call(edge);
    }

    /// An attempt ended that its client waits for.
    fn lesson(&mut self, key: Key, attempt: Attempt, outcome: Result<(), FailureKind>, first_byte: Duration) {
        let at = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let (edge, network) = (request.edge, self.crowd.network(request.who, &self.ids));
        let policy = &mut self.edges[edge].policy;
        match outcome {
            Ok(()) => {
                policy.head_came(attempt, first_byte, 200, at);
                policy.body_read(attempt, BYTES);
                policy.body_good(attempt, BYTES, Duration::from_millis(1), at);
                policy.body_sent(attempt.component, network, BYTES);
                self.overtake(key, first_byte);
                self.answer(key, Told::answer(200));
            }
            Err(FailureKind::Denied) => {
                policy.head_came(attempt, first_byte, 401, at);
                self.answer(key, Told::answer(401));
            }
            Err(FailureKind::Status) => {
                policy.head_came(attempt, first_byte, 503, at);
                self.go_on(key, attempt, FailureKind::Status);
            }
            Err(kind) => {
                policy.attempt_failed(attempt, Part::Head, kind, at);
                self.go_on(key, attempt, kind);
            }
        }
    }

    /// Whoever lost to an answer that came first.
    fn overtake(&mut self, key: Key, first_byte: Duration) {
        let (now, at) = (self.now, self.instant());
        let Some(request) = self.requests.get(key) else { return };
        let (component, times, hedge_after) =
            (self.ids.components[request.component], request.times, request.hedge_after);
        let policy = &mut self.edges[request.edge].policy;
        for out in &mut request.out {
            let attempt = Attempt { component, replica: out.seat.replica(), times };
            let silent = Silent { lasted: now.since(out.asked), hedge_after };
            out.heard_out = policy.overtaken(attempt, silent, first_byte, at) == Overtaken::HeardOut;
            self.marks.reach("request: a hedge won");
        }
    }

    /// A failed attempt is replaced, or the client hears of it.
    fn go_on(&mut self, key: Key, failed: Attempt, kind: FailureKind) {
        let at = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        request.last_failure = Some(kind);
        if !request.out.is_empty() {
            return;
        }
        let told = if kind == FailureKind::Status { Told::answer(503) } else { Told::unanswered(kind) };
        let unsent = matches!(kind, FailureKind::Refused | FailureKind::Unreachable);
        if unsent {
            request.tries.was_unsent();
        }
        let wished = unsent || (is_repeatable(request.component) && (kind != FailureKind::Status || is_passing(503)));
        if !wished || !request.tries.may_go_on() || request.tried.len() >= self.ids.replicas.len() {
            return self.answer(key, told);
        }
        let deadline = (request.began + DEADLINE).instant(self.base);
        let (edge, times) = (request.edge, request.times);
        let granted = if unsent { times } else { self.edges[edge].policy.may_retry(failed, deadline, at) };
        if granted < times {
            self.marks.reach("request: no budget for a retry");
        }
        if granted == 0 {
            return self.answer(key, told);
        }
        self.part(key, times - granted, told);
        self.marks.reach(if unsent { "request: asked elsewhere, unsent" } else { "request: tried again" });
        self.attempt(key, if unsent { Because::Elsewhere } else { Because::Retry });
    }

    /// Some of those that a request stands for are not tried again.
    fn part(&mut self, key: Key, leaving: u32, told: Told) {
        if leaving > 0 {
            self.tell_edge(key, told, leaving);
            let Some(request) = self.requests.get(key) else { return };
            request.times -= leaving;
            let who = request.who;
            self.toll.lose(who, leaving);
        }
    }

    /// A client gets its answer.
    fn answer(&mut self, key: Key, told: Told) {
        let Some(request) = self.requests.get(key) else { return };
        if request.told {
            return;
        }
        request.told = true;
        let (who, component, times) = (request.who, request.component, request.times);
        self.tell_edge(key, told, times);
        self.requests.sweep(key);
        self.hears(who, component, times, told.failure.map_or(Ok(()), Err));
    }

    fn tell_edge(&mut self, key: Key, told: Told, times: u32) {
        let (now, at) = (self.now, self.instant());
        let Some(request) = self.requests.get(key) else { return };
        let network = self.crowd.network(request.who, &self.ids);
        let (component, took) = (self.ids.components[request.component], now.since(request.began));
        let (retried, edge) = (request.tries.started() > 1, request.edge);
        self.requests.retried += if retried { u64::from(times) } else { 0 };
        self.edges[edge].policy.answered(Answered { component, network, told, took, retried, times }, at);
    }

    /// The edge dies, and with it all that its clients wait for.
    pub(crate) fn drop_requests_of(&mut self, edge: usize) {
        self.edges[edge].waiting.clear();
        for key in self.requests.of_edge(edge) {
            let Some(request) = self.requests.get(key) else { continue };
            let (who, component, times, told) = (request.who, request.component, request.times, request.told);
            (request.told, request.out) = (true, Vec::new());
            self.requests.sweep(key);
            if !told {
                self.hears(who, component, times, Err(FailureKind::Reset));
            }
        }
    }
}

/// Why a replica is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    First,
    Retry,
    /// The attempt before was never sent, and counts for nothing.
    Elsewhere,
    Hedge,
}

/// An attempt ended that nobody waits for any more.
fn hear_out(
    policy: &mut EdgePolicy,
    attempt: Attempt,
    heard_out: bool,
    outcome: Result<(), FailureKind>,
    first_byte: Duration,
    at: std::time::Instant,
) {
    match outcome {
        _ if !heard_out => {}
        _ if first_byte > EdgePolicy::HEARD_OUT => policy.attempt_failed(attempt, Part::Head, FailureKind::Late, at),
        Ok(()) => policy.straggled(attempt, first_byte, 200, at),
        Err(FailureKind::Denied) => policy.straggled(attempt, first_byte, 401, at),
        Err(FailureKind::Status) => policy.straggled(attempt, first_byte, 503, at),
        Err(kind) => policy.attempt_failed(attempt, Part::Head, kind, at),
    }
}
