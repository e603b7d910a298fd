//! The mark: the last record that was acknowledged, beside the log and never in its place.
//!
//! SQLite takes a damaged write-ahead log for one that ends before the damage, and goes on in silence. The mark is written
//! after each acknowledgement, so it never runs ahead of what was synced; a log that ends before it has lost something
//! (invariant D3). It is not synced itself: after a power cut it may be old, which weakens it and does no harm.

use super::chain::Hash;
use super::replay::Head;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Its file in the data directory.
pub(super) const FILE: &str = "hub.mark";

/// The mark of an open log.
#[derive(Debug)]
pub(super) struct Mark(File);

impl Mark {
    /// Opens the mark of a data directory, or makes one.
    pub(super) fn open(data: &Path) -> io::Result<Self> {
        File::options().create(true).truncate(false).read(true).write(true).open(data.join(FILE)).map(Self)
    }

    /// The record that was acknowledged last, and its hash; `None` where no sound mark stands.
    pub(super) fn read(data: &Path) -> Option<(u64, Hash)> {
        let text = std::fs::read_to_string(data.join(FILE)).ok()?;
        let (words, check) = text.trim_end().rsplit_once(' ')?;
        let (seq, hash) = words.split_once(' ')?;
        (check == checksum(words)).then_some(())?;
        Some((seq.parse().ok()?, hash.parse().ok()?))
    }

    /// Writes the mark. One that cannot be written stays behind, which does no harm.
    pub(super) fn set(&self, head: Head) {
        let words = format!("{:020} {}", head.seq, head.hash);
        let line = format!("{words} {}\n", checksum(&words));
        drop(self.0.write_all_at(line.as_bytes(), 0));
    }
}

/// Tells a whole mark from a torn one.
fn checksum(words: &str) -> String {
    Sha256::digest(words)[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Moment;

    #[test]
    fn a_mark_is_read_back_and_a_torn_one_is_none() {
        let data = tempfile::tempdir().expect("a directory");
        let mark = Mark::open(data.path()).expect("opens");
        assert_eq!(Mark::read(data.path()), None, "nothing was acknowledged yet");
        let hash = Hash::GENESIS.then(7, Moment::from_millis(1), "{}");
        mark.set(Head { seq: 7, hash, at: Moment::from_millis(1) });
        assert_eq!(Mark::read(data.path()), Some((7, hash)));
        for place in [3, 19, 40, 90] {
            let file = data.path().join(FILE);
            let whole = std::fs::read(&file).expect("read");
            let mut torn = whole.clone();
            torn[place] ^= 1;
            std::fs::write(&file, torn).expect("written");
            assert_eq!(Mark::read(data.path()), None, "byte {place}");
            std::fs::write(&file, whole).expect("written");
        }
    }
}
