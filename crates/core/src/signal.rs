//! Takes signals in: refuses repeats, passes strangers over, and turns the rest into observations to be tested.
//!
//! A roll-up may name replicas and components that are not configured here: edges and hub get a new configuration one after
//! the other (invariant C7). Its other rows count all the same; what was passed over is counted, and named on the board.
//!
//! An observation is a count on a leaf, the finest slice there is; who tests it may look at it from several
//! sides (its region, its version). What a remedy in force has already dealt with is counted but marked
//! [`Standing::Known`], so that a diverted replica's failing checks do not open a second incident.

mod sessions;

pub use sessions::{ActiveSessions, Sessions};

use crate::model::{
    ClientRow, Dimension, FailureKind, Failures, Ledger, Measure, Moment, Name, ProbeKind, ProbeOutcome, ProbeResult,
    ReplicaRow, Report, RollUp, Slice, SourceClass, Strength, Tally, Topology, TrafficPlan, UpstreamRow,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most failed look-ups, rows and the like that one roll-up may carry.
const ROWS_MAX: usize = 4_096;

/// Networks whose owners are remembered; beyond it, those of the next roll-ups.
const OWNERS_MAX: usize = 4_096;

/// Most strangers that are named for one edge; further ones are only counted.
const STRANGERS_MAX: usize = 32;

/// Whether something is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has dealt with it.
    Open,
    /// A remedy in force has.
    Known,
}

/// A count on a leaf.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Whose evidence it is.
    pub class: SourceClass,
    /// What was counted.
    pub measure: Measure,
    /// The leaf.
    pub leaf: Slice,
    /// How it went. For [`Measure::Slowness`] the slow ones are the failures, as [`FailureKind::Late`].
    pub tally: Tally,
    /// Whether it is news.
    pub standing: Standing,
}

/// Why a signal is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignalRefused {
    /// It was there before.
    #[error("roll-up {seq} of edge {edge} was there before")]
    Repeat {
        /// Which edge.
        edge: Name,
        /// Which roll-up.
        seq: u64,
    },
    /// It names something that is not configured.
    #[error("{0} is not configured")]
    Stranger(String),
    /// A figure that cannot be.
    #[error("{0}")]
    Figures(String),
}

/// What an edge said last.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeLine {
    /// Which run of the edge.
    pub boot: u64,
    /// Its last roll-up.
    pub seq: u64,
    /// When it came.
    pub heard_at: Moment,
    /// The plan in force there.
    pub plan_epoch: u64,
    /// When it last told of anything bad at a replica: a failed or slow attempt, a failed check, an ejection.
    pub ailing: BTreeMap<Name, Moment>,
}

/// What a replica was last said to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReplicaNews {
    /// Its version.
    pub version: Option<Name>,
    /// Requests in flight.
    pub in_flight: u64,
    /// True while an edge sends it nothing by itself.
    pub ejected: bool,
}

/// What an edge tells of and nobody has configured here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strangers {
    /// Rows that were passed over, since the edge was first heard.
    pub rows: u64,
    /// Whom its last roll-up named, at most 32 of them: `replica eu-9`, `component search`.
    pub names: BTreeSet<String>,
}

/// The rows of a roll-up that are about what is configured.
struct Known<'r> {
    upstream: Vec<&'r UpstreamRow>,
    clients: Vec<&'r ClientRow>,
    replicas: Vec<&'r ReplicaRow>,
}

/// The door for signals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Door {
    /// By edge.
    pub edges: BTreeMap<Name, EdgeLine>,
    /// By edge; none for one that names no strangers.
    pub strangers: BTreeMap<Name, Strangers>,
    /// By replica.
    pub replicas: BTreeMap<Name, ReplicaNews>,
    /// What edges tell of active sessions.
    pub sessions: Sessions,
    /// Whose clients' networks are: their autonomous systems, where a table says so.
    pub owners: BTreeMap<Name, Name>,
}

impl Door {
    /// The leaf of a replica: where it is and what it runs, as last heard.
    pub fn place(&self, topology: &Topology, replica: &Name) -> Slice {
        let place = topology.place(replica);
        match self.replicas.get(replica).and_then(|news| news.version.clone()) {
            Some(version) => place.with(Dimension::Version, version),
            None => place,
        }
    }

    /// Takes a roll-up in, but for what it tells of strangers.
    ///
    /// # Errors
    /// [`SignalRefused`]; nothing is counted then.
    pub fn roll_up(
        &mut self,
        now: Moment,
        roll: &RollUp,
        topology: &Topology,
        plan: &TrafficPlan,
        ledger: &mut Ledger,
    ) -> Result<Vec<Observation>, SignalRefused> {
        self.check_roll_up(roll)?;
        let known = self.pass_strangers_over(roll, topology);
        self.note_edge(now, roll, &known);
        self.sessions.hear(now, roll);
        if self.owners.len() > OWNERS_MAX {
            self.owners.clear();
        }
        self.owners.extend(roll.systems.iter().map(|(network, system)| (network.clone(), system.clone())));
        let told = ledger.at(now).told.entry(roll.edge.clone()).or_default();
        told.ms += u64::from(roll.span_ms);
        for row in &known.clients {
            *told.requests.entry(row.component.clone()).or_default() += row.tally.total;
        }
        let mut seen = Vec::new();
        for row in known.upstream {
            let leaf = self.place(topology, &row.replica).with(Dimension::Component, row.component.clone());
            let key = (row.component.clone(), row.replica.clone());
            let second = ledger.at(now);
            second.attempts.of(key.clone()).add(&row.tally);
            *second.first_byte_us.entry(key).or_default() += row.first_byte_us;
            let standing = known_if(plan.share(&row.replica, &row.component) == Strength::NONE);
            seen.push(Observation::edge(Measure::Attempts, leaf.clone(), row.tally.clone(), standing));
            seen.push(Observation::edge(Measure::Slowness, leaf, slowness(&row.tally), standing));
        }
        for row in known.clients {
            let key = (row.component.clone(), row.network.clone());
            let tally = row.counted();
            ledger.at(now).clients.of(key).add(&tally);
            seen.extend(client_observations(&row.component, &row.network, &tally, plan));
        }
        for row in known.replicas {
            ledger.at(now).checks.of((None, row.replica.clone())).add(&row.checks);
            let leaf = self.place(topology, &row.replica);
            seen.push(Observation::check(leaf, row.checks.clone(), diverted(plan, topology, &row.replica)));
        }
        for row in &roll.lookups {
            let Some(region) = &row.region else { continue };
            ledger.at(now).lookups.of(region.clone()).add(&row.tally);
            let standing = known_if(plan.pins.iter().any(|pin| pin.host == row.host));
            let leaf = Slice::of(Dimension::Region, region.clone());
            seen.push(Observation::edge(Measure::Lookups, leaf, row.tally.clone(), standing));
        }
        Ok(seen)
    }

    fn check_roll_up(&self, roll: &RollUp) -> Result<(), SignalRefused> {
        let repeat = self.edges.get(&roll.edge).is_some_and(|e| e.boot == roll.boot && roll.seq <= e.seq);
        if repeat {
            return Err(SignalRefused::Repeat { edge: roll.edge.clone(), seq: roll.seq });
        }
        let measured = roll.upstream.len() + roll.clients.len() + roll.components.len() + roll.sessions.len();
        let rows = measured + roll.replicas.len() + roll.lookups.len();
        if rows > ROWS_MAX {
            return Err(SignalRefused::Figures(format!("a roll-up has at most {ROWS_MAX} rows, this one has {rows}")));
        }
        let tallies = (roll.upstream.iter().map(|r| &r.tally))
            .chain(roll.clients.iter().map(|r| &r.tally))
            .chain(roll.replicas.iter().map(|r| &r.checks))
            .chain(roll.lookups.iter().map(|r| &r.tally));
        match tallies.into_iter().find(|t| t.failed().saturating_add(t.slow) > t.total) {
            Some(t) => Err(SignalRefused::Figures(format!("{} failed or slow of {}", t.failed() + t.slow, t.total))),
            None => Ok(()),
        }
    }

    /// Leaves out the rows on what is not configured, and notes them.
    fn pass_strangers_over<'r>(&mut self, roll: &'r RollUp, topology: &Topology) -> Known<'r> {
        let (mut rows, mut names) = (0, BTreeSet::new());
        let mut all_known = |component: Option<&Name>, replica: Option<&Name>| {
            let component = component.filter(|c| !topology.components.contains_key(*c));
            let replica = replica.filter(|r| !topology.replicas.contains_key(*r));
            let strange = component.map(|c| format!("component {c}")).or(replica.map(|r| format!("replica {r}")));
            rows += u64::from(strange.is_some());
            let known = strange.is_none();
            names.extend(strange.filter(|_| names.len() < STRANGERS_MAX));
            known
        };
        let known = Known {
            upstream: roll.upstream.iter().filter(|r| all_known(Some(&r.component), Some(&r.replica))).collect(),
            clients: roll.clients.iter().filter(|r| all_known(Some(&r.component), None)).collect(),
            replicas: roll.replicas.iter().filter(|r| all_known(None, Some(&r.replica))).collect(),
        };
        if rows > 0 || self.strangers.contains_key(&roll.edge) {
            let noted = self.strangers.entry(roll.edge.clone()).or_default();
            *noted = Strangers { rows: noted.rows.saturating_add(rows), names };
        }
        known
    }

    fn note_edge(&mut self, now: Moment, roll: &RollUp, known: &Known<'_>) {
        let mut ailing = self.edges.remove(&roll.edge).map(|line| line.ailing).unwrap_or_default();
        let attempts = known.upstream.iter().filter(|row| row.tally.failed() + row.tally.slow > 0);
        let checks = known.replicas.iter().filter(|row| row.ejected || row.checks.failed() > 0);
        ailing.extend(attempts.map(|row| &row.replica).chain(checks.map(|row| &row.replica)).map(|r| (r.clone(), now)));
        let line = EdgeLine { boot: roll.boot, seq: roll.seq, heard_at: now, plan_epoch: roll.plan_epoch, ailing };
        self.edges.insert(roll.edge.clone(), line);
        for row in &known.replicas {
            let news = ReplicaNews { version: row.version.clone(), in_flight: row.in_flight, ejected: row.ejected };
            self.replicas.insert(row.replica.clone(), news);
        }
    }

    /// Refuses a probe's result that is about what is not configured.
    ///
    /// # Errors
    /// [`SignalRefused::Stranger`].
    pub fn check_probe(result: &ProbeResult, topology: &Topology) -> Result<(), SignalRefused> {
        match result.slice.get(Dimension::Replica).filter(|replica| !topology.replicas.contains_key(*replica)) {
            Some(stranger) => Err(SignalRefused::Stranger(format!("replica {stranger}"))),
            None => Ok(()),
        }
    }

    /// Counts a probe's result, which passed [`Door::check_probe`]; one that could not run counts for nothing.
    pub fn probe(
        &mut self,
        now: Moment,
        result: &ProbeResult,
        topology: &Topology,
        plan: &TrafficPlan,
        ledger: &mut Ledger,
    ) -> Option<Observation> {
        let replica = result.slice.get(Dimension::Replica).cloned();
        let (failure, component) = match &result.outcome {
            ProbeOutcome::Passed { .. } => (None, None),
            ProbeOutcome::Failed { failure, component, .. } => (Some(*failure), component.clone()),
            ProbeOutcome::Unknown { .. } => return None,
        };
        let mut tally = Tally::default();
        tally.count(failure);
        if result.kind == ProbeKind::Dns {
            return Some(dns_observation(now, result, tally, topology, plan, ledger));
        }
        let mut leaf = match &replica {
            Some(replica) => self.place(topology, replica),
            None => result.slice.clone(),
        };
        if let Some(component) = component.clone().filter(|c| topology.components.contains_key(c)) {
            leaf = leaf.with(Dimension::Component, component);
        }
        let standing = match &replica {
            Some(replica) => {
                ledger.at(now).checks.of((component, replica.clone())).add(&tally);
                diverted(plan, topology, replica)
            }
            None => Standing::Open,
        };
        Some(Observation::check(leaf, tally, standing))
    }

    /// Takes a user's report in, and names the places that it is about: what was said, and that within the region.
    ///
    /// # Errors
    /// [`SignalRefused::Stranger`] when it names a component that is not configured.
    pub fn report(
        &mut self,
        now: Moment,
        report: &Report,
        topology: &Topology,
        ledger: &mut Ledger,
    ) -> Result<Vec<Slice>, SignalRefused> {
        if let Some(stranger) = report.component.as_ref().filter(|c| !topology.components.contains_key(*c)) {
            return Err(SignalRefused::Stranger(format!("component {stranger}")));
        }
        ledger.at(now).reports += 1;
        let place = report.component.iter().fold(Slice::everywhere(), |it, c| it.with(Dimension::Component, c.clone()));
        let region = report.region.as_ref().filter(|region| topology.in_region(region).next().is_some());
        let there = region.map(|region| place.clone().with(Dimension::Region, region.clone()));
        Ok([place].into_iter().chain(there).collect())
    }
}

impl Observation {
    fn edge(measure: Measure, leaf: Slice, tally: Tally, standing: Standing) -> Self {
        Self { class: SourceClass::Edge, measure, leaf, tally, standing }
    }

    fn check(leaf: Slice, tally: Tally, standing: Standing) -> Self {
        Self { class: SourceClass::Probe, measure: Measure::Checks, leaf, tally, standing }
    }
}

/// A look-up by a probe counts as a look-up, in the probe's class.
fn dns_observation(
    now: Moment,
    result: &ProbeResult,
    tally: Tally,
    topology: &Topology,
    plan: &TrafficPlan,
    ledger: &mut Ledger,
) -> Observation {
    let region = result.slice.get(Dimension::Region);
    if let Some(region) = region {
        ledger.at(now).lookups.of(region.clone()).add(&tally);
    }
    let hosts: Vec<&Name> =
        region.map(|region| topology.in_region(region).filter_map(|r| r.host.as_ref()).collect()).unwrap_or_default();
    let standing = known_if(plan.pins.iter().any(|pin| hosts.contains(&&pin.host)));
    let (class, measure) = (SourceClass::Probe, Measure::Lookups);
    Observation { class, measure, leaf: result.slice.clone(), tally, standing }
}

fn client_observations(component: &Name, network: &Name, tally: &Tally, plan: &TrafficPlan) -> [Observation; 2] {
    let leaf = Slice::of(Dimension::Component, component.clone()).with(Dimension::Network, network.clone());
    let limited = plan.limits.iter().any(|l| l.network == *network);
    let shed = plan.sheds.iter().any(|s| s.component == *component);
    let mut served = tally.owed();
    let mut denials = Tally { total: tally.total, ..Tally::default() };
    if shed {
        served.total -= served.failures.remove(FailureKind::Shed);
    }
    let denied = tally.failures.of(FailureKind::Denied);
    if denied > 0 {
        denials.failures.raise(FailureKind::Denied, denied);
    }
    [
        Observation::edge(Measure::Requests, leaf.clone(), served, known_if(limited)),
        Observation::edge(Measure::Denials, leaf, denials, known_if(limited)),
    ]
}

/// The slow ones of a tally as its failures; failed ones are not counted at all.
fn slowness(tally: &Tally) -> Tally {
    let failures = if tally.slow == 0 { Failures::default() } else { [(FailureKind::Late, tally.slow)].into() };
    Tally { total: tally.total - tally.failed(), slow: 0, failures }
}

fn diverted(plan: &TrafficPlan, topology: &Topology, replica: &Name) -> Standing {
    let served = topology.components.values().filter(|c| c.replicas.contains(replica));
    known_if(served.into_iter().any(|c| plan.share(replica, &c.name) == Strength::NONE))
}

fn known_if(dealt_with: bool) -> Standing {
    if dealt_with { Standing::Known } else { Standing::Open }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ClientRow, Component, Priority, Replica, Sketch, UpstreamRow, Weight};
    use std::time::Duration;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    fn topology() -> Topology {
        let replica = |n: &str| Replica {
            name: name(n),
            region: name("eu"),
            version: Some(name("1.0")),
            host: None,
            proven_per_second: None,
        };
        let replicas: BTreeMap<Name, Replica> = ["eu-1", "eu-2"].map(|n| (name(n), replica(n))).into();
        let login = Component {
            name: name("login"),
            title: "Log-in".into(),
            priority: Priority(1),
            replicas: replicas.keys().cloned().collect(),
            features: vec![],
        };
        Topology { components: [(name("login"), login)].into(), replicas, ..Topology::default() }
    }

    fn roll(seq: u64, replica: &str) -> RollUp {
        let mut tally = Tally { total: 9, slow: 2, failures: Failures::default() };
        tally.count(Some(FailureKind::Reset));
        let row = UpstreamRow {
            component: name("login"),
            replica: name(replica),
            tally,
            first_byte_us: 0,
            first_byte_us_max: 0,
            bytes: 0,
            hedged: 0,
            first_byte: Sketch::default(),
        };
        RollUp {
            edge: name("edge"),
            boot: 7,
            seq,
            span_ms: 1_000,
            plan_epoch: 0,
            plan_refused: None,
            plan: None,
            upstream: vec![row],
            clients: vec![],
            components: vec![],
            replicas: vec![],
            lookups: vec![],
            sessions: vec![],
            systems: BTreeMap::new(),
        }
    }

    struct Bench(Door, Ledger, TrafficPlan);

    impl Bench {
        fn new() -> Self {
            Self(Door::default(), Ledger::new(Duration::from_secs(60)), TrafficPlan::default())
        }

        fn take(&mut self, roll: &RollUp) -> Result<Vec<Observation>, SignalRefused> {
            self.0.roll_up(Moment::from_millis(5_000), roll, &topology(), &self.2, &mut self.1)
        }
    }

    #[test]
    fn a_repeat_counts_once() {
        let mut bench = Bench::new();
        assert!(bench.take(&roll(1, "eu-1")).is_ok());
        assert!(matches!(bench.take(&roll(1, "eu-1")), Err(SignalRefused::Repeat { .. })));
        assert!(bench.take(&RollUp { boot: 8, ..roll(1, "eu-1") }).is_ok(), "a restarted edge counts from one again");
    }

    #[test]
    fn what_is_known_counts_beside_strangers() {
        let mut bench = Bench::new();
        let state = |replica: &str| ReplicaRow {
            replica: name(replica),
            version: None,
            checks: Tally { total: 1, ..Tally::default() },
            in_flight: 0,
            ejected: false,
        };
        let search = UpstreamRow { component: name("search"), ..roll(1, "eu-1").upstream.remove(0) };
        let upstream = [roll(1, "eu-1").upstream, roll(1, "us-9").upstream, vec![search]].concat();
        let mixed = RollUp { upstream, replicas: vec![state("us-9"), state("eu-1")], ..roll(1, "eu-1") };
        let seen = bench.take(&mixed).expect("taken for what is known");
        assert!(seen.iter().all(|o| o.leaf.get(Dimension::Replica) == Some(&name("eu-1"))), "{seen:?}");
        let edge = &name("edge");
        let names: Vec<&str> = bench.0.strangers[edge].names.iter().map(String::as_str).collect();
        assert_eq!((bench.0.strangers[edge].rows, names), (3, vec!["component search", "replica us-9"]));
        assert!(!bench.0.replicas.contains_key(&name("us-9")), "nothing is kept of a stranger");

        let upstream = (0..99).flat_map(|i| roll(2, &format!("us-{i}")).upstream).collect();
        assert_eq!(bench.take(&RollUp { upstream, ..roll(2, "eu-1") }).expect("taken").len(), 0);
        let strangers = &bench.0.strangers[edge];
        assert_eq!((strangers.rows, strangers.names.len()), (102, STRANGERS_MAX), "what is named is bounded");
        bench.take(&roll(3, "eu-1")).expect("good");
        let strangers = &bench.0.strangers[edge];
        assert_eq!((strangers.rows, strangers.names.len()), (102, 0), "they are configured by now");
    }

    #[test]
    fn impossible_figures_are_refused_whole() {
        let mut bench = Bench::new();
        let mut lie = roll(1, "eu-1");
        lie.upstream[0].tally.total = 1;
        assert!(matches!(bench.take(&lie), Err(SignalRefused::Figures(_))));
        assert_eq!(bench.1.seconds().count(), 0, "nothing was counted");
    }

    #[test]
    fn slow_answers_and_failed_ones_are_two_measures() {
        let seen = Bench::new().take(&roll(1, "eu-1")).expect("good");
        let by = |measure| seen.iter().find(|o| o.measure == measure).expect("there").tally.clone();
        assert_eq!((by(Measure::Attempts).total, by(Measure::Attempts).failed()), (10, 1));
        assert_eq!((by(Measure::Slowness).total, by(Measure::Slowness).failed()), (9, 2));
        assert_eq!(seen[0].leaf.to_string(), "component=login,region=eu,replica=eu-1,version=1.0");
    }

    #[test]
    fn what_a_remedy_has_dealt_with_is_no_news() {
        let mut bench = Bench::new();
        bench.2.weights = vec![Weight { replica: name("eu-1"), component: None, share: Strength::NONE }];
        let seen = bench.take(&roll(1, "eu-1")).expect("good");
        assert!(seen.iter().all(|o| o.standing == Standing::Known));
    }

    #[test]
    fn refused_credentials_are_no_failures_of_the_service() {
        let mut bench = Bench::new();
        let tally = Tally { total: 10, slow: 0, failures: [(FailureKind::Denied, 9)].into() };
        let row = ClientRow {
            component: name("login"),
            network: name("127.66.6.0/24"),
            tally,
            withheld: 0,
            retried: 0,
            resumed: 0,
            bytes: 0,
        };
        let seen = bench.take(&RollUp { clients: vec![row], upstream: vec![], ..roll(1, "eu-1") }).expect("good");
        let by = |measure| seen.iter().find(|o| o.measure == measure).expect("there").tally.clone();
        assert_eq!((by(Measure::Requests).total, by(Measure::Requests).failed()), (1, 0));
        assert_eq!((by(Measure::Denials).total, by(Measure::Denials).failed()), (10, 9));
    }
}
