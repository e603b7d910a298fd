//! Which slice explains the failures? Contrasts the leaves inside a slice with those outside.
//!
//! Each leaf (a component on a replica, or a replica's checks) gets a badness from 0 to 1 by its failing and slow
//! share. A slice explains the outage as far as its own leaves are bad (precision) and as the bad leaves are its own
//! (recall); the harmonic mean of the two is its fit. Leaves, not requests, are weighed, so that a busy component
//! does not outvote a quiet one. Idea: Kulldorff's spatial scan (1997), with the F-measure in place of the likelihood
//! ratio because counts within one outage are far from independent.
//!
//! Most slices that are asked about name a component or a place, so leaves stand in order of their components, and it is
//! known which are of one replica: a slice is compared with its own leaves only.

use crate::model::{Counts, Dimension, FailureKind, Failures, Ledger, Moment, Name, Slice, Tally, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// Below this share of bad answers a leaf is fine; from [`BAD`] on it is wholly bad.
const FINE: f64 = 0.05;
/// See [`FINE`].
const BAD: f64 = 0.2;
/// A leaf with fewer trials weighs proportionally less.
const FULL_WEIGHT_TRIALS: f64 = 3.0;

/// One leaf: whose, how bad, how heavy.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Leaf {
    /// Number of its replica among the hosts.
    host: usize,
    badness: f64,
    weight: f64,
}

/// A replica's place, and the numbers of its leaves.
#[derive(Debug, Clone, PartialEq)]
struct Host {
    name: Name,
    place: Slice,
    own: Vec<usize>,
}

/// The leaves of one window.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Contrast {
    /// In the order of their components; those of none come first.
    leaves: Vec<Leaf>,
    by_component: BTreeMap<Name, Range<usize>>,
    /// In the order of their names.
    hosts: Vec<Host>,
    /// The badness of all leaves.
    all: f64,
    /// Failures by kind over the bad leaves. Slow answers are none: they came.
    pub kinds: Failures,
    /// By replica: share of its active checks and probes that failed.
    pub checks: BTreeMap<Name, f64>,
}

impl Contrast {
    /// Contrasts what was counted within `[from, to)`; `places` are the replicas' leaves as last heard.
    pub fn new(ledger: &Ledger, from: Moment, to: Moment, places: &BTreeMap<Name, Slice>) -> Self {
        let hosts = places.iter().map(|(name, place)| Host { name: name.clone(), place: place.clone(), own: vec![] });
        let mut contrast = Self { hosts: hosts.collect(), ..Self::default() };
        let mut tallies = ledger.attempts(from, to);
        let mut checks: BTreeMap<Name, Tally> = BTreeMap::new();
        for ((component, replica), tally) in ledger.checks(from, to).iter() {
            checks.entry(replica.clone()).or_default().add(tally);
            match component {
                Some(component) => tallies.of((component.clone(), replica.clone())).add(tally),
                None => drop(contrast.host(replica, 0).map(|host| contrast.add(host, tally))),
            }
        }
        contrast.add_components(&tallies);
        let share = |t: &Tally| t.failed() as f64 / (t.total + 1) as f64;
        checks.retain(|replica, _| places.contains_key(replica));
        contrast.checks = checks.iter().map(|(replica, t)| (replica.clone(), share(t))).collect();
        contrast
    }

    fn add_components(&mut self, tallies: &Counts<(Name, Name)>) {
        let (mut likely, mut current) = (0, None);
        for ((component, replica), tally) in tallies.iter() {
            let Some(host) = self.host(replica, likely) else { continue };
            // Most components are served by the same replicas, in the same order.
            likely = host + 1;
            if current != Some(component) {
                current = Some(component);
                self.by_component.insert(component.clone(), self.leaves.len()..self.leaves.len());
            }
            self.add(host, tally);
            if let Some(range) = self.by_component.get_mut(component) {
                range.end = self.leaves.len();
            }
        }
    }

    fn host(&self, replica: &Name, likely: usize) -> Option<usize> {
        let is_likely = self.hosts.get(likely).is_some_and(|host| host.name == *replica);
        if is_likely { Some(likely) } else { self.hosts.binary_search_by(|host| host.name.cmp(replica)).ok() }
    }

    fn add(&mut self, host: usize, tally: &Tally) {
        let bad = (tally.failed() + tally.slow) as f64;
        let share = bad / (tally.total as f64 + 2.0);
        let badness = ((share - FINE) / (BAD - FINE)).clamp(0.0, 1.0);
        let weight = (tally.total as f64 / FULL_WEIGHT_TRIALS).min(1.0);
        self.all += badness * weight;
        self.hosts[host].own.push(self.leaves.len());
        self.leaves.push(Leaf { host, badness, weight });
        if badness > 0.0 {
            self.kinds.add(&tally.failures);
        }
    }

    /// True when most failures are of one kind.
    pub fn is_about(&self, kind: FailureKind) -> bool {
        2 * self.kinds.of(kind) > self.kinds.sum()
    }

    /// How well a slice explains what is bad, from 0 to 1.
    pub fn fit(&self, slice: &Slice) -> f64 {
        let sums =
            |(inside, weight): (f64, f64), leaf: &Leaf| (inside + leaf.badness * leaf.weight, weight + leaf.weight);
        let (inside, weight) = self.covered(slice).fold((0.0, 0.0), sums);
        if inside <= 0.0 {
            return 0.0;
        }
        let (precision, recall) = (inside / weight, inside / self.all);
        2.0 * precision * recall / (precision + recall)
    }

    /// The leaves of a slice.
    fn covered<'a>(&'a self, slice: &Slice) -> Box<dyn Iterator<Item = &'a Leaf> + 'a> {
        let place = slice.clone().without(Dimension::Component);
        match slice.get(Dimension::Component) {
            Some(component) => {
                let range = self.by_component.get(component).cloned().unwrap_or_default();
                Box::new(self.leaves[range].iter().filter(move |leaf| place.covers(&self.hosts[leaf.host].place)))
            }
            None => {
                let hosts = self.hosts.iter().filter(move |host| place.covers(&host.place));
                Box::new(hosts.flat_map(|host| &host.own).map(|number| &self.leaves[*number]))
            }
        }
    }

    /// The slice within `outer` that fits best: itself, or one component of it.
    pub fn best_within(&self, outer: &Slice, topology: &Topology) -> (Slice, f64) {
        let parts = topology.components.keys().map(|c| outer.clone().with(Dimension::Component, c.clone()));
        let whole = (outer.clone(), self.fit(outer));
        parts
            .map(|slice| (slice.clone(), self.fit(&slice)))
            .fold(whole, |best, next| if next.1 > best.1 { next } else { best })
    }

    /// Share of all failures that are of the transport: nobody there, cut, silent.
    pub fn transport_share(&self) -> f64 {
        let transport = |kind: &FailureKind| {
            matches!(
                kind,
                FailureKind::Refused
                    | FailureKind::Reset
                    | FailureKind::Late
                    | FailureKind::Stalled
                    | FailureKind::Unreachable
            )
        };
        let all = self.kinds.sum();
        let some: u64 = self.kinds.iter().filter(|(kind, _)| transport(kind)).map(|(_, n)| n).sum();
        if all == 0 { 0.5 } else { some as f64 / all as f64 }
    }

    /// The replicas with evidence against them.
    pub fn bad_replicas(&self) -> BTreeSet<Name> {
        let is_bad = |number: &usize| self.leaves[*number].badness * self.leaves[*number].weight > 0.3;
        self.hosts.iter().filter(|host| host.own.iter().any(is_bad)).map(|host| host.name.clone()).collect()
    }
}
