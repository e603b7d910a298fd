//! D2: errors of writes and syncs at every operation, and what they leave for the process, its successor and a power cut.

use crate::script::{append, check, live, materialise, numbers, open};
use downbeat_disk::{Chance, Disk, Fault, Files, How};
use std::fs;
use std::path::Path;

const EVENTS: u64 = 24;

/// How many operations a life takes on a sound disk.
fn operations() -> usize {
    let data = tempfile::tempdir().expect("a directory");
    let disk = Disk::under(data.path());
    live(data.path(), EVENTS, |_| ());
    disk.operations()
}

/// One life with one fault: what was acknowledged is there for the next process, and after a power cut.
fn survive(fault: Fault) {
    let data = tempfile::tempdir().expect("a directory");
    let disk = Disk::failing(data.path(), fault);
    let mut acknowledged = 0;
    live(data.path(), EVENTS, |event| {
        acknowledged = event;
        let luck = &mut Chance::seeded(fault.at as u64);
        let files = disk.tape().cut(disk.operations(), luck);
        if event % 5 == 0 {
            check(&files, event, &format!("{fault:?}, power cut after event {event}"));
        }
    });
    assert_eq!(numbers(data.path()), (1..=EVENTS).collect::<Vec<_>>(), "{fault:?}");
    for seed in 0..3 {
        let files = disk.tape().cut(disk.operations(), &mut Chance::seeded(seed));
        check(&files, acknowledged, &format!("{fault:?}, power cut {seed} at the end"));
    }
}

#[test]
fn one_error_at_any_operation_loses_nothing_acknowledged() {
    for at in 0..operations() {
        for how in [How::Broken, How::Full, How::Short] {
            survive(Fault { at, times: 1, how });
        }
    }
}

#[test]
fn a_disk_that_fails_for_a_while_loses_nothing_acknowledged() {
    for at in (0..operations()).step_by(3) {
        for how in [How::Broken, How::Full] {
            survive(Fault { at, times: 7, how });
        }
    }
}

/// What a directory shows to whoever reads it.
fn shown(data: &Path) -> Files {
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("listed");
        let name = entry.file_name().into_string().expect("text");
        (name, fs::read(entry.path()).expect("read"))
    };
    let kept = |(name, _): &(String, Vec<u8>)| name == "hub.db" || name == "hub.db-wal" || name == "hub.mark";
    fs::read_dir(data).expect("listed").map(entry).filter(kept).collect()
}

/// After a sync that failed, the next process reads what is not on the disk. Acknowledging more behind it, and then
/// losing power, must lose nothing that was acknowledged: neither before nor after.
#[test]
fn what_a_failed_sync_lost_is_written_again_by_the_next_process() {
    let mut lies = 0;
    for at in 0..operations() {
        let data = tempfile::tempdir().expect("a directory");
        let fault = Fault { at, times: usize::MAX / 2, how: How::Broken };
        let disk = Disk::failing(data.path(), fault);
        let mut acknowledged = 0;
        // Nothing succeeds any more from the fault on: the process gives up at the first error and is killed.
        let Ok(mut log) = open(data.path()) else { continue };
        while acknowledged < EVENTS && append(&mut log, &[acknowledged + 1]).is_ok() {
            acknowledged += 1;
        }
        let (on_disk, shown) = (disk.tape().cut(disk.operations(), &mut Chance::seeded(at as u64)), shown(data.path()));
        drop((log, disk));

        let data = tempfile::tempdir().expect("a directory");
        materialise(&shown, data.path());
        let disk = Disk::lying(data.path(), &on_disk);
        lies += usize::from(on_disk.get("hub.db-wal") != shown.get("hub.db-wal"));
        let mut log = open(data.path()).unwrap_or_else(|error| panic!("after {fault:?}: {error}"));
        let there = log.head().seq;
        assert!(there >= acknowledged, "after {fault:?}: {acknowledged} acknowledged, {there} there");
        append(&mut log, &[there + 1]).unwrap_or_else(|error| panic!("after {fault:?}: {error}"));
        for seed in 0..4 {
            let files = disk.tape().cut(disk.operations(), &mut Chance::seeded(seed));
            check(&files, there + 1, &format!("{fault:?}, a kill, a restart, power cut {seed}"));
        }
    }
    assert!(lies > 20, "in {lies} cases the disk held other bytes than were to be read");
}
