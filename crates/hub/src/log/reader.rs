//! Reading a log beside its writer, or without one: pages for the API, and the verbs of `downbeat log`.

use super::fault::{OpenError, ReplayError};
use super::replay::{Head, Replay, parse, rows_after};
use super::schema;
use super::store::file_in;
use downbeat_core::incident::Record;
use rusqlite::{Connection, OpenFlags};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most lines of one page.
pub const PAGE_MAX: usize = 1_000;

/// Reads the log of a data directory and changes nothing. Each call opens the file for itself, so that a
/// reader holds nothing up. Blocks: asynchronous callers use a blocking thread.
#[derive(Debug, Clone)]
pub struct LogReader {
    path: PathBuf,
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read or believed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The receiver of an export would not take it.
    #[error("cannot write the export")]
    Write(#[from] std::io::Error),
}

impl LogReader {
    /// Reads the log of this data directory.
    pub fn new(data: &Path) -> Self {
        Self { path: file_in(data) }
    }

    /// Up to `most` records behind `seq`, at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read.
    pub fn after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        let connection = self.connect()?;
        let rows = rows_after(&connection, seq, most.min(PAGE_MAX))
            .map_err(|source| ReplayError::Sqlite { path: self.path.clone(), source })?;
        Ok(rows.iter().map(|row| parse(row, &self.path)).collect::<Result<_, _>>()?)
    }

    /// Checks every line against the chain, and the end against the head (invariant D5).
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit.
    pub fn verify(&self) -> Result<Head, ReadError> {
        self.replay(|_| Ok(()))
    }

    /// Hands every record to `each`, in order, and returns the end.
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit, or what `each` says.
    pub fn replay<F>(&self, mut each: F) -> Result<Head, ReadError>
    where
        F: FnMut(&Record) -> Result<(), ReadError>,
    {
        let connection = self.connect()?;
        // One read transaction: lines that the hub writes meanwhile stay out of sight, head and lines agree.
        let view = connection
            .unchecked_transaction()
            .map_err(|source| ReplayError::Sqlite { path: self.path.clone(), source })?;
        let mut replay = Replay::new(&view, &self.path);
        for record in &mut replay {
            each(&record?)?;
        }
        Ok(replay.head())
    }

    /// Writes every record as a line of JSON, checking the chain on the way.
    ///
    /// # Errors
    /// [`ReadError`] as for [`LogReader::verify`], or when `out` takes no more.
    pub fn export(&self, out: &mut dyn Write) -> Result<Head, ReadError> {
        self.replay(|record| {
            serde_json::to_writer(&mut *out, record).map_err(std::io::Error::from)?;
            Ok(out.write_all(b"\n")?)
        })
    }

    fn connect(&self) -> Result<Connection, ReadError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            Ok(connection)
        };
        let connection = open().map_err(|source| OpenError::sqlite(&self.path, source))?;
        schema::check(&connection, &self.path)?;
        Ok(connection)
    }
}
