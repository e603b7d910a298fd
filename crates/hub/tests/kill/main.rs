//! The kill loop: a real hub under load, `kill -9` at random instants, a restart at once (invariants D1, D7 and E2).
//!
//! Some dozens of lives as an ordinary test; `cargo xtask kill-loop` asks for thousands, of several hubs side by side: a start
//! reads the whole log, so one hub alone would spend its lives with reading. What has to hold at the end, of each: every
//! command that was acknowledged is in the log once; every effect reached its receiver; none reached it twice but one that was
//! in doubt, under its key; the chain held after every kill.

mod crowd;
mod holder;
mod hub;
mod life;
mod load;
mod receiver;
#[path = "../shared/service.rs"]
mod service;
mod tenure;
mod verdict;

use life::{Loop, Plan};
use std::time::Instant;
use tokio::task::JoinSet;
use verdict::Verdict;

/// Kills of the ordinary test.
const KILLS: u32 = 40;
/// Kills of one hub at most: its log has grown to ten thousand records by then, and so to a snapshot.
const KILLS_OF_ONE: u32 = 250;
/// Hubs at the same time. A life is waiting for the most part.
const SIDE_BY_SIDE: usize = 4;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// A process that holds SQLite's lock on a log, started like the hub.
#[test]
fn holder() {
    holder::hold_if_asked();
}

/// The process that is killed: this test binary, started anew with the loop's wishes in its environment.
#[test]
fn hub() {
    hub::serve_if_asked();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_killed_hub_loses_nothing_and_repeats_nothing() {
    let kills = asked("DOWNBEAT_KILLS").map_or(KILLS, |kills| u32::try_from(kills).expect("not that many"));
    let seed = asked("DOWNBEAT_SEED").unwrap_or(1);
    let started = Instant::now();
    let mut plans = (0..kills.div_ceil(KILLS_OF_ONE)).map(|n| Plan {
        kills: KILLS_OF_ONE.min(kills - n * KILLS_OF_ONE),
        seed: seed.wrapping_mul(1_000).wrapping_add(u64::from(n)),
    });
    let (mut running, mut verdict) = (JoinSet::new(), Verdict::default());
    plans.by_ref().take(SIDE_BY_SIDE).for_each(|plan| drop(running.spawn(Loop::run(plan))));
    while let Some(ended) = running.join_next().await {
        let one = verdict::of(&ended.expect("a loop that ends"));
        eprintln!("{one}");
        verdict.add(one);
        plans.next().map(|plan| running.spawn(Loop::run(plan)));
    }
    eprintln!("kill-loop (seed {seed}): {verdict}; {} s on the clock", started.elapsed().as_secs());
    assert_eq!(verdict.kills, kills);
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    assert!(verdict.acknowledged > u64::from(kills) && verdict.effects > 0, "there was no load worth the name");
}
