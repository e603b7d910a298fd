//! Tests every series there is, each second, and answers with findings.
//!
//! A leaf is looked at from its sides: an attempt at `login` on `eu-1`, version 1.5.0, counts for the replica, its
//! region, its version, its component, and the component in the region and on the replica. The number of series
//! is bounded by the configuration; client networks are bounded by a figure of their own.

mod breadth;
mod burn;
mod count;
mod metrics;
mod ratio;
pub mod series;
mod shelf;
mod traffic;
mod usual;
mod waits;

pub use breadth::Breadth;
pub use burn::{BUDGET_WINDOW, BURN_RULES, BudgetReading, BurnRule, Burning, ErrorBudget, ErrorBudgets, Met};
pub use count::CountTest;
pub use metrics::{MetricReading, Metrics, SeriesReading};
pub use ratio::{Cap, RatioTest, Reading, Span};
use shelf::{Key, Series, Shelf, Slot};
pub use traffic::{Learnt, SeriesKey, SeriesKeyError, Traffic, TrafficReading};
pub use usual::{SHARE_OF, Usual};

use crate::model::{
    Bits, Course, DetectPolicy, Dimension, FailureKind, Failures, Finding, Measure, Moment, Name, Report, Slice,
    SourceClass, Tally, Topology,
};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::Duration;

/// Refused credentials are usual: people mistype. 10 % of log-ins.
const DENIAL_FLOOR: f64 = 0.1;
/// Look-ups that fail by themselves: one lost datagram in a hundred.
const LOOKUP_FLOOR: f64 = 0.01;
/// Evidence below this is not worth a finding.
const BITS_MIN: f64 = 6.0;
/// A second holds so many bits of checks at most, and a run of a probe as well: it is one observation.
const CHECK_CAP: f64 = 30.0;
/// What nothing renewed for so long may go with what checks say.
const UNASKED: Duration = Duration::from_secs(3);
/// The most that reports from everywhere weigh; of it each network has its share (G1).
const REPORTS_WEIGHT: f64 = 30.0;
/// Seconds in the month of the false-alarm budget.
const MONTH_S: f64 = 30.0 * 86_400.0;

/// All series.
#[derive(Debug, Clone)]
pub struct Watch {
    policy: DetectPolicy,
    series: Shelf,
    /// Series that this batch has touched.
    touched: Vec<Slot>,
    /// Grows with each change.
    age: u64,
    reports: BTreeMap<Slice, Reported>,
}

/// What users reported of one place.
#[derive(Debug, Clone)]
struct Reported {
    test: CountTest,
    breadth: Breadth,
}

/// The number of bits that a healthy service exceeds as seldom as the budget allows.
pub fn threshold(policy: &DetectPolicy, topology: &Topology) -> Bits {
    let (replicas, components) = (topology.replicas.len(), topology.components.len());
    let regions = topology.regions().len();
    let sides = replicas + regions + 2 + components * (1 + regions + replicas);
    let series = 2 * sides + 2 * (replicas + regions) + 2 * components;
    Bits((series as f64 * MONTH_S / policy.false_incidents_per_month).log2())
}

impl Watch {
    /// No series yet; each begins with its first observation.
    pub fn new(policy: DetectPolicy) -> Self {
        Self { policy, series: Shelf::default(), touched: vec![], age: 0, reports: BTreeMap::new() }
    }

    /// Takes one batch of observations in, all of the same arrival, which tells of such a time: what falls on the same side is
    /// one batch.
    pub fn add<'a>(
        &mut self,
        now: Moment,
        span: Span,
        observations: impl IntoIterator<Item = (SourceClass, Measure, &'a Slice, &'a Tally)>,
    ) {
        for (class, measure, leaf, tally) in observations {
            self.count(now, &Key { class, measure, slice: leaf.clone() }, tally);
        }
        let mut well_again = Vec::new();
        for slot in std::mem::take(&mut self.touched) {
            if self.test(now, span, slot) && self.series.at(slot).measure == Measure::Checks {
                well_again.push(slot);
            }
        }
        self.forget_the_unasked(now, &well_again);
        self.age += self.series.bound_networks();
    }

    /// Grows with each change: at the same age and the same time the findings are the same. What goes well where nothing was
    /// found changes none of them.
    pub fn age(&self) -> u64 {
        self.age
    }

    fn count(&mut self, now: Moment, leaf: &Key, tally: &Tally) {
        let floor = self.floor(leaf.measure);
        let fresh = || Series {
            measure: leaf.measure,
            test: RatioTest::new(floor),
            fresh: now,
            kinds: Failures::default(),
            batch: None,
        };
        for slot in self.series.way(leaf, fresh).iter() {
            let batch = &mut self.series.at(*slot).batch;
            if batch.is_none() {
                self.touched.push(*slot);
            }
            batch.get_or_insert_default().add(tally);
        }
    }

    /// True when nothing is found there any more.
    fn test(&mut self, now: Moment, span: Span, slot: Slot) -> bool {
        let series = self.series.at(slot);
        let Some(tally) = series.batch.take() else { return false };
        let cap = cap(&self.policy, series.measure, &tally).of(span);
        let before = series.test.bits();
        series.test.add(now, tally.total, tally.failed(), cap);
        let after = series.test.bits();
        if before.max(after) >= BITS_MIN {
            self.age += 1;
        }
        if after <= 0.0 {
            series.kinds.clear();
        }
        if !tally.failures.is_empty() {
            series.kinds.add(&tally.failures);
            series.fresh = now;
        }
        before >= BITS_MIN && after < BITS_MIN
    }

    /// A replica whose checks failed and are good again is hardly asked for a while, for balancing keeps clients away: what clients
    /// met there goes with what its checks met, unless it was renewed lately.
    fn forget_the_unasked(&mut self, now: Moment, well_again: &[Slot]) {
        if well_again.is_empty() {
            return;
        }
        let replica = |slice: &Slice| slice.get(Dimension::Replica).cloned();
        let replicas: Vec<Name> = self
            .series
            .iter_slots()
            .filter(|(_, slot)| well_again.contains(slot))
            .filter_map(|(key, _)| replica(&key.slice))
            .collect();
        let is_stale = |key: &Key| {
            key.class == SourceClass::Edge && replica(&key.slice).is_some_and(|name| replicas.contains(&name))
        };
        let stale: Vec<Slot> =
            self.series.iter_slots().filter(|(key, _)| is_stale(key)).map(|(_, slot)| slot).collect();
        for slot in stale {
            let series = self.series.at(slot);
            if now.since(series.fresh) >= UNASKED {
                series.test.reset();
                series.kinds.clear();
                self.age += 1;
            }
        }
    }

    /// Counts a user's report of a place whose component has so many active sessions, where they are known.
    pub fn report(&mut self, now: Moment, leaf: &Slice, report: &Report, sessions: Option<u64>) {
        self.age += 1;
        let per_second = self.usual_reports(report, sessions) / 60.0;
        let fresh = || Reported { test: CountTest::new(per_second, now), breadth: Breadth::default() };
        let reported = self.reports.entry(leaf.clone()).or_insert_with(fresh);
        if now.since(reported.test.last()) > self.policy.memory {
            // What was reported long ago is another matter.
            *reported = fresh();
        }
        reported.test.add(now, 1);
        reported.breadth.add(now, &report.network, report.system.as_ref(), self.policy.memory);
    }

    /// How many reports like this one a minute are usual: a share of those who are there, where that is known; ten of a night's
    /// few are more than ten of a peak hour's many.
    fn usual_reports(&self, report: &Report, sessions: Option<u64>) -> f64 {
        let learnt = |usual: Option<f64>| usual.filter(|usual| usual.is_finite()).unwrap_or(0.0);
        let usual = match sessions {
            Some(sessions) => {
                learnt(report.usual_of_100k).max(self.policy.reports_of_100k) * sessions as f64 / SHARE_OF
            }
            None => learnt(report.usual_per_minute),
        };
        usual.max(self.policy.reports_per_minute)
    }

    /// True when a place is reported from so many autonomous systems that it is more than a handful of forgers (G1).
    pub fn is_reported_broadly(&self, now: Moment, place: &Slice) -> bool {
        self.reports.get(place).is_some_and(|reported| reported.breadth.is_broad(now, self.policy.memory))
    }

    fn floor(&self, measure: Measure) -> f64 {
        match measure {
            Measure::Attempts
            | Measure::Requests
            | Measure::Reports
            | Measure::Budget
            | Measure::Traffic
            | Measure::Figure => self.policy.failure_floor,
            Measure::Slowness | Measure::LatencyBudget | Measure::Lateness => self.policy.slow_floor,
            Measure::Checks => self.policy.check_floor,
            Measure::Denials => DENIAL_FLOOR,
            Measure::Lookups => LOOKUP_FLOOR,
        }
    }

    /// What is abnormal, strongest first; evidence that nothing has renewed for `freshness` is left out.
    pub fn findings(&self, now: Moment, freshness: Duration) -> Vec<Finding> {
        let worth = |s: &Series| now.since(s.fresh) <= freshness && s.test.bits() >= BITS_MIN;
        let mut ratios: Vec<(&Key, &Series)> = self.series.iter().filter(|(_, s)| worth(s)).collect();
        // Sorted while they are small: of thousands of findings whole ones would be moved.
        ratios.sort_by(|a, b| b.1.test.bits().total_cmp(&a.1.test.bits()));
        let ratios = ratios.into_iter().map(|(key, s)| Finding {
            class: key.class,
            measure: key.measure,
            slice: key.slice.clone(),
            kinds: s.kinds.clone(),
            ..blank(now, s.test.reading())
        });
        let reported = self.reports.iter().filter(|(_, reported)| now.since(reported.test.last()) <= freshness);
        let counts = reported.map(|(slice, reported)| {
            let mut aged = reported.test.clone();
            aged.add(now, 0);
            let found = blank(now, aged.reading());
            let weight = REPORTS_WEIGHT * reported.breadth.share(now, self.policy.memory);
            Finding { slice: slice.clone(), bits: Bits(found.bits.0.min(weight)), ..found }
        });
        let mut findings: Vec<Finding> = ratios.collect();
        for reported in counts.filter(|f| f.bits.0 >= BITS_MIN) {
            let stronger = |f: &Finding| {
                let order = reported.bits.0.total_cmp(&f.bits.0).then_with(|| f.slice.cmp(&reported.slice));
                order != Ordering::Greater
            };
            findings.insert(findings.partition_point(stronger), reported);
        }
        findings
    }

    /// When something went wrong that was found; nothing where that is not counted as a share.
    pub fn course(&self, finding: &Finding) -> Option<Course> {
        let key = Key { slice: finding.slice.clone(), class: finding.class, measure: finding.measure };
        self.series.get(&key).map(|series| series.test.course())
    }

    /// Begins anew everywhere: what was found has been dealt with, the usual shares stay.
    pub fn reset(&mut self) {
        self.age += 1;
        for series in self.series.all_mut() {
            series.test.reset();
            series.kinds.clear();
        }
        for reported in self.reports.values_mut() {
            reported.test.reset();
        }
    }
}

fn blank(now: Moment, reading: Reading) -> Finding {
    Finding {
        class: SourceClass::Report,
        measure: Measure::Reports,
        slice: Slice::everywhere(),
        since: reading.since,
        at: now,
        expected: reading.expected,
        observed: reading.observed,
        total: reading.total,
        kinds: Failures::default(),
        bits: reading.bits,
        of: None,
    }
}

fn cap(policy: &DetectPolicy, measure: Measure, tally: &Tally) -> Cap {
    let soft = tally.failures.kinds().all(FailureKind::is_soft);
    match measure {
        Measure::Checks | Measure::Lookups => Cap(CHECK_CAP),
        _ if soft => Cap(policy.soft_bits_per_second),
        _ => Cap(policy.hard_bits_per_second),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(text: &str) -> Slice {
        text.parse().expect("a good slice")
    }

    fn tally(total: u64, kind: FailureKind, bad: u64) -> Tally {
        let failures = if bad == 0 { Failures::default() } else { [(kind, bad)].into() };
        Tally { total, slow: 0, failures }
    }

    fn run(watch: &mut Watch, seconds: std::ops::Range<u64>, per_replica: [(u64, FailureKind, u64); 2]) {
        let leaves =
            ["component=login,region=eu,replica=eu-1,version=1", "component=login,region=eu,replica=eu-2,version=2"]
                .map(slice);
        for s in seconds {
            let tallies = per_replica.map(|(total, kind, bad)| tally(total, kind, bad));
            let batch = leaves.iter().zip(&tallies).map(|(l, t)| (SourceClass::Edge, Measure::Attempts, l, t));
            watch.add(Moment::from_millis(s * 1_000), Span::SECOND, batch);
        }
    }

    fn strongest(watch: &Watch, at: u64) -> Option<Finding> {
        watch.findings(Moment::from_millis(at * 1_000), Duration::from_secs(60)).into_iter().next()
    }

    #[test]
    fn health_finds_nothing() {
        let mut watch = Watch::new(DetectPolicy::default());
        run(&mut watch, 0..600, [(20, FailureKind::Reset, 0); 2]);
        assert_eq!(strongest(&watch, 600), None);
    }

    #[test]
    fn a_failing_replica_is_found_from_all_its_sides() {
        let mut watch = Watch::new(DetectPolicy::default());
        run(&mut watch, 0..60, [(20, FailureKind::Reset, 0); 2]);
        run(&mut watch, 60..62, [(20, FailureKind::Reset, 0), (20, FailureKind::Reset, 15)]);
        let found = watch.findings(Moment::from_millis(62_000), Duration::from_secs(60));
        for side in ["replica=eu-2", "version=2", "component=login,replica=eu-2", "region=eu"] {
            assert!(found.iter().any(|f| f.slice == slice(side) && f.bits.0 > 28.0), "{side}: {found:#?}");
        }
        assert!(!found.iter().any(|f| f.slice == slice("replica=eu-1")));
    }

    #[test]
    fn a_busy_machine_needs_longer_to_convince_than_a_broken_service() {
        let bits_after_a_second = |kind| {
            let mut watch = Watch::new(DetectPolicy::default());
            run(&mut watch, 0..1, [(20, kind, 20), (20, kind, 0)]);
            strongest(&watch, 1).expect("found").bits.0
        };
        assert!(bits_after_a_second(FailureKind::Late) <= 12.0);
        assert!(bits_after_a_second(FailureKind::Reset) > 30.0);
    }

    #[test]
    fn what_clients_met_goes_with_what_checks_met() {
        let mut watch = Watch::new(DetectPolicy::default());
        let mut second = 0;
        let mut tell = |watch: &mut Watch, measure, total, bad| {
            second += 1;
            let (leaf, class) = match measure {
                Measure::Checks => ("replica=eu-1,region=eu", SourceClass::Probe),
                _ => ("component=login,replica=eu-1,region=eu", SourceClass::Edge),
            };
            let tally = tally(total, FailureKind::Status, bad);
            let batch = [(class, measure, &slice(leaf), &tally)];
            watch.add(Moment::from_millis(second * 1_000), Span::SECOND, batch);
            watch.findings(Moment::from_millis(second * 1_000), Duration::from_secs(60)).len()
        };
        assert!(tell(&mut watch, Measure::Attempts, 20, 8) > 0);
        assert!(tell(&mut watch, Measure::Checks, 10, 4) > 0);
        // Nobody asks it any more, but its checks are good.
        let left: Vec<usize> = (0..8).map(|_| tell(&mut watch, Measure::Checks, 5, 0)).collect();
        let aggregates = 3;
        assert!(left[1] > aggregates && left.ends_with(&[aggregates]), "region and component are asked on: {left:?}");
    }

    #[test]
    fn after_a_reset_only_news_counts() {
        let mut watch = Watch::new(DetectPolicy::default());
        run(&mut watch, 0..5, [(20, FailureKind::Reset, 20), (20, FailureKind::Reset, 0)]);
        watch.reset();
        assert_eq!(strongest(&watch, 5), None);
    }

    #[test]
    fn the_threshold_keeps_the_budget() {
        let topology = Topology::default();
        let once = threshold(&DetectPolicy::default(), &topology).0;
        let policy = DetectPolicy { false_incidents_per_month: 0.5, ..DetectPolicy::default() };
        assert!((threshold(&policy, &topology).0 - once - 1.0).abs() < 1e-9, "half the budget is one bit more");
    }
}
