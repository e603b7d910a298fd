//! Seeded bugs: each is built into the decisions and has to be found by the judge, in some world, within a bounded number of
//! worlds. A judge who finds none of them would be no judge.

use crate::campaign::{examine, processor_time};
use crate::judge::Violation;
use crate::plan::Plan;
use crate::shrink::shrink;
use downbeat_core::model::mutation::{Mutation, turn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How a wrong turn fared.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// The wrong turn.
    pub mutation: Mutation,
    /// Worlds that were looked at, the one that gave it away included.
    pub worlds: u64,
    /// Processor time that they took.
    pub took: Duration,
    /// What gave it away: the seed, what did not hold, and the fewest faults that bring it about.
    pub found: Option<(u64, Violation, Vec<usize>)>,
}

/// Looks for a wrong turn in at most so many worlds.
pub fn hunt(mutation: Mutation, most: u64) -> Hunt {
    let start = processor_time();
    let seeds = (0..most).find_map(|seed| {
        let violation = new_violation(seed, mutation)?;
        Some((seed, violation))
    });
    let took = processor_time().saturating_sub(start);
    let worlds = seeds.as_ref().map_or(most, |(seed, _)| seed + 1);
    let found = seeds.map(|(seed, violation)| {
        turn(Some(mutation));
        let kept = catch_unwind(AssertUnwindSafe(|| shrink(&Plan::of(seed), &violation.invariant)));
        turn(None);
        (seed, violation, kept.unwrap_or_else(|_| (0..Plan::of(seed).faults.len()).collect()))
    });
    Hunt { mutation, worlds, took, found }
}

/// What does not hold in a world with the wrong turn, and holds without it.
fn new_violation(seed: u64, mutation: Mutation) -> Option<Violation> {
    let plan = Plan::of(seed);
    turn(Some(mutation));
    let with = catch_unwind(AssertUnwindSafe(|| examine(&plan).found));
    turn(None);
    let Ok(with) = with else {
        let what = "the hub fell over its own decisions".to_owned();
        return Some(Violation { invariant: "panic".into(), at_s: 0, what });
    };
    if with.is_empty() {
        return None;
    }
    let without = examine(&plan).found;
    with.into_iter().find(|violation| !without.iter().any(|known| known.invariant == violation.invariant))
}
