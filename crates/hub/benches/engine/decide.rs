//! Deciding: what follows from one observation, with a book and a watch that are full.

use crate::page::{Goal, Row};
use crate::story::{cpu_s, incidents};
use downbeat_core::incident::{Engine, Event, Record};
use downbeat_core::model::{
    Bits, ClientRow, Component, FailureKind, Failures, Finding, IncidentId, Measure, Moment, Name, Policy, Priority,
    ProbeKind, ProbeOutcome, ProbeResult, Replica, RollUp, Signal, Sketch, SourceClass, Tally, Topology, UpstreamRow,
};
use std::time::Duration;

/// Findings of each incident that is open.
const FINDINGS: usize = 10;
/// Decisions, whose mean is told: the kernel counts processor time in steps of some milliseconds.
const DECISIONS: u32 = 200;

pub(crate) fn measure() -> Vec<Row> {
    let usual = Size { components: 10, replicas: 12, open: 3, over: 997, failing: 0 };
    let open = Size { components: 10, replicas: 12, open: 1_000, over: 0, failing: 0 };
    let outage = Size { components: 10, replicas: 12, open: 3, over: 997, failing: 3 };
    let wide = Size { components: 50, replicas: 95, open: 3, over: 997, failing: 95 };
    let goal = || Goal::AtMost(5.0);
    vec![
        usual.row("1,000 incidents, 3 of them open; 120 leaves, all well").goal(goal()),
        open.row("1,000 incidents, all open, with 10,000 findings between them; 120 leaves, all well").goal(goal()),
        outage.row("1,000 incidents, 3 of them open; 120 leaves, a quarter of them failing").goal(goal()),
        wide.row("1,000 incidents, 3 of them open; 4,750 leaves, all failing: 10,000 findings at once").goal(goal()),
    ]
}

/// How much there is.
struct Size {
    components: usize,
    replicas: usize,
    /// Incidents, with `FINDINGS` each.
    open: u64,
    over: u64,
    /// Replicas that fail most of their requests in the last seconds.
    failing: usize,
}

impl Size {
    fn row(&self, what: &str) -> Row {
        let mut world = World::new(self);
        for second in 0..40 {
            world.second(if second >= 36 { self.failing } else { 0 });
        }
        assert!(world.engine.book().open().count() as u64 >= self.open, "what was open is");
        let spent: f64 = (0..DECISIONS).map(|_| world.decide()).sum();
        Row::new(what, spent / f64::from(DECISIONS), "ms")
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

struct World {
    engine: Engine,
    now: Moment,
    rollups: u64,
}

impl World {
    fn new(size: &Size) -> Self {
        let mut policy = Policy { topology: topology(size), ..Policy::default() };
        // What is open stays open for as long as we look.
        policy.incident.dismiss_after = Duration::from_secs(3_600);
        let mut world =
            Self { engine: Engine::new(policy, Vec::new()), now: Moment::from_millis(1_000_000_000), rollups: 0 };
        for record in incidents(size.over) {
            world.engine.apply(&record).expect("it fits");
        }
        for n in 1..=size.open {
            world.write(suspected(IncidentId(size.over + n), n, world.now));
        }
        world
    }

    fn write(&mut self, event: Event) {
        let seq = self.engine.book().last_seq + 1;
        self.engine.apply(&Record { seq, at: self.now, event }).expect("it fits");
    }

    /// One second of roll-ups, small enough for the bound on rows, and what follows from them.
    fn second(&mut self, failing: usize) {
        self.now = self.now + Duration::from_secs(1);
        let rows = rows(&self.engine.policy().topology, failing);
        for (edge, rows) in rows.chunks(4_000).enumerate() {
            self.rollups += 1;
            let roll = roll_up(edge, self.rollups, rows.to_vec());
            self.engine.observe(self.now, &Signal::RollUp(roll)).expect("a good roll-up");
        }
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..50 {
            let events = self.engine.step(self.now);
            if events.is_empty() {
                return;
            }
            events.into_iter().for_each(|event| self.write(event));
        }
    }

    /// A probe passes; how long the decision takes that follows, in milliseconds.
    fn decide(&mut self) -> f64 {
        self.now = self.now + Duration::from_millis(20);
        let result = ProbeResult {
            probe: name("p"),
            kind: ProbeKind::Http,
            vantage: name("hub"),
            slice: "replica=r0".parse().expect("a slice"),
            outcome: ProbeOutcome::Passed { latency_ms: 1, heard: None },
        };
        self.engine.observe(self.now, &Signal::Probe(result)).expect("a good probe");
        let started = cpu_s();
        let events = self.engine.step(self.now);
        let took = (cpu_s() - started) * 1_000.0;
        events.into_iter().for_each(|event| self.write(event));
        took
    }
}

fn topology(size: &Size) -> Topology {
    let mut topology = Topology { service: "Bench".into(), ..Topology::default() };
    for n in 0..size.replicas {
        let (replica, region) = (name(&format!("r{n}")), name(&format!("region{}", n % 5)));
        let version = Some(name("1.0.0"));
        let it = Replica { name: replica.clone(), region, version, host: None, proven_per_second: Some(1e6) };
        topology.replicas.insert(replica, it);
    }
    for n in 0..size.components {
        let replicas = topology.replicas.keys().cloned().collect();
        let component = name(&format!("c{n}"));
        let it = Component {
            name: component.clone(),
            title: "A component".into(),
            priority: Priority(0),
            replicas,
            features: vec![],
        };
        topology.components.insert(component, it);
    }
    topology
}

fn suspected(incident: IncidentId, n: u64, since: Moment) -> Event {
    let finding = |k: usize| Finding {
        class: SourceClass::Edge,
        measure: Measure::Attempts,
        slice: format!("component=c{},network=10.{}.{k}.0/24", n % 10, n % 250).parse().expect("a slice"),
        since,
        at: since,
        expected: 0.01,
        observed: 0.5,
        total: 100,
        kinds: [(FailureKind::Reset, 50)].into(),
        bits: Bits(20.0),
        of: None,
    };
    Event::Suspected {
        incident,
        title: "A component failing".into(),
        slice: format!("component=c{},network=10.{}.0.0/24", n % 10, n % 250).parse().expect("a slice"),
        since,
        findings: (0..FINDINGS).map(finding).collect(),
        bits: [(SourceClass::Edge, Bits(20.0))].into(),
    }
}

fn rows(topology: &Topology, failing: usize) -> Vec<UpstreamRow> {
    let mut rows = Vec::new();
    for component in topology.components.keys() {
        for (n, replica) in topology.replicas.keys().enumerate() {
            let failures = if n < failing { [(FailureKind::Reset, 14)].into() } else { Failures::default() };
            rows.push(UpstreamRow {
                component: component.clone(),
                replica: replica.clone(),
                tally: Tally { total: 20, slow: if n < failing { 5 } else { 0 }, failures },
                first_byte_us: 20_000,
                first_byte_us_max: 2_000,
                bytes: 1_000,
                hedged: 0,
                first_byte: Sketch::default(),
            });
        }
    }
    rows
}

fn roll_up(edge: usize, seq: u64, upstream: Vec<UpstreamRow>) -> RollUp {
    RollUp {
        edge: name(&format!("edge{edge}")),
        boot: 1,
        seq,
        span_ms: 1_000,
        plan_epoch: 0,
        plan_refused: None,
        plan: None,
        upstream,
        clients: Vec::<ClientRow>::new(),
        components: Vec::new(),
        replicas: Vec::new(),
        lookups: Vec::new(),
        sessions: Vec::new(),
        systems: Default::default(),
    }
}
