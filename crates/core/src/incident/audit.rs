//! Reads a log from outside and says where an invariant was broken. Knows nothing of how the engine decides.

use super::event::{Actor, Event, Record, Verdict};
use crate::model::{ActPolicy, Moment, Name, Remedy, RemedyId, RemedyKind, Strength, Topology, TrafficPlan};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// One broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The line of the log at which it shows.
    pub seq: u64,
    /// The invariant: `A2`.
    pub invariant: &'static str,
    /// For people.
    pub what: String,
}

/// Checks a log line by line against the invariants that can be seen from outside: A2, A3, A6, A9, A10, A11, A12.
#[derive(Debug)]
pub struct Auditor<'a> {
    topology: &'a Topology,
    policy: &'a ActPolicy,
    found: Vec<Violation>,
    epoch: u64,
    remedies: BTreeMap<RemedyId, (Remedy, Option<Moment>, u32)>,
    starts: Vec<(Moment, RemedyId)>,
    out: BTreeSet<Name>,
    removals: Vec<(Moment, Name)>,
}

impl<'a> Auditor<'a> {
    /// An auditor that has read nothing yet.
    pub fn new(topology: &'a Topology, policy: &'a ActPolicy) -> Self {
        Self {
            topology,
            policy,
            found: vec![],
            epoch: 0,
            remedies: BTreeMap::new(),
            starts: vec![],
            out: BTreeSet::new(),
            removals: vec![],
        }
    }

    /// What was found, in the order of the log.
    pub fn violations(self) -> Vec<Violation> {
        self.found
    }
}

impl Auditor<'_> {
    /// Reads the next line.
    pub fn read(&mut self, record: &Record) {
        match &record.event {
            Event::RemedyProposed { remedy, .. } => {
                self.remedies.insert(remedy.id, (remedy.clone(), None, 0));
            }
            // Whoever proposed and started it stands in a log that is gone.
            Event::PlanFound { remedies, .. } => self
                .remedies
                .extend(remedies.iter().map(|found| (found.remedy.id, (found.remedy.clone(), Some(record.at), 0)))),
            Event::RemedyStarted { remedy, by, .. } => self.started(record, *remedy, by),
            Event::RemedyJudged { remedy, verdict, .. } => self.judged(record, *remedy, *verdict),
            _ => {}
        }
        if let Some(plan) = record.event.plan() {
            self.plan(record, plan);
        }
    }

    fn fault(&mut self, record: &Record, invariant: &'static str, what: impl Into<String>) {
        self.found.push(Violation { seq: record.seq, invariant, what: what.into() });
    }

    fn started(&mut self, record: &Record, id: RemedyId, by: &Actor) {
        match self.remedies.get_mut(&id) {
            None => self.fault(record, "A12", format!("remedy {id} was started without a proposal")),
            Some((_, Some(_), _)) => self.fault(record, "A6", format!("remedy {id} was started twice")),
            Some((_, started, _)) => *started = Some(record.at),
        }
        if *by == Actor::Automation {
            self.starts.push((record.at, id));
            self.budget(record);
        }
    }

    /// A11 and the restarts of A9.
    fn budget(&mut self, record: &Record) {
        let recent = self.starts.iter().filter(|(at, _)| record.at.since(*at) < self.policy.budget_window).count();
        if recent > self.policy.budget {
            self.fault(record, "A11", format!("{recent} actions within {} s", self.policy.budget_window.as_secs()));
        }
        let mut restarts: BTreeMap<&crate::model::Slice, usize> = BTreeMap::new();
        for (_, id) in self.starts.iter().filter(|(at, _)| record.at.since(*at) < Duration::from_secs(3_600)) {
            if let Some((remedy, ..)) = self.remedies.get(id).filter(|(r, ..)| r.kind == RemedyKind::Restart) {
                *restarts.entry(&remedy.slice).or_default() += 1;
            }
        }
        let most = restarts.values().max().copied().unwrap_or(0);
        if most > self.policy.restarts_per_hour {
            self.fault(record, "A9", format!("{most} restarts of one replica within the hour"));
        }
    }

    /// A12: judged once, and by its deadline or by an operator later.
    fn judged(&mut self, record: &Record, id: RemedyId, verdict: Verdict) {
        let Some((_, _, count)) = self.remedies.get_mut(&id) else {
            return self.fault(record, "A12", format!("remedy {id} was judged without a proposal"));
        };
        *count += 1;
        if *count > 1 && verdict == Verdict::Kept {
            self.fault(record, "A12", format!("remedy {id} was kept twice"));
        }
    }

    fn plan(&mut self, record: &Record, plan: &TrafficPlan) {
        if plan.epoch <= self.epoch {
            self.fault(record, "A6", format!("epoch {} follows {}", plan.epoch, self.epoch));
        }
        self.epoch = plan.epoch;
        if let Err(fault) = plan.check(&self.topology.serving()) {
            self.fault(record, "A3", fault.to_string());
        }
        let out: BTreeSet<Name> =
            plan.weights.iter().filter(|w| w.share < Strength::FULL).map(|w| w.replica.clone()).collect();
        self.domains(record, &out);
        let gone: BTreeSet<Name> =
            plan.weights.iter().filter(|w| w.share == Strength::NONE).map(|w| w.replica.clone()).collect();
        for replica in gone.difference(&self.out).cloned().collect::<Vec<_>>() {
            self.removed(record, replica);
        }
        self.out = gone;
    }

    /// A2: one failure domain, at most half of a component.
    fn domains(&mut self, record: &Record, out: &BTreeSet<Name>) {
        let regions: BTreeSet<&Name> =
            out.iter().filter_map(|r| self.topology.replicas.get(r).map(|r| &r.region)).collect();
        let regions = regions.len();
        if regions > 1 {
            self.fault(record, "A2", format!("replicas of {regions} regions are held out"));
        }
        let most = self
            .topology
            .components
            .values()
            .map(|c| c.replicas.intersection(out).count() as f64 / c.replicas.len().max(1) as f64);
        let most = most.fold(0.0, f64::max);
        if most > self.policy.removed_max {
            self.fault(record, "A2", format!("{:.0} % of a component is held out", most * 100.0));
        }
    }

    /// A10: how often a replica is taken out.
    fn removed(&mut self, record: &Record, replica: Name) {
        self.removals.push((record.at, replica.clone()));
        let within = |span: Duration| {
            self.removals.iter().filter(|(at, r)| *r == replica && record.at.since(*at) < span).count()
        };
        let (ten, hour) = (within(Duration::from_secs(600)), within(Duration::from_secs(3_600)));
        if ten > self.policy.flaps.0 || hour > self.policy.flaps.1 {
            self.fault(record, "A10", format!("{replica} was taken out {ten} times in ten minutes, {hour} in an hour"));
        }
    }
}
