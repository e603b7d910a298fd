//! Reading a log beside its writer, or without one: pages for the API, and the verbs of `downbeat log`.

use super::fault::{OpenError, ReplayError};
use super::opening::{check_nothing_lost, file_in};
use super::replay::{Head, Line, page, walk, written_head};
use super::schema;
use super::snapshot::{SnapshotFault, Snapshots};
use downbeat_core::incident::{Book, Digest, Record};
use rusqlite::{Connection, OpenFlags};
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most lines of one page.
pub const PAGE_MAX: usize = 1_000;

/// Reads the log of a data directory and changes nothing. Each call opens the file for itself, so that a
/// reader holds nothing up. Blocks: asynchronous callers use a blocking thread.
#[derive(Debug, Clone)]
pub struct LogReader {
    data: PathBuf,
    path: PathBuf,
}

/// A log that was read to its end and believed.
#[derive(Debug)]
pub struct Verified {
    /// Its end.
    pub head: Head,
    /// The hash of its fold.
    pub digest: Digest,
    /// Its snapshots, oldest first.
    pub snapshots: Vec<SnapshotSeen>,
}

/// A snapshot as it was found.
#[derive(Debug)]
pub struct SnapshotSeen {
    /// The last record in it.
    pub seq: u64,
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with it, if anything is.
    pub fault: Option<SnapshotFault>,
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
    /// The folder of the snapshots cannot be read.
    #[error("cannot read {path}")]
    Snapshots {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The receiver of an export would not take it.
    #[error("cannot write the export")]
    Write(#[from] std::io::Error),
}

impl LogReader {
    /// Reads the log of this data directory.
    pub fn new(data: &Path) -> Self {
        Self { data: data.into(), path: file_in(data) }
    }

    /// Up to `most` records behind `seq`, at most [`PAGE_MAX`].
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read.
    pub fn after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        Ok(page(&self.connect()?, &self.path, seq, most.min(PAGE_MAX))?)
    }

    /// The record `seq` as the end of the log up to it, if it is there.
    ///
    /// # Errors
    /// [`ReadError`] when the file cannot be read.
    pub fn head_at(&self, seq: u64) -> Result<Option<Head>, ReadError> {
        let lost = |source| ReplayError::Sqlite { path: self.path.clone(), after: seq, source };
        Ok(written_head(&self.connect()?, seq).map_err(lost)?)
    }

    /// Checks every line against the chain, the end against the head, the mark and the snapshots (invariants D3 and D5),
    /// folds the log, and compares each snapshot with the fold (D4).
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit.
    pub fn verify(&self) -> Result<Verified, ReadError> {
        let mut seen: Vec<SnapshotSeen> = Vec::new();
        let files = self.snapshots()?;
        let mut book = Book::default();
        let view = View::of(self)?;
        let head = view.walk(u64::MAX, |line, head| {
            self.fold(&mut book, &line.record(&self.path)?)?;
            for (_, path) in files.iter().filter(|(seq, _)| *seq == line.seq) {
                seen.push(SnapshotSeen { seq: line.seq, path: path.clone(), fault: judge(path, head, &book) });
            }
            Ok::<_, ReadError>(())
        })?;
        check_nothing_lost(&self.data, &view.0, head)?;
        Ok(Verified { head, digest: book.digest(), snapshots: seen })
    }

    /// Hands every record to `each`, in order, and returns the end.
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit, or what `each` says.
    pub fn replay<F>(&self, each: F) -> Result<Head, ReadError>
    where
        F: FnMut(&Record) -> Result<(), ReadError>,
    {
        self.replay_until(u64::MAX, each)
    }

    /// Hands the records up to `until` to `each`, in order, and returns the last one's head.
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit, or what `each` says.
    pub fn replay_until<F>(&self, until: u64, mut each: F) -> Result<Head, ReadError>
    where
        F: FnMut(&Record) -> Result<(), ReadError>,
    {
        View::of(self)?.walk(until, |line, _| each(&line.record(&self.path)?))
    }

    /// Takes a record into a book.
    ///
    /// # Errors
    /// [`ReplayError::Story`] when it cannot happen there.
    pub fn fold(&self, book: &mut Book, record: &Record) -> Result<(), ReadError> {
        Ok(book.apply(record).map_err(|misfit| ReplayError::Story { path: self.path.clone(), misfit })?)
    }

    /// Writes the records of a stretch as lines of JSON, in the words in which they were written, checking the chain from
    /// its beginning on the way.
    ///
    /// # Errors
    /// [`ReadError`] naming the first record that does not fit, or when `out` takes no more.
    pub fn export(&self, stretch: RangeInclusive<u64>, out: &mut dyn Write) -> Result<Head, ReadError> {
        View::of(self)?.walk(*stretch.end(), |line, _| {
            if stretch.contains(&line.seq) {
                writeln!(out, r#"{{"seq":{},"at":{},"event":{}}}"#, line.seq, line.at.as_millis(), line.body)?;
            }
            Ok(())
        })
    }

    fn snapshots(&self) -> Result<Vec<(u64, PathBuf)>, ReadError> {
        let snapshots = Snapshots::new(&self.data).newest_first();
        snapshots.map_err(|source| ReadError::Snapshots { path: self.data.join("snapshots"), source })
    }

    fn connect(&self) -> Result<Connection, ReadError> {
        let failed = |source| OpenError::sqlite(&self.path, source);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        schema::check(&connection, &self.path)?;
        Ok(connection)
    }
}

/// One read transaction: lines that the hub writes meanwhile stay out of sight, head and lines agree.
struct View<'a>(Connection, &'a Path);

impl<'a> View<'a> {
    fn of(reader: &'a LogReader) -> Result<Self, ReadError> {
        let connection = reader.connect()?;
        let begun = connection.execute_batch("BEGIN");
        begun.map_err(|source| OpenError::sqlite(&reader.path, source))?;
        Ok(Self(connection, &reader.path))
    }

    fn walk<F>(&self, until: u64, each: F) -> Result<Head, ReadError>
    where
        F: FnMut(&Line<'_>, Head) -> Result<(), ReadError>,
    {
        walk(&self.0, self.1, until, each)
    }
}

/// What is wrong with a snapshot that ends where the fold stands now.
fn judge(path: &Path, head: Head, book: &Book) -> Option<SnapshotFault> {
    let snapshot = match Snapshots::load(path) {
        Ok(snapshot) => snapshot,
        Err(fault) => return Some(fault),
    };
    if snapshot.head.hash != head.hash {
        return Some(SnapshotFault::OtherLog { seq: head.seq });
    }
    let (fold, found) = (book.digest(), snapshot.digest);
    (fold != found).then_some(SnapshotFault::OtherBook { fold, found })
}
