//! The file: a ring of points, written without syncing and read beside its writer.

use super::gather::Batch;
use super::learnt;
use super::{
    LEARNT_BYTES, LEARNT_KEPT, LEARNT_MAX, POINT_BYTES, SERIES_MAX, SERVED_BYTES, SERVED_KEPT, SERVED_MAX, Step,
};
use downbeat_core::detect::{Learnt, Met};
use downbeat_core::model::{BudgetId, Indicator, Moment, Name, Policy};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most points of one answer.
const POINTS_MAX: usize = 10_000;
const PAGE_BYTES: u64 = 4_096;

/// `slot` is the number of the step modulo the points kept, so a new point takes the place of the oldest.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS points (
    step_s INTEGER NOT NULL,
    series INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    number INTEGER NOT NULL, -- of the step, since 1970
    attempts INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    slow INTEGER NOT NULL,
    p50_us INTEGER,
    p99_us INTEGER,
    PRIMARY KEY (step_s, series, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series (
    series INTEGER PRIMARY KEY,
    component TEXT NOT NULL,
    region TEXT NOT NULL,
    UNIQUE (component, region)
) STRICT;
CREATE TABLE IF NOT EXISTS served (
    component TEXT NOT NULL,
    slot INTEGER NOT NULL,
    number INTEGER NOT NULL, -- of the minute, since 1970
    total INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (component, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waited (
    component TEXT NOT NULL,
    slot INTEGER NOT NULL,
    number INTEGER NOT NULL, -- of the minute, since 1970
    late_from_us INTEGER NOT NULL, -- what was counted as late
    total INTEGER NOT NULL,
    late INTEGER NOT NULL,
    PRIMARY KEY (component, slot)
) STRICT, WITHOUT ROWID;";

/// Why telemetry cannot be written or read. Nothing else depends on it.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {path}")]
pub struct TelemetryError {
    path: PathBuf,
    source: rusqlite::Error,
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    connection: Connection,
}

fn file_in(data: &Path) -> PathBuf {
    data.join("telemetry.db")
}

/// The most bytes that the file may have, whatever happens.
pub(super) fn bytes_max() -> u64 {
    let points: u64 = Step::ALL.iter().map(|step| step.kept()).sum();
    points * SERIES_MAX as u64 * POINT_BYTES
        + 2 * SERVED_KEPT * SERVED_MAX as u64 * SERVED_BYTES
        + LEARNT_KEPT * LEARNT_MAX as u64 * LEARNT_BYTES
}

impl Store {
    pub(super) fn open(data: &Path) -> Result<Self, TelemetryError> {
        let path = file_in(data);
        let open = || {
            let connection = Connection::open(&path)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            // A power cut may cost what was written last; a kill costs nothing.
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;")?;
            connection.execute_batch(&format!("PRAGMA max_page_count = {};", bytes_max() / PAGE_BYTES))?;
            connection.execute_batch(SCHEMA)?;
            connection.execute_batch(learnt::SCHEMA)?;
            Ok(connection)
        };
        match open() {
            Ok(connection) => Ok(Self { connection, path }),
            Err(source) => Err(TelemetryError { path, source }),
        }
    }

    /// Writes the points of some steps at once.
    pub(super) fn write(&mut self, batches: &[Batch]) -> Result<(), TelemetryError> {
        let written = insert(&mut self.connection, batches);
        written.map_err(|source| TelemetryError { path: self.path.clone(), source })
    }

    /// Writes what figures were taught.
    pub(super) fn teach(&mut self, points: &[Learnt]) -> Result<(), TelemetryError> {
        let mut insert = || {
            let transaction = self.connection.transaction()?;
            learnt::insert(&transaction, points)?;
            transaction.commit()
        };
        insert().map_err(|source| TelemetryError { path: self.path.clone(), source })
    }
}

fn insert(connection: &mut Connection, batches: &[Batch]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for batch in batches {
        for (component, served) in batch.served.iter().take(SERVED_MAX) {
            transaction.prepare_cached("INSERT OR REPLACE INTO served VALUES (?1, ?2, ?3, ?4, ?5)")?.execute((
                component.as_str(),
                (batch.number % SERVED_KEPT) as i64,
                batch.number as i64,
                served.total as i64,
                served.bad as i64,
            ))?;
        }
        for ((component, late_from), waited) in batch.waited.iter().take(SERVED_MAX) {
            transaction.prepare_cached("INSERT OR REPLACE INTO waited VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?.execute((
                component.as_str(),
                (batch.number % SERVED_KEPT) as i64,
                batch.number as i64,
                late_from.as_micros() as i64,
                waited.total as i64,
                waited.bad as i64,
            ))?;
        }
        for ((component, region), sum) in &batch.sums {
            let Some(series) = series(&transaction, component, region)? else { continue };
            let quantile = |q| sum.first_byte.quantile(q).map(|us| us.round() as i64);
            transaction
                .prepare_cached("INSERT OR REPLACE INTO points VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
                .execute((
                    batch.step.seconds() as i64,
                    series,
                    (batch.number % batch.step.kept()) as i64,
                    batch.number as i64,
                    sum.attempts as i64,
                    sum.failed as i64,
                    sum.slow as i64,
                    quantile(0.5),
                    quantile(0.99),
                ))?;
        }
    }
    transaction.commit()
}

/// The number of a series, given at its first point; none when there are too many already.
fn series(connection: &Connection, component: &Name, region: &Name) -> rusqlite::Result<Option<i64>> {
    let names = (component.as_str(), region.as_str());
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO series (component, region)
             SELECT ?1, ?2 WHERE (SELECT count(*) FROM series) < ?3",
        )?
        .execute((names.0, names.1, SERIES_MAX as i64))?;
    let mut query = connection.prepare_cached("SELECT series FROM series WHERE component = ?1 AND region = ?2")?;
    let mut rows = query.query(names)?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Reads the points of a data directory; each call opens the file for itself. Blocks.
#[derive(Debug, Clone)]
pub struct TelemetryReader {
    path: PathBuf,
}

/// Which points are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// How fine.
    pub step: Step,
    /// Of this component; of all when absent.
    pub component: Option<Name>,
    /// In this region; in all when absent.
    pub region: Option<Name>,
    /// Begun at this moment or later.
    pub since: Moment,
    /// At most so many, and never more than 10,000: the oldest of them.
    pub limit: usize,
}

/// What clients met within one minute, as one error budget counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedMinute {
    /// When the minute began.
    pub at: Moment,
    /// Against what it counts.
    pub budget: BudgetId,
    /// What was counted.
    pub met: Met,
}

/// How a component did in a region within one step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// When the step began.
    pub at_ms: Moment,
    /// Which component.
    pub component: String,
    /// Which region.
    pub region: String,
    /// Attempts of edges at the replicas there.
    pub attempts: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those that were slow.
    pub slow: u64,
    /// Half of the first bytes came within so many milliseconds; nothing where edges told no times.
    pub p50_ms: Option<f64>,
    /// 99 of 100 did.
    pub p99_ms: Option<f64>,
}

impl TelemetryReader {
    /// Reads the points of this data directory.
    pub fn new(data: &Path) -> Self {
        Self { path: file_in(data) }
    }

    /// The points wanted, oldest first; none where nothing was written yet.
    ///
    /// # Errors
    /// [`TelemetryError`] when the file cannot be read.
    pub fn points(&self, wanted: &Wanted) -> Result<Vec<Point>, TelemetryError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        select(&self.path, wanted).map_err(|source| TelemetryError { path: self.path.clone(), source })
    }

    /// Hands out what figures were taught, each series in the order of its time; nothing where nothing was written yet.
    ///
    /// # Errors
    /// [`TelemetryError`] when the file cannot be read.
    pub fn learnt(&self, take: impl FnMut(&Learnt)) -> Result<(), TelemetryError> {
        if !self.path.exists() {
            return Ok(());
        }
        let read = readable(&self.path).and_then(|connection| learnt::select(&connection, take));
        read.map_err(|source| TelemetryError { path: self.path.clone(), source })
    }

    /// What clients met, minute by minute from this moment on, the minutes of each budget in their order; none where nothing was
    /// written yet. Answers that were counted against another bound than the policy's are left out.
    ///
    /// # Errors
    /// [`TelemetryError`] when the file cannot be read.
    pub fn served(&self, since: Moment, policy: &Policy) -> Result<Vec<ServedMinute>, TelemetryError> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let of = |indicator| select_served(&self.path, since, indicator, policy);
        let read = of(Indicator::Success).and_then(|served| Ok([served, of(Indicator::Latency)?].concat()));
        read.map_err(|source| TelemetryError { path: self.path.clone(), source })
    }
}

fn select_served(
    path: &Path,
    since: Moment,
    indicator: Indicator,
    policy: &Policy,
) -> rusqlite::Result<Vec<ServedMinute>> {
    let (table, columns) = match indicator {
        Indicator::Success => ("served", "total, failed, 0"),
        Indicator::Latency => ("waited", "total, late, late_from_us"),
    };
    let connection = readable(path)?;
    let known: bool =
        connection.query_row("SELECT count(*) > 0 FROM sqlite_master WHERE name = ?1", [table], |row| row.get(0))?;
    if !known {
        // Written by an earlier release.
        return Ok(Vec::new());
    }
    let mut query = connection.prepare(&format!(
        "SELECT number, component, {columns} FROM {table} WHERE number >= ?1 ORDER BY number, component"
    ))?;
    let first = since.as_millis().div_ceil(60_000) as i64;
    let rows = query.query_map([first], |row| {
        let count = |column| row.get::<_, i64>(column).map(|n| n as u64);
        let late_from = Duration::from_micros(count(4)?);
        let is_promised = |component: &Name| match indicator {
            Indicator::Success => true,
            Indicator::Latency => {
                let latency = policy.objectives.get(component).and_then(|it| it.latency);
                latency.is_some_and(|latency| latency.late_from() == late_from)
            }
        };
        let minute = |component| -> rusqlite::Result<ServedMinute> {
            let at = Moment::from_millis(count(0)? * 60_000);
            let met = Met { total: count(2)?, bad: count(3)? };
            Ok(ServedMinute { at, budget: BudgetId { component, indicator }, met })
        };
        // A name that is none any more has no objective either.
        Name::new(&row.get::<_, String>(1)?).ok().filter(is_promised).map(minute).transpose()
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn readable(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    Ok(connection)
}

fn select(path: &Path, wanted: &Wanted) -> rusqlite::Result<Vec<Point>> {
    let connection = readable(path)?;
    let mut query = connection.prepare(
        "SELECT number, component, region, attempts, failed, slow, p50_us, p99_us FROM points JOIN series USING (series)
         WHERE step_s = ?1 AND number >= ?2 AND component = coalesce(?3, component) AND region = coalesce(?4, region)
         ORDER BY number, component, region LIMIT ?5",
    )?;
    let step_ms = wanted.step.seconds() * 1_000;
    let first = wanted.since.as_millis().div_ceil(step_ms) as i64;
    let names = (wanted.component.as_ref().map(Name::as_str), wanted.region.as_ref().map(Name::as_str));
    let limit = wanted.limit.min(POINTS_MAX) as i64;
    let rows = query.query_map((wanted.step.seconds() as i64, first, names.0, names.1, limit), |row| {
        let count = |column| row.get::<_, i64>(column).map(|n| n as u64);
        let ms = |column| row.get::<_, Option<i64>>(column).map(|us| us.map(|us| us as f64 / 1_000.0));
        Ok(Point {
            at_ms: Moment::from_millis(count(0)? * step_ms),
            component: row.get(1)?,
            region: row.get(2)?,
            attempts: count(3)?,
            failed: count(4)?,
            slow: count(5)?,
            p50_ms: ms(6)?,
            p99_ms: ms(7)?,
        })
    })?;
    rows.collect()
}
