//! What is asked for one request, from its admission to the end of its body.

use crate::admit::traffic::{Admitted, What};
use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::health::Part;
use crate::choose::tries::{Repetition, Tries, Urgency, failure_of_attempt};
use crate::door::network::Network;
use crate::policy::{Answered, Attempt, Choice, EdgePolicy, Seat, Silence, Silent, Waiter};
use crate::run::experience::{Body, Loser, Lot, Reply};
use crate::run::extra::{Overtaken, Wanted};
use crate::run::pick::{Chosen, Keys, Wish};
use downbeat_core::model::FailureKind;
use std::time::{Duration, Instant};

impl EdgePolicy {
    /// How many of some requests of one network are let in.
    pub fn admit(&mut self, what: What, network: Network, came: u32, now: Instant) -> Admitted {
        self.shared().admit(what, network, came, now)
    }

    /// So many requests were let in, and replicas are asked for them: the budget for extra attempts grows.
    pub fn requested(&mut self, component: ComponentId, times: u32, now: Instant) {
        self.shared().requested(component, times, now);
    }

    /// A request's attempts, none so far.
    pub fn tries(&self) -> Tries {
        Tries::new(self.settings().retry.extra)
    }

    /// Chooses a replica for a client's request that was tried at these, and takes `times` seats there. `client` is whatever the client is
    /// known by.
    pub fn choose(
        &mut self,
        component: ComponentId,
        client: u64,
        (tried, repetition): (&[ReplicaId], Repetition),
        times: u32,
        now: Instant,
    ) -> Choice {
        let keys = Keys::of_client(self.shared(), component, client);
        match self.shared().choose(&Wish { component, tried, keys, repetition, places: times }, &self.dice, now) {
            Chosen::Replica(replica) => Choice::Replica(Seat { replica, places: times, boot: self.boot }),
            Chosen::Full => Choice::Full,
            Chosen::Nobody => Choice::Nobody,
        }
    }

    /// An attempt is over.
    pub fn give_back(&mut self, seat: Seat, now: Instant) {
        if seat.boot != self.boot {
            return;
        }
        self.shared().give_back(seat.replica, seat.places);
        for _ in 0..seat.places.min(u32::try_from(self.shared().waiting()).unwrap_or(u32::MAX)) {
            self.shared().seat_freed(seat.replica, now);
        }
    }

    /// Somebody who found all full comes into the waiting room; `None` when there is no place.
    pub fn enter(&mut self, component: ComponentId, now: Instant) -> Option<Waiter> {
        self.shared().enter(component, now).map(|inner| Waiter { inner, boot: self.boot })
    }

    /// Somebody leaves the waiting room, for whatever reason.
    pub fn leave(&mut self, mut waiter: Waiter, now: Instant) {
        if waiter.boot == self.boot {
            self.shared().leave(&mut waiter.inner, now);
        }
    }

    /// A request found no seat in time: for a second nothing is tried twice.
    pub fn shed(&mut self, component: ComponentId, now: Instant) {
        self.shared().shed(component, now);
    }

    /// The silence after which a second replica is asked; settled when a request begins.
    pub fn hedge_after(&self, component: ComponentId) -> Duration {
        self.shared().hedge_after(component)
    }

    /// The gap in a body after which the rest is asked of another replica; settled when a body begins.
    pub fn stall_after(&self, component: ComponentId) -> Duration {
        self.shared().stall_after(component)
    }

    /// How many of some requests are tried again after this attempt. They have to be answered by `deadline`.
    pub fn may_retry(&mut self, failed: Attempt, deadline: Instant, now: Instant) -> u32 {
        self.extra(failed, Urgency::Usual, deadline, now)
    }

    /// How many of some requests are asked of another replica besides one that has been silent for `silent`.
    pub fn may_hedge(&mut self, attempt: Attempt, silent: Silent, deadline: Instant, now: Instant) -> u32 {
        self.extra(attempt, Urgency::of(silent.lasted, silent.hedge_after), deadline, now)
    }

    fn extra(&mut self, because_of: Attempt, urgency: Urgency, deadline: Instant, now: Instant) -> u32 {
        let Attempt { component, replica, times } = because_of;
        let wanted = Wanted { component, because_of: replica, urgency, deadline };
        self.shared().extra_attempts(&wanted, times, now)
    }

    /// How many of some bodies go on from another replica after a gap of `waited`.
    pub fn may_help(&mut self, stalled: Attempt, waited: Duration, now: Instant) -> u32 {
        self.shared().helped(stalled.component, stalled.replica, waited, stalled.times, now)
    }

    /// An attempt was begun besides a silent one.
    pub fn hedged(&mut self, attempt: Attempt) {
        self.shared().hedged(lot(attempt.times), attempt.component, attempt.replica);
    }

    /// An attempt has been silent for as long as a hedge waits, or a body for as long as help does.
    pub fn silent(&mut self, attempt: Attempt) -> Silence {
        let Attempt { component, replica, .. } = attempt;
        self.shared().link(component, replica).overdue_began();
        Silence { component, replica, boot: self.boot }
    }

    /// It was heard, or is waited for no more.
    pub fn heard(&mut self, silence: Silence) {
        if silence.boot == self.boot {
            self.shared().link(silence.component, silence.replica).overdue_ended();
        }
    }

    /// A head came after `first_byte`, with this status.
    pub fn head_came(&mut self, attempt: Attempt, first_byte: Duration, status: u16, now: Instant) {
        let Attempt { component, replica, times } = attempt;
        let failure = failure_of_attempt(status);
        self.shared().head_came(lot(times), component, replica, first_byte, failure, now);
    }

    /// The same for an attempt that was overtaken and heard out.
    pub fn straggled(&mut self, attempt: Attempt, first_byte: Duration, status: u16, now: Instant) {
        let Attempt { component, replica, times } = attempt;
        let failure = failure_of_attempt(status);
        self.shared().straggled(lot(times), component, replica, first_byte, failure, now);
    }

    /// An attempt that had been silent for so long lost to one that took `first_byte`.
    pub fn overtaken(&mut self, attempt: Attempt, silent: Silent, first_byte: Duration, now: Instant) -> Overtaken {
        let Attempt { component, replica, times } = attempt;
        let loser = Loser { component, replica, silent: silent.lasted, hedge_after: silent.hedge_after };
        self.shared().overtaken(&loser, first_byte, times, now)
    }

    /// An attempt failed: before its head came, or in its body.
    pub fn attempt_failed(&mut self, attempt: Attempt, part: Part, kind: FailureKind, now: Instant) {
        let Attempt { component, replica, times } = attempt;
        self.shared().attempt_failed(lot(times), component, replica, part, kind, now);
    }

    /// So many bytes of bodies came from a replica, all of these attempts together.
    pub fn body_read(&mut self, attempt: Attempt, bytes: u64) {
        self.shared().body_read(lot(attempt.times), attempt.component, attempt.replica, bytes);
    }

    /// Bodies of so many bytes each came whole; they were silent for `longest_gap` at most.
    pub fn body_good(&mut self, attempt: Attempt, bytes: u64, longest_gap: Duration, now: Instant) {
        let body = Body { bytes, longest_gap };
        self.shared().body_good(attempt.component, attempt.replica, body, now);
    }

    /// A client was answered: the head went out, or nothing will.
    pub fn answered(&mut self, answered: Answered, now: Instant) {
        let Answered { component, network, told, took, retried, times } = answered;
        self.shared().answered(lot(times), &Reply { component, network, told, took, retried, session: None }, now);
    }

    /// So many bytes of bodies went to clients.
    pub fn body_sent(&mut self, component: ComponentId, network: Network, bytes: u64) {
        self.shared().body_sent(lot(1), component, network, bytes);
    }

    /// Bodies went on from another replica.
    pub fn resumed(&mut self, component: ComponentId, network: Network, times: u32) {
        self.shared().resumed(lot(times), component, network);
    }

    /// Bodies could not be brought to their end.
    pub fn body_cut(&mut self, component: ComponentId, network: Network, times: u32) {
        self.shared().body_cut(lot(times), component, network);
    }
}

/// There is one thread.
const fn lot(times: u32) -> Lot {
    Lot { thread: 0, times }
}
