//! Which slice explains the failures? Contrasts the leaves inside a slice with those outside.
//!
//! Each leaf (a component on a replica, or a replica's checks) gets a badness from 0 to 1 by its failing and slow
//! share. A slice explains the outage as far as its own leaves are bad (precision) and as the bad leaves are its own
//! (recall); the harmonic mean of the two is its fit. Leaves, not requests, are weighed, so that a busy component
//! does not outvote a quiet one. Idea: Kulldorff's spatial scan (1997), with the F-measure in place of the likelihood
//! ratio because counts within one outage are far from independent.

use crate::model::{Dimension, FailureKind, Ledger, Moment, Name, Slice, Tally, Topology};
use std::collections::{BTreeMap, BTreeSet};

/// Below this share of bad answers a leaf is fine; from [`BAD`] on it is wholly bad.
const FINE: f64 = 0.05;
/// See [`FINE`].
const BAD: f64 = 0.2;
/// A leaf with fewer trials weighs proportionally less.
const FULL_WEIGHT_TRIALS: f64 = 3.0;

/// One leaf: where, how bad, how heavy.
#[derive(Debug, Clone, PartialEq)]
struct Leaf {
    place: Slice,
    badness: f64,
    weight: f64,
}

/// The leaves of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    leaves: Vec<Leaf>,
    /// Failures by kind over the bad leaves. Slow answers are none: they came.
    pub kinds: BTreeMap<FailureKind, u64>,
    /// By replica: share of its active checks and probes that failed.
    pub checks: BTreeMap<Name, f64>,
}

impl Contrast {
    /// Contrasts what was counted within `[from, to)`; `places` are the replicas' leaves as last heard.
    pub fn new(ledger: &Ledger, from: Moment, to: Moment, places: &BTreeMap<Name, Slice>) -> Self {
        let mut tallies: BTreeMap<Slice, Tally> = BTreeMap::new();
        let mut checks: BTreeMap<Name, Tally> = BTreeMap::new();
        for ((component, replica), tally) in ledger.attempts(from, to) {
            if let Some(place) = places.get(&replica) {
                let leaf = place.clone().with(Dimension::Component, component);
                tallies.entry(leaf).or_default().add(&tally);
            }
        }
        for ((component, replica), tally) in ledger.checks(from, to) {
            let Some(place) = places.get(&replica) else { continue };
            checks.entry(replica).or_default().add(&tally);
            let leaf = match component {
                Some(component) => place.clone().with(Dimension::Component, component),
                None => place.clone(),
            };
            tallies.entry(leaf).or_default().add(&tally);
        }
        let mut contrast = Self { leaves: Vec::new(), kinds: BTreeMap::new(), checks: BTreeMap::new() };
        for (place, tally) in &tallies {
            contrast.add(place, tally);
        }
        contrast.checks =
            checks.into_iter().map(|(replica, t)| (replica, t.failed() as f64 / (t.total + 1) as f64)).collect();
        contrast
    }

    fn add(&mut self, place: &Slice, tally: &Tally) {
        let bad = (tally.failed() + tally.slow) as f64;
        let share = bad / (tally.total as f64 + 2.0);
        let badness = ((share - FINE) / (BAD - FINE)).clamp(0.0, 1.0);
        let weight = (tally.total as f64 / FULL_WEIGHT_TRIALS).min(1.0);
        self.leaves.push(Leaf { place: place.clone(), badness, weight });
        if badness > 0.0 {
            for (kind, n) in &tally.failures {
                *self.kinds.entry(*kind).or_default() += n;
            }
        }
    }

    /// True when most failures are of one kind.
    pub fn is_about(&self, kind: FailureKind) -> bool {
        let all: u64 = self.kinds.values().sum();
        2 * self.kinds.get(&kind).copied().unwrap_or(0) > all
    }

    /// How well a slice explains what is bad, from 0 to 1.
    pub fn fit(&self, slice: &Slice) -> f64 {
        let (mut inside, mut weight, mut all) = (0.0, 0.0, 0.0);
        for leaf in &self.leaves {
            all += leaf.badness * leaf.weight;
            if slice.covers(&leaf.place) {
                inside += leaf.badness * leaf.weight;
                weight += leaf.weight;
            }
        }
        if inside <= 0.0 {
            return 0.0;
        }
        let (precision, recall) = (inside / weight, inside / all);
        2.0 * precision * recall / (precision + recall)
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
        let all: u64 = self.kinds.values().sum();
        let some: u64 = self.kinds.iter().filter(|(kind, _)| transport(kind)).map(|(_, n)| n).sum();
        if all == 0 { 0.5 } else { some as f64 / all as f64 }
    }

    /// The replicas with evidence against them.
    pub fn bad_replicas(&self) -> BTreeSet<Name> {
        let bad = self.leaves.iter().filter(|leaf| leaf.badness * leaf.weight > 0.3);
        bad.filter_map(|leaf| leaf.place.get(Dimension::Replica).cloned()).collect()
    }
}
