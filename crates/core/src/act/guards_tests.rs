//! Every guard by its name: one situation that it allows, and the smallest change of it that it refuses.

use super::*;
use crate::model::{CauseKind, ChangeKind, Component, IncidentId, Priority, RemedyId, Replica, Slice};

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn at(second: u64) -> Moment {
    Moment::from_millis(second * 1_000)
}

fn topology() -> Topology {
    let mut topology = Topology::default();
    for replica in ["eu-1", "eu-2", "us-1", "us-2", "ap-1", "ap-2"] {
        let region = name(&replica[..2]);
        let it = Replica { name: name(replica), region, version: None, host: None, proven_per_second: Some(100.0) };
        topology.replicas.insert(name(replica), it);
    }
    let replicas: BTreeSet<Name> = topology.replicas.keys().cloned().collect();
    let it =
        Component { name: name("login"), title: "Log-in".into(), priority: Priority(1), replicas, features: vec![] };
    topology.components.insert(name("login"), it);
    topology.proven_versions.insert(name("1.4.2"));
    topology
}

fn remedy(kind: RemedyKind, replicas: &[&str], actuation: Option<Actuation>) -> Remedy {
    Remedy {
        id: RemedyId { incident: IncidentId(1), count: 1 },
        kind,
        answers: CauseKind::Host,
        slice: Slice::everywhere(),
        route: Route::Away { replicas: replicas.iter().map(|r| name(r)).collect(), component: None },
        actuation,
        predicted: String::new(),
        undo: String::new(),
        check_after: Duration::from_secs(10),
    }
}

fn restart(replica: &str) -> Remedy {
    remedy(RemedyKind::Restart, &[replica], Some(Actuation::Restart { replica: name(replica) }))
}

fn divert(replicas: &[&str]) -> Remedy {
    remedy(RemedyKind::Divert, replicas, None)
}

fn roll_back(to: &str) -> Remedy {
    let actuation = Actuation::RollBack { slice: Slice::everywhere(), from: name("1.5.0"), to: name(to) };
    remedy(RemedyKind::RollBack, &["eu-2"], Some(actuation))
}

fn shed() -> Remedy {
    let route = Route::Admit {
        components: vec![name("login")],
        floor: crate::model::Strength::percent(20),
        of: None,
        usual: None,
        features: vec![],
    };
    Remedy { route, ..remedy(RemedyKind::Shed, &[], None) }
}

/// Everything a situation borrows from; by default one in which a region may be diverted.
struct Bench {
    topology: Topology,
    policy: ActPolicy,
    demand: BTreeMap<Name, f64>,
    held_out: BTreeSet<Name>,
    out_now: BTreeSet<Name>,
    bad: BTreeSet<Name>,
    classes: BTreeSet<SourceClass>,
    accusers: Accusers,
    actions: Vec<Action>,
    removals: Vec<Removed>,
    in_force: Vec<Route>,
    change: Change,
    changes: usize,
    held_by: Option<Name>,
    untried: Option<Name>,
    deaf_for: Option<Duration>,
    sustained: Duration,
    present: Present,
    now: Moment,
}

fn bench() -> Bench {
    Bench {
        topology: topology(),
        policy: ActPolicy::default(),
        demand: [(name("login"), 300.0)].into(),
        held_out: BTreeSet::new(),
        out_now: BTreeSet::new(),
        bad: BTreeSet::new(),
        classes: [SourceClass::Edge, SourceClass::Probe].into(),
        accusers: Accusers { seeing: 2, live: 3 },
        actions: vec![],
        removals: vec![],
        in_force: vec![],
        change: Change {
            id: name("c"),
            kind: ChangeKind::Deploy,
            slice: Slice::everywhere(),
            to: name("1.5.0"),
            from: Some(name("1.4.2")),
            summary: String::new(),
            one_way: false,
        },
        changes: 1,
        held_by: None,
        untried: None,
        deaf_for: None,
        sustained: Duration::from_secs(5),
        present: Present { users_suffer: true, targets_ail: true },
        now: at(10_000),
    }
}

impl Bench {
    fn ask(&self, remedy: &Remedy) -> &'static str {
        let situation = Situation {
            now: self.now,
            topology: &self.topology,
            policy: &self.policy,
            started_at: at(0),
            held_by: self.held_by.as_ref(),
            untried: self.untried.clone(),
            deaf_for: self.deaf_for,
            demand: &self.demand,
            held_out: &self.held_out,
            out_now: &self.out_now,
            bad: &self.bad,
            classes: &self.classes,
            accusers: self.accusers,
            sustained: self.sustained,
            change: Some(&self.change),
            changes: self.changes,
            actions: &self.actions,
            removals: &self.removals,
            present: self.present,
            in_force: &self.in_force,
        };
        allow(remedy, &situation).err().map_or("allowed", |refusal| refusal.guard)
    }

    fn with(change: impl FnOnce(&mut Bench)) -> Bench {
        let mut bench = bench();
        change(&mut bench);
        bench
    }
}

fn action(second: u64, restarted: Option<&str>, helped: Option<bool>) -> Action {
    Action { at: at(second), kind: RemedyKind::Restart, restarted: restarted.map(name), helped }
}

#[test]
fn what_is_sound_is_allowed() {
    assert_eq!(bench().ask(&divert(&["ap-1", "ap-2"])), "allowed");
    assert_eq!(bench().ask(&restart("eu-1")), "allowed");
    assert_eq!(bench().ask(&roll_back("1.4.2")), "allowed");
}

#[test]
fn a1_what_remains_must_carry_the_load_it_has_proven() {
    let busy = Bench::with(|b| b.demand = [(name("login"), 341.0)].into());
    assert_eq!(busy.ask(&divert(&["ap-1", "ap-2"])), "A1");
    let unproven = Bench::with(|b| b.topology.replicas.get_mut("us-1").expect("there").proven_per_second = None);
    assert_eq!(unproven.ask(&divert(&["ap-1", "ap-2"])), "A1");
    let nobody = Bench::with(|b| b.bad = ["eu-1", "us-1", "us-2"].map(name).into());
    assert_eq!(nobody.ask(&divert(&["ap-1", "ap-2"])), "A1", "what is bad carries nothing");
}

#[test]
fn a2_one_failure_domain_and_never_too_much_at_once() {
    let held = Bench::with(|b| b.held_out = ["eu-1"].map(name).into());
    assert_eq!(held.ask(&restart("us-1")), "A2");
    assert_eq!(held.ask(&restart("eu-2")), "allowed");
    let recent = Bench::with(|b| b.removals = vec![Removed { at: at(9_900), replica: name("eu-1") }]);
    assert_eq!(recent.ask(&divert(&["us-1", "us-2"])), "A2");
    let two_replicas = Bench::with(|b| {
        b.topology.replicas.retain(|n, _| n.as_str() == "eu-1" || n.as_str() == "eu-2");
        b.topology.components.get_mut("login").expect("there").replicas = ["eu-1", "eu-2"].map(name).into();
    });
    assert_eq!(two_replicas.ask(&divert(&["eu-1", "eu-2"])), "A2");
}

#[test]
fn a4_when_most_looks_bad_the_observer_is_suspect() {
    let panic = Bench::with(|b| b.bad = ["eu-1", "eu-2", "us-1", "us-2"].map(name).into());
    assert_eq!(panic.ask(&restart("eu-1")), "A4");
}

#[test]
fn a5_one_class_or_one_moment_removes_nothing() {
    assert_eq!(Bench::with(|b| b.classes = [SourceClass::Edge].into()).ask(&restart("eu-1")), "A5");
    for (seeing, live, said) in [(1, 2, "A5"), (2, 2, "allowed"), (1, 3, "A5"), (2, 3, "allowed"), (0, 0, "allowed")] {
        let bench = Bench::with(|b| b.accusers = Accusers { seeing, live });
        assert_eq!(bench.ask(&restart("eu-1")), said, "{seeing} of {live} edges");
    }
    assert_eq!(Bench::with(|b| b.sustained = Duration::from_millis(2_999)).ask(&restart("eu-1")), "A5");
}

#[test]
fn a9_rollbacks_go_to_proven_versions_and_restarts_are_counted() {
    assert_eq!(bench().ask(&roll_back("1.4.1")), "A9");
    assert_eq!(Bench::with(|b| b.change.one_way = true).ask(&roll_back("1.4.2")), "A9");
    let often =
        Bench::with(|b| b.actions = (0..3).map(|n| action(7_000 + n * 700, Some("eu-1"), Some(true))).collect());
    assert_eq!(often.ask(&restart("eu-1")), "A9");
    assert_eq!(often.ask(&restart("eu-2")), "allowed");
}

#[test]
fn a10_a_replica_does_not_flap() {
    let removed = |seconds: &[u64]| seconds.iter().map(|s| Removed { at: at(*s), replica: name("eu-1") }).collect();
    let twice = |b: &mut Bench| b.removals = removed(&[9_500, 9_700]);
    assert_eq!(Bench::with(twice).ask(&restart("eu-1")), "A10");
    let still_out = Bench::with(|b| {
        twice(b);
        b.out_now = [name("eu-1")].into();
    });
    assert_eq!(still_out.ask(&restart("eu-1")), "allowed", "what is out already is not removed again");
    assert_eq!(Bench::with(|b| b.removals = removed(&[9_000, 9_700])).ask(&restart("eu-1")), "allowed");
    let hour = removed(&[6_500, 7_200, 7_900, 8_600, 9_300, 9_399]);
    assert_eq!(Bench::with(|b| b.removals = hour).ask(&restart("eu-1")), "A10");
}

#[test]
fn a11_a_budget_of_actions_and_none_after_two_in_vain() {
    let three = Bench::with(|b| b.actions = (0..3).map(|n| action(9_500 + n, None, Some(true))).collect());
    assert_eq!(three.ask(&restart("eu-1")), "A11");
    let in_vain = Bench::with(|b| b.actions = (0..2).map(|n| action(8_000 + n, None, Some(false))).collect());
    assert_eq!(in_vain.ask(&restart("eu-1")), "A11");
}

#[test]
fn a12_one_remedy_in_flight_on_the_same_targets() {
    let busy = Bench::with(|b| b.in_force = vec![Route::Away { replicas: vec![name("eu-1")], component: None }]);
    assert_eq!(busy.ask(&restart("eu-1")), "A12");
}

#[test]
fn a13_nothing_new_while_somebody_holds_the_automation() {
    assert_eq!(Bench::with(|b| b.held_by = Some(name("ann"))).ask(&restart("eu-1")), "A13");
    assert_eq!(Bench::with(|b| b.untried = Some(name("login"))).ask(&restart("eu-1")), "A13");
}

#[test]
fn a15_missing_data_is_no_evidence_and_a_fresh_hub_only_watches() {
    assert_eq!(Bench::with(|b| b.deaf_for = Some(Duration::from_secs(31))).ask(&restart("eu-1")), "A15");
    assert_eq!(Bench::with(|b| b.now = at(59)).ask(&restart("eu-1")), "A15");
}

#[test]
fn a18_what_takes_something_needs_a_trouble_that_is_there_now() {
    let with = |users_suffer, targets_ail| Bench::with(|b| b.present = Present { users_suffer, targets_ail });
    assert_eq!(with(false, false).ask(&restart("eu-1")), "A18");
    assert_eq!(with(false, true).ask(&restart("eu-1")), "allowed", "edges may serve users well around a dead replica");
    assert_eq!(with(true, false).ask(&restart("eu-1")), "allowed");
    assert_eq!(with(false, true).ask(&shed()), "A18", "who is served is not turned away");
    assert_eq!(with(true, false).ask(&shed()), "allowed");
}

#[test]
fn a16_a_rollback_needs_exactly_one_suspect_change() {
    assert_eq!(Bench::with(|b| b.changes = 2).ask(&roll_back("1.4.2")), "A16");
    assert_eq!(Bench::with(|b| b.changes = 0).ask(&roll_back("1.4.2")), "A16");
}
