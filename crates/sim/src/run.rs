//! One world from its beginning to its end, and its twin without automation.

use crate::judge::Violation;
use crate::marks::Marks;
use crate::plan::Plan;
use crate::time::Time;
use crate::world::World;
use crate::world::crowd::Toll;
use crate::world::people::{SETTLES_WITHIN, last_end};
use downbeat_core::incident::{Incident, Record};
use std::time::Duration;

/// What came of a world.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<Violation>,
    pub(crate) marks: Marks,
    pub(crate) simulated: Duration,
    pub(crate) faults: usize,
    pub(crate) toll: Toll,
    /// A hash of all that the hub wrote and users met: the same seed gives the same one.
    pub(crate) fingerprint: u64,
    pub(crate) incidents: usize,
    /// Incidents that were confirmed and are no part of another.
    pub(crate) confirmed: usize,
    /// Requests that users had lost by the end of each second.
    pub(crate) lost_by: Vec<u64>,
    /// When a remedy was first begun.
    pub(crate) acted_at: Option<Duration>,
    /// What the hub wrote.
    pub(crate) log: Vec<Record>,
}

impl Outcome {
    /// Requests that users lost; a second of silence counts as one.
    pub(crate) fn lost(&self) -> f64 {
        self.toll.lost as f64 + self.toll.silence_s
    }
}

/// Runs a world until its faults are over and it has settled.
pub(crate) fn run(plan: &Plan) -> Outcome {
    let mut world = World::new(plan);
    let end = last_end(&plan.faults);
    world.run_until(end);
    world.go_on_duty();
    let settled = settle(&mut world, end);
    if !settled {
        let what = world.unsettled();
        world.judge.find("L1", format!("not settled {} s after the last fault: {what}", SETTLES_WITHIN.as_secs()));
    }
    finish(world, plan)
}

/// Runs the same world without automation, for as long.
pub(crate) fn run_twin(plan: &Plan, simulated: Duration) -> Outcome {
    let twin = plan.twin();
    let mut world = World::new(&twin);
    world.run_until(Time::ZERO + simulated);
    finish(world, &twin)
}

/// B4 and more: when the faults are over, everything is as usual again within a bound.
fn settle(world: &mut World, end: Time) -> bool {
    let mut calm = 0;
    // What was calm when the time was over is watched to the end.
    while world.now.since(end) < SETTLES_WITHIN || calm > 0 {
        let before = world.toll;
        let next = world.now + Duration::from_secs(1);
        world.run_until(next);
        let (served, lost) = (world.toll.served - before.served, world.toll.lost - before.lost);
        let good = lost * 20 <= served + lost && served > 0;
        calm = if good && world.is_settled() { calm + 1 } else { 0 };
        if calm >= 8 {
            return true;
        }
    }
    false
}

fn finish(mut world: World, plan: &Plan) -> Outcome {
    world.judge_log();
    world.toll.silence_s = world.crowd.silence(world.now).iter().map(Duration::as_secs_f64).sum();
    let book = world.hub.desk.as_ref().map(|desk| desk.engine().book());
    let incidents = book.map_or(0, |book| book.incidents.len());
    let is_own = |i: &&Incident| i.confirmed_at.is_some() && i.merged_into.is_none();
    let confirmed = book.map_or(0, |book| book.incidents.values().filter(is_own).count());
    let fingerprint = fingerprint(&world);
    Outcome {
        violations: std::mem::take(&mut world.judge.found),
        marks: std::mem::take(&mut world.marks),
        simulated: world.now.since(Time::ZERO),
        faults: plan.faults.len(),
        toll: world.toll,
        fingerprint,
        incidents,
        confirmed,
        lost_by: std::mem::take(&mut world.lost_by),
        acted_at: world.judge.acted_at.map(|at| at.since(Time::ZERO)),
        log: std::mem::take(&mut world.hub.disk.records),
    }
}

/// FNV-1a over the log's lines and the toll.
fn fingerprint(world: &World) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| text.bytes().for_each(|b| hash = (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    for record in &world.hub.disk.records {
        add(&record.at.as_millis().to_string());
        add(&record.event.headline());
    }
    add(&format!("{:?}", world.toll));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::examine;

    /// D4: nothing but the seed decides what happens.
    #[test]
    fn the_same_seed_gives_the_same_world() {
        for seed in 0..12 {
            let plan = Plan::of(seed);
            let (first, second) = (run(&plan), run(&plan));
            assert_eq!(first.fingerprint, second.fingerprint, "seed {seed}");
            assert_eq!((first.toll, first.marks), (second.toll, second.marks), "seed {seed}");
        }
        assert_ne!(run(&Plan::of(1)).fingerprint, run(&Plan::of(2)).fingerprint);
    }

    /// Ninety worlds with all that goes wrong in them.
    #[test]
    fn what_must_hold_holds_in_ninety_worlds() {
        let mut broken = Vec::new();
        for seed in 0..90 {
            let plan = Plan::of(seed);
            broken.extend(examine(&plan).found.into_iter().map(|violation| (seed, violation)));
        }
        assert_eq!(broken, []);
    }

    #[test]
    fn a_world_without_faults_is_served_and_says_nothing() {
        for seed in 0..40 {
            let world = run(&Plan::of(seed).keep(&[]));
            assert_eq!(world.violations, [], "seed {seed}");
            assert_eq!((world.toll.lost, world.incidents), (0, 0), "seed {seed}");
        }
    }
}
