//! Who asks for more than usual? Compares clients' demand since the onset with what was usual before it.

use crate::model::{ClientRow, Counts, FailureKind, Ledger, Moment, Name};
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

/// A component whose demand rose.
#[derive(Debug, Clone, PartialEq)]
pub struct Surge {
    /// Which component.
    pub component: Name,
    /// Requests a second before.
    pub usual: f64,
    /// Requests a second since.
    pub now: f64,
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
    pub fn new(ledger: &Ledger, since: Moment, now: Moment, factor: f64) -> Self {
        let (from, to) = (since.before(USUAL + GUARD), since.before(GUARD));
        if ledger.within(from, to).count() < SECONDS_MIN {
            return Self::default();
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
        Surge { component, usual, now }
    });
    // A handful of requests a second is noise, whatever it is a multiple of.
    let grown = rises.filter(|s| s.now >= factor * s.usual && s.now - s.usual >= FLOOD_MIN);
    grown.max_by(|a, b| (a.now - a.usual).total_cmp(&(b.now - b.usual)))
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
