//! Telemetry over simulated days: steps add up, the ring turns, the file stays within its bound, a bad disk costs points only.

use super::gather::{Batch, Gatherer, Sum};
use super::store::{Store, bytes_max};
use super::*;
use downbeat_core::detect::{Learnt, SeriesKey};
use downbeat_core::model::{
    ClientRow, Component, ComponentRow, FailureKind, Indicator, LatencyObjective, Moment, Name, Objective, Objectives,
    Policy, Priority, Replica, RollUp, Sketch, Tally, Topology, UpstreamRow,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn policy() -> Policy {
    let promised = |percent| Objective::percent(percent).expect("a good objective");
    let latency = LatencyObjective::new(Duration::from_millis(300), promised(99.0)).expect("a good promise");
    let objectives = Objectives { success: Some(promised(99.9)), latency: Some(latency) };
    let objectives = [(name("web"), objectives)].into();
    Policy { topology: topology(), objectives, ..Policy::default() }
}

fn topology() -> Topology {
    let mut topology = Topology::default();
    for region in ["eu", "us"] {
        let replica = name(&format!("{region}-1"));
        let it =
            Replica { name: replica.clone(), region: name(region), version: None, host: None, proven_per_second: None };
        topology.replicas.insert(replica, it);
    }
    let replicas = topology.replicas.keys().cloned().collect();
    let it = Component { name: name("web"), title: "Web".into(), priority: Priority(0), replicas, features: vec![] };
    topology.components.insert(name("web"), it);
    topology
}

/// Ten attempts a region, one of them failed, within 8 ms each.
fn roll_up() -> RollUp {
    let row = |replica: &str| {
        let mut first_byte = Sketch::default();
        first_byte.count_times(8_000, 9);
        UpstreamRow {
            component: name("web"),
            replica: name(replica),
            tally: Tally { total: 10, slow: 2, failures: [(FailureKind::Reset, 1)].into() },
            first_byte_us: 72_000,
            first_byte_us_max: 8_000,
            bytes: 0,
            hedged: 0,
            first_byte,
        }
    };
    RollUp {
        edge: name("edge"),
        boot: 1,
        seq: 1,
        span_ms: 1_000,
        plan_epoch: 0,
        plan_refused: None,
        plan: None,
        upstream: vec![row("eu-1"), row("us-1"), row("nobody")],
        clients: Vec::new(),
        components: Vec::new(),
        replicas: Vec::new(),
        lookups: Vec::new(),
        sessions: Vec::new(),
        systems: Default::default(),
    }
}

fn at(second: u64) -> Moment {
    Moment::from_millis(1_000_000_000_000 + second * 1_000)
}

fn wanted(step: Step) -> Wanted {
    Wanted { step, component: None, region: None, since: Moment::from_millis(0), limit: usize::MAX }
}

#[test]
fn seconds_add_up_to_minutes() {
    let data = tempfile::tempdir().expect("a directory");
    let (mut gatherer, policy) = (Gatherer::default(), policy());
    let mut store = Store::open(data.path()).expect("opens");
    for second in 0..=180 {
        store.write(&gatherer.add(at(second), &roll_up(), &policy)).expect("written");
    }
    let reader = TelemetryReader::new(data.path());
    let points = |step| reader.points(&wanted(step)).expect("read");
    assert_eq!(points(Step::Second).len(), 2 * 180);
    let minutes = points(Step::Minute);
    let whole: Vec<&Point> = minutes.iter().filter(|point| point.attempts == 600).collect();
    assert_eq!(whole.len(), 2 * 2, "two whole minutes in two regions: {minutes:#?}");
    assert_eq!((whole[0].component.as_str(), whole[0].region.as_str()), ("web", "eu"));
    assert_eq!((whole[0].failed, whole[0].slow), (60, 120));
    let p99 = whole[0].p99_ms.expect("edges told times");
    assert!((7.5..=8.5).contains(&p99), "{p99}");
    let eu = Wanted { region: Some(name("eu")), since: at(170), ..wanted(Step::Second) };
    assert_eq!(reader.points(&eu).expect("read").len(), 10);
}

/// A batch of one step, for so many components.
fn batch(step: Step, number: u64, series: usize) -> Batch {
    let sum = || Sum { attempts: 1_000_000, failed: 10_000, slow: 10_000, first_byte: Sketch::default() };
    let sums = (0..series).map(|n| ((name(&format!("component-{n}")), name("eu")), sum())).collect();
    Batch { step, number, sums, served: BTreeMap::new(), waited: BTreeMap::new() }
}

fn bytes(data: &Path) -> u64 {
    std::fs::metadata(data.join("telemetry.db")).expect("there").len()
}

#[test]
fn the_ring_turns_within_its_bound() {
    let data = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(data.path()).expect("opens");
    let (step, series) = (Step::Second, 4);
    let mut turn = |from: u64| {
        let all: Vec<Batch> = (from..from + step.kept()).map(|number| batch(step, number, series)).collect();
        store.write(&all).expect("written");
    };
    turn(1_000_000_000);
    let full = TelemetryReader::new(data.path()).points(&wanted(step)).expect("read");
    assert_eq!(full.len(), 10_000, "an answer is bounded");
    turn(1_000_000_000 + step.kept());
    turn(1_000_000_000 + 2 * step.kept());
    drop(store);
    let points = step.kept() * series as u64;
    assert!(bytes(data.path()) <= points * POINT_BYTES + 64 * 1_024, "{} bytes a point", bytes(data.path()) / points);
    let kept = TelemetryReader::new(data.path()).points(&wanted(step)).expect("read");
    assert_eq!(kept[0].at_ms.as_millis(), (1_000_000_000 + 2 * step.kept()) * 1_000, "the oldest are gone");
    assert_eq!(bytes_max(), 1_306_828_800, "what the module says of itself");
}

#[test]
fn series_beyond_the_bound_are_left_out() {
    let data = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(data.path()).expect("opens");
    store.write(&[batch(Step::Minute, 1, SERIES_MAX + 20)]).expect("written");
    assert_eq!(TelemetryReader::new(data.path()).points(&wanted(Step::Minute)).expect("read").len(), SERIES_MAX);
}

#[tokio::test]
async fn a_file_that_is_none_costs_points_and_nothing_else() {
    let data = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(data.path().join("telemetry.db")).expect("in the way");
    let mut telemetry = Telemetry::start(data.path()).expect("a thread");
    for second in 0..5 {
        telemetry.add(at(second), &roll_up(), &policy());
    }
    telemetry.stop().await;
    assert!(TelemetryReader::new(data.path()).points(&wanted(Step::Second)).is_err());
}

#[tokio::test]
async fn what_waits_is_written_before_the_end() {
    let data = tempfile::tempdir().expect("a directory");
    let mut telemetry = Telemetry::start(data.path()).expect("a thread");
    for second in 0..5 {
        telemetry.add(at(second), &roll_up(), &policy());
    }
    telemetry.stop().await;
    assert_eq!(TelemetryReader::new(data.path()).points(&wanted(Step::Second)).expect("read").len(), 2 * 4);
}

#[test]
fn what_clients_met_is_kept_by_the_minute_where_something_is_promised() {
    let data = tempfile::tempdir().expect("a directory");
    let (mut gatherer, policy) = (Gatherer::default(), policy());
    let reader = TelemetryReader::new(data.path());
    assert_eq!(reader.served(at(0), &policy).expect("nothing yet"), []);
    let mut store = Store::open(data.path()).expect("opens");
    let row = |component: &str, kind| ClientRow {
        component: name(component),
        network: name("n"),
        tally: Tally { total: 10, slow: 0, failures: [(kind, 1)].into() },
        withheld: 0,
        retried: 0,
        resumed: 0,
        bytes: 0,
    };
    let clients =
        vec![row("web", FailureKind::Status), row("web", FailureKind::Denied), row("other", FailureKind::Status)];
    for second in 0..=120 {
        let roll_up = RollUp { clients: clients.clone(), ..roll_up() };
        store.write(&gatherer.add(at(second), &roll_up, &policy)).expect("written");
    }
    let minutes = reader.served(Moment::default(), &policy).expect("read");
    let counts: Vec<(&str, u64, u64)> =
        minutes.iter().map(|m| (m.budget.component.as_str(), m.met.total, m.met.bad)).collect();
    assert_eq!(counts, [("web", 20 * 19, 20), ("web", 60 * 19, 60)], "a refused password is no failure of the service");
    assert_eq!(minutes[1].at.since(minutes[0].at).as_secs(), 60);
    assert_eq!(reader.served(minutes[1].at, &policy).expect("read").len(), 1);
}

#[test]
fn a_file_of_an_earlier_release_has_no_such_minutes() {
    let data = tempfile::tempdir().expect("a directory");
    drop(Store::open(data.path()).expect("opens"));
    let connection = rusqlite::Connection::open(data.path().join("telemetry.db")).expect("opens");
    connection.execute_batch("DROP TABLE served; DROP TABLE waited").expect("dropped");
    assert_eq!(TelemetryReader::new(data.path()).served(at(0), &policy()).expect("nothing"), []);
}

#[test]
fn what_clients_waited_for_is_kept_as_long_as_the_same_is_promised() {
    let data = tempfile::tempdir().expect("a directory");
    let (mut gatherer, mut policy) = (Gatherer::default(), policy());
    let mut store = Store::open(data.path()).expect("opens");
    let mut first_byte = Sketch::default();
    first_byte.count_times(20_000, 18);
    first_byte.count_times(400_000, 2);
    let row = |component| ComponentRow { component: name(component), first_byte: first_byte.clone() };
    let components = vec![row("web"), row("other")];
    for second in 0..=120 {
        let roll_up = RollUp { components: components.clone(), ..roll_up() };
        store.write(&gatherer.add(at(second), &roll_up, &policy)).expect("written");
    }
    let reader = TelemetryReader::new(data.path());
    let minutes = reader.served(Moment::default(), &policy).expect("read");
    let counts: Vec<(Indicator, u64, u64)> =
        minutes.iter().map(|m| (m.budget.indicator, m.met.total, m.met.bad)).collect();
    assert_eq!(counts, [(Indicator::Latency, 400, 40), (Indicator::Latency, 1_200, 120)]);
    let web = policy.objectives.get_mut(&name("web")).expect("promised");
    web.latency = LatencyObjective::new(Duration::from_secs(1), web.latency.expect("promised").share());
    assert_eq!(reader.served(Moment::default(), &policy).expect("read"), [], "of another promise nothing is known");
}

fn learnt(component: &str, minute: u64, value: f64) -> Learnt {
    Learnt { series: SeriesKey::Requests(name(component)), step: Duration::from_secs(60), at: at(60 * minute), value }
}

fn taught(data: &Path) -> BTreeMap<String, Vec<(Moment, f64)>> {
    let mut all: BTreeMap<String, Vec<(Moment, f64)>> = BTreeMap::new();
    let reader = TelemetryReader::new(data);
    let read = reader.learnt(|it| all.entry(it.series.to_string()).or_default().push((it.at, it.value)));
    read.expect("read");
    all
}

#[test]
fn what_was_taught_comes_back_in_its_order_for_two_weeks() {
    let data = tempfile::tempdir().expect("a directory");
    assert!(taught(data.path()).is_empty());
    let mut store = Store::open(data.path()).expect("opens");
    let points: Vec<Learnt> = (0..LEARNT_KEPT + 10).map(|n| learnt("web", n, n as f64)).collect();
    store.teach(&points).expect("written");
    store.teach(&[learnt("api", 3, 7.5), learnt("api", 2, f64::NAN)]).expect("written");
    let all = taught(data.path());
    assert_eq!(all["requests api"], [(at(180), 7.5)]);
    let web = &all["requests web"];
    assert_eq!((web.len() as u64, web[0]), (LEARNT_KEPT, (at(600), 10.0)));
    assert!(web.is_sorted_by_key(|(at, _)| *at));
}

#[test]
fn a_new_series_takes_the_place_of_one_that_nobody_teaches() {
    let data = tempfile::tempdir().expect("a directory");
    let mut store = Store::open(data.path()).expect("opens");
    let all: Vec<Learnt> = (0..LEARNT_MAX as u64).map(|n| learnt(&format!("c{n}"), n, 1.0)).collect();
    store.teach(&all).expect("written");
    let day = 24 * 60;
    store.teach(&[learnt("late", 30, 1.0)]).expect("written");
    assert!(!taught(data.path()).contains_key("requests late"), "all of them are taught");
    store.teach(&[learnt("late", day + 30, 1.0)]).expect("written");
    let now = taught(data.path());
    assert_eq!(
        (now.len(), now.contains_key("requests late"), now.contains_key("requests c0")),
        (LEARNT_MAX, true, false)
    );
    // The same series with other steps is another one.
    let anew = Learnt { step: Duration::from_secs(30), ..learnt("late", day + 31, 2.0) };
    store.teach(&[anew]).expect("written");
    assert_eq!(taught(data.path())["requests late"], [(at(60 * (day + 31)), 2.0)]);
}
