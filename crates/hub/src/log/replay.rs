//! Reading the log from its beginning, page by page, believing no line that does not follow from those before.

use super::chain::Hash;
use super::fault::ReplayError;
use downbeat_core::incident::{Event, Record};
use downbeat_core::model::Moment;
use rusqlite::{Connection, OptionalExtension};
use std::collections::VecDeque;
use std::path::Path;

/// Lines read at once: keeps memory bounded however long the log is.
const PAGE: usize = 500;

/// The end of the log: the last record and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last record; 0 when there is none.
    pub seq: u64,
    /// Its hash. Whoever keeps it elsewhere can prove later that nothing was rewritten.
    pub hash: Hash,
    /// When it was written.
    pub at: Moment,
}

impl Head {
    /// The end of an empty log.
    pub const EMPTY: Head = Head { seq: 0, hash: Hash::GENESIS, at: Moment::from_millis(0) };
}

/// One line as it stands in the file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) seq: u64,
    pub(super) at: Moment,
    pub(super) body: String,
    hash: Option<Hash>,
}

/// All records of a log in order, each one checked against the chain. Ends after the first error.
#[derive(Debug)]
pub struct Replay<'a> {
    connection: &'a Connection,
    path: &'a Path,
    page: VecDeque<Row>,
    head: Head,
    is_over: bool,
}

impl<'a> Replay<'a> {
    pub(super) fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self { connection, path, page: VecDeque::new(), head: Head::EMPTY, is_over: false }
    }

    /// The last record given out, with its hash.
    pub fn head(&self) -> Head {
        self.head
    }

    fn step(&mut self) -> Result<Option<Record>, ReplayError> {
        if self.page.is_empty() {
            self.page = rows_after(self.connection, self.head.seq, PAGE).map_err(|source| self.sqlite(source))?;
        }
        match self.page.pop_front() {
            Some(row) => self.believe(row).map(Some),
            None => self.check_end().map(|()| None),
        }
    }

    fn believe(&mut self, row: Row) -> Result<Record, ReplayError> {
        let path = || self.path.to_path_buf();
        let expected = self.head.seq + 1;
        if row.seq != expected {
            return Err(ReplayError::Gap { path: path(), expected, found: row.seq });
        }
        let hash = self.head.hash.then(row.seq, row.at, &row.body);
        if row.hash != Some(hash) {
            return Err(ReplayError::Chain { path: path(), seq: row.seq });
        }
        let record = parse(&row, self.path)?;
        self.head = Head { seq: row.seq, hash, at: row.at };
        Ok(record)
    }

    fn check_end(&self) -> Result<(), ReplayError> {
        let end = written_end(self.connection).map_err(|source| self.sqlite(source))?;
        match end {
            (seq, _) if seq != self.head.seq => {
                Err(ReplayError::End { path: self.path.into(), expected: seq, found: self.head.seq })
            }
            (seq, hash) if hash != Some(self.head.hash) => Err(ReplayError::Chain { path: self.path.into(), seq }),
            _ => Ok(()),
        }
    }

    fn sqlite(&self, source: rusqlite::Error) -> ReplayError {
        ReplayError::Sqlite { path: self.path.into(), source }
    }
}

impl Iterator for Replay<'_> {
    type Item = Result<Record, ReplayError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let item = self.step().transpose();
        self.is_over = !matches!(item, Some(Ok(_)));
        item
    }
}

/// What the file says its end is.
pub(super) fn written_end(connection: &Connection) -> rusqlite::Result<(u64, Option<Hash>)> {
    let end = connection
        .query_row("SELECT seq, hash FROM heads", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    Ok(end.map_or((0, Some(Hash::GENESIS)), |(seq, hash)| (seq as u64, Hash::from_slice(&hash))))
}

/// Up to `most` lines behind `seq`, in order.
pub(super) fn rows_after(connection: &Connection, seq: u64, most: usize) -> rusqlite::Result<VecDeque<Row>> {
    let mut query =
        connection.prepare_cached("SELECT seq, at_ms, event, hash FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    // SQLite's integers are signed; no log reaches 2^63 lines, and a larger question finds nothing.
    let seq = i64::try_from(seq).unwrap_or(i64::MAX);
    let rows = query.query_map((seq, most as i64), |row| {
        Ok(Row {
            seq: row.get::<_, i64>(0)? as u64,
            at: Moment::from_millis(row.get::<_, i64>(1)? as u64),
            body: row.get(2)?,
            hash: Hash::from_slice(&row.get::<_, Vec<u8>>(3)?),
        })
    })?;
    rows.collect()
}

/// A line as a record.
pub(super) fn parse(row: &Row, path: &Path) -> Result<Record, ReplayError> {
    let event: Event = serde_json::from_str(&row.body).map_err(|error| ReplayError::Record {
        path: path.into(),
        seq: row.seq,
        why: error.to_string(),
    })?;
    Ok(Record { seq: row.seq, at: row.at, event })
}
