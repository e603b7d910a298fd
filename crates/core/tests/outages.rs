//! Small outages in virtual time: the engine with a toy service around it, from the first bad second to the review.
//!
//! The toy serves three regions of two replicas, follows the traffic plan a second late, as an edge does, and restarts or
//! rolls back when asked. What is checked is the engine's whole way, each stage by its event, and the audit of its log.

use downbeat_core::incident::{
    Auditor, Book, Channel, Effect, EffectId, Engine, Event, Outcome, Record, RemedyStage, State,
};
use downbeat_core::model::{
    Audience, Change, ChangeKind, ClientRow, Component, ComponentRow, FailureKind, IncidentId, LookupRow, Mode, Moment,
    Name, Policy, Priority, ProbeKind, ProbeOutcome, ProbeResult, RemedyId, RemedyKind, Replica, ReplicaRow, RollUp,
    SessionRow, Shed, Signal, Sketch, Strength, Tally, Topology, TrafficPlan, UpstreamRow,
};
use downbeat_core::{incident::Command, learn};
use std::collections::BTreeMap;
use std::time::Duration;

#[path = "outages/apart.rs"]
mod apart;
#[path = "outages/arming.rs"]
mod arming;
#[path = "outages/budgets.rs"]
mod budgets;
#[path = "outages/features.rs"]
mod features;
#[path = "outages/maintenance.rs"]
mod maintenance;
#[path = "outages/ourselves.rs"]
mod ourselves;
#[path = "outages/reports.rs"]
mod reports;
#[path = "outages/verbs.rs"]
mod verbs;
#[path = "outages/words.rs"]
mod words;

const COMPONENTS: [&str; 3] = ["login", "playback", "search"];
const REPLICAS: [&str; 6] = ["eu-1", "eu-2", "us-1", "us-2", "ap-1", "ap-2"];
const START_MS: u64 = 1_000_000;

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// How a replica answers a component: well, or in this way for this share.
type Fault = Box<dyn Fn(&Toy, &str, &str) -> Option<(FailureKind, f64)>>;

struct Toy {
    engine: Engine,
    log: Vec<Record>,
    now: Moment,
    seq: u64,
    edge_plan: TrafficPlan,
    versions: BTreeMap<Name, Name>,
    restarted: Vec<Name>,
    rolled_back: bool,
    fault: Fault,
    extra: Vec<(&'static str, &'static str, u64, Option<FailureKind>)>,
    /// What clients waited for, each second.
    answers: Vec<ComponentRow>,
    names_fail: bool,
    /// What the edge tells of active sessions.
    sessions: Vec<SessionRow>,
}

fn topology() -> Topology {
    let mut topology = Topology { service: "Toy".into(), ..Topology::default() };
    for replica in REPLICAS {
        let region = &replica[..2];
        let it = Replica {
            name: name(replica),
            region: name(region),
            version: Some(name("1.4.2")),
            host: Some(name(&format!("{region}.toy.internal"))),
            proven_per_second: Some(100.0),
        };
        topology.replicas.insert(name(replica), it);
    }
    for (n, component) in COMPONENTS.into_iter().enumerate() {
        let replicas = REPLICAS.map(name).into();
        let priority = Priority(u8::try_from(n).expect("three"));
        let it = Component { name: name(component), title: component.into(), priority, replicas, features: vec![] };
        topology.components.insert(name(component), it);
    }
    topology.proven_versions.insert(name("1.4.2"));
    topology
}

fn policy() -> Policy {
    let mut policy = Policy { topology: topology(), ..Policy::default() };
    policy.act.modes = RemedyKind::ALL.map(|kind| (kind, Mode::Auto)).into();
    policy.act.can_actuate = true;
    policy.act.warm_up = Duration::from_secs(5);
    policy.act.sustained = Duration::from_millis(750);
    policy.act.check_after = Duration::from_secs(5);
    policy.act.flaps = (3, 8);
    policy.act.ramp_dwell = Duration::from_secs(2);
    policy.act.ramp_requests = 5;
    policy.act.ramp_after = Duration::from_secs(3);
    policy.incident.quiet_for = Duration::from_secs(5);
    policy.incident.dismiss_after = Duration::from_secs(20);
    policy
}

fn channels() -> Vec<Channel> {
    [("status-page", Audience::Public), ("log", Audience::OnCall), ("chat", Audience::Team)]
        .map(|(channel, audience)| Channel { name: name(channel), audience })
        .into()
}

/// Leaves its log behind where `DOWNBEAT_GOLDEN` says, under the test's name: crates/hub/tests/golden/README.md.
impl Drop for Toy {
    #[expect(clippy::disallowed_methods, reason = "the core opens no file, but its golden logs are files")]
    fn drop(&mut self) {
        let thread = std::thread::current();
        let test = thread.name().and_then(|name| name.rsplit("::").next()).unwrap_or("unnamed").to_owned();
        let Some(folder) = std::env::var_os("DOWNBEAT_GOLDEN").filter(|_| !std::thread::panicking()) else { return };
        let lines = self.log.iter().map(|record| serde_json::to_string(record).expect("a record is JSON") + "\n");
        let path = std::path::Path::new(&folder).join(test + ".jsonl");
        std::fs::write(path, lines.collect::<String>()).expect("the folder takes it");
    }
}

impl Toy {
    fn new(policy: Policy) -> Self {
        let mut toy = Self {
            engine: Engine::new(policy, channels()),
            log: vec![],
            now: Moment::from_millis(START_MS),
            seq: 0,
            edge_plan: TrafficPlan::default(),
            versions: REPLICAS.map(|r| (name(r), name("1.4.2"))).into(),
            restarted: vec![],
            rolled_back: false,
            fault: Box::new(|_, _, _| None),
            extra: vec![],
            answers: vec![],
            names_fail: false,
            sessions: vec![],
        };
        toy.write(vec![Event::HubStarted { version: "test".into() }]);
        toy.run(20);
        toy
    }

    fn write(&mut self, events: Vec<Event>) {
        for event in events {
            let record = Record { seq: self.log.len() as u64 + 1, at: self.now, event };
            self.engine.apply(&record).expect("the engine's own events fit its book");
            self.log.push(record);
        }
    }

    fn settle(&mut self) {
        for _ in 0..100 {
            let events = self.engine.step(self.now);
            if events.is_empty() && self.engine.book().pending.is_empty() {
                return;
            }
            self.write(events);
            self.carry_out();
        }
        panic!("the engine does not come to rest: {:#?}", self.log.iter().rev().take(5).collect::<Vec<_>>());
    }

    fn carry_out(&mut self) {
        while let Some((id, effect)) = self.engine.book().pending.clone().pop_first() {
            let done = match (id, effect) {
                (EffectId::Actuate(remedy), Effect::Actuate(actuation)) => {
                    self.actuate(&actuation);
                    Event::ActuationEnded { remedy, outcome: Outcome::Done }
                }
                (EffectId::Deliver(notice, channel), _) => {
                    Event::NoticeSent { notice, channel, outcome: Outcome::Done }
                }
                (EffectId::Tell(memo, channel), _) => Event::MemoSent { memo, channel, outcome: Outcome::Done },
                (EffectId::Review(incident), _) => Event::Reviewed { incident, path: "reviews/x.md".into() },
                (id, effect) => panic!("{id:?} asks for {effect:?}"),
            };
            self.write(vec![done]);
        }
    }

    fn actuate(&mut self, actuation: &downbeat_core::model::Actuation) {
        match actuation {
            downbeat_core::model::Actuation::Restart { replica } => self.restarted.push(replica.clone()),
            downbeat_core::model::Actuation::RollBack { to, .. } => {
                self.rolled_back = true;
                self.versions
                    .values_mut()
                    .for_each(|v| *v = if v.as_str() == "1.5.0" { to.clone() } else { v.clone() });
            }
        }
    }

    /// So many seconds of life, probes each half second, a roll-up each second.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            for _ in 0..2 {
                self.now = self.now + Duration::from_millis(500);
                self.probe();
                self.settle();
            }
            let roll = self.roll_up();
            self.engine.observe(self.now, &Signal::RollUp(roll)).expect("a good roll-up");
            self.settle();
            let plan = &self.engine.book().plan;
            if plan.is_after(self.edge_plan.epoch) {
                self.edge_plan = plan.clone();
            }
        }
    }

    fn run_until(&mut self, seconds: u64, what: &str, done: impl Fn(&Book) -> bool) {
        for _ in 0..seconds {
            if done(self.engine.book()) {
                return;
            }
            self.run(1);
        }
        let told: Vec<String> =
            self.log.iter().map(|r| format!("{:6} {}", r.at.as_millis() - START_MS, r.event.headline())).collect();
        panic!("{what} did not come about within {seconds} s:\n{}", told.join("\n"));
    }

    fn probe(&mut self) {
        for replica in REPLICAS {
            let failing = COMPONENTS
                .into_iter()
                .find_map(|c| (self.fault)(self, c, replica).map(|(kind, share)| (c, kind, share)));
            let outcome = match failing {
                Some((component, failure, share)) if share >= 0.5 => {
                    ProbeOutcome::Failed { failure, detail: "as told".into(), component: Some(name(component)) }
                }
                _ => ProbeOutcome::Passed { latency_ms: 9, heard: None },
            };
            let result = ProbeResult {
                probe: name(&format!("{replica}-journey")),
                kind: ProbeKind::Journey,
                vantage: name("hub"),
                slice: format!("replica={replica}").parse().expect("good"),
                outcome,
            };
            self.engine.observe(self.now, &Signal::Probe(result)).expect("a good probe");
        }
        if self.names_fail {
            let outcome =
                ProbeOutcome::Failed { failure: FailureKind::Unresolved, detail: "no answer".into(), component: None };
            let slice = "region=eu".parse().expect("good");
            let result =
                ProbeResult { probe: name("eu-name"), kind: ProbeKind::Dns, vantage: name("hub"), slice, outcome };
            self.engine.observe(self.now, &Signal::Probe(result)).expect("a good probe");
        }
    }

    fn roll_up(&mut self) -> RollUp {
        self.seq += 1;
        let mut upstream = Vec::new();
        let mut replicas = Vec::new();
        for replica in REPLICAS {
            let mut checks = Tally { total: 4, ..Tally::default() };
            for component in COMPONENTS {
                let fault = (self.fault)(self, component, replica);
                let share = self.edge_plan.share(&name(replica), &name(component));
                let total = (8.0 * share.as_ratio()).round() as u64;
                let mut tally = Tally { total, ..Tally::default() };
                if let Some((kind, part)) = fault {
                    tally.failures.raise(kind, (total as f64 * part).round() as u64);
                    if kind.is_soft() || kind == FailureKind::Reset {
                        checks.failures = [(kind, 4)].into();
                    }
                }
                if total > 0 {
                    upstream.push(UpstreamRow {
                        component: name(component),
                        replica: name(replica),
                        tally,
                        first_byte_us: total * 5_000,
                        first_byte_us_max: 9_000,
                        bytes: total * 1_000,
                        hedged: 0,
                        first_byte: Sketch::default(),
                    });
                }
            }
            replicas.push(ReplicaRow {
                replica: name(replica),
                version: self.versions.get(&name(replica)).cloned(),
                checks,
                in_flight: 3,
                ejected: false,
            });
        }
        let row = |component: &str, network: &str, tally: Tally| ClientRow {
            component: name(component),
            network: name(network),
            tally,
            withheld: 0,
            retried: 0,
            resumed: 0,
            bytes: 0,
        };
        let mut clients: Vec<ClientRow> =
            COMPONENTS.map(|c| row(c, "127.30.0.0/24", Tally { total: 48, ..Tally::default() })).into();
        for (component, network, total, failure) in &self.extra {
            let failures = failure.map(|kind| (kind, *total)).into_iter().collect();
            clients.push(row(component, network, Tally { total: *total, slow: 0, failures }));
        }
        let lookups = self.names_fail.then(|| LookupRow {
            host: name("eu.toy.internal"),
            region: Some(name("eu")),
            tally: Tally { total: 1, slow: 0, failures: [(FailureKind::Unresolved, 1)].into() },
            held: true,
        });
        RollUp {
            edge: name("edge"),
            boot: 1,
            seq: self.seq,
            span_ms: 1_000,
            plan_epoch: self.edge_plan.epoch,
            plan_refused: None,
            plan: (!self.edge_plan.is_idle()).then(|| self.edge_plan.clone()),
            upstream,
            clients,
            components: self.answers.clone(),
            replicas,
            lookups: lookups.into_iter().collect(),
            sessions: self.sessions.clone(),
            systems: BTreeMap::new(),
        }
    }

    fn tell(&mut self, change: Change) {
        self.command("ci", Command::Tell(change));
    }

    fn command(&mut self, who: &str, command: Command) {
        let events = self.engine.command(self.now, &name(who), command).expect("allowed");
        self.write(events);
    }

    fn seconds_to(&self, from: Moment, wanted: impl Fn(&Event) -> bool) -> f64 {
        let record = self.log.iter().find(|r| wanted(&r.event)).expect("it happened");
        record.at.since(from).as_secs_f64()
    }

    /// What every outage has to end in: one incident, the right cause, a remedy that helped, nothing left over.
    fn expect_a_good_end(&self, onset: Moment, cause: &str, place: &str, remedy: RemedyKind) {
        let book = self.engine.book();
        assert_eq!(book.incidents.len(), 1, "one outage is one incident");
        let incident = book.incidents.values().next().expect("one");
        assert_eq!(incident.state, State::Reviewed);
        let first = incident.cause().expect("a cause");
        assert_eq!((first.kind.word(), first.slice.to_string().as_str()), (cause, place));
        assert!(incident.remedies.iter().any(|r| r.remedy.kind == remedy && r.observed.is_some()));
        assert!(book.plan.is_idle() && book.pending.is_empty(), "nothing is left over");
        let confirmed = self.seconds_to(onset, |e| matches!(e, Event::Confirmed { .. }));
        assert!(confirmed <= 3.0, "confirmed after {confirmed} s");
        self.expect_a_clean_log();
        let policy = self.engine.policy();
        let review = learn::review(incident, policy, |at| format!("{} s", at.as_millis() / 1_000));
        assert!(review.contains("## Timeline") && review.contains(first.kind.title()), "{review}");
    }

    fn expect_a_clean_log(&self) {
        let policy = self.engine.policy();
        let mut auditor = Auditor::new(&policy.topology, &policy.act);
        self.log.iter().for_each(|record| auditor.read(record));
        assert_eq!(auditor.violations(), vec![]);
    }
}

fn rollbacks(book: &Book) -> usize {
    book.open().flat_map(|i| &i.remedies).filter(|case| case.remedy.kind == RemedyKind::RollBack).count()
}

fn reviewed(book: &Book) -> bool {
    book.incidents.values().any(|i| i.state == State::Reviewed) && book.pending.is_empty()
}

#[test]
fn health_opens_nothing() {
    let mut toy = Toy::new(policy());
    toy.run(600);
    assert_eq!(toy.engine.book().incidents.len(), 0);
}

#[test]
fn a_dead_replica_is_restarted_and_comes_back_in_steps() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
    assert_eq!(toy.restarted, [name("eu-1")], "once");
    let steps = toy.log.iter().filter(|r| matches!(r.event, Event::RampStepped { .. })).count();
    assert_eq!(steps, 6);
}

#[test]
fn a_replica_that_dies_again_on_its_way_back_is_one_incident_with_a_relapse() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(60, "the way back", |b| b.open().any(|i| i.state == State::Restoring));
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.len() < 2).then_some((FailureKind::Stalled, 1.0))
    });
    toy.run_until(120, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
    assert_eq!(toy.restarted.len(), 2);
    assert_eq!(toy.engine.book().incidents.values().next().expect("one").relapses, 1);
}

#[test]
fn a_replica_that_hangs_again_before_its_way_back_is_restarted_again() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    toy.fault =
        Box::new(|toy, _, replica| (replica == "eu-1" && toy.restarted.len() < 2).then_some((FailureKind::Late, 1.0)));
    toy.run_until(120, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
    assert_eq!(toy.restarted.len(), 2);
}

#[test]
fn a_bad_canary_is_rolled_back() {
    let mut toy = Toy::new(policy());
    toy.versions.insert(name("eu-2"), name("1.5.0"));
    toy.tell(Change {
        id: name("deploy-77"),
        kind: ChangeKind::Deploy,
        slice: "replica=eu-2".parse().expect("good"),
        to: name("1.5.0"),
        from: Some(name("1.4.2")),
        summary: "canary".into(),
        one_way: false,
    });
    let onset = toy.now;
    toy.fault =
        Box::new(|toy, _, replica| (replica == "eu-2" && !toy.rolled_back).then_some((FailureKind::Status, 0.5)));
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "bad_deploy", "version=1.5.0", RemedyKind::RollBack);
}

/// What is nearly everywhere cannot be taken out of the traffic first: it is rolled back where it stands.
#[test]
fn a_bad_version_everywhere_is_rolled_back_where_it_stands() {
    let mut toy = Toy::new(policy());
    for replica in &REPLICAS[..5] {
        toy.versions.insert(name(replica), name("1.5.0"));
    }
    toy.tell(Change {
        id: name("deploy-78"),
        kind: ChangeKind::Deploy,
        slice: "everywhere".parse().expect("good"),
        to: name("1.5.0"),
        from: Some(name("1.4.2")),
        summary: "all at once".into(),
        one_way: false,
    });
    toy.fault = Box::new(|toy, _, replica| {
        (toy.versions[&name(replica)].as_str() == "1.5.0").then_some((FailureKind::Status, 0.5))
    });
    toy.run_until(20, "the rollback", |b| rollbacks(b) == 1);
    assert!(toy.rolled_back && toy.engine.book().plan.weights.is_empty(), "and nobody is diverted");
    toy.run_until(90, "the review", reviewed);
}

#[test]
fn a_change_that_breaks_log_in_in_a_region_is_taken_back() {
    let mut toy = Toy::new(policy());
    toy.tell(Change {
        id: name("config-9"),
        kind: ChangeKind::Config,
        slice: "region=us".parse().expect("good"),
        to: name("login-9"),
        from: Some(name("login-8")),
        summary: String::new(),
        one_way: false,
    });
    let onset = toy.now;
    toy.fault = Box::new(|toy, component, replica| {
        (component == "login" && replica.starts_with("us") && !toy.rolled_back).then_some((FailureKind::Status, 1.0))
    });
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "bad_config", "region=us", RemedyKind::RollBack);
}

#[test]
fn a_region_that_cannot_be_reached_is_left_until_it_can() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|_, _, replica| replica.starts_with("ap").then_some((FailureKind::Late, 1.0)));
    toy.run_until(10, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    toy.run(20);
    assert!(toy.engine.book().open().all(|i| i.state == State::Mitigated), "no way back while it is unreachable");
    toy.fault = Box::new(|_, _, _| None);
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "network", "region=ap", RemedyKind::Divert);
}

#[test]
fn a_name_that_does_not_resolve_is_held_and_believed_again() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.names_fail = true;
    toy.run_until(12, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    toy.run(10);
    toy.names_fail = false;
    // A quiet name is looked up all the time; here good look-ups come with the next roll-ups.
    for _ in 0..10 {
        toy.run(1);
        let slice = "region=eu".parse().expect("good");
        let outcome = ProbeOutcome::Passed { latency_ms: 1, heard: None };
        let good = ProbeResult { probe: name("eu-name"), kind: ProbeKind::Dns, vantage: name("hub"), slice, outcome };
        toy.engine.observe(toy.now, &Signal::Probe(good)).expect("good");
    }
    toy.run_until(60, "the review", reviewed);
    toy.expect_a_good_end(onset, "dns", "region=eu", RemedyKind::Pin);
}

#[test]
fn a_flood_of_guessed_passwords_is_limited_until_it_ends() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.extra = vec![("login", "127.66.6.0/24", 150, Some(FailureKind::Denied))];
    toy.run_until(10, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    assert_eq!(toy.engine.book().plan.limits.len(), 1);
    toy.extra = vec![("login", "127.66.6.0/24", 150, Some(FailureKind::Limited))];
    toy.run(15);
    toy.extra.clear();
    toy.run_until(60, "the review", reviewed);
    toy.expect_a_good_end(onset, "attack", "network=127.66.6.0/24", RemedyKind::Limit);
}

#[test]
fn a_crowd_beyond_capacity_is_shed_where_it_matters_least() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    let crowd = |kind| ["127.31.0.0/24", "127.32.0.0/24", "127.33.0.0/24"].map(|n| ("search", n, 300, kind)).to_vec();
    // Beyond what the service can carry, everybody's requests fail.
    let others = [("playback", "127.30.0.0/24", 20, Some(FailureKind::Status))];
    toy.extra = [crowd(Some(FailureKind::Status)), others.to_vec()].concat();
    toy.fault = Box::new(|toy, _, _| {
        let beyond = !toy.extra.is_empty() && toy.edge_plan.sheds.is_empty();
        beyond.then_some((FailureKind::Status, 0.4))
    });
    toy.run_until(10, "the shed", |b| !b.plan.sheds.is_empty());
    toy.run(1);
    toy.extra = crowd(Some(FailureKind::Shed));
    toy.run(15);
    toy.extra.clear();
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "overload", "component=search", RemedyKind::Shed);
}

#[test]
fn in_ask_mode_nothing_moves_until_somebody_approves() {
    let mut asking = policy();
    asking.act.modes.clear();
    let mut toy = Toy::new(asking);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run(15);
    assert!(toy.engine.book().plan.is_idle());
    let remedy = toy.engine.book().open().next().expect("open").remedies[0].remedy.id;
    let events = toy.engine.command(toy.now, &name("ann"), Command::Approve(remedy)).expect("allowed");
    toy.write(events);
    let share = toy.engine.book().plan.share(&name("eu-1"), &name("login"));
    assert_eq!(share, Strength::NONE);
    assert_eq!(toy.restarted, [], "it is carried out after it is written");
    toy.run(1);
    assert_eq!(toy.restarted, [name("eu-1")]);
}

#[test]
fn a_hub_that_dies_before_it_could_judge_judges_when_it_is_back() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "the start of a remedy", |b| !b.plan.is_idle());
    let mut again = Engine::new(policy(), channels());
    toy.log.iter().for_each(|record| again.apply(record).expect("it fits"));
    toy.engine = again;
    toy.now = toy.now + Duration::from_secs(60);
    toy.write(vec![Event::HubStarted { version: "again".into() }]);
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
    let kept = toy.engine.book().incidents.values().flat_map(|i| &i.remedies).all(|r| r.stage == RemedyStage::Lifted);
    assert!(kept && toy.restarted.len() == 1);
}

/// D4: the same log gives the same book, and a hub that died goes on where it was.
#[test]
fn d4_a_restarted_hub_goes_on_where_it_was() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    let mut again = Engine::new(policy(), channels());
    for record in &toy.log {
        let text = serde_json::to_string(record).expect("a record is JSON");
        again.apply(&serde_json::from_str(&text).expect("and back")).expect("it fits");
    }
    assert_eq!(again.book(), toy.engine.book());
    toy.engine = again;
    toy.write(vec![Event::HubStarted { version: "again".into() }]);
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
    assert_eq!(toy.restarted.len(), 1, "nothing is done twice");
}

/// A6: the log is put back from a copy while a replica is on its way back. The edge has later plans than the copy knows, and
/// must neither keep them nor be believed to have what it has not.
#[test]
fn a6_a_log_that_was_put_back_renews_the_plan_above_those_it_has_lost() {
    let mut toy = Toy::new(policy());
    let onset = toy.now;
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "the start of a remedy", |b| !b.plan.is_idle());
    let copy = toy.log.clone();
    toy.run_until(60, "some steps of the way back", |b| {
        b.open().flat_map(|i| &i.remedies).any(|case| case.share > Strength::percent(5))
    });
    let lost = toy.edge_plan.clone();
    let mut again = Engine::new(policy(), channels());
    copy.iter().for_each(|record| again.apply(record).expect("it fits"));
    (toy.engine, toy.log) = (again, copy);
    toy.write(vec![Event::HubStarted { version: "again".into() }]);
    toy.run(2);
    let renewed: Vec<_> = toy.log.iter().filter(|r| matches!(r.event, Event::PlanRenewed { .. })).collect();
    let [Record { event: Event::PlanRenewed { named, plan, .. }, .. }] = renewed[..] else { panic!("{renewed:#?}") };
    assert_eq!(*named, lost.epoch);
    assert!(plan.is_after(lost.epoch) && plan.weights != lost.weights, "{plan:?} after {lost:?}");
    assert_eq!((&toy.edge_plan.weights, toy.restarted.len()), (&plan.weights, 1), "what the log says is in force");
    toy.run_until(90, "the review", reviewed);
    toy.expect_a_good_end(onset, "host", "replica=eu-1", RemedyKind::Restart);
}

/// A hub whose log is lost, beside an edge that goes on with a remedy.
fn with_a_lost_log() -> Toy {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|toy, _, replica| {
        (replica == "eu-1" && toy.restarted.is_empty()).then_some((FailureKind::Reset, 1.0))
    });
    toy.run_until(20, "a remedy that helps", |b| b.open().any(|i| i.state == State::Mitigated));
    (toy.engine, toy.log) = (Engine::new(policy(), vec![]), vec![]);
    toy.write(vec![Event::HubStarted { version: "again".into() }, Event::ChannelsSet { channels: channels() }]);
    toy.run(5);
    toy
}

/// C1: nobody there knows why the edge does what it does, so it goes on, and a person is asked; nothing else is done with it.
#[test]
fn what_is_in_force_when_the_log_is_lost_stays_until_a_person_adopts_it() {
    let mut toy = with_a_lost_log();
    let (before, epoch) = (toy.edge_plan.clone(), toy.edge_plan.epoch);
    toy.run(120);
    let incident = toy.engine.book().open().next().expect("it is an incident").clone();
    assert_eq!((incident.found_on.clone(), incident.state), (Some(name("edge")), State::Mitigated));
    assert_eq!(
        (incident.remedies[0].stage, incident.slice.to_string()),
        (RemedyStage::Kept, topology().place(&name("eu-1")).to_string())
    );
    assert_eq!((&toy.edge_plan, &toy.engine.book().plan, epoch), (&before, &before, before.epoch), "as it was");
    let calls = incident.notices.iter().filter(|case| case.notice.audience == Audience::OnCall).count();
    assert_eq!((incident.notices.len(), calls), (1, 1), "one page, and no word in public");
    toy.command("ann", Command::HandBack(incident.id));
    toy.run_until(240, "the review", reviewed);
    assert!(toy.edge_plan.is_idle() && toy.edge_plan.is_after(epoch));
    let steps = toy.log.iter().filter(|r| matches!(r.event, Event::RampStepped { .. })).count();
    assert!(steps > 2, "in steps (B1)");
    toy.expect_a_clean_log();
}

#[test]
fn what_was_found_in_force_ends_when_a_person_takes_it_back() {
    let mut toy = with_a_lost_log();
    let remedy = RemedyId { incident: IncidentId(1), count: 1 };
    toy.command("ann", Command::Undo(remedy));
    toy.run(2);
    assert!(toy.edge_plan.is_idle());
    toy.run_until(60, "the review", reviewed);
    toy.expect_a_clean_log();
}

/// Whoever adopts it has an incident like any other: when it comes back it is confirmed, and somebody is called.
#[test]
fn what_was_adopted_and_comes_back_is_an_outage() {
    let (mut toy, one) = (with_a_lost_log(), IncidentId(1));
    toy.command("ann", Command::HandBack(one));
    toy.run_until(120, "the way back", |b| b.incidents[&one].remedies[0].share > Strength::percent(5));
    assert_eq!(toy.engine.book().incidents[&one].confirmed_at, None);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run_until(20, "the relapse", |b| b.incidents[&one].relapses > 0);
    toy.run(8);
    let incident = &toy.engine.book().incidents[&one];
    assert!(incident.confirmed_at.is_some() && incident.public_word().is_some(), "{incident:#?}");
}

/// A2: what was found counts. The other region's replica fails, and would be a second failure domain.
#[test]
fn a2_nothing_is_done_on_top_of_what_was_found() {
    let mut toy = with_a_lost_log();
    toy.run(70);
    let found = toy.edge_plan.clone();
    toy.fault = Box::new(|_, _, replica| (replica == "us-1").then_some((FailureKind::Reset, 1.0)));
    toy.run(20);
    let book = toy.engine.book();
    let other = book.open().find(|incident| incident.found_on.is_none()).expect("an incident of its own");
    let (other_id, found_id) = (other.id, IncidentId(1));
    assert!(other.refusals.iter().any(|(.., guard, _)| guard == "A2"), "{:?}", other.refusals);
    assert_eq!(toy.edge_plan, found);
    for (from, into) in [(other_id, found_id), (found_id, other_id)] {
        let refused = toy.engine.command(toy.now, &name("ann"), Command::Merge(from, into)).expect_err("refused");
        assert!(refused.to_string().contains("adopt it or release it first"), "{refused}");
    }
}

/// A9: a shed ends by itself, and not a moment before.
#[test]
fn a_shed_of_a_lost_log_is_left_to_its_end_and_nobody_is_called() {
    let mut toy = Toy::new(policy());
    let shed = Shed { component: name("search"), admitted: Strength::percent(50), ttl_ms: 20_000, of: None };
    toy.edge_plan = TrafficPlan { epoch: 2_000_000_000_000, sheds: vec![shed], ..TrafficPlan::default() };
    toy.run(15);
    assert_eq!((toy.edge_plan.sheds.len(), toy.engine.book().plan.epoch), (1, 0));
    toy.run(10);
    assert!(toy.edge_plan.is_idle() && toy.edge_plan.is_after(2_000_000_000_000));
    assert_eq!(toy.engine.book().incidents.len(), 0);
}

/// Every verb of an operator, an actuator that fails, an edge that refuses a plan, a new channel.
#[test]
fn operators_have_the_last_word() {
    let mut asking = policy();
    asking.act.modes.clear();
    let mut toy = Toy::new(asking);
    let pager = Channel { name: name("pager"), audience: Audience::OnCall };
    toy.write(vec![Event::ChannelsSet { channels: [channels(), vec![pager]].concat() }]);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run_until(15, "a proposal", |b| b.open().any(|i| !i.remedies.is_empty()));
    let (incident, remedy) = (IncidentId(1), RemedyId { incident: IncidentId(1), count: 1 });
    toy.command("ann", Command::Ack(incident));
    toy.command("ann", Command::Hold);
    toy.command("ann", Command::Post(incident, "We are on it.".into()));
    toy.command("ann", Command::Approve(remedy));
    toy.write(vec![Event::ActuationEnded { remedy, outcome: Outcome::Failed { why: "no such unit".into() } }]);
    let refused = RollUp { plan_refused: Some((1, "eu-2 fails worse".into())), ..toy.roll_up() };
    toy.engine.observe(toy.now, &Signal::RollUp(refused)).expect("a good roll-up");
    toy.settle();
    toy.command("ann", Command::Undo(remedy));
    toy.command("ann", Command::Release);
    toy.fault = Box::new(|_, _, _| None);
    toy.command("ann", Command::Resolve(incident));
    toy.run_until(5, "the review", reviewed);
    let book = toy.engine.book();
    assert!(book.plan.is_idle() && book.pending.is_empty() && book.vetoes.len() == 1 && book.held_by.is_none());
    assert_eq!(book.incidents[&incident].remedies[0].stage, RemedyStage::Reverted);
}

#[test]
fn while_somebody_holds_the_automation_it_refuses_itself_and_says_so() {
    let mut toy = Toy::new(policy());
    toy.command("ann", Command::Hold);
    toy.fault = Box::new(|_, _, replica| (replica == "eu-1").then_some((FailureKind::Reset, 1.0)));
    toy.run(20);
    let incident = toy.engine.book().open().next().expect("open");
    assert!(incident.refusals.iter().any(|(.., guard, _)| guard == "A13"), "{:?}", incident.refusals);
    assert!(toy.engine.book().plan.is_idle());
}

#[test]
fn a_blip_is_suspected_and_dismissed() {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|_, c, replica| (c == "search" && replica == "eu-1").then_some((FailureKind::Status, 0.4)));
    toy.run(1);
    toy.fault = Box::new(|_, _, _| None);
    toy.run_until(60, "the dismissal", |b| b.incidents.values().any(|i| i.state == State::Dismissed));
    assert_eq!(toy.engine.book().incidents.len(), 1);
}

#[test]
fn an_operator_may_end_it_early_wherever_it_stands() {
    let mut toy = Toy::new(policy());
    toy.fault = Box::new(|_, c, replica| (c == "search" && replica == "eu-1").then_some((FailureKind::Status, 0.4)));
    toy.run(1);
    toy.fault = Box::new(|_, _, _| None);
    assert_eq!(toy.engine.book().incidents[&IncidentId(1)].state, State::Suspected);
    toy.command("ann", Command::Resolve(IncidentId(1)));
    toy.run(60);
    toy.fault = Box::new(|_, _, replica| replica.starts_with("ap").then_some((FailureKind::Late, 1.0)));
    toy.run_until(20, "relief", |b| b.open().any(|i| i.state == State::Mitigated));
    toy.fault = Box::new(|_, _, _| None);
    let relieved = toy.engine.book().open().next().expect("open").id;
    toy.command("ann", Command::Resolve(relieved));
    toy.run(1);
    let book = toy.engine.book();
    let ended = [IncidentId(1), relieved].map(|id| book.incidents[&id].state);
    assert!(ended == [State::Reviewed; 2] && book.plan.is_idle(), "{ended:?}");
}
