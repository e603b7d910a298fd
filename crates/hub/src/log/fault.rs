//! What can go wrong with the log, one type per operation, each naming the file.

use super::holder::Holder;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why the log cannot be opened. The hub does not start then: it never writes behind a damaged log (D3).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be made.
    #[error("cannot make the data directory {path}")]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another hub writes there.
    #[error("{path} is in use by another hub{}", .holder.as_ref().map_or(String::new(), |it| format!(": {it}")))]
    InUse {
        /// The lock file.
        path: PathBuf,
        /// Which process, where the system tells.
        holder: Option<Holder>,
    },
    /// The lock file cannot be made or locked.
    #[error("cannot lock {path}")]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else, or damaged beyond reading.
    #[error("{path} is not a readable Downbeat log: {why}")]
    NotOurs {
        /// Which file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
    /// A newer build wrote it.
    #[error("{path} was written by a newer build: its schema is {found}, this build knows {known}")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its last migration.
        found: u32,
        /// The last migration of this build.
        known: u32,
    },
    /// A migration failed.
    #[error("cannot bring {path} to schema {number}")]
    Migrate {
        /// Which file.
        path: PathBuf,
        /// Which migration.
        number: u32,
        /// Why.
        source: rusqlite::Error,
    },
    /// Something that was acknowledged is not there any more: the disk or somebody's hand has taken it away.
    #[error("{path} has lost records: {known} knows record {acknowledged}, but the log ends with {found}")]
    Lost {
        /// Which file.
        path: PathBuf,
        /// Who knows.
        known: PathBuf,
        /// The last record known to be acknowledged.
        acknowledged: u64,
        /// The last record there.
        found: u64,
    },
    /// Its lines do not follow from one another.
    #[error("cannot go on with the log")]
    Flawed(#[from] ReplayError),
    /// Anything else of SQLite's.
    #[error("cannot open {path}")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl OpenError {
    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match code(&source) {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::NotOurs { path, why: source.to_string() }
            }
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Why events could not be written. None of them is in the log then.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// No room.
    #[error("the disk of {path} is full")]
    Full {
        /// Which file.
        path: PathBuf,
    },
    /// Somebody holds the database for longer than we wait.
    #[error("{path} is locked by {}", .holder.as_ref().map_or("another program".to_owned(), Holder::to_string))]
    Locked {
        /// Which file.
        path: PathBuf,
        /// Who, where the system tells.
        holder: Option<Holder>,
    },
    /// Reading, writing or syncing failed. The next attempt opens the file anew and reads what is there:
    /// after a failed sync a second one proves nothing (invariant D2).
    #[error("the disk of {path} fails: {why}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// In SQLite's words.
        why: String,
    },
    /// The end of the log is not where we left it. Nothing is written until a restart has read it anew.
    #[error("{path} ends with record {found}, not with {expected}: somebody else wrote to it")]
    Overtaken {
        /// Which file.
        path: PathBuf,
        /// Our last record.
        expected: u64,
        /// The last record there.
        found: u64,
    },
    /// Another file lies where the log was, or none: somebody has put a copy in its place, or taken the folder away. What is
    /// written now, nobody finds again.
    #[error("{path} is not the file any more that was opened: somebody has replaced or removed it")]
    Displaced {
        /// Which file.
        path: PathBuf,
    },
    /// The event would not be read back as it is, so it is not written.
    #[error("event {event} cannot be written down: {why}")]
    Unreadable {
        /// Its headline.
        event: String,
        /// What came out.
        why: String,
    },
    /// The writing thread is gone: the hub is stopping.
    #[error("the log is closed")]
    Closed,
    /// Anything else of SQLite's.
    #[error("cannot write to {path}")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

impl AppendError {
    /// True when the same events will never be taken, however often they come.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Unreadable { .. })
    }

    /// True when the log is somebody else's now: whoever owned it has to stop (A7, F3).
    pub const fn is_loss_of_the_log(&self) -> bool {
        matches!(self, Self::Overtaken { .. } | Self::Displaced { .. })
    }

    pub(super) fn locked(path: &Path) -> Self {
        Self::Locked { path: path.into(), holder: Holder::of_log(path) }
    }

    pub(super) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_path_buf();
        match code(&source) {
            Some(ErrorCode::DiskFull) => Self::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::locked(&path),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => Self::Disk { path, why: source.to_string() },
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Why the log cannot be read, or not be believed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A record is missing, or stands twice.
    #[error("{path}: record {expected} is missing, {found} stands in its place")]
    Gap {
        /// Which file.
        path: PathBuf,
        /// The one that should come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// A record, or one before it, was changed.
    #[error("{path}: record {seq} does not follow from what stands before it: it was changed, moved or replaced")]
    Chain {
        /// Which file.
        path: PathBuf,
        /// The first record that does not fit.
        seq: u64,
    },
    /// Records are missing at the end, or were added by another hand.
    #[error("{path}: the log should end with record {expected}, but ends with {found}")]
    End {
        /// Which file.
        path: PathBuf,
        /// What the head says.
        expected: u64,
        /// The last record there.
        found: u64,
    },
    /// A record that this build cannot read; perhaps of a newer one.
    #[error("{path}: record {seq} cannot be read by this build: {why}")]
    Record {
        /// Which file.
        path: PathBuf,
        /// Which record.
        seq: u64,
        /// In the parser's words.
        why: String,
    },
    /// A record that cannot happen after those before it.
    #[error("{path}: {misfit}")]
    Story {
        /// Which file.
        path: PathBuf,
        /// What does not fit.
        misfit: downbeat_core::incident::Misfit,
    },
    /// Anything of SQLite's; a damaged page, perhaps.
    #[error("{path}: what follows record {after} cannot be read")]
    Sqlite {
        /// Which file.
        path: PathBuf,
        /// The last record that could be.
        after: u64,
        /// Why.
        source: rusqlite::Error,
    },
}

fn code(error: &rusqlite::Error) -> Option<ErrorCode> {
    error.sqlite_error_code()
}
