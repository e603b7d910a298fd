//! One small outage of each kind, counted by hand into a ledger, and the cause that has to come first.

use super::*;
use crate::model::{Component, FailureKind, Priority, Replica, Tally};
use std::collections::BTreeSet;

const ONSET: u64 = 60;

struct World {
    topology: Topology,
    ledger: Ledger,
    places: BTreeMap<Name, Slice>,
    changes: Vec<(Moment, Change)>,
    ailing: Vec<Ailing>,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn at(second: u64) -> Moment {
    Moment::from_millis(second * 1_000)
}

/// Three regions of two replicas; a minute of health at 10 requests a second, replica and component.
fn world() -> World {
    let mut topology = Topology::default();
    let mut places = BTreeMap::new();
    for region in ["eu", "us", "ap"] {
        for n in 1..=2 {
            let replica = name(&format!("{region}-{n}"));
            let version = Some(name("1.4.2"));
            let it =
                Replica { name: replica.clone(), region: name(region), version, host: None, proven_per_second: None };
            topology.replicas.insert(replica.clone(), it);
            places.insert(replica.clone(), topology.place(&replica));
        }
    }
    for component in ["login", "playback", "search"] {
        let replicas: BTreeSet<Name> = topology.replicas.keys().cloned().collect();
        let it = Component {
            name: name(component),
            title: component.into(),
            priority: Priority(0),
            replicas,
            features: vec![],
        };
        topology.components.insert(name(component), it);
    }
    let mut world =
        World { topology, ledger: Ledger::new(Duration::from_secs(180)), places, changes: vec![], ailing: vec![] };
    for second in 0..ONSET {
        world.second(second, &|_, _| None, &[]);
    }
    world
}

type Fails<'a> = &'a dyn Fn(&str, &str) -> Option<(FailureKind, u64)>;

impl World {
    fn second(&mut self, second: u64, fails: Fails<'_>, extra: &[(&str, &str, u64, u64)]) {
        let components: Vec<Name> = self.topology.components.keys().cloned().collect();
        let replicas: Vec<Name> = self.topology.replicas.keys().cloned().collect();
        let entry = self.ledger.at(at(second));
        for component in &components {
            for replica in &replicas {
                let mut tally = Tally { total: 10, ..Tally::default() };
                if let Some((kind, bad)) = fails(component.as_str(), replica.as_str()) {
                    tally.failures.raise(kind, bad);
                }
                *entry.attempts.of((component.clone(), replica.clone())) = tally;
            }
            let usual = Tally { total: 60, ..Tally::default() };
            *entry.clients.of((component.clone(), name("127.30.0.0/24"))) = usual;
        }
        for replica in &replicas {
            let mut tally = Tally { total: 4, ..Tally::default() };
            if let Some((kind, _)) = fails("checks", replica.as_str()) {
                tally.failures.raise(kind, 4);
            }
            *entry.checks.of((None, replica.clone())) = tally;
        }
        for (component, network, total, denied) in extra {
            let mut tally = Tally { total: *total, ..Tally::default() };
            if *denied > 0 {
                tally.failures.raise(FailureKind::Denied, *denied);
            }
            *entry.clients.of((name(component), name(network))) = tally;
        }
    }

    fn outage(&mut self, fails: Fails<'_>, extra: &[(&str, &str, u64, u64)]) {
        for second in ONSET..ONSET + 3 {
            self.second(second, fails, extra);
        }
    }

    fn change(&mut self, kind: ChangeKind, slice: &str, to: &str) {
        let slice = slice.parse().expect("a good slice");
        let change =
            Change { id: name("c1"), kind, slice, to: name(to), from: None, summary: String::new(), one_way: false };
        self.changes.push((at(ONSET - 5), change));
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            topology: &self.topology,
            ledger: &self.ledger,
            places: &self.places,
            changes: &self.changes,
            ailing: &self.ailing,
            since: at(ONSET),
            now: at(ONSET + 3),
        }
    }

    fn first(&self) -> (CauseKind, String, f64) {
        let scene = self.scene();
        let contrast = Contrast::new(&self.ledger, scene.since, scene.now, &self.places);
        let ranking = rank(scene, &contrast, &DiagnosePolicy::default());
        assert!((ranking.iter().map(|h| h.posterior).sum::<f64>() - 1.0).abs() < 0.02);
        let first = ranking.first().expect("there is always `unknown`");
        (first.kind, first.slice.to_string(), first.posterior)
    }

    fn expect(&self, kind: CauseKind, slice: &str) {
        let (found, place, posterior) = self.first();
        assert_eq!((found, place.as_str()), (kind, slice));
        assert!(posterior >= DiagnosePolicy::default().certain, "{posterior}");
    }
}

#[test]
fn a_dead_replica_is_a_host() {
    let mut world = world();
    world.outage(&|_, replica| (replica == "eu-1").then_some((FailureKind::Reset, 4)), &[]);
    world.expect(CauseKind::Host, "replica=eu-1");
}

#[test]
fn a_silent_region_is_a_network() {
    let mut world = world();
    world.outage(&|_, replica| replica.starts_with("ap").then_some((FailureKind::Late, 4)), &[]);
    world.expect(CauseKind::Network, "region=ap");
}

#[test]
fn a_new_version_that_fails_is_a_bad_deployment() {
    let mut world = world();
    world.places.insert(name("eu-2"), "region=eu,replica=eu-2,version=1.5.0".parse().expect("good"));
    world.change(ChangeKind::Deploy, "replica=eu-2", "1.5.0");
    world.outage(&|c, replica| (replica == "eu-2" && c != "checks").then_some((FailureKind::Status, 3)), &[]);
    world.expect(CauseKind::BadDeploy, "version=1.5.0");
}

#[test]
fn a_new_version_that_hangs_is_a_bad_deployment_too() {
    let mut world = world();
    world.places.insert(name("eu-2"), "region=eu,replica=eu-2,version=1.5.0".parse().expect("good"));
    world.change(ChangeKind::Deploy, "replica=eu-2", "1.5.0");
    world.outage(&|_, replica| (replica == "eu-2").then_some((FailureKind::Late, 4)), &[]);
    world.expect(CauseKind::BadDeploy, "version=1.5.0");
}

#[test]
fn a16_a_change_between_the_first_flicker_and_the_suspicion_is_a_candidate_too() {
    let mut world = world();
    world.change(ChangeKind::Config, "region=us", "login-9");
    world.change(ChangeKind::Config, "region=us", "login-10");
    world.changes[1].0 = at(ONSET + 6);
    let candidates = |latest| {
        let us = Slice::of(Dimension::Region, name("us"));
        candidate_changes(world.scene(), &us, latest, &DiagnosePolicy::default())
    };
    assert_eq!((candidates(at(ONSET)), candidates(at(ONSET + 5))), (1, 2));
}

#[test]
fn a_change_elsewhere_is_not_to_blame() {
    let mut world = world();
    world.change(ChangeKind::Config, "region=us", "rate-limits-7");
    world.outage(&|_, replica| (replica == "eu-1").then_some((FailureKind::Reset, 4)), &[]);
    world.expect(CauseKind::Host, "replica=eu-1");
}

#[test]
fn a_change_that_breaks_log_in_in_a_region_is_a_bad_configuration() {
    let mut world = world();
    world.change(ChangeKind::Config, "region=us", "login-9");
    world.outage(&|c, r| (c == "login" && r.starts_with("us")).then_some((FailureKind::Status, 10)), &[]);
    world.expect(CauseKind::BadConfig, "region=us");
}

#[test]
fn a_name_that_does_not_resolve_is_dns() {
    let mut world = world();
    world.outage(&|_, _| None, &[]);
    let failures = [(FailureKind::Unresolved, 5)].into();
    *world.ledger.at(at(ONSET + 2)).lookups.of(name("eu")) = Tally { total: 5, slow: 0, failures };
    world.expect(CauseKind::Dns, "region=eu");
}

#[test]
fn a_crowd_is_an_overload() {
    let mut world = world();
    let crowd =
        [("search", "127.31.0.0/24", 200, 0), ("search", "127.32.0.0/24", 200, 0), ("search", "127.33.0.0/24", 200, 0)];
    world.outage(&|c, _| (c != "checks").then_some((FailureKind::Status, 4)), &crowd);
    world.expect(CauseKind::Overload, "component=search");
}

#[test]
fn a_crowd_from_everywhere_is_an_overload_even_where_it_is_only_slow() {
    let mut world = world();
    for second in ONSET..ONSET + 3 {
        world.second(second, &|_, _| None, &[("search", "127.31.0.0/24", 100, 0), ("search", "other", 500, 0)]);
        let replicas: Vec<(Name, Name)> = world.ledger.at(at(second)).attempts.keys().cloned().collect();
        for leaf in replicas {
            world.ledger.at(at(second)).attempts.of(leaf).slow = 8;
        }
    }
    world.expect(CauseKind::Overload, "component=search");
}

/// A hub that starts amidst a crowd has no past to hold it against.
#[test]
fn where_nobody_knows_what_is_usual_a_crowd_is_what_is_beyond_the_proven() {
    let crowd = [("search", "127.31.0.0/24", 300, 0), ("search", "127.32.0.0/24", 300, 0)];
    let cause = |proven: Option<f64>| {
        let mut world = world();
        world.ledger = Ledger::new(Duration::from_secs(180));
        world.topology.replicas.values_mut().for_each(|replica| replica.proven_per_second = proven);
        world.outage(&|c, _| (c != "checks").then_some((FailureKind::Status, 4)), &crowd);
        let asked: u64 = world.ledger.clients(at(ONSET), at(ONSET + 3)).values().map(|tally| tally.total / 3).sum();
        (world.first().0, asked as f64 / world.topology.replicas.len() as f64)
    };
    let (_, each) = cause(None);
    assert_eq!(cause(Some(each / 1.2)).0, CauseKind::Overload);
    assert_ne!(cause(Some(each / 1.1)).0, CauseKind::Overload, "that may be carried");
    assert_ne!(cause(None).0, CauseKind::Overload, "nothing is proven");
}

#[test]
fn one_network_that_guesses_passwords_is_an_attack() {
    let mut world = world();
    world.outage(&|_, _| None, &[("login", "127.66.6.0/24", 150, 150)]);
    world.expect(CauseKind::Attack, "network=127.66.6.0/24");
}

/// Users who come back all at once ask for more than usual, and their largest network is behind most of it.
#[test]
fn a_network_of_many_users_is_no_attacker() {
    let mut world = world();
    world.outage(&|c, _| (c == "search").then_some((FailureKind::Status, 8)), &[("login", "127.30.0.0/24", 60, 0)]);
    assert_ne!(world.first().0, CauseKind::Attack);
}

#[test]
fn a_component_that_fails_everywhere_without_reason_is_a_dependency() {
    let mut world = world();
    world.outage(&|c, _| (c == "search").then_some((FailureKind::Status, 8)), &[]);
    world.expect(CauseKind::Dependency, "component=search");
}

#[test]
fn nothing_wrong_is_explained_by_nothing() {
    let mut world = world();
    world.outage(&|_, _| None, &[]);
    assert_eq!(world.first().0, CauseKind::Unknown);
}

/// What depends on somebody who says that they are down: the verdict names them, also beside a change that may have done it.
#[test]
fn an_upstream_that_is_down_by_its_own_word_is_named() {
    let mut world = world();
    world.outage(&|c, _| (c == "search").then_some((FailureKind::Status, 8)), &[]);
    let silent = world.first().2;
    let ailing = |health, component: &str| Ailing {
        title: "Example Index".into(),
        components: [name(component)].into(),
        health,
        said: "Search is failing".into(),
    };
    world.ailing = vec![ailing(UpstreamHealth::Down, "search")];
    world.expect(CauseKind::Dependency, "component=search");
    assert!(world.first().2 > silent);
    let scene = world.scene();
    let ranking =
        rank(scene, &Contrast::new(&world.ledger, scene.since, scene.now, &world.places), &DiagnosePolicy::default());
    assert_eq!(ranking[0].upstream.as_deref(), Some("Example Index"));
    assert!(ranking[0].because.contains(&"Example Index is down by its own word: Search is failing".to_owned()));

    world.ailing = vec![ailing(UpstreamHealth::Down, "login")];
    assert_eq!(world.first().2, silent, "nothing that fails needs it");
    let mut well = self::world();
    well.ailing = vec![ailing(UpstreamHealth::Down, "search")];
    assert_eq!(well.first().0, CauseKind::Unknown, "it is no evidence that we fail");
}
