//! Reading the log from its beginning, believing no line that does not follow from those before.

use super::chain::Hash;
use super::fault::ReplayError;
use downbeat_core::incident::{Event, Misfit, Record};
use downbeat_core::model::Moment;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row};
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

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
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) seq: u64,
    pub(super) at: Moment,
    pub(super) body: &'a str,
    hash: Option<Hash>,
}

impl<'a> Line<'a> {
    /// `None` for a row that has other kinds of values than ours.
    fn of(row: &'a Row<'_>) -> rusqlite::Result<Option<Self>> {
        let (ValueRef::Text(body), ValueRef::Blob(hash)) = (row.get_ref(2)?, row.get_ref(3)?) else {
            return Ok(None);
        };
        let Ok(body) = std::str::from_utf8(body) else { return Ok(None) };
        let (seq, at) = (row.get::<_, i64>(0)? as u64, Moment::from_millis(row.get::<_, i64>(1)? as u64));
        Ok(Some(Self { seq, at, body, hash: Hash::from_slice(hash) }))
    }

    /// The line as a record.
    pub(super) fn record(&self, path: &Path) -> Result<Record, ReplayError> {
        let unreadable =
            |error: serde_json::Error| ReplayError::Record { path: path.into(), seq: self.seq, why: error.to_string() };
        let event: Event = serde_json::from_str(self.body).map_err(unreadable)?;
        Ok(Record { seq: self.seq, at: self.at, event })
    }

    fn follows(&self, head: Head, path: &Path) -> Result<Head, ReplayError> {
        let expected = head.seq + 1;
        if self.seq != expected {
            return Err(ReplayError::Gap { path: path.into(), expected, found: self.seq });
        }
        let hash = head.hash.then(self.seq, self.at, self.body);
        if self.hash != Some(hash) {
            return Err(ReplayError::Chain { path: path.into(), seq: self.seq });
        }
        Ok(Head { seq: self.seq, hash, at: self.at })
    }
}

/// Hands every line up to record `until` to `each`, in order, after checking it against the chain; returns the last one's
/// head. A walk to the end checks the end as well. Memory stays flat however long the log is.
pub(super) fn walk<E, F>(connection: &Connection, path: &Path, until: u64, mut each: F) -> Result<Head, E>
where
    E: From<ReplayError>,
    F: FnMut(&Line<'_>, Head) -> Result<(), E>,
{
    let mut head = Head::EMPTY;
    let lost = |head: Head, source| ReplayError::Sqlite { path: path.into(), after: head.seq, source };
    let mut query = connection
        .prepare("SELECT seq, at_ms, event, hash FROM events WHERE seq <= ?1 ORDER BY seq")
        .map_err(|source| lost(head, source))?;
    let mut rows = query.query([signed(until)]).map_err(|source| lost(head, source))?;
    while let Some(row) = rows.next().map_err(|source| lost(head, source))? {
        let line = Line::of(row).map_err(|source| lost(head, source))?;
        let line = line.ok_or_else(|| ReplayError::Chain { path: path.into(), seq: head.seq + 1 })?;
        head = line.follows(head, path)?;
        each(&line, head)?;
    }
    if head.seq < until {
        check_end(connection, path, head)?;
    }
    Ok(head)
}

/// Lines that go to the folding thread at a time.
const BATCH: usize = 256;
/// Batches that may wait for it: memory stays flat.
const BATCHES_MAX: usize = 8;

/// A line that outlives its row.
struct Kept {
    seq: u64,
    at: Moment,
    body: String,
}

/// Why a walk ends whose lines are folded elsewhere.
enum Ended {
    /// The log is not sound.
    Unsound(ReplayError),
    /// Who folds has come to something that does not fit, and says so itself.
    NobodyFolds,
}

impl From<ReplayError> for Ended {
    fn from(error: ReplayError) -> Self {
        Self::Unsound(error)
    }
}

/// Walks the whole log and hands the records behind `after` to `each`, in order. Parsing and folding take as long as reading and
/// hashing, so they have a thread of their own.
pub(super) fn fold<F>(connection: &Connection, path: &Path, after: u64, mut each: F) -> Result<Head, ReplayError>
where
    F: FnMut(&Record) -> Result<(), Misfit> + Send,
{
    let mut each = move |line: Kept| {
        let record = Line { seq: line.seq, at: line.at, body: &line.body, hash: None }.record(path)?;
        each(&record).map_err(|misfit| ReplayError::Story { path: path.into(), misfit })
    };
    std::thread::scope(|scope| {
        let (lines, came) = sync_channel::<Vec<Kept>>(BATCHES_MAX);
        let folding = scope.spawn(move || came.into_iter().flatten().try_for_each(&mut each));
        let mut batches = Batches { batch: Vec::new(), lines };
        let walked = walk(connection, path, u64::MAX, |line, _| match line.seq > after {
            true => batches.add(Kept { seq: line.seq, at: line.at, body: line.body.into() }),
            false => Ok(()),
        });
        // What came before a line that is not sound is folded all the same: the first fault is told.
        let rest = batches.send();
        let walked = walked.and_then(|head| rest.map(|()| head));
        drop(batches);
        let folded = folding.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (folded, walked) {
            // It is before anything that the walk came to.
            (Err(misfit), _) => Err(misfit),
            (Ok(()), Ok(head)) => Ok(head),
            (Ok(()), Err(Ended::Unsound(error))) => Err(error),
            (Ok(()), Err(Ended::NobodyFolds)) => unreachable!("who folds ends early only with an error"),
        }
    })
}

/// Lines on their way to the folding thread.
struct Batches {
    batch: Vec<Kept>,
    lines: SyncSender<Vec<Kept>>,
}

impl Batches {
    fn add(&mut self, line: Kept) -> Result<(), Ended> {
        self.batch.push(line);
        if self.batch.len() < BATCH { Ok(()) } else { self.send() }
    }

    fn send(&mut self) -> Result<(), Ended> {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        self.lines.send(batch).map_err(|_| Ended::NobodyFolds)
    }
}

fn check_end(connection: &Connection, path: &Path, head: Head) -> Result<(), ReplayError> {
    let lost = |source| ReplayError::Sqlite { path: path.into(), after: head.seq, source };
    match written_end(connection).map_err(lost)? {
        (seq, _) if seq != head.seq => Err(ReplayError::End { path: path.into(), expected: seq, found: head.seq }),
        (seq, hash) if hash != Some(head.hash) => Err(ReplayError::Chain { path: path.into(), seq }),
        _ => Ok(()),
    }
}

/// What the file says its end is.
pub(super) fn written_end(connection: &Connection) -> rusqlite::Result<(u64, Option<Hash>)> {
    let end = connection
        .query_row("SELECT seq, hash FROM heads", [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    Ok(end.map_or((0, Some(Hash::GENESIS)), |(seq, hash)| (seq as u64, Hash::from_slice(&hash))))
}

/// What stands beside a record, unchecked, if there is one.
pub(super) fn written_head(connection: &Connection, seq: u64) -> rusqlite::Result<Option<Head>> {
    if seq == 0 {
        return Ok(Some(Head::EMPTY));
    }
    let row: Option<(i64, Vec<u8>)> = connection
        .query_row("SELECT at_ms, hash FROM events WHERE seq = ?1", [signed(seq)], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row
        .and_then(|(at, hash)| Some(Head { seq, hash: Hash::from_slice(&hash)?, at: Moment::from_millis(at as u64) })))
}

/// Up to `most` records behind `seq`, in order, unchecked.
pub(super) fn page(connection: &Connection, path: &Path, seq: u64, most: usize) -> Result<Vec<Record>, ReplayError> {
    let lost = |source| ReplayError::Sqlite { path: path.into(), after: seq, source };
    let mut query = connection
        .prepare("SELECT seq, at_ms, event, hash FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .map_err(lost)?;
    let mut rows = query.query((signed(seq), most as i64)).map_err(lost)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next().map_err(lost)? {
        let line = Line::of(row).map_err(lost)?;
        let line = line.ok_or_else(|| ReplayError::Chain { path: path.into(), seq: seq + 1 + records.len() as u64 })?;
        records.push(line.record(path)?);
    }
    Ok(records)
}

/// SQLite's integers are signed; no log reaches 2^63 lines, and a larger question finds nothing.
fn signed(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
