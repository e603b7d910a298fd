//! What attempts and answers teach, and what of them is counted: both in one place, so that they never part.

use crate::change::site::{ComponentId, ReplicaId};
use crate::choose::health::{OUTLIER_ANSWERS, OUTLIER_MIN, Part, is_outlier};
use crate::choose::look::{AILING, News};
use crate::door::network::Network;
use crate::exchange::told::Told;
use crate::run::extra::Overtaken;
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::tell::count::Promptness;
use crate::tell::events;
use crate::tell::tally::Tallies;
use downbeat_core::model::{FailureKind, Name};
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// So many of something that are alike and happened at the same instant, counted by one thread. Live ones come alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lot {
    pub(crate) thread: usize,
    pub(crate) times: u32,
}

/// Shorter bodies say nothing of the gaps to be expected in a body.
const TELLING_BYTES: u64 = 64 * 1024;

/// A body that came whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Body {
    pub(crate) bytes: u64,
    /// The longest wait within it.
    pub(crate) longest_gap: Duration,
}

/// An answer to a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reply {
    pub(crate) component: ComponentId,
    pub(crate) network: Network,
    pub(crate) told: Told,
    /// From the head of the request to the head of the answer.
    pub(crate) took: Duration,
    /// True when it needed more than one attempt.
    pub(crate) retried: bool,
    /// The fingerprint of the client's session, where sessions are known.
    pub(crate) session: Option<u64>,
}

/// How an overtaken attempt stood when it lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loser {
    pub(crate) component: ComponentId,
    pub(crate) replica: ReplicaId,
    /// How long it had been silent.
    pub(crate) silent: Duration,
    /// The silence after which others were asked.
    pub(crate) hedge_after: Duration,
}

impl Shared {
    fn tallies(&self, thread: usize) -> MutexGuard<'_, Tallies> {
        locked(&self.tallies[thread])
    }

    /// An attempt's head came after `first_byte`; `failure` when it told of one.
    pub(crate) fn head_came(
        &self,
        lot: Lot,
        component: ComponentId,
        replica: ReplicaId,
        first_byte: Duration,
        failure: Option<FailureKind>,
        now: Instant,
    ) {
        if failure.is_none() {
            self.past(component).pace.observe(first_byte, lot.times);
        }
        self.straggled(lot, component, replica, first_byte, failure, now);
    }

    /// The same for an attempt that another one had overtaken. The pace of answers is that of those which were waited
    /// for: were this one in it, one slow replica would put off all hedges that are to spare clients its slowness.
    pub(crate) fn straggled(
        &self,
        lot: Lot,
        component: ComponentId,
        replica: ReplicaId,
        first_byte: Duration,
        failure: Option<FailureKind>,
        now: Instant,
    ) {
        let slow = Promptness::of(first_byte, self.site.component(component).settings.slow);
        {
            let mut tallies = self.tallies(lot.thread);
            let row = tallies.attempt(component, replica);
            row.outcomes.count(failure, slow, lot.times);
            row.first_byte(first_byte, lot.times);
        }
        match failure {
            None => self.head_good(component, replica, first_byte, lot.times, now),
            Some(kind) => self.failed(component, replica, Part::Head, kind, lot.times, now),
        }
    }

    /// An attempt failed: before its head came, or in its body.
    pub(crate) fn attempt_failed(
        &self,
        lot: Lot,
        component: ComponentId,
        replica: ReplicaId,
        part: Part,
        kind: FailureKind,
        now: Instant,
    ) {
        self.tallies(lot.thread).attempt(component, replica).outcomes.failed(kind, lot.times);
        self.failed(component, replica, part, kind, lot.times, now);
    }

    /// A replica is asked besides a silent one.
    pub(crate) fn hedged(&self, lot: Lot, component: ComponentId, replica: ReplicaId) {
        self.tallies(lot.thread).attempt(component, replica).hedged += u64::from(lot.times);
    }

    /// An attempt has lost to one that took `first_byte`. Against a prompt one it is a straggler; otherwise everybody is
    /// slow, which says nothing about one.
    pub(crate) fn overtaken(&self, loser: &Loser, first_byte: Duration, times: u32, now: Instant) -> Overtaken {
        let Loser { component, replica, silent, hedge_after } = *loser;
        if silent < hedge_after {
            return Overtaken::Dropped;
        }
        if first_byte > hedge_after {
            self.past(component).pace.observe(silent, times);
            return Overtaken::Dropped;
        }
        self.link(component, replica).form.overtaken(silent, self.ticks(now));
        Overtaken::HeardOut
    }

    /// So many bytes of bodies came from a replica, all of the lot together.
    pub(crate) fn body_read(&self, lot: Lot, component: ComponentId, replica: ReplicaId, bytes: u64) {
        let mut tallies = self.tallies(lot.thread);
        let row = tallies.attempt(component, replica);
        row.bytes = row.bytes.saturating_add(bytes);
    }

    /// A body came whole.
    pub(crate) fn body_good(&self, component: ComponentId, replica: ReplicaId, body: Body, now: Instant) {
        if body.bytes >= TELLING_BYTES {
            locked(&self.past(component).gaps).observe(body.longest_gap);
        }
        self.link(component, replica).good(Part::Body, self.ticks(now));
    }

    /// So many bytes of bodies went out to clients, all of the lot together.
    pub(crate) fn body_sent(&self, lot: Lot, component: ComponentId, network: Network, bytes: u64) {
        let mut tallies = self.tallies(lot.thread);
        let row = tallies.client(component, network);
        row.bytes = row.bytes.saturating_add(bytes);
    }

    /// A body went on from another replica.
    pub(crate) fn resumed(&self, lot: Lot, component: ComponentId, network: Network) {
        self.tallies(lot.thread).client(component, network).resumed += u64::from(lot.times);
    }

    /// A body could not be brought to its end.
    pub(crate) fn body_cut(&self, lot: Lot, component: ComponentId, network: Network) {
        self.tallies(lot.thread).client(component, network).outcomes.failed(FailureKind::Reset, lot.times);
    }

    /// Notes that a request found all seats taken.
    pub(crate) fn shed(&self, component: ComponentId, now: Instant) {
        self.past(component).shed_at.set(Some(self.ticks(now)));
    }

    /// A client was answered.
    pub(crate) fn answered(&self, lot: Lot, reply: &Reply, now: Instant) {
        let Reply { component, network, told, took, retried, session } = *reply;
        if told.is_failure_of_service() {
            locked(&self.components[component.0].gate).failed(lot.times, now);
        }
        let mut tallies = self.tallies(lot.thread);
        let sum = tallies.component(component);
        sum.status(told.status, lot.times);
        // What the edge turns away at the door waits for nobody, and would make the rest look quick.
        if !told.is_turned_away() {
            sum.first_byte(took, lot.times);
        }
        if let Some(fingerprint) = session {
            tallies.session(component, fingerprint);
        }
        let row = tallies.client(component, network);
        row.outcomes.count(told.failure, Promptness::of(took, self.site.component(component).settings.slow), lot.times);
        row.retried += u64::from(retried) * u64::from(lot.times);
    }

    /// A request for a feature was turned away because it is kept out.
    pub(crate) fn withheld(&self, lot: Lot, component: ComponentId, feature: &Name) {
        self.tallies(lot.thread).component(component).withheld(feature, lot.times);
    }

    fn head_good(&self, component: ComponentId, replica: ReplicaId, first_byte: Duration, times: u32, now: Instant) {
        self.link(component, replica).head_good(first_byte, times, self.ticks(now));
        let in_flight = self.in_flight(replica);
        self.adapt(replica, |limiter| limiter.answered(component.0, first_byte, times, in_flight, now));
        if first_byte >= OUTLIER_MIN {
            self.find_outlier(component, replica, now);
        }
    }

    fn failed(
        &self,
        component: ComponentId,
        replica: ReplicaId,
        part: Part,
        kind: FailureKind,
        times: u32,
        now: Instant,
    ) {
        if kind == FailureKind::Late {
            self.adapt(replica, |limiter| limiter.late(now));
        }
        let (consecutive, link) = (self.settings.health.consecutive, self.link(component, replica));
        if let Some(span) = link.bad(part, times, consecutive, self.ticks(now)) {
            self.tell_ejection(component, replica, kind, span);
        }
        // Who hangs is hardly asked again: there may be no second failure for a while.
        if kind.is_soft() || link.form.success() <= AILING {
            self.consider_a_look(replica, News::Ails, now);
        }
    }

    /// Ejects a replica that answers far more slowly than its peers do.
    fn find_outlier(&self, component: ComponentId, replica: ReplicaId, now: Instant) {
        let mean = |r: ReplicaId| self.link(component, r).form.mean(OUTLIER_ANSWERS);
        let others = self.site.component(component).replicas.iter().filter(|r| **r != replica);
        let mut peers: Vec<Duration> = others.filter_map(|r| mean(*r)).collect();
        if mean(replica).is_some_and(|own| is_outlier(own, &mut peers))
            && let Some(span) = self.link(component, replica).too_slow(self.ticks(now))
        {
            self.tell_ejection(component, replica, FailureKind::Late, span);
        }
    }

    fn tell_ejection(&self, component: ComponentId, replica: ReplicaId, kind: FailureKind, span: Duration) {
        let names = (&self.site.component(component).settings.name, &self.site.replica(replica).settings.name);
        self.counters.ejections.fetch_add(1, Ordering::Relaxed);
        events::replica_ejected(names.0, names.1, kind, span);
    }
}
