//! The log as a file: `hub.db`, SQLite with a write-ahead log, synced at every commit.
//!
//! What comes back from [`EventLog::append`] is on the disk. It was read back from the very text that was
//! written, so that applying it now and replaying it later cannot differ (invariant D4).

use super::chain::Hash;
use super::fault::{AppendError, OpenError};
use super::mark::Mark;
use super::opening::{Lock, Opening, Rewritten, connect, rewrite};
use super::replay::{Head, written_end};
use downbeat_core::incident::{Book, Event, Misfit, Record};
use downbeat_core::model::Moment;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The log, open for writing. There is one per data directory.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    connection: Connection,
    head: Head,
    health: Health,
    mark: Mark,
    lock: Lock,
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
    pub fn open<F>(data: &Path, each: F) -> Result<Self, OpenError>
    where
        F: FnMut(&Record) -> Result<(), Misfit> + Send,
    {
        Opening::begin(data)?.finish(0, each)
    }

    /// Opens the log in a data directory, or makes a new one, and folds it: from the newest snapshot that fits, else from
    /// its beginning. The chain is checked from its beginning in any case.
    ///
    /// # Errors
    /// [`OpenError`] as for [`EventLog::open`].
    pub fn resume(data: &Path) -> Result<(Self, Book), OpenError> {
        let opening = Opening::begin(data)?;
        let mut book = opening.remembered()?;
        let log = opening.finish(book.last_seq, |record| book.apply(record))?;
        Ok((log, book))
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
            self.mark.set(self.head);
        }
        Ok(lines.into_iter().map(|line| line.record).collect())
    }

    /// Makes sure that the log is still ours and ends where we left it. Whoever was stopped for a while asks before it shows
    /// or does anything.
    ///
    /// # Errors
    /// [`AppendError::is_loss_of_the_log`] when it is somebody else's now; others when that cannot be told.
    pub fn check(&mut self) -> Result<(), AppendError> {
        self.check_place()?;
        match self.health {
            Health::Sound => {
                let read = (&mut self.connection, TransactionBehavior::Deferred);
                Self::attempt(read, &self.path, self.head, |_| Ok(()))
            }
            // The next write finds out.
            Health::Doubtful => Ok(()),
        }
    }

    fn check_place(&self) -> Result<(), AppendError> {
        if self.lock.is_in_place(&self.path) {
            return Ok(());
        }
        Err(AppendError::Displaced { path: self.path.clone() })
    }

    /// Runs one transaction, after making sure that the log still ends where we left it.
    pub(super) fn transact<F>(&mut self, work: F) -> Result<(), AppendError>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    {
        self.check_place()?;
        self.recover()?;
        let write = (&mut self.connection, TransactionBehavior::Immediate);
        let outcome = Self::attempt(write, &self.path, self.head, work);
        if let Err(AppendError::Disk { .. }) = outcome {
            self.health = Health::Doubtful;
        }
        outcome
    }

    fn attempt<F>(
        (connection, behavior): (&mut Connection, TransactionBehavior),
        path: &Path,
        head: Head,
        work: F,
    ) -> Result<(), AppendError>
    where
        F: FnOnce(&Transaction<'_>) -> rusqlite::Result<()>,
    {
        let failed = |source| AppendError::sqlite(path, source);
        let transaction = connection.transaction_with_behavior(behavior).map_err(failed)?;
        let (found, hash) = written_end(&transaction).map_err(failed)?;
        if (found, hash) != (head.seq, Some(head.hash)) {
            return Err(AppendError::Overtaken { path: path.into(), expected: head.seq, found });
        }
        work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)
    }

    fn recover(&mut self) -> Result<(), AppendError> {
        if self.health == Health::Doubtful {
            let failed = |source| AppendError::sqlite(&self.path, source);
            self.connection = connect(&self.path).map_err(failed)?;
            if rewrite(&self.connection).map_err(failed)? == Rewritten::InPart {
                return Err(AppendError::locked(&self.path));
            }
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

    /// A log that was opened and checked.
    pub(super) fn sound(path: PathBuf, connection: Connection, head: Head, (mark, lock): (Mark, Lock)) -> Self {
        Self { path, connection, head, health: Health::Sound, mark, lock }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for EventLog {
    fn drop(&mut self) {
        // SQLite tidies up by the file's name when it closes: where another log lies there now, it would take that one's
        // write-ahead log away.
        if self.check_place().is_err() {
            drop(self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true));
        }
    }
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
