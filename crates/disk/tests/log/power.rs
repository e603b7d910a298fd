//! D1: a power cut at every operation, with any part of the unsynced writes kept and the last one torn.

use crate::script::{Taped, check, live};
use downbeat_disk::{Chance, Disk};

/// Cuts tried at each operation, each with other luck.
const CUTS: u64 = 4;

fn taped(events: u64) -> Taped {
    let data = tempfile::tempdir().expect("a directory");
    let disk = Disk::under(data.path());
    let mut acknowledged = Vec::new();
    live(data.path(), events, |event| acknowledged.push((disk.operations(), event)));
    assert_eq!(acknowledged.last().map(|(_, event)| *event), Some(events));
    Taped { tape: disk.tape(), acknowledged }
}

/// A life of two starts, from nothing: creation, migrations, appends, a close with its checkpoint, a reopening.
#[test]
fn a_cut_at_any_operation_loses_nothing_acknowledged() {
    let taped = taped(60);
    assert!(taped.tape.len() > 300, "{} operations", taped.tape.len());
    for operations in 0..=taped.tape.len() {
        cut(&taped, operations);
    }
}

/// A life long enough for SQLite's own checkpoint at 1,000 pages: the cuts are around it, where most can go wrong.
#[test]
fn a_cut_within_a_checkpoint_loses_nothing_acknowledged() {
    let taped = taped(760);
    let is_database = |n: &usize| taped.tape.describe(*n).ends_with("of hub.db");
    let middle = (600..taped.tape.len()).find(is_database).expect("a checkpoint in the first life");
    let end =
        (middle..taped.tape.len()).find(|n| taped.tape.describe(*n).starts_with("Sync of hub.db")).expect("its end");
    for operations in (middle - 20..end + 20).step_by(3) {
        cut(&taped, operations);
    }
}

fn cut(taped: &Taped, operations: usize) {
    for seed in 0..CUTS {
        let mut chance = Chance::seeded(seed << 32 | operations as u64);
        let files = taped.tape.cut(operations, &mut chance);
        let what = format!("cut {seed} before operation {operations}, {}", taped.tape.describe(operations));
        check(&files, taped.acknowledged_by(operations), &what);
    }
}
