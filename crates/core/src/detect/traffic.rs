//! The service's own traffic, judged by its own past, without a word of configuration.
//!
//! Of each component and minute: how many requests clients asked for, and how long they waited. A crowd that is missing fails no
//! request: names that lead nowhere, an uplink that is dead, an app that was released broken. Only less than usual is found; more
//! is demand, which the diagnosis looks at. The share of requests that fail has its own test, by the second ([`super::ratio`]).
//!
//! Missing data is no missing crowd (A15). A minute counts only when every edge told of all of it; not the first ones
//! of a hub. An edge that is silent for [`PATIENCE`] minutes is given up: then the level is found anew, and nothing is said meanwhile.
//! When most components miss their crowd at once, that has one cause, and is one finding of the whole service: its evidence is
//! that of the mean of the e-values, which holds however they depend on each other.
//!
//! Cost: 1 KB and a microsecond a component and minute. By the minute, because the laws of [`super::series`] were measured so,
//! and because a service that is asked once a second says little in less (docs/benchmarks/detect.md).

use super::series::{Lesson, LiveSeries, Presence, Shown, Standing, count_threshold};
use super::waits::Waits;
use crate::model::{
    Bits, DetectPolicy, Dimension, Failures, Finding, Labels, Measure, Moment, Name, RollUp, Sense, Sketch, Slice,
    SourceClass, Topology,
};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const MINUTE_MS: u64 = 60_000;
const MINUTES_A_MONTH: f64 = 43_200.0;
/// An edge has told of a minute when it told of so many milliseconds of it: roll-ups are a second long, and come as they may.
const WHOLE_MS: std::ops::RangeInclusive<u64> = 54_000..=66_000;
/// Minutes for which an edge that is silent is waited for, and which a hub that has started waits for edges.
const PATIENCE: u64 = 10;
/// The level is found anew over so many minutes.
const SETTLING: u32 = 60;
/// Most edges that are known: roll-ups are believed, but not to fill the memory.
const EDGES_MAX: usize = 1_024;
/// So many components miss their crowd at least when that is the service's.
const SHARED_MIN: usize = 3;

/// What was learnt of what: a point of a series that is worth keeping over a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// Of what.
    pub series: SeriesKey,
    /// How far its points are apart.
    pub step: Duration,
    /// When the step ended.
    pub at: Moment,
    /// The figure.
    pub value: f64,
}

/// Names a series whose points are kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeriesKey {
    /// Requests a minute for a component.
    Requests(Name),
    /// The 99th percentile of the waits of a component's clients in a minute, in microseconds.
    Waits(Name),
    /// An edge told of the minute, or is waited for.
    Edge(Name),
    /// A figure of a metric, by its labels.
    Metric(Name, Labels),
}

/// Why a text names no series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no series is named so")]
pub struct SeriesKeyError;

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(component) => write!(f, "requests {component}"),
            Self::Waits(component) => write!(f, "waits {component}"),
            Self::Edge(edge) => write!(f, "edge {edge}"),
            Self::Metric(metric, labels) => write!(f, "metric {metric} {labels}"),
        }
    }
}

impl FromStr for SeriesKey {
    type Err = SeriesKeyError;

    fn from_str(text: &str) -> Result<Self, SeriesKeyError> {
        let (kind, name) = text.split_once(' ').ok_or(SeriesKeyError)?;
        let (name, labels) = name.split_once(' ').unwrap_or((name, ""));
        let name = Name::new(name).map_err(|_| SeriesKeyError)?;
        match kind {
            "requests" => Ok(Self::Requests(name)),
            "waits" => Ok(Self::Waits(name)),
            "edge" => Ok(Self::Edge(name)),
            "metric" => Ok(Self::Metric(name, Labels::new(labels))),
            _ => Err(SeriesKeyError),
        }
    }
}

/// What clients of a component asked for within the minute that is going on.
#[derive(Debug, Clone, PartialEq, Default)]
struct Sum {
    requests: u64,
    waits: Sketch,
}

/// An edge.
#[derive(Debug, Clone, PartialEq)]
struct Edge {
    /// Milliseconds of the minute that is going on, of which it told.
    ms: u64,
    /// The last minute in which it told anything.
    last: u64,
}

/// One component.
#[derive(Debug, Clone, PartialEq)]
struct Judged {
    requests: LiveSeries,
    waits: Waits,
}

/// The traffic of all components.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// The minute that is going on, since 1970; nothing before the first roll-up.
    minute: Option<u64>,
    /// The first minute that may count.
    from: u64,
    edges: BTreeMap<Name, Edge>,
    sums: BTreeMap<Name, Sum>,
    components: BTreeMap<Name, Judged>,
    /// What makes a finding.
    worth: Bits,
}

/// How the traffic of a component stands, for people.
#[derive(Debug, Clone, PartialEq)]
pub struct TrafficReading {
    /// Which component.
    pub component: Name,
    /// Requests in the last minute that counted; nothing before the first.
    pub requests: Option<Shown>,
    /// Whether minutes come as they should.
    pub presence: Presence,
    /// What is late, in milliseconds; nothing while too little is known.
    pub late_ms: Option<f64>,
    /// Evidence that more is late than usual.
    pub late_bits: Bits,
}

impl Traffic {
    /// Knows nothing yet of a service.
    pub fn new(policy: &DetectPolicy, topology: &Topology) -> Self {
        let points = MINUTES_A_MONTH * topology.components.len().max(1) as f64;
        let worth = count_threshold(points, policy.metric_findings_per_month);
        let judged = || Judged { requests: LiveSeries::of_counts(MINUTE, worth, Sense::Down), waits: Waits::default() };
        let components = topology.components.keys().map(|name| (name.clone(), judged())).collect();
        Self { minute: None, from: 0, edges: BTreeMap::new(), sums: BTreeMap::new(), components, worth }
    }

    /// Takes in what was learnt before this process was there, in the order of its time.
    pub fn recall(&mut self, learnt: &Learnt) {
        match &learnt.series {
            SeriesKey::Requests(name) => {
                if let Some(component) = self.components.get_mut(name) {
                    component.requests.recall(learnt.at, learnt.value);
                }
            }
            SeriesKey::Waits(name) => {
                if let Some(component) = self.components.get_mut(name) {
                    component.waits.learn(learnt.at, learnt.value);
                }
            }
            SeriesKey::Edge(name) => {
                self.edges.insert(name.clone(), Edge { ms: 0, last: minute_of(learnt.at) });
            }
            SeriesKey::Metric(..) => {}
        }
    }

    /// True when the minute that was counted into is over by now: it has to be closed first.
    pub fn is_over(&self, now: Moment) -> bool {
        self.minute.is_none_or(|minute| minute != minute_of(now))
    }

    /// The minute is over: judges it, and begins the one of `now`. Answers with what was learnt.
    pub fn close(&mut self, now: Moment, lesson: impl Fn(&Name) -> Lesson) -> Vec<Learnt> {
        let next = minute_of(now);
        let Some(minute) = self.minute.replace(next) else {
            self.begin(next);
            return vec![];
        };
        let sums = std::mem::take(&mut self.sums);
        // After a hole nobody knows to which minute the sums belong.
        let is_whole = minute >= self.from && minute + 1 == next && self.are_all_heard();
        let learnt = if is_whole { self.judge(minute, &sums, lesson) } else { vec![] };
        self.give_up(next);
        self.edges.values_mut().for_each(|edge| edge.ms = 0);
        learnt
    }

    /// The first minute of this process is not whole, and edges that were there before are waited for as if they had just been heard.
    fn begin(&mut self, minute: u64) {
        self.from = minute + 1 + if self.edges.is_empty() { PATIENCE } else { 0 };
        let newest = self.edges.values().map(|edge| edge.last).max().unwrap_or_default();
        self.edges.retain(|_, edge| edge.last + PATIENCE > newest);
        self.edges.values_mut().for_each(|edge| edge.last = minute);
    }

    fn are_all_heard(&self) -> bool {
        !self.edges.is_empty() && self.edges.values().all(|edge| WHOLE_MS.contains(&edge.ms))
    }

    fn judge(&mut self, minute: u64, sums: &BTreeMap<Name, Sum>, lesson: impl Fn(&Name) -> Lesson) -> Vec<Learnt> {
        let at = Moment::from_millis((minute + 1) * MINUTE_MS);
        let mut learnt = Vec::new();
        for (name, component) in &mut self.components {
            let (nothing, lesson) = (Sum::default(), lesson(name));
            let sum = sums.get(name).unwrap_or(&nothing);
            let requests = sum.requests as f64;
            if component.requests.add(at, requests, lesson) && lesson == Lesson::Learnt {
                learnt.push(Learnt { series: SeriesKey::Requests(name.clone()), step: MINUTE, at, value: requests });
            }
            if let Some(value) = component.waits.add(at, &sum.waits, lesson, self.worth) {
                learnt.push(Learnt { series: SeriesKey::Waits(name.clone()), step: MINUTE, at, value });
            }
        }
        let told = self.edges.iter().map(|(name, edge)| (SeriesKey::Edge(name.clone()), edge.ms as f64));
        learnt.extend(told.map(|(series, value)| Learnt { series, step: MINUTE, at, value }));
        learnt
    }

    /// Edges that are silent for too long are gone; whether their clients are, nobody knows.
    fn give_up(&mut self, next: u64) {
        let before = self.edges.len();
        self.edges.retain(|_, edge| edge.last + PATIENCE > next);
        if self.edges.len() < before {
            self.components.values_mut().for_each(|component| component.requests.find_level_anew(SETTLING));
        }
    }

    /// Counts a roll-up of the minute that is going on.
    pub fn add(&mut self, roll: &RollUp) {
        let minute = self.minute.unwrap_or_default();
        if self.edges.len() < EDGES_MAX || self.edges.contains_key(&roll.edge) {
            let edge = self.edges.entry(roll.edge.clone()).or_insert(Edge { ms: 0, last: minute });
            edge.ms += u64::from(roll.span_ms);
            edge.last = minute;
        }
        for row in roll.clients.iter().filter(|row| self.components.contains_key(&row.component)) {
            let sum = self.sums.entry(row.component.clone()).or_default();
            sum.requests = sum.requests.saturating_add(row.tally.total);
        }
        for row in roll.components.iter().filter(|row| self.components.contains_key(&row.component)) {
            self.sums.entry(row.component.clone()).or_default().waits.add(&row.first_byte);
        }
    }

    /// What was found has been dealt with.
    pub fn dealt_with(&mut self) {
        for component in self.components.values_mut() {
            component.requests.dealt_with();
            component.waits.dealt_with();
        }
    }

    /// What is abnormal.
    pub fn findings(&self, now: Moment) -> Vec<Finding> {
        let late = self.components.iter().filter_map(|(name, component)| component.waits.found(name, now));
        let missing: Vec<(&Name, Shown)> = self
            .components
            .iter()
            .filter_map(|(name, component)| Some((name, component.requests.found(now)?)))
            .collect();
        let is_judged = |shown: Shown| shown.standing == Standing::Judging && shown.expected >= 1.0;
        let judged = self.components.values().filter(|it| it.requests.shown().is_some_and(is_judged)).count();
        let missing: Vec<Finding> = if missing.len() >= SHARED_MIN && 2 * missing.len() > judged {
            vec![shared(&missing, judged)]
        } else {
            missing.iter().map(|(name, shown)| of(Slice::of(Dimension::Component, (*name).clone()), shown)).collect()
        };
        missing.into_iter().chain(late).collect()
    }

    /// How each component's traffic stands, in the order of their names.
    pub fn readings(&self, now: Moment) -> Vec<TrafficReading> {
        let reading = |(name, component): (&Name, &Judged)| TrafficReading {
            component: name.clone(),
            requests: component.requests.shown(),
            presence: component.requests.presence(now),
            late_ms: component.waits.bar().map(|us| us / 1_000.0),
            late_bits: component.waits.bits(),
        };
        self.components.iter().map(reading).collect()
    }
}

fn minute_of(at: Moment) -> u64 {
    at.as_millis() / MINUTE_MS
}

fn of(slice: Slice, shown: &Shown) -> Finding {
    Finding {
        class: SourceClass::Metric,
        measure: Measure::Traffic,
        slice,
        since: shown.since.unwrap_or(shown.at),
        at: shown.at,
        expected: shown.expected,
        observed: shown.value,
        total: shown.value as u64,
        kinds: Failures::default(),
        bits: shown.bits,
        of: None,
    }
}

/// The crowd of the whole service is missing: the mean of the e-values of all components, those that miss nobody among them.
fn shared(missing: &[(&Name, Shown)], judged: usize) -> Finding {
    let most = missing.iter().map(|(_, shown)| shown.bits.0).fold(0.0, f64::max);
    let sum: f64 = missing.iter().map(|(_, shown)| (shown.bits.0 - most).exp2()).sum();
    let bits = Bits((most + (sum / judged.max(missing.len()) as f64).log2()).max(0.0));
    let add = |all: Shown, (_, one): &(&Name, Shown)| Shown {
        value: all.value + one.value,
        expected: all.expected + one.expected,
        since: all.since.min(one.since),
        ..all
    };
    let first = missing.iter().map(|(_, shown)| *shown).next().expect("some are missing");
    let all = missing.iter().skip(1).fold(first, add);
    of(Slice::everywhere(), &Shown { bits, ..all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClientRow, Component, ComponentRow, Priority, Tally};

    const DAY: u64 = 1_440;
    const COMPONENTS: [&str; 4] = ["catalogue", "login", "playback", "search"];

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn fresh() -> Traffic {
        let component = |text: &str| {
            let (name, title) = (name(text), text.to_owned());
            (name.clone(), Component { name, title, priority: Priority(0), replicas: [].into(), features: vec![] })
        };
        let topology = Topology { components: COMPONENTS.map(component).into(), ..Topology::default() };
        Traffic::new(&DetectPolicy::default(), &topology)
    }

    /// What an edge tells of a minute: so many requests for each component, all answered within 20 ms.
    fn roll(edge: &str, ms: u32, requests: [u64; 4]) -> RollUp {
        let rows = COMPONENTS.into_iter().zip(requests);
        let client = |(text, total)| {
            let tally = Tally { total, ..Tally::default() };
            let (component, network) = (name(text), name("other"));
            ClientRow { component, network, tally, withheld: 0, retried: 0, resumed: 0, bytes: 0 }
        };
        let waits = |(text, total)| {
            let mut first_byte = Sketch::default();
            first_byte.count_times(20_000, total);
            ComponentRow { component: name(text), first_byte }
        };
        RollUp {
            edge: name(edge),
            boot: 1,
            seq: 1,
            span_ms: ms,
            plan_epoch: 0,
            plan_refused: None,
            plan: None,
            upstream: vec![],
            clients: rows.clone().map(client).collect(),
            components: rows.map(waits).collect(),
            replicas: vec![],
            lookups: vec![],
            sessions: vec![],
            systems: BTreeMap::new(),
        }
    }

    /// About two hundred a minute, the same each time it is asked.
    fn usual(n: u64) -> [u64; 4] {
        [0, 1, 2, 3].map(|k| 190 + (n * 7 + k * 5) % 20)
    }

    fn second(n: u64, s: u64) -> Moment {
        Moment::from_millis(n * MINUTE_MS + s * 1_000)
    }

    /// A minute of what these edges tell; what was learnt of the minute before.
    fn minute(traffic: &mut Traffic, n: u64, rolls: &[RollUp]) -> Vec<Learnt> {
        let learnt =
            if traffic.is_over(second(n, 1)) { traffic.close(second(n, 1), |_| Lesson::Learnt) } else { vec![] };
        rolls.iter().for_each(|roll| traffic.add(roll));
        learnt
    }

    /// A week of one edge, so that the next minute is the first of the eighth day; and what was learnt.
    fn taught() -> (Traffic, Vec<Learnt>) {
        let mut traffic = fresh();
        let learnt = (0..7 * DAY).flat_map(|n| minute(&mut traffic, n, &[roll("e", 60_000, usual(n))])).collect();
        (traffic, learnt)
    }

    /// What is found at the end of a minute in which so many came.
    fn found_after(traffic: &mut Traffic, n: u64, rolls: &[RollUp]) -> Vec<String> {
        minute(traffic, n, rolls);
        minute(traffic, n + 1, &[]);
        traffic.findings(second(n + 1, 1)).iter().map(|f| f.slice.to_string()).collect()
    }

    #[test]
    fn a_missing_crowd_is_found_when_its_minute_is_over() {
        let (traffic, _) = taught();
        let n = 7 * DAY;
        let some = |requests| found_after(&mut traffic.clone(), n, &[roll("e", 60_000, requests)]);
        assert_eq!(some([200, 190, 205, 195]), Vec::<String>::new());
        assert_eq!(some([200, 4, 205, 195]), ["component=login"]);
        assert_eq!(some([200, 900, 205, 195]), Vec::<String>::new(), "demand is no missing crowd");
        assert_eq!(some([200, 4, 205, 3]), ["component=login", "component=search"]);
        assert_eq!(some([2, 4, 205, 3]), [Slice::everywhere().to_string()], "one cause, one finding");
    }

    #[test]
    fn a15_what_is_not_told_is_not_missing() {
        let (traffic, _) = taught();
        let n = 7 * DAY;
        let quiet = |rolls: &[RollUp]| found_after(&mut traffic.clone(), n, rolls).is_empty();
        assert!(quiet(&[]), "no edge is heard");
        assert!(quiet(&[roll("e", 30_000, [2; 4])]), "half of the minute");
        assert!(quiet(&[roll("e", 60_000, [2; 4]), roll("new", 20_000, [2; 4])]), "an edge that has just come");
        let mut restarted = fresh();
        assert!((n..n + 9).all(|n| found_after(&mut restarted, n, &[roll("e", 60_000, [2; 4])]).is_empty()));
        let mut hole = traffic.clone();
        minute(&mut hole, n, &[roll("e", 60_000, [2; 4])]);
        minute(&mut hole, n + 3, &[]);
        assert_eq!(hole.findings(second(n + 3, 1)), vec![]);
    }

    /// Half of the clients come through an edge that falls silent: nothing is said, and in an hour half as many are usual.
    #[test]
    fn an_edge_that_is_gone_takes_its_clients_with_it() {
        let (mut traffic, _) = taught();
        let both = |n| [roll("e", 60_000, usual(n).map(|it| it / 2)), roll("f", 60_000, usual(n).map(|it| it / 2))];
        let start = 7 * DAY;
        for n in start..start + 20 {
            assert_eq!(found_after(&mut traffic, n, &both(n)).len(), 0, "{n}");
        }
        let alone = |n| [roll("e", 60_000, usual(n).map(|it| it / 2))];
        for n in start + 20..start + 120 {
            assert_eq!(found_after(&mut traffic, n, &alone(n)).len(), 0, "{n}");
        }
        let requests = traffic.readings(second(start + 120, 0))[1].requests.expect("counted");
        assert!((90.0..130.0).contains(&requests.expected), "{requests:?}");
        assert_eq!(found_after(&mut traffic, start + 120, &[roll("e", 60_000, [2; 4])]).len(), 1, "and missed again");
    }

    #[test]
    fn what_was_learnt_is_known_after_a_restart() {
        let (before, learnt) = taught();
        let mut after = fresh();
        learnt.iter().for_each(|it| after.recall(it));
        for it in &learnt[..8] {
            assert_eq!(it.series.to_string().parse().as_ref(), Ok(&it.series));
        }
        let n = 7 * DAY;
        let (mut before, mut still) = (before, after.clone());
        minute(&mut after, n, &[roll("e", 20_000, usual(n))]);
        assert_eq!(found_after(&mut after, n + 1, &[roll("e", 60_000, [200, 4, 205, 195])]), ["component=login"]);
        minute(&mut before, n, &[roll("e", 60_000, usual(n))]);
        minute(&mut before, n + 1, &[]);
        let expected = |traffic: &Traffic| traffic.readings(second(n + 2, 0))[1].requests.expect("counted").expected;
        assert!((expected(&before) - expected(&after)).abs() < 2.0);
        // The edge that was there before is waited for; another one does not stand in for it.
        minute(&mut still, n, &[roll("other", 60_000, usual(n))]);
        assert_eq!(found_after(&mut still, n + 1, &[roll("other", 60_000, [2; 4])]).len(), 0);
    }

    #[test]
    fn what_was_dealt_with_is_no_news() {
        let (mut traffic, _) = taught();
        let n = 7 * DAY;
        let gone = [roll("e", 60_000, [200, 4, 205, 195])];
        assert_eq!(found_after(&mut traffic, n, &gone).len(), 1);
        traffic.dealt_with();
        assert_eq!(found_after(&mut traffic, n + 1, &gone).len(), 0);
    }
}
