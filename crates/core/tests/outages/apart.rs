//! One outage is one incident, and what begins later and elsewhere is another one.

use super::*;
use downbeat_core::model::{CauseKind, Dimension, Slice};

/// Nothing is done by itself, so that what is broken stays broken.
fn watching() -> Policy {
    let mut watching = policy();
    watching.act.modes.clear();
    watching
}

fn broken_at(toy: &mut Toy, places: &'static [&'static str]) {
    toy.fault = Box::new(|_, _, replica| places.contains(&replica).then_some((FailureKind::Reset, 1.0)));
}

fn causes(toy: &Toy) -> Vec<Option<(CauseKind, Slice)>> {
    let incidents = toy.engine.book().incidents.values().filter(|incident| incident.confirmed_at.is_some());
    incidents.map(|incident| incident.cause().map(|cause| (cause.kind, cause.slice.clone()))).collect()
}

fn host(replica: &str) -> Option<(CauseKind, Slice)> {
    Some((CauseKind::Host, Slice::of(Dimension::Replica, name(replica))))
}

#[test]
fn what_begins_later_in_another_place_is_another_incident() {
    let mut toy = Toy::new(watching());
    broken_at(&mut toy, &["eu-1"]);
    toy.run(45);
    assert_eq!(causes(&toy), [host("eu-1")]);
    broken_at(&mut toy, &["eu-1", "us-2"]);
    toy.run(20);
    assert_eq!(causes(&toy), [host("eu-1"), host("us-2")]);
    toy.run(60);
    assert_eq!(causes(&toy), [host("eu-1"), host("us-2")], "and so they stay");
}

#[test]
fn what_begins_at_about_the_same_time_is_one_incident() {
    let mut toy = Toy::new(watching());
    broken_at(&mut toy, &["eu-1"]);
    toy.run(10);
    broken_at(&mut toy, &["eu-1", "us-2"]);
    toy.run(60);
    assert_eq!(causes(&toy).len(), 1);
}

#[test]
fn the_crowd_that_a_lost_region_moves_is_no_outage_of_its_own() {
    let mut toy = Toy::new(watching());
    broken_at(&mut toy, &["eu-1", "eu-2"]);
    toy.run(45);
    toy.fault = Box::new(|_, _, replica| {
        let share = if replica.starts_with("eu") { 1.0 } else { 0.6 };
        Some((FailureKind::Reset, share))
    });
    toy.run(40);
    assert_eq!(causes(&toy).len(), 1);
}
