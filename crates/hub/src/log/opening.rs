//! Opening a log: locked, checked from its first line to its last, and made durable anew before anything is added.
//!
//! Nothing but the schema is touched before all of it was believed, so that a log that is refused can still be examined.

use super::chain::Hash;
use super::fault::{OpenError, ReplayError};
use super::holder::Holder;
use super::mark::{self, Mark};
use super::replay::{Head, fold, written_head};
use super::schema;
use super::snapshot::{Snapshot, SnapshotFault, Snapshots};
use super::store::EventLog;
use downbeat_core::incident::{Book, Misfit, Record};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};
use std::fs::{File, Metadata, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a lock of somebody else is waited for. A hub that cannot write tries again by itself, so a longer wait would only
/// keep edges without an answer, and operators without a word of what is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the log lies in a data directory.
pub(super) fn file_in(data: &Path) -> PathBuf {
    data.join("hub.db")
}

/// A log that is locked and open, but not believed yet.
pub(super) struct Opening {
    data: PathBuf,
    path: PathBuf,
    connection: Connection,
    lock: Lock,
}

impl Opening {
    pub(super) fn begin(data: &Path) -> Result<Self, OpenError> {
        make_folder(data).map_err(|source| OpenError::Directory { path: data.into(), source })?;
        let lock = Lock::take(&data.join("hub.lock"))?;
        let path = file_in(data);
        let failed = |source| OpenError::sqlite(&path, source);
        let mut connection = connect(&path).map_err(failed)?;
        // Closing a log that is refused must not tidy up what SQLite made of it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        schema::migrate(&mut connection, &path)?;
        Ok(Self { data: data.into(), path, connection, lock })
    }

    /// The book of the newest snapshot that fits; an empty one when there is none.
    pub(super) fn remembered(&self) -> Result<Book, OpenError> {
        let snapshots = Snapshots::new(&self.data);
        for (seq, path) in snapshots.newest_first().unwrap_or_else(|error| passed_over_all(&error)) {
            match Snapshots::load(&path).and_then(|snapshot| self.fitting(snapshot)) {
                Ok(snapshot) => {
                    tracing::info!(seq, digest = %snapshot.digest, "goes on from a snapshot");
                    return Ok(snapshot.book);
                }
                Err(fault) => tracing::warn!(path = %path.display(), %fault, "a snapshot is passed over"),
            }
        }
        Ok(Book::default())
    }

    fn fitting(&self, snapshot: Snapshot) -> Result<Snapshot, SnapshotFault> {
        let there = written_head(&self.connection, snapshot.head.seq).unwrap_or(None);
        let fits = there == Some(snapshot.head);
        if fits { Ok(snapshot) } else { Err(SnapshotFault::OtherLog { seq: snapshot.head.seq }) }
    }

    /// Checks the whole chain, hands what follows record `after` to `each`, and makes sure that all of it is on the disk.
    pub(super) fn finish<F>(self, after: u64, each: F) -> Result<EventLog, OpenError>
    where
        F: FnMut(&Record) -> Result<(), Misfit> + Send,
    {
        let Self { data, path, connection, mut lock } = self;
        lock.log = Place::at(&path);
        let head = fold(&connection, &path, after, each)?;
        check_nothing_lost(&data, &connection, head)?;
        let failed = |source| OpenError::sqlite(&path, source);
        if rewrite(&connection).map_err(failed)? == Rewritten::InPart {
            tracing::warn!(path = %path.display(), "somebody reads the log: it is not written anew at this start");
        }
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(failed)?;
        let mark = Mark::open(&data).map_err(|source| OpenError::Directory { path: data.join(mark::FILE), source })?;
        mark.set(head);
        Ok(EventLog::sound(path, connection, head, (mark, lock)))
    }
}

fn passed_over_all(error: &std::io::Error) -> Vec<(u64, PathBuf)> {
    tracing::warn!(%error, "all snapshots are passed over: their folder cannot be read");
    Vec::new()
}

/// D3: whatever the mark or a snapshot knows to have been acknowledged has to be there still.
pub(super) fn check_nothing_lost(data: &Path, connection: &Connection, head: Head) -> Result<(), OpenError> {
    let path = file_in(data);
    for (seq, hash, known) in known_elsewhere(data) {
        if seq > head.seq {
            return Err(OpenError::Lost { path, known, acknowledged: seq, found: head.seq });
        }
        let lost = |source| ReplayError::Sqlite { path: path.clone(), after: head.seq, source };
        let there = written_head(connection, seq).map_err(lost)?.map(|head| head.hash);
        if known.ends_with(mark::FILE) && there != Some(hash) {
            return Err(ReplayError::Chain { path, seq }.into());
        }
    }
    Ok(())
}

/// What is known of acknowledged records outside the log: which, its hash, and who knows.
fn known_elsewhere(data: &Path) -> Vec<(u64, Hash, PathBuf)> {
    let marked = Mark::read(data).map(|(seq, hash)| (seq, hash, data.join(mark::FILE)));
    let newest = Snapshots::new(data).newest_first().unwrap_or_default();
    let saved = newest.into_iter().filter_map(|(seq, path)| {
        let head = Snapshots::title(&path).ok()?;
        (head.seq == seq).then_some((seq, head.hash, path))
    });
    marked.into_iter().chain(saved).collect()
}

/// Makes a data directory whose name outlives a power cut: the folders above it are synced.
fn make_folder(data: &Path) -> std::io::Result<()> {
    let data = std::path::absolute(data)?;
    let missing: Vec<&Path> = data.ancestors().take_while(|folder| !folder.exists()).collect();
    std::fs::create_dir_all(&data)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Held for as long as the log is open; the operating system lets go of it when the process dies. It remembers which files
/// it and the log are, for a lock on a file that was removed keeps nobody out.
///
/// It is given back aloud, not by closing the file alone: a child between its fork and its exec has the file open
/// too, and would hold a stopped hub's lock against the next one.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
    log: Option<Place>,
}

/// A file, whatever its name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    device: u64,
    number: u64,
}

impl Place {
    fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }

    fn at(path: &Path) -> Option<Self> {
        std::fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

impl Lock {
    fn take(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Lock { path: path.into(), source };
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file, path: path.into(), log: None }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into(), holder: Holder::of_file(path) }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// True while the lock and the log are the files that lie at their names.
    pub(super) fn is_in_place(&self, log: &Path) -> bool {
        let own = self.file.metadata().ok().map(|metadata| Place::of(&metadata));
        own.is_some() && Place::at(&self.path) == own && self.log.is_some() && Place::at(log) == self.log
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be given back ends with the process.
        drop(self.file.unlock());
    }
}

/// Whether everything there is has been written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rewritten {
    Whole,
    /// Somebody reads the log just now.
    InPart,
}

/// Writes everything in the write-ahead log into the database, syncs it, and begins the write-ahead log anew.
///
/// After a sync that failed, what can still be read may not be on the disk, and another sync of the same bytes proves
/// nothing (invariant D2). Neither a reopened file nor a new process can tell; so whatever is there is written again.
pub(super) fn rewrite(connection: &Connection) -> rusqlite::Result<Rewritten> {
    let busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(if busy { Rewritten::InPart } else { Rewritten::Whole })
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    begin_write_ahead(&connection)?;
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// SQLite answers "wal" before it has written so. Only after that answer does it say whether the disk took it; with the
/// rollback journal that it else stays with, a power cut may undo a commit that was acknowledged.
fn begin_write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut answers = statement.query([])?;
    let mut mode = String::new();
    while let Some(answer) = answers.next()? {
        mode = answer.get(0)?;
    }
    if mode == "wal" {
        return Ok(());
    }
    let why = format!("the write-ahead log cannot be begun: the journal's mode stays {mode}");
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR), Some(why)))
}
