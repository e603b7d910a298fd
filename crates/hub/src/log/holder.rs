//! Who holds a lock that keeps a hub out: without a name an operator can only guess whom to end, and a hub that was stopped in the
//! middle of a write holds it until it ends or goes on.
//!
//! The kernel's own list is read. To ask through the file itself, it would have to be opened and closed, and closing any
//! descriptor of a file gives up all of a process's locks on it, SQLite's too.

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The byte of the index that whoever writes has locked (SQLite's file format, "WAL-Index File Locks").
const WRITE_LOCK: u64 = 120;

/// A process that keeps others from writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// Whether it could let go by itself.
    pub standing: Standing,
}

/// How a process stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    Running,
    /// Somebody has stopped it: it lets go when it is continued or ended, and not before.
    Stopped,
}

impl Holder {
    /// Who else holds SQLite's lock for writing on a log, as far as the kernel tells.
    pub(super) fn of_log(log: &Path) -> Option<Self> {
        let mut index = log.as_os_str().to_owned();
        index.push("-shm");
        Self::find("POSIX", Path::new(&index))
    }

    /// Who else holds a whole file.
    pub(super) fn of_file(file: &Path) -> Option<Self> {
        Self::find("FLOCK", file)
    }

    fn find(kind: &str, file: &Path) -> Option<Self> {
        let locks = fs::read_to_string("/proc/locks").ok()?;
        let process = holder_in(&locks, kind, fs::metadata(file).ok()?.ino(), std::process::id())?;
        Some(Self { process, standing: Standing::of(process) })
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standing {
            Standing::Running => write!(f, "process {}", self.process),
            Standing::Stopped => {
                write!(f, "process {}, which is stopped: let it go on (kill -CONT) or end it", self.process)
            }
        }
    }
}

impl Standing {
    fn of(process: u32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        // The name before it may hold anything.
        match stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next()) {
            Some('T' | 't') => Self::Stopped,
            _ => Self::Running,
        }
    }
}

/// Finds `1: POSIX  ADVISORY  WRITE 4711 fe:00:1234 120 120` for a file's number.
fn holder_in(locks: &str, wanted: &str, file: u64, own: u32) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, kind, _, "WRITE", process, place, from, to] = words[..] else { return None };
        let number: u64 = place.rsplit(':').next()?.parse().ok()?;
        let from: u64 = from.parse().ok()?;
        let to: u64 = if to == "EOF" { u64::MAX } else { to.parse().ok()? };
        let process: u32 = process.parse().ok()?;
        (kind == wanted && number == file && (from..=to).contains(&WRITE_LOCK) && process != own).then_some(process)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_is_found_among_readers_waiters_and_other_files() {
        let locks = "1: POSIX  ADVISORY  READ 11 fe:00:77 124 124\n\
                     2: FLOCK  ADVISORY  WRITE 12 fe:00:77 0 EOF\n\
                     3: POSIX  ADVISORY  WRITE 13 fe:00:78 120 120\n\
                     4: -> POSIX  ADVISORY  WRITE 14 fe:00:77 120 120\n\
                     5: POSIX  ADVISORY  WRITE 15 fe:00:77 120 120\n";
        assert_eq!(holder_in(locks, "POSIX", 77, 1), Some(15));
        assert_eq!(holder_in(locks, "POSIX", 77, 15), None, "we ourselves are no answer");
        assert_eq!(holder_in(locks, "FLOCK", 77, 1), Some(12));
        assert_eq!(holder_in("nonsense\n\n", "POSIX", 77, 1), None);
    }
}
