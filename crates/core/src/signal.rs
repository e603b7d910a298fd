//! Takes signals in: refuses repeats and strangers, and turns the rest into observations to be tested.
//!
//! An observation is a count on a leaf, the finest slice there is; who tests it may look at it from several
//! sides (its region, its version). What a remedy in force has already dealt with is counted but marked
//! [`Standing::Known`], so that a diverted replica's failing checks do not open a second incident.

use crate::model::{
    Dimension, FailureKind, Ledger, Measure, Moment, Name, ProbeKind, ProbeOutcome, ProbeResult, Report, RollUp, Slice,
    SourceClass, Strength, Tally, Topology, TrafficPlan,
};
use std::collections::BTreeMap;

/// Most failed look-ups, rows and the like that one roll-up may carry.
const ROWS_MAX: usize = 4_096;

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

/// The door for signals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Door {
    /// By edge.
    pub edges: BTreeMap<Name, EdgeLine>,
    /// By replica.
    pub replicas: BTreeMap<Name, ReplicaNews>,
    /// The last run of each probe: when, whether it passed, what it said.
    pub probes: BTreeMap<Name, (Moment, bool, String)>,
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

    /// Takes a roll-up in.
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
        self.check_roll_up(roll, topology)?;
        self.note_edge(now, roll);
        let mut seen = Vec::new();
        for row in &roll.upstream {
            let leaf = self.place(topology, &row.replica).with(Dimension::Component, row.component.clone());
            let key = (row.component.clone(), row.replica.clone());
            let second = ledger.at(now);
            second.attempts.entry(key.clone()).or_default().add(&row.tally);
            *second.first_byte_us.entry(key).or_default() += row.first_byte_us;
            let standing = known_if(plan.share(&row.replica, &row.component) == Strength::NONE);
            seen.push(Observation::edge(Measure::Attempts, leaf.clone(), row.tally.clone(), standing));
            seen.push(Observation::edge(Measure::Slowness, leaf, slowness(&row.tally), standing));
        }
        for row in &roll.clients {
            let key = (row.component.clone(), row.network.clone());
            ledger.at(now).clients.entry(key).or_default().add(&row.tally);
            seen.extend(client_observations(&row.component, &row.network, &row.tally, plan));
        }
        for row in &roll.replicas {
            ledger.at(now).checks.entry((None, row.replica.clone())).or_default().add(&row.checks);
            let leaf = self.place(topology, &row.replica);
            seen.push(Observation::check(leaf, row.checks.clone(), diverted(plan, topology, &row.replica)));
        }
        for row in &roll.lookups {
            let Some(region) = &row.region else { continue };
            ledger.at(now).lookups.entry(region.clone()).or_default().add(&row.tally);
            let standing = known_if(plan.pins.iter().any(|pin| pin.host == row.host));
            let leaf = Slice::of(Dimension::Region, region.clone());
            seen.push(Observation::edge(Measure::Lookups, leaf, row.tally.clone(), standing));
        }
        Ok(seen)
    }

    fn check_roll_up(&self, roll: &RollUp, topology: &Topology) -> Result<(), SignalRefused> {
        let repeat = self.edges.get(&roll.edge).is_some_and(|e| e.boot == roll.boot && roll.seq <= e.seq);
        if repeat {
            return Err(SignalRefused::Repeat { edge: roll.edge.clone(), seq: roll.seq });
        }
        let rows =
            [roll.upstream.len(), roll.clients.len(), roll.components.len(), roll.replicas.len(), roll.lookups.len()];
        let rows: usize = rows.iter().sum();
        if rows > ROWS_MAX {
            return Err(SignalRefused::Figures(format!("a roll-up has at most {ROWS_MAX} rows, this one has {rows}")));
        }
        let replicas = (roll.upstream.iter().map(|r| &r.replica)).chain(roll.replicas.iter().map(|r| &r.replica));
        if let Some(stranger) = replicas.into_iter().find(|r| !topology.replicas.contains_key(*r)) {
            return Err(SignalRefused::Stranger(format!("replica {stranger}")));
        }
        let components = (roll.upstream.iter().map(|r| &r.component))
            .chain(roll.clients.iter().map(|r| &r.component))
            .chain(roll.components.iter().map(|r| &r.component));
        if let Some(stranger) = components.into_iter().find(|c| !topology.components.contains_key(*c)) {
            return Err(SignalRefused::Stranger(format!("component {stranger}")));
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

    fn note_edge(&mut self, now: Moment, roll: &RollUp) {
        let line = EdgeLine { boot: roll.boot, seq: roll.seq, heard_at: now, plan_epoch: roll.plan_epoch };
        self.edges.insert(roll.edge.clone(), line);
        for row in &roll.replicas {
            let news = ReplicaNews { version: row.version.clone(), in_flight: row.in_flight, ejected: row.ejected };
            self.replicas.insert(row.replica.clone(), news);
        }
    }

    /// Takes a probe's result in; one that could not run counts for nothing.
    ///
    /// # Errors
    /// [`SignalRefused::Stranger`] when its slice names a replica or component that is not configured.
    pub fn probe(
        &mut self,
        now: Moment,
        result: &ProbeResult,
        topology: &Topology,
        plan: &TrafficPlan,
        ledger: &mut Ledger,
    ) -> Result<Option<Observation>, SignalRefused> {
        let replica = result.slice.get(Dimension::Replica).cloned();
        if let Some(stranger) = replica.as_ref().filter(|r| !topology.replicas.contains_key(*r)) {
            return Err(SignalRefused::Stranger(format!("replica {stranger}")));
        }
        let (failure, component, said) = match &result.outcome {
            ProbeOutcome::Passed { latency_ms } => (None, None, format!("passed in {latency_ms} ms")),
            ProbeOutcome::Failed { failure, detail, component } => (Some(*failure), component.clone(), detail.clone()),
            ProbeOutcome::Unknown { .. } => return Ok(None),
        };
        self.probes.insert(result.probe.clone(), (now, failure.is_none(), said));
        let mut tally = Tally::default();
        tally.count(failure);
        if result.kind == ProbeKind::Dns {
            return Ok(Some(dns_observation(now, result, tally, topology, plan, ledger)));
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
                ledger.at(now).checks.entry((component, replica.clone())).or_default().add(&tally);
                diverted(plan, topology, replica)
            }
            None => Standing::Open,
        };
        Ok(Some(Observation::check(leaf, tally, standing)))
    }

    /// Takes a user's report in.
    ///
    /// # Errors
    /// [`SignalRefused::Stranger`] when it names a component that is not configured.
    pub fn report(
        &mut self,
        now: Moment,
        report: &Report,
        topology: &Topology,
        ledger: &mut Ledger,
    ) -> Result<Observation, SignalRefused> {
        if let Some(stranger) = report.component.as_ref().filter(|c| !topology.components.contains_key(*c)) {
            return Err(SignalRefused::Stranger(format!("component {stranger}")));
        }
        ledger.at(now).reports += 1;
        let mut leaf = Slice::everywhere();
        if let Some(component) = &report.component {
            leaf = leaf.with(Dimension::Component, component.clone());
        }
        let tally = Tally { total: 1, slow: 0, failures: [(FailureKind::Wrong, 1)].into() };
        let (class, measure) = (SourceClass::Report, Measure::Reports);
        Ok(Observation { class, measure, leaf, tally, standing: Standing::Open })
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
        ledger.at(now).lookups.entry(region.clone()).or_default().add(&tally);
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
        served.total -= served.failures.remove(&FailureKind::Shed).unwrap_or(0);
    }
    if let Some(denied) = tally.failures.get(&FailureKind::Denied) {
        denials.failures.insert(FailureKind::Denied, *denied);
    }
    [
        Observation::edge(Measure::Requests, leaf.clone(), served, known_if(limited)),
        Observation::edge(Measure::Denials, leaf, denials, known_if(limited)),
    ]
}

/// The slow ones of a tally as its failures; failed ones are not counted at all.
fn slowness(tally: &Tally) -> Tally {
    let failures = if tally.slow == 0 { BTreeMap::new() } else { [(FailureKind::Late, tally.slow)].into() };
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
        };
        Topology { components: [(name("login"), login)].into(), replicas, ..Topology::default() }
    }

    fn roll(seq: u64, replica: &str) -> RollUp {
        let mut tally = Tally { total: 9, slow: 2, failures: BTreeMap::new() };
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
            upstream: vec![row],
            clients: vec![],
            components: vec![],
            replicas: vec![],
            lookups: vec![],
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
    fn strangers_and_impossible_figures_are_refused_whole() {
        let mut bench = Bench::new();
        assert!(matches!(bench.take(&roll(1, "us-9")), Err(SignalRefused::Stranger(_))));
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
