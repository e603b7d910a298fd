//! The edge's decisions in virtual time: an hour of trouble with one of three replicas, in a moment.

mod world;

use downbeat_core::model::{FailureKind, RollUp, Strength, TrafficPlan, Weight};
use downbeat_edge::policy::{Attempt, Choice, EdgePolicy, LookUp, PlanOutcome, PlanRefusal, Repetition, ReplicaId};
use std::time::{Duration, Instant};
use world::Health::{Dead, Failing, Hanging, Slow, Well};
use world::{Health, World, name};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// From which minute on the replicas fare how.
const STORY: [(u64, [Health; 3]); 11] = [
    (0, [Well, Well, Well]),
    (5, [Dead, Well, Well]),
    (10, [Well, Well, Well]),
    (15, [Hanging, Well, Well]),
    (20, [Well, Well, Well]),
    (25, [Slow, Well, Well]),
    (30, [Well, Well, Well]),
    (35, [Failing, Well, Well]),
    (40, [Well, Well, Well]),
    (50, [Failing, Failing, Well]),
    (52, [Well, Well, Well]),
];

fn divert(epoch: u64, replicas: &[&str]) -> TrafficPlan {
    let weight = |replica: &&str| Weight { replica: name(replica), component: None, share: Strength::NONE };
    TrafficPlan { epoch, weights: replicas.iter().map(weight).collect(), ..TrafficPlan::default() }
}

/// What the hub answers and operators do in this second, and what becomes of it.
fn hub(world: &mut World) {
    let (now, second) = (world.now(), world.second());
    let edge = &mut world.edge;
    match second {
        // While this one fails, emptying the two others would leave the users nobody (A8).
        2_160 => {
            let vetoed = edge.take_plan(&divert(1, &["us-1", "ap-1"]), now);
            assert!(matches!(vetoed, PlanOutcome::Refused(_)), "{vetoed:?}");
        }
        2_400 => assert_eq!(edge.take_plan(&divert(2, &["us-1"]), now), PlanOutcome::Applied),
        2_460 => assert_eq!(edge.take_plan(&divert(2, &[]), now), PlanOutcome::Stale, "A6"),
        2_700 => assert_eq!(edge.take_plan(&divert(3, &[]), now), PlanOutcome::Applied),
        3_300 => assert_eq!(edge.take_plan(&divert(4, &["ap-1"]), now), PlanOutcome::Applied),
        // From here on an operator holds automation, over the restart in between (A13).
        3_350 => edge.hold(),
        3_360 | 3_450 => {
            let refused = edge.take_plan(&divert(5, &["us-1"]), now);
            assert!(matches!(refused, PlanOutcome::Refused(PlanRefusal::Hold { .. })), "{refused:?}");
        }
        3_500 => assert_eq!(edge.take_plan(&divert(6, &[]), now), PlanOutcome::Applied, "it only gives back"),
        3_540 => edge.release(),
        3_550 => assert_eq!(edge.take_plan(&divert(7, &["us-1"]), now), PlanOutcome::Applied),
        _ => {}
    }
}

fn newest(world: &World) -> &RollUp {
    world.seen.newest.as_ref().expect("a second has passed")
}

/// Lives through the hour, looks at the invariants each second, and hands back every roll-up as it was sent.
fn hour(seed: u64) -> Vec<String> {
    let mut world = World::new(seed);
    let us: ReplicaId = world.replicas[1];
    for second in 0..HOUR {
        if let Some((_, health)) = STORY.iter().find(|(minute, _)| minute * MINUTE == second) {
            world.health = *health;
        }
        world.live_a_second();
        hub(&mut world);
        let (requests, extras) = world.budget();
        let most = 10.0 + 0.2 * f64::from(requests);
        assert!(f64::from(extras) <= most, "B5: {extras} extra attempts for {requests} requests in second {second}");
        assert!(world.left() >= 2, "A2, A4: {} of three are left in second {second}", world.left());
        match second {
            2_200 => {
                let refused = newest(&world).plan_refused.as_ref().expect("a veto is told");
                assert!(refused.0 == 1 && refused.1.contains("sees failing"), "{refused:?}");
            }
            2_402..2_690 => assert_eq!(world.seen.chosen.get(&us), None, "a divert is obeyed in second {second}"),
            2_760 => assert!(world.seen.chosen.contains_key(&us), "and ends"),
            3_400 => {
                let before = newest(&world).boot;
                world = world.restart();
                world.live_a_second();
                let after = newest(&world);
                assert_eq!((after.seq, after.plan_epoch), (1, 4), "C1: a new process goes on with the last good plan");
                assert_ne!(after.boot, before);
            }
            _ => {}
        }
    }
    let two_fail = 50 * MINUTE..=52 * MINUTE + 1;
    let lost: Vec<_> = world.seen.failed.iter().filter(|(second, _)| !two_fail.contains(second)).collect();
    assert!(lost.is_empty(), "H5: one bad replica of three costs no request: {lost:?}");
    world.seen.roll_ups
}

#[test]
fn an_hour_of_trouble_keeps_the_invariants_and_the_same_seed_repeats_it_to_the_byte() {
    let (first, again, other) = (hour(7), hour(7), hour(8));
    assert_eq!(first.len(), HOUR as usize + 1);
    let differs = first.iter().zip(&again).position(|(a, b)| a != b);
    assert_eq!(differs, None, "the roll-up of this second differs between two runs of one seed");
    assert!(first != other, "another seed is another hour");
}

/// A9, A18: a second outage during the first one's remedy finds the way out open, with no hub to ask.
#[test]
fn what_a_plan_keeps_out_is_asked_when_nobody_else_is_fit() {
    let mut world = World::new(11);
    let now = world.now();
    let us = world.replicas[1];
    assert_eq!(world.edge.take_plan(&divert(1, &["us-1"]), now), PlanOutcome::Applied);
    let attempts_in_a_second = |world: &mut World| {
        world.live_a_second();
        world.seen.chosen.get(&us).copied().unwrap_or(0)
    };
    for second in 0..20 {
        assert_eq!(attempts_in_a_second(&mut world), 0, "the plan holds in second {second}");
    }
    world.health = [Dead, Well, Dead];
    let found = (0..10).position(|_| attempts_in_a_second(&mut world) > 0);
    assert!(found.is_some_and(|seconds| seconds <= 2), "the one that is well is asked: {found:?}");
    let lost: u32 = world.seen.failed.values().sum();
    for _ in 0..20 {
        world.live_a_second();
    }
    assert_eq!(world.seen.failed.values().sum::<u32>(), lost, "and nothing is lost from then on");
    world.health = [Well, Well, Well];
    for _ in 0..45 {
        world.live_a_second();
    }
    assert_eq!(attempts_in_a_second(&mut world), 0, "when the others are back, the plan holds again");
}

#[test]
fn a_name_that_does_not_resolve_is_held_and_told() {
    let (start, host, mut settings) = (Instant::now(), name("eu.example"), world::settings());
    settings.replicas[0].url = "http://eu.example:9".into();
    let mut edge = EdgePolicy::new(settings, 1, start).expect("good settings");
    let told = |edge: &mut EdgePolicy, how: LookUp| {
        edge.looked_up(&host, how);
        let row = edge.roll_up(start).lookups.pop().expect("a row for the name");
        (row.held, row.tally.failed())
    };
    let unresolved = LookUp::Doubted(FailureKind::Unresolved);
    assert_eq!(told(&mut edge, unresolved), (false, 1), "there is nothing to hold yet");
    edge.resolved(&host, &["10.0.0.1".parse().expect("an address")], start);
    assert_eq!(told(&mut edge, unresolved), (true, 1));
    assert_eq!(told(&mut edge, LookUp::Agreed), (false, 0));
}

/// Decision 23: whom balancing prefers the others to is asked all the same while it is looked at more closely, as far as that
/// costs no client more than a hedge.
#[test]
fn clients_requests_look_as_well() {
    let ms = Duration::from_millis;
    let asked = |repetition: Repetition, times: u32| {
        let start = Instant::now();
        let mut edge = EdgePolicy::new(world::settings(), 5, start).expect("good settings");
        let component = edge.component(&name("playback")).expect("a component");
        let replicas = edge.serving(component).to_vec();
        let [ill, well, other] = replicas[..] else { panic!("three replicas") };
        for (replica, took) in [(ill, ms(400)), (well, ms(2)), (other, ms(2))] {
            edge.head_came(Attempt { component, replica, times: 1 }, took, 200, start);
        }
        edge.check_ended(ill, Err(FailureKind::Late), start);
        let counted = (0..6_000).filter(|at| {
            let now = start + ms(*at);
            let choice = edge.choose(component, *at, (&[], repetition), times, now);
            let Choice::Replica(seat) = choice else { panic!("there are seats") };
            let is_ill = seat.replica() == ill;
            edge.give_back(seat, now);
            is_ill
        });
        counted.count()
    };
    assert_eq!(asked(Repetition::Allowed, 1), 100);
    assert_eq!(asked(Repetition::Forbidden, 1), 0, "it could not be asked again");
    assert_eq!(asked(Repetition::Allowed, 2), 0, "all that it stands for would go there");
}
