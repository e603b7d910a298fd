//! D3: bytes that change on the disk are noticed, named, and never written behind.

use crate::script::{append, live, materialise, numbers, open};
use downbeat_disk::Chance;
use downbeat_hub::log::LogReader;
use std::fs;

const EVENTS: u64 = 90;
const FLIPS: u64 = 600;

/// Flips a byte anywhere in what a killed hub left; either all that was acknowledged is still there, or the start is refused
/// with a word that names the record or the file.
#[test]
fn a_changed_byte_is_harmless_or_named() {
    let data = tempfile::tempdir().expect("a directory");
    live(data.path(), EVENTS, |_| ());
    // One half in the database, the other in the write-ahead log.
    let mut log = open(data.path()).expect("opens");
    for n in EVENTS + 1..=2 * EVENTS {
        append(&mut log, &[n]).expect("appended");
    }
    let files =
        ["hub.db", "hub.db-wal", "hub.mark"].map(|n| (n.to_owned(), fs::read(data.path().join(n)).expect("read")));
    drop(log);

    let (mut refused, mut named, mut harmless) = (0, 0, 0);
    for seed in 0..FLIPS {
        let mut chance = Chance::seeded(seed);
        let mut files = files.clone();
        let bytes = &mut files[usize::from(chance.percent(50))].1;
        let place = chance.below(bytes.len());
        bytes[place] ^= 1 << chance.below(8);
        let data = tempfile::tempdir().expect("a directory");
        materialise(&files.into(), data.path());
        match open(data.path()) {
            Ok(_) => {
                assert_eq!(numbers(data.path()), (1..=2 * EVENTS).collect::<Vec<_>>(), "flip {seed}");
                harmless += 1;
            }
            Err(error) => {
                let chain = format!(
                    "{error}: {}",
                    std::error::Error::source(&error).map(|e| e.to_string()).unwrap_or_default()
                );
                assert!(chain.contains("hub.db"), "flip {seed}: {chain}");
                refused += 1;
                named += u32::from(chain.contains("record "));
                assert!(LogReader::new(data.path()).verify().is_err(), "flip {seed}: {chain}, but it verifies");
            }
        }
    }
    assert!(
        refused > 100 && harmless > 20 && named * 10 > refused * 7,
        "{refused} refused, {named} named, {harmless} harmless"
    );
}
