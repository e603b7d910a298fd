//! Attempts: a request is sent to a replica, tried again, asked of a second one, and each attempt comes to its end.

use super::{BYTES, Because, DEADLINE, Key, Out, is_repeatable};
use crate::judge::Ask;
use crate::service::Asked;
use crate::world::crowd::Who;
use crate::world::{Happening, World};
use downbeat_core::model::FailureKind;
use downbeat_edge::policy::{Attempt, Choice, EdgePolicy, Overtaken, Part, Repetition, Seat, Silent, Told, is_passing};
use std::time::Duration;

impl World {
    /// Sends a request to one more replica, or lets it wait, or tells that there is none.
    pub(super) fn attempt(&mut self, key: Key, because: Because) {
        let now = self.instant();
        let Some(request) = self.requests.get(key) else { return };
        let id = self.ids.components[request.component];
        let policy = &mut self.edges[request.edge].policy;
        let repeatable = is_repeatable(request.component);
        let repetition = if repeatable { Repetition::Allowed } else { Repetition::Forbidden };
        match policy.choose(id, self.crowd.client(request.who), (&request.tried, repetition), request.times, now) {
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
        let before = request.tried.last().and_then(|last| self.ids.replicas.iter().position(|r| r == last));
        request.tried.push(id);
        let nth = request.tries.started();
        let (edge, component, times) = (request.edge, request.component, request.times);
        let work = self.shape.work(component, request.feature);
        let asked = Asked { component, work, wrong_password: request.who == Who::Attacker };
        let reply = match self.lines.way(&self.shape, edge, replica) {
            Ok(delay) => {
                let mut reply = self.service.serve(replica, asked, now + delay);
                reply.at = reply.at + delay;
                reply
            }
            Err(reply_after) => crate::service::Reply { at: now + reply_after, outcome: Err(FailureKind::Unreachable) },
        };
        let ask = match (because, before) {
            (Because::Elsewhere, _) => None,
            (Because::First, _) | (_, None) => Some(Ask::First),
            (Because::Retry | Because::Hedge, Some(before)) => Some(Ask::Because(before)),
        };
        if let Some(ask) = ask {
            self.judge.asks(now, (edge, component), replica, ask, times);
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
