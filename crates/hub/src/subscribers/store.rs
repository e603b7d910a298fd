//! The file `subscribers.db`: opened by one hub at a time, synced at every commit, and what is deleted in it is overwritten.
//!
//! It lies apart from the log (decision 22): the log keeps every line for ever, an address has to be erasable.

use super::fault::StoreError;
use downbeat_core::model::Moment;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "Dowb": tells our files from other SQLite files.
const APPLICATION_ID: u32 = 0x446F_7762;
/// The steps of the schema, in order; each is run once.
const MIGRATIONS: [&str; 3] = [
    include_str!("../../migrations/subscribers/0001_create_subscribers.sql"),
    include_str!("../../migrations/subscribers/0002_add_language.sql"),
    include_str!("../../migrations/subscribers/0003_create_push_key.sql"),
];
/// How long a locked file is waited for.
const BUSY: Duration = Duration::from_secs(5);

/// The file, open.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
    holder: String,
}

/// How a hub comes to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// At its start: it takes the file over from whoever had it.
    First,
    /// After the disk failed: the file may be another hub's by now, and stays so.
    Again,
}

impl Store {
    /// Opens the file in a data directory, or makes a new one. `holder` is a text that no other hub has.
    pub(super) fn open(data: &Path, holder: &str, entry: Entry) -> Result<Self, StoreError> {
        let path = data.join("subscribers.db");
        let failed = |source| StoreError::File { path: path.clone(), source };
        let connection = connect(&path).map_err(failed)?;
        let found: u32 = connection.query_row("PRAGMA user_version", (), |row| row.get(0)).map_err(failed)?;
        let known = MIGRATIONS.len() as u32;
        if found > known {
            return Err(StoreError::Newer { path, found, known });
        }
        let mut store = Self { path, connection, holder: holder.to_owned() };
        let done = store.migrate(found).and_then(|()| match entry {
            Entry::First => store.take_over(),
            Entry::Again => Ok(()),
        });
        done.map_err(|source| store.fault(source)).map(|()| store)
    }

    fn migrate(&mut self, done: u32) -> rusqlite::Result<()> {
        for (number, sql) in (1_u32..).zip(MIGRATIONS).filter(|(number, _)| *number > done) {
            let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(sql)?;
            transaction.pragma_update(None, "user_version", number)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.commit()?;
        }
        Ok(())
    }

    fn take_over(&mut self) -> rusqlite::Result<()> {
        self.connection.execute("INSERT OR REPLACE INTO tenure VALUES (1, ?1)", [&self.holder]).map(drop)
    }

    /// Changes something, all of it or nothing, as long as the file is this hub's.
    pub(super) fn change<T>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let Self { path, connection, holder } = self;
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let now: String = transaction.query_row("SELECT holder FROM tenure", (), |row| row.get(0))?;
            if now != *holder {
                return Ok(None);
            }
            let done = work(&transaction)?;
            transaction.commit()?;
            Ok(Some(done))
        };
        run().map_err(|source| StoreError::File { path: path.clone(), source })?.ok_or(StoreError::Overtaken)
    }

    /// Looks something up.
    pub(super) fn look<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        work(&self.connection).map_err(|source| self.fault(source))
    }

    /// Takes what was erased out of the write-ahead log as well.
    pub(super) fn shed_traces(&self) -> Result<(), StoreError> {
        self.look(|connection| connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(())))
    }

    pub(super) fn damaged(&self, what: &'static str) -> StoreError {
        StoreError::Damaged { path: self.path.clone(), what }
    }

    fn fault(&self, source: rusqlite::Error) -> StoreError {
        StoreError::File { path: self.path.clone(), source }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A moment as the file has it.
pub(super) fn to_ms(at: Moment) -> i64 {
    i64::try_from(at.as_millis()).unwrap_or(i64::MAX)
}

/// A moment as the file has it; one before 1970 was written by nobody, and counts as the epoch.
pub(super) fn from_ms(ms: i64) -> Moment {
    Moment::from_millis(u64::try_from(ms).unwrap_or(0))
}
