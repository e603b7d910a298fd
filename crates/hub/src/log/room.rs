//! Room for the write-ahead log, made ahead: a commit then overwrites, instead of making the file longer.
//!
//! The sync of a file that grew waits for the file system's own journal besides the data, which costs as much again. SQLite
//! makes the write-ahead log longer with each commit until its first checkpoint, so while the log is empty it is filled with
//! zeros to the size that it has then. SQLite takes what follows the last sound frame for nothing, zeros as well as what was
//! left from before a checkpoint; a log of zeros alone is an empty one.

use super::store::EventLog;
use std::fs::File;
use std::io::{self, Write};

/// What SQLite's thousand pages of 4 KiB up to a checkpoint take, with their headers and a large transaction on top.
const ROOM: usize = 4_352 << 10;
static PIECE: [u8; 64 << 10] = [0; 64 << 10];

impl EventLog {
    /// Makes room, unless something stands in the write-ahead log already. Only speed is lost where this fails.
    ///
    /// # Errors
    /// What the file system says; the write-ahead log is as it was then.
    pub fn make_room(&mut self) -> io::Result<()> {
        let mut name = self.path().as_os_str().to_owned();
        name.push("-wal");
        let file = File::options().write(true).open(name)?;
        if file.metadata()?.len() > 0 {
            return Ok(());
        }
        // The log is locked against other hubs, and readers look into the file only for what its index names.
        fill(&file).or_else(|error| file.set_len(0).and(Err(error)))
    }
}

fn fill(mut file: &File) -> io::Result<()> {
    (0..ROOM / PIECE.len()).try_for_each(|_| file.write_all(&PIECE))?;
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use crate::log::tests::{log_of, started};
    use crate::log::{EventLog, LogReader};
    use downbeat_core::model::Moment;
    use std::fs;

    #[test]
    fn a_log_with_room_does_not_grow_and_is_read_after_a_kill() {
        let (data, killed) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another"));
        let wal = data.path().join("hub.db-wal");
        drop(log_of(data.path(), 3));
        let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens");
        log.make_room().expect("there is room");
        let size = || fs::metadata(&wal).expect("there").len();
        let room = size();
        for n in 4..=900 {
            log.append(Moment::from_millis(n), &[started(n)]).expect("appended");
            assert_eq!(size(), room, "record {n}");
        }
        log.make_room().expect("nothing to do: it is in use");
        for file in ["hub.db", "hub.db-wal", "hub.mark"] {
            fs::copy(data.path().join(file), killed.path().join(file)).expect("copied");
        }
        let again = EventLog::open(killed.path(), |_| Ok(())).expect("what a kill leaves is a log");
        assert_eq!(again.head(), log.head());
    }

    #[test]
    fn a_log_that_was_killed_with_room_alone_is_an_empty_one() {
        let (data, killed) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("another"));
        drop(log_of(data.path(), 3));
        let mut log = EventLog::open(data.path(), |_| Ok(())).expect("opens");
        log.make_room().expect("there is room");
        for file in ["hub.db", "hub.db-wal", "hub.mark"] {
            fs::copy(data.path().join(file), killed.path().join(file)).expect("copied");
        }
        assert_eq!(LogReader::new(killed.path()).verify().expect("sound").head, log.head());
        assert_eq!(EventLog::open(killed.path(), |_| Ok(())).expect("opens").head(), log.head());
    }
}
