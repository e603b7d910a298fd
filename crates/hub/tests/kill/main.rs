//! The kill loop: a real hub under load, `kill -9` at random instants, a restart at once (invariants D1, D7 and E2).
//!
//! Some dozens of lives as an ordinary test; `cargo xtask kill-loop` asks for thousands. What has to hold at the end: every
//! command that was acknowledged is in the log once; every effect reached its receiver; none reached it twice but one that was
//! in doubt, under its key; the chain held after every kill.

mod hub;
mod life;
mod load;
mod receiver;
mod verdict;

use life::{Loop, Plan};

/// Kills of the ordinary test.
const KILLS: u32 = 40;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// The process that is killed: this test binary, started anew with the loop's wishes in its environment.
#[test]
fn hub() {
    hub::serve_if_asked();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hub_loses_nothing_and_repeats_nothing() {
    let kills = asked("DOWNBEAT_KILLS").map_or(KILLS, |kills| u32::try_from(kills).expect("not that many"));
    let plan = Plan { kills, seed: asked("DOWNBEAT_SEED").unwrap_or(1) };
    let ended = Loop::run(plan).await;
    let verdict = verdict::of(&ended);
    eprintln!("{verdict}");
    assert!(verdict.violations.is_empty(), "{:#?}", verdict.violations);
    assert!(verdict.acknowledged > u64::from(kills) && verdict.effects > 0, "there was no load worth the name");
}
