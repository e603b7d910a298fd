//! What the hub was told, second by second: counted by the judge itself, so that a decision is held against what could be
//! known and not against what the hub made of it.

use crate::shape::GRAIN;
use downbeat_core::model::{Moment, Name, Policy, ProbeOutcome, ProbeResult, RollUp, SourceClass, Tally};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// As long as evidence lives.
const MEMORY: Duration = Duration::from_secs(61);
/// What users ask for shows over so long.
const DEMAND: Duration = Duration::from_secs(5);
/// A shorter time tells of no rate, in milliseconds.
const RATE_MIN_MS: u64 = 3_000;
/// An edge that was heard within this time is live.
const LIVE: Duration = Duration::from_secs(3);
/// How a replica is now shows over so long.
const NOW: Duration = Duration::from_secs(2);
/// With so many attempts and checks within that time, and half of them bad, a replica looks bad.
const TRIALS: u32 = 4;
/// What passed longer ago is no reason to act: the hub looks back for four seconds, and a roll-up may be late by as much.
const PASSED: Duration = Duration::from_secs(12);

/// All that the hub was told lately.
#[derive(Debug)]
pub(super) struct Told {
    replicas: Vec<Name>,
    components: Vec<Name>,
    seconds: VecDeque<Second>,
    /// By edge: its last roll-up.
    last: BTreeMap<Name, (u64, u64)>,
    /// When an edge was last heard.
    pub(super) heard_at: Option<Moment>,
}

/// What came within a second.
#[derive(Debug)]
struct Second {
    at: Moment,
    /// By edge that was heard.
    asked: BTreeMap<Name, Asked>,
    /// By component: those that failed.
    failed: Vec<u64>,
    /// By replica.
    attempts: Vec<Trials>,
    /// By replica: the edges' checks and the hub's probes.
    checks: Vec<Trials>,
    /// Classes of evidence that told of anything bad.
    bad: BTreeSet<SourceClass>,
    /// Edges, each with a replica at which it met anything bad.
    accused: BTreeSet<(Name, usize)>,
}

/// What clients asked an edge for.
#[derive(Debug, Default)]
struct Asked {
    /// The time that it told of, in milliseconds: after a partition it may be many seconds.
    span_ms: u64,
    /// By component: requests.
    requests: Vec<u64>,
}

/// What was tried, and how much of it was bad.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trials {
    total: u32,
    failed: u32,
    /// Of these, those that a busy machine does not cause by itself.
    hard: u32,
    slow: u32,
}

impl Trials {
    fn count(&mut self, tally: &Tally) {
        // Within a minute none of them comes near the bound.
        let small = |n: u64| u32::try_from(n).unwrap_or(u32::MAX / 100);
        let soft: u64 = tally.failures.iter().filter(|(kind, _)| kind.is_soft()).map(|(_, n)| n).sum();
        let (failed, hard) = (small(tally.failed()), small(tally.failed() - soft));
        self.add(Self { total: small(tally.total), failed, hard, slow: small(tally.slow) });
    }

    fn add(&mut self, other: Self) {
        self.total += other.total;
        self.failed += other.failed;
        self.hard += other.hard;
        self.slow += other.slow;
    }

    fn bad(self) -> u32 {
        self.failed + self.slow
    }

    /// True when a step of the way back has plainly failed: a fifth of what was tried, and a bundle of requests.
    pub(super) fn plainly_failed(self) -> bool {
        self.hard >= GRAIN && 5 * self.hard >= self.total
    }

    /// True when at least half of enough of them were bad.
    pub(super) fn look_bad(self) -> bool {
        self.total >= TRIALS && 2 * self.bad() >= self.total
    }
}

impl Told {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            replicas: policy.topology.replicas.keys().cloned().collect(),
            components: policy.topology.components.keys().cloned().collect(),
            seconds: VecDeque::new(),
            last: BTreeMap::new(),
            heard_at: None,
        }
    }

    /// A roll-up reached the hub; a repeat tells nothing.
    pub(super) fn roll_up(&mut self, now: Moment, roll_up: &RollUp) {
        self.heard_at = Some(now);
        let nth = (roll_up.boot, roll_up.seq);
        let last = self.last.entry(roll_up.edge.clone()).or_insert((nth.0, 0));
        if last.0 == nth.0 && nth.1 <= last.1 {
            return;
        }
        *last = nth;
        let second = second(&mut self.seconds, now, (self.components.len(), self.replicas.len()));
        let asked = second.asked.entry(roll_up.edge.clone()).or_default();
        asked.span_ms += u64::from(roll_up.span_ms);
        asked.requests.resize(self.components.len(), 0);
        let mut edge_is_bad = roll_up.lookups.iter().any(|row| row.tally.failed() > 0);
        for row in &roll_up.clients {
            let Ok(n) = self.components.binary_search(&row.component) else { continue };
            asked.requests[n] += row.tally.total;
            second.failed[n] += row.tally.owed().failed();
            edge_is_bad |= row.tally.failed() + row.tally.slow > 0;
        }
        for row in &roll_up.upstream {
            let Ok(n) = self.replicas.binary_search(&row.replica) else { continue };
            second.attempts[n].count(&row.tally);
            if row.tally.failed() + row.tally.slow > 0 {
                edge_is_bad = true;
                second.accused.insert((roll_up.edge.clone(), n));
            }
        }
        for row in &roll_up.replicas {
            let Ok(n) = self.replicas.binary_search(&row.replica) else { continue };
            second.checks[n].count(&row.checks);
            if row.ejected || row.checks.failed() > 0 {
                second.accused.insert((roll_up.edge.clone(), n));
            }
            if row.checks.failed() > 0 {
                second.bad.insert(SourceClass::Probe);
            }
        }
        if edge_is_bad {
            second.bad.insert(SourceClass::Edge);
        }
    }

    /// One of the hub's probes ended.
    pub(super) fn probe(&mut self, now: Moment, replica: &Name, result: &ProbeResult) {
        let failure = match result.outcome {
            ProbeOutcome::Failed { failure, .. } => Some(failure),
            ProbeOutcome::Passed { .. } | ProbeOutcome::Unknown { .. } => None,
        };
        let Ok(n) = self.replicas.binary_search(replica) else { return };
        let second = second(&mut self.seconds, now, (self.components.len(), self.replicas.len()));
        let mut tally = Tally::default();
        tally.count(failure);
        second.checks[n].count(&tally);
        if failure.is_some() {
            second.bad.insert(SourceClass::Probe);
        }
    }

    /// Somebody reported.
    pub(super) fn report(&mut self, now: Moment) {
        let second = second(&mut self.seconds, now, (self.components.len(), self.replicas.len()));
        second.bad.insert(SourceClass::Report);
    }

    fn since(&self, from: Moment) -> impl Iterator<Item = &Second> {
        self.seconds.iter().filter(move |second| second.at >= from)
    }

    /// Requests a second of clients by component, as edges told over the last few seconds. Who told of too little of them to
    /// call it a rate does not count.
    pub(super) fn demand(&self, at: Moment) -> BTreeMap<&Name, f64> {
        let lately: Vec<&Second> = self.since(at.before(DEMAND)).collect();
        let edges: BTreeSet<&Name> = lately.iter().flat_map(|second| second.asked.keys()).collect();
        let mut demand = BTreeMap::new();
        for edge in edges {
            let told: Vec<&Asked> = lately.iter().filter_map(|second| second.asked.get(edge)).collect();
            let span_ms: u64 = told.iter().map(|asked| asked.span_ms).sum();
            if span_ms < RATE_MIN_MS {
                continue;
            }
            for (n, component) in self.components.iter().enumerate() {
                let requests: u64 = told.iter().map(|asked| asked.requests[n]).sum();
                *demand.entry(component).or_insert(0.0) += requests as f64 * 1_000.0 / span_ms as f64;
            }
        }
        demand
    }

    /// Classes of evidence that told of anything bad, for as long as evidence lives.
    pub(super) fn classes(&self) -> BTreeSet<SourceClass> {
        self.seconds.iter().flat_map(|second| second.bad.iter().copied()).collect()
    }

    /// Of the edges that were heard lately, how many met anything bad at one of these replicas, for as long as evidence lives.
    pub(super) fn accusers(&self, at: Moment, replicas: &[Name]) -> (usize, usize) {
        let ours: Vec<usize> = replicas.iter().filter_map(|r| self.replicas.binary_search(r).ok()).collect();
        let live: BTreeSet<&Name> = self.since(at.before(LIVE)).flat_map(|second| second.asked.keys()).collect();
        let accuses = |edge: &&&Name| {
            self.seconds.iter().any(|second| ours.iter().any(|n| second.accused.contains(&((**edge).clone(), *n))))
        };
        (live.iter().filter(accuses).count(), live.len())
    }

    /// What was tried at a replica lately: attempts and checks.
    pub(super) fn trials(&self, replica: &Name, from: Moment) -> Trials {
        let Ok(n) = self.replicas.binary_search(replica) else { return Trials::default() };
        let mut sum = Trials::default();
        for second in self.since(from) {
            sum.add(second.attempts[n]);
            sum.add(second.checks[n]);
        }
        sum
    }

    /// Share of the replicas that look bad now.
    pub(super) fn share_bad(&self, at: Moment) -> f64 {
        let bad = self.replicas.iter().filter(|replica| self.trials(replica, at.before(NOW)).look_bad()).count();
        bad as f64 / self.replicas.len().max(1) as f64
    }

    /// True when nothing bad has been told for a while, though edges were heard: of any client, of any attempt, of any
    /// check of these replicas.
    pub(super) fn is_calm_around(&self, at: Moment, replicas: &[Name]) -> bool {
        let ours: Vec<usize> = replicas.iter().filter_map(|r| self.replicas.binary_search(r).ok()).collect();
        let calm = |second: &Second| {
            !second.bad.contains(&SourceClass::Edge) && ours.iter().all(|n| second.checks[*n].bad() == 0)
        };
        let (mut heard, mut all_calm) = (0, true);
        for second in self.since(at.before(PASSED)) {
            heard += usize::from(!second.asked.is_empty());
            all_calm &= calm(second);
        }
        heard >= 6 && all_calm
    }

    /// True when no client of these components has failed for a while, though edges were heard.
    pub(super) fn are_served(&self, at: Moment, components: &[Name]) -> bool {
        let ours: Vec<usize> = components.iter().filter_map(|c| self.components.binary_search(c).ok()).collect();
        let (mut heard, mut served) = (0, true);
        for second in self.since(at.before(PASSED)) {
            heard += usize::from(!second.asked.is_empty());
            served &= ours.iter().all(|n| second.failed[*n] == 0);
        }
        heard >= 6 && served
    }
}

/// The second that it is now, with room for so many components and replicas.
fn second(seconds: &mut VecDeque<Second>, now: Moment, (components, replicas): (usize, usize)) -> &mut Second {
    let at = Moment::from_millis(now.as_millis() / 1_000 * 1_000);
    while seconds.front().is_some_and(|second| now.since(second.at) > MEMORY) {
        seconds.pop_front();
    }
    if seconds.back().is_none_or(|second| second.at < at) {
        seconds.push_back(Second {
            at,
            asked: BTreeMap::new(),
            failed: vec![0; components],
            attempts: vec![Trials::default(); replicas],
            checks: vec![Trials::default(); replicas],
            bad: BTreeSet::new(),
            accused: BTreeSet::new(),
        });
    }
    seconds.back_mut().expect("it was put there a moment ago")
}
