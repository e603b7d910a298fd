//! Who asks for more than usual? Compares clients' demand since the onset with what was usual before it; where nobody knows what is
//! usual, with what the replicas have proven to carry.

use crate::model::{ClientRow, Counts, FailureKind, Ledger, Moment, Name, Topology};
use std::collections::BTreeMap;
use std::time::Duration;

/// How far back "usual" reaches before the onset.
const USUAL: Duration = Duration::from_secs(60);
/// The seconds just before the onset are left out: the estimate of the onset may be late.
const GUARD: Duration = Duration::from_secs(3);
/// Fewer seconds of memory than this tell nothing about what is usual.
const SECONDS_MIN: usize = 5;
/// A network that asks less than this a second is no flood.
const FLOOD_MIN: f64 = 10.0;

/// Least share of what a flood asks for that is beyond its usual: four times as much as usual. A network of many users who
/// all come back at once asks for twice as much.
const FLOOD_SHARE: f64 = 0.75;

/// Where nobody knows what is usual, a crowd asks for so many times what all replicas have proven to carry.
const BEYOND_PROVEN: f64 = 1.15;

/// A component that is asked for too much.
#[derive(Debug, Clone, PartialEq)]
pub struct Surge {
    /// Which component.
    pub component: Name,
    /// Against what.
    pub beyond: Bound,
    /// Requests a second since.
    pub now: f64,
}

/// What demand is held against, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// What came for the same component before.
    Usual(f64),
    /// What all replicas have proven to carry of everything; nobody knows what is usual.
    Proven(f64),
}

impl Surge {
    /// How many times the bound is asked for, as far as this component is concerned.
    pub fn times(&self) -> f64 {
        let (Bound::Usual(bound) | Bound::Proven(bound)) = self.beyond;
        self.now / bound.max(1.0)
    }
}

/// A network that makes up most of a rise.
#[derive(Debug, Clone, PartialEq)]
pub struct Flood {
    /// Which network.
    pub network: Name,
    /// Where it asks most.
    pub component: Name,
    /// Requests a second since the onset.
    pub now: f64,
    /// Share of the whole rise in demand that is its own.
    pub share_of_rise: f64,
    /// Share of its requests that were refused for their credentials.
    pub denied: f64,
}

/// Demand before and since the onset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Demand {
    /// The component with the largest rise, when it is a surge.
    pub surge: Option<Surge>,
    /// The network behind the rise, when there is one.
    pub flood: Option<Flood>,
}

impl Demand {
    /// Compares what came within `[since, now)` with what came before; `factor` times the usual is a surge.
    pub fn new(ledger: &Ledger, topology: &Topology, since: Moment, now: Moment, factor: f64) -> Self {
        let (from, to) = (since.before(USUAL + GUARD), since.before(GUARD));
        if ledger.within(from, to).count() < SECONDS_MIN {
            let surge = proven(topology).and_then(|proven| beyond_proven(ledger, since, now, proven));
            return Self { surge, flood: None };
        }
        let seconds = |a, b| ledger.within(a, b).count().max(1) as f64;
        let (before, after) = (seconds(from, to), seconds(since, now));
        let usual = ledger.clients(from, to);
        let recent = ledger.clients(since, now);
        let rate = |tallies: &Counts<(Name, Name)>, key: &(Name, Name), span: f64| {
            tallies.get(key).map_or(0.0, |t| t.total as f64 / span)
        };
        let rises: BTreeMap<(Name, Name), f64> = recent
            .keys()
            .map(|key| (key.clone(), (rate(&recent, key, after) - rate(&usual, key, before)).max(0.0)))
            .collect();
        Self { surge: surge(&usual, before, &recent, after, factor), flood: flood(&rises, &recent, after) }
    }
}

fn by_component(tallies: &Counts<(Name, Name)>, seconds: f64) -> BTreeMap<Name, f64> {
    tallies.iter().fold(BTreeMap::new(), |mut sums, ((component, _), tally)| {
        *sums.entry(component.clone()).or_default() += tally.total as f64 / seconds;
        sums
    })
}

fn surge(
    usual: &Counts<(Name, Name)>,
    before: f64,
    recent: &Counts<(Name, Name)>,
    after: f64,
    factor: f64,
) -> Option<Surge> {
    let usual = by_component(usual, before);
    let rises = by_component(recent, after).into_iter().map(|(component, now)| {
        let usual = usual.get(&component).copied().unwrap_or(0.0);
        (usual, Surge { component, beyond: Bound::Usual(usual), now })
    });
    // A handful of requests a second is noise, whatever it is a multiple of.
    let grown = rises.filter(|(usual, s)| s.now >= factor * usual && s.now - usual >= FLOOD_MIN);
    grown.max_by(|(a, left), (b, right)| (left.now - a).total_cmp(&(right.now - b))).map(|(_, surge)| surge)
}

/// What all replicas together have proven to carry; `None` when one of them has proven nothing.
fn proven(topology: &Topology) -> Option<f64> {
    let proven: Option<f64> = topology.replicas.values().map(|replica| replica.proven_per_second).sum();
    proven.filter(|proven| *proven > 0.0)
}

/// The component that is asked for most, when all together are asked for more than is proven. It is called a surge of its own only
/// when it alone asks for most of that: whether it always does nobody knows.
fn beyond_proven(ledger: &Ledger, since: Moment, now: Moment, proven: f64) -> Option<Surge> {
    let seconds = ledger.within(since, now).count().max(1) as f64;
    let asked = by_component(&ledger.clients(since, now), seconds);
    let all: f64 = asked.values().sum();
    let (component, most) = asked.into_iter().max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let crowd = all >= BEYOND_PROVEN * proven && most >= all / 2.0;
    crowd.then_some(Surge { component, beyond: Bound::Proven(proven), now: most })
}

fn flood(rises: &BTreeMap<(Name, Name), f64>, recent: &Counts<(Name, Name)>, after: f64) -> Option<Flood> {
    let all: f64 = rises.values().sum();
    let networks = rises.iter().filter(|((_, network), _)| network.as_str() != ClientRow::OTHER);
    let (key, rise) = networks.max_by(|a, b| a.1.total_cmp(b.1))?;
    let tally = recent.get(key)?;
    let denied = tally.failures.of(FailureKind::Denied);
    let now = tally.total as f64 / after;
    (*rise >= FLOOD_MIN && *rise >= all / 2.0 && *rise >= FLOOD_SHARE * now).then(|| Flood {
        network: key.1.clone(),
        component: key.0.clone(),
        now,
        share_of_rise: rise / all,
        denied: denied as f64 / tally.total.max(1) as f64,
    })
}
