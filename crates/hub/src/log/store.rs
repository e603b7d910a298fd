//! The log as a file: `hub.db`, SQLite with a write-ahead log, synced at every commit.
//!
//! What comes back from [`EventLog::append`] is on the disk. It was read back from the very text that was
//! written, so that applying it now and replaying it later cannot differ (invariant D4).

use super::chain::Hash;
use super::fault::{AppendError, OpenError, ReplayError};
use super::replay::{Head, Replay, written_end};
use super::schema;
use downbeat_core::incident::{Event, Record};
use downbeat_core::model::Moment;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a lock of somebody else is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log, open for writing. There is one per data directory.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    connection: Connection,
    head: Head,
    health: Health,
    _lock: Lock,
}

/// Held for as long as the log is open; the operating system lets go of it when the process dies.
///
/// It is given back aloud, not by closing the file alone: a child between its fork and its exec has the file open
/// too, and would hold a stopped hub's lock against the next one.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // What cannot be given back ends with the process.
        drop(self.0.unlock());
    }
}

/// Whether the connection can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Sound,
    /// The disk failed under it: it has to be opened anew.
    Doubtful,
}

impl EventLog {
    /// Opens the log in a data directory, or makes a new one, and hands each record to `each`.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be read to its end, or `each` finds a record that cannot be.
    pub fn open<F>(data: &Path, mut each: F) -> Result<Self, OpenError>
    where
        F: FnMut(&Record) -> Result<(), downbeat_core::incident::Misfit>,
    {
        std::fs::create_dir_all(data).map_err(|source| OpenError::Directory { path: data.into(), source })?;
        let lock = lock(&data.join("hub.lock"))?;
        let path = file_in(data);
        let mut connection = connect(&path).map_err(|source| OpenError::sqlite(&path, source))?;
        schema::migrate(&mut connection, &path)?;
        let mut replay = Replay::new(&connection, &path);
        for record in &mut replay {
            let record = record?;
            each(&record).map_err(|misfit| ReplayError::Story { path: path.clone(), misfit })?;
        }
        let head = replay.head();
        Ok(Self { path, connection, head, health: Health::Sound, _lock: lock })
    }

    /// The end of the log.
    pub fn head(&self) -> Head {
        self.head
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes events in one transaction; they are on the disk when this returns.
    ///
    /// # Errors
    /// [`AppendError`]; none of the events is in the log then.
    pub fn append(&mut self, at: Moment, events: &[Event]) -> Result<Vec<Record>, AppendError> {
        let lines = self.lines(at, events)?;
        self.transact(|transaction| lines.iter().try_for_each(|line| line.insert(transaction)))?;
        if let Some(last) = lines.last() {
            self.head = Head { seq: last.record.seq, hash: last.hash, at: last.record.at };
        }
        Ok(lines.into_iter().map(|line| line.record).collect())
    }

    /// Runs one transaction, after making sure that the log still ends where we left it.
    pub(super) fn transact<F>(&mut self, work: F) -> Result<(), AppendError>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    {
        self.recover()?;
        let outcome = Self::attempt(&mut self.connection, &self.path, self.head, work);
        if let Err(AppendError::Disk { .. }) = outcome {
            self.health = Health::Doubtful;
        }
        outcome
    }

    fn attempt<F>(connection: &mut Connection, path: &Path, head: Head, work: F) -> Result<(), AppendError>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    {
        let failed = |source| AppendError::sqlite(path, source);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let (found, hash) = written_end(&transaction).map_err(failed)?;
        if (found, hash) != (head.seq, Some(head.hash)) {
            return Err(AppendError::Overtaken { path: path.into(), expected: head.seq, found });
        }
        work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn recover(&mut self) -> Result<(), AppendError> {
        if self.health == Health::Doubtful {
            self.connection = connect(&self.path).map_err(|source| AppendError::sqlite(&self.path, source))?;
            self.health = Health::Sound;
        }
        Ok(())
    }

    fn lines(&self, at: Moment, events: &[Event]) -> Result<Vec<Line>, AppendError> {
        let mut head = self.head;
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let line = Line::after(head, at, event)?;
            head = Head { seq: line.record.seq, hash: line.hash, at };
            lines.push(line);
        }
        Ok(lines)
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

/// Where the log lies in a data directory.
pub(super) fn file_in(data: &Path) -> PathBuf {
    data.join("hub.db")
}

/// A line that is about to be written.
struct Line {
    record: Record,
    body: String,
    hash: Hash,
}

impl Line {
    fn after(head: Head, at: Moment, event: &Event) -> Result<Self, AppendError> {
        let unreadable =
            |why: serde_json::Error| AppendError::Unreadable { event: event.headline(), why: why.to_string() };
        let body = serde_json::to_string(event).map_err(unreadable)?;
        let event = serde_json::from_str(&body).map_err(unreadable)?;
        let seq = head.seq + 1;
        let hash = head.hash.then(seq, at, &body);
        Ok(Self { record: Record { seq, at, event }, body, hash })
    }

    fn insert(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let (seq, at) = (self.record.seq as i64, self.record.at.as_millis() as i64);
        transaction
            .prepare_cached("INSERT INTO events (seq, at_ms, event, hash) VALUES (?1, ?2, ?3, ?4)")?
            .execute((seq, at, &self.body, self.hash.as_bytes()))?;
        transaction
            .prepare_cached("INSERT INTO heads (head, seq, hash) VALUES (1, ?1, ?2) ON CONFLICT (head) DO UPDATE SET seq = ?1, hash = ?2")?
            .execute((seq, self.hash.as_bytes()))?;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<Lock, OpenError> {
    let failed = |source| OpenError::Lock { path: path.into(), source };
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.into() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}
