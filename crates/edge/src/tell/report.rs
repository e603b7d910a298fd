//! What an edge says of itself: sums for the metrics, and once a second a roll-up for the hub, which also has the newest
//! plan that was refused.

use crate::change::plan::{PlanOutcome, PlanSource, apply};
use crate::change::site::Site;
use crate::change::trial::Answers;
use crate::door::network::Network;
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::tell::count::{AttemptCount, ClientCount, ComponentCount};
use crate::tell::events;
use crate::tell::sessions::Recent;
use crate::tell::tally::{Seen, Tallies};
use downbeat_core::model::{ClientRow, ComponentRow, LookupRow, Name, ReplicaRow, RollUp, TrafficPlan, UpstreamRow};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What was seen since the start, for the metrics; networks are not told apart here.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<Seen>);

impl Totals {
    /// Looks at the sums.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&locked(&self.0))
    }

    /// Adds what was seen just now, and forgets what the site has not.
    pub(crate) fn add(&self, seen: &Seen, site: &Site) {
        let mut sums = locked(&self.0);
        sums.add_without_networks(seen);
        sums.keep_only(site);
    }
}

/// One generation's counts.
#[derive(Debug)]
pub(crate) struct Share {
    pub(crate) shared: Arc<Shared>,
    /// Empty; changes places with each thread's counts in turn, so that no thread waits for the gathering.
    spare: Tallies,
}

impl Share {
    pub(crate) fn of(shared: Arc<Shared>) -> Self {
        Self { spare: Tallies::of(&shared.site), shared }
    }

    /// Adds what its threads counted; returns what clients got.
    pub(crate) fn add_to(&mut self, seen: &mut Seen) -> Answers {
        let mut answers = Answers::default();
        for tallies in &self.shared.tallies {
            std::mem::swap(&mut *locked(tallies), &mut self.spare);
            seen.take_in(&self.shared.site, &self.spare);
            answers.add(self.spare.answers());
            self.spare.clear();
        }
        answers
    }
}

/// Whether the edge that reports serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duty {
    Serving,
    /// Another process has taken over, or nobody will.
    WindingDown,
}

/// Writes one process's roll-ups, and takes the plans that answer them.
#[derive(Debug)]
pub(crate) struct Clerk {
    boot: u64,
    seq: u64,
    refused: Option<(u64, String)>,
    since: Instant,
    sessions: Recent,
}

impl Clerk {
    /// A clerk whose first roll-up begins now.
    pub(crate) fn new(boot: u64, now: Instant) -> Self {
        Self { boot, seq: 0, refused: None, since: now, sessions: Recent::default() }
    }

    /// The roll-up of all that was seen since the last one.
    pub(crate) fn roll_up(&mut self, mut seen: Seen, shared: &Shared, duty: Duty, now: Instant) -> RollUp {
        let span = now.saturating_duration_since(std::mem::replace(&mut self.since, now));
        seen.fold_light_networks();
        let sessions = self.sessions.roll(now, std::mem::take(&mut seen.sessions), span);
        self.seq += 1;
        let plan = shared.traffic().plan.clone();
        RollUp {
            edge: shared.settings.name.clone(),
            boot: self.boot,
            seq: self.seq,
            span_ms: u32::try_from(span.as_millis()).unwrap_or(u32::MAX),
            plan_epoch: plan.epoch,
            plan_refused: self.refused.clone(),
            plan: (!plan.is_idle()).then(|| TrafficPlan::clone(&plan)),
            upstream: upstream_rows(seen.attempts),
            clients: client_rows(seen.clients),
            components: component_rows(seen.components),
            replicas: if duty == Duty::Serving { replica_rows(shared, now) } else { Vec::new() },
            lookups: lookup_rows(shared),
            sessions,
            systems: BTreeMap::new(),
        }
    }

    /// The hub has the same plan as the one of this epoch: what that keeps out stays out for longer.
    pub(crate) fn same(&self, shared: &Shared, epoch: u64, now: Instant) {
        let traffic = shared.traffic();
        if traffic.plan.epoch == epoch {
            traffic.features.confirm(now);
        }
    }

    /// Takes the plan that the hub answered with; what became of it stands in the next roll-up.
    pub(crate) fn take(&mut self, shared: &Shared, plan: TrafficPlan, now: Instant) -> PlanOutcome {
        let epoch = plan.epoch;
        let outcome = apply(shared, plan, PlanSource::Hub, now);
        match &outcome {
            PlanOutcome::Stale => {}
            PlanOutcome::Applied => {
                events::plan_applied(epoch);
                self.refused = None;
            }
            PlanOutcome::Refused(refusal) => {
                if self.refused.as_ref().is_none_or(|(known, _)| *known != epoch) {
                    events::plan_refused(epoch, refusal);
                }
                self.refused = Some((epoch, refusal.to_string()));
            }
        }
        outcome
    }
}

fn upstream_rows(attempts: BTreeMap<(Name, Name), AttemptCount>) -> Vec<UpstreamRow> {
    let row = |((component, replica), count): ((Name, Name), AttemptCount)| UpstreamRow {
        component,
        replica,
        tally: count.outcomes.tally(),
        first_byte_us: count.first_byte_us,
        first_byte_us_max: count.first_byte_us_max,
        bytes: count.bytes,
        hedged: count.hedged,
        first_byte: count.first_byte,
    };
    attempts.into_iter().map(row).collect()
}

fn client_rows(clients: BTreeMap<(Name, Option<Network>), ClientCount>) -> Vec<ClientRow> {
    let other = Name::new(ClientRow::OTHER).expect("five letters are a name");
    let row = |((component, network), count): ((Name, Option<Network>), ClientCount)| {
        let (tally, withheld) = ClientRow::told(count.outcomes.tally());
        ClientRow {
            component,
            network: network.map_or_else(|| other.clone(), Network::name),
            tally,
            withheld,
            retried: count.retried,
            resumed: count.resumed,
            bytes: count.bytes,
        }
    };
    clients.into_iter().map(row).collect()
}

fn component_rows(components: BTreeMap<Name, ComponentCount>) -> Vec<ComponentRow> {
    let row = |(component, count): (Name, ComponentCount)| ComponentRow { component, first_byte: count.first_byte };
    components.into_iter().map(row).collect()
}

fn replica_rows(shared: &Shared, now: Instant) -> Vec<ReplicaRow> {
    let row = |id| ReplicaRow {
        replica: shared.site.replica(id).settings.name.clone(),
        version: shared.version(id),
        checks: shared.take_checks(id),
        in_flight: u64::from(shared.in_flight(id)),
        ejected: shared.is_ejected(id, now),
    };
    shared.site.replica_ids().map(row).collect()
}

/// One row for each name that was looked up, or is held.
fn lookup_rows(shared: &Shared) -> Vec<LookupRow> {
    let hosts = shared.site.hosts();
    let mut lookups = locked(&shared.lookups);
    let rows = lookups.iter_mut().map(|(host, state)| LookupRow {
        host: host.clone(),
        region: hosts.get(host).and_then(|replicas| shared.site.common_region(replicas)),
        tally: std::mem::take(&mut state.tally),
        held: state.held,
    });
    rows.filter(|row| row.held || row.tally.total > 0).collect()
}
