//! What figures were taught, kept for the next process: points and not what became of them, so that a later release may learn
//! otherwise from the same.

use super::{LEARNT_KEPT, LEARNT_MAX};
use downbeat_core::detect::Learnt;
use downbeat_core::model::Moment;
use rusqlite::{Connection, OptionalExtension};
use std::time::Duration;

/// A series that was not taught for so long makes room for others.
const IDLE: Duration = Duration::from_secs(86_400);

/// `slot` is the number of the step modulo the points kept.
pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS learnt (
    series INTEGER NOT NULL,
    slot INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL, -- the step, since 1970
    value REAL NOT NULL,
    PRIMARY KEY (series, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS learnt_series (
    series INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    step_ms INTEGER NOT NULL,
    taught_s INTEGER NOT NULL -- last, since 1970
) STRICT;";

fn seconds(at: Moment) -> i64 {
    (at.as_millis() / 1_000) as i64
}

/// Writes what was taught, within a transaction.
pub(super) fn insert(connection: &Connection, points: &[Learnt]) -> rusqlite::Result<()> {
    for point in points.iter().filter(|point| point.value.is_finite()) {
        let Some(series) = series(connection, point)? else { continue };
        let number = point.at.as_millis() / point.step.as_millis().max(1) as u64;
        let slot = (number % LEARNT_KEPT) as i64;
        connection.prepare_cached("INSERT OR REPLACE INTO learnt VALUES (?1, ?2, ?3, ?4)")?.execute((
            series,
            slot,
            point.at.as_millis() as i64,
            point.value,
        ))?;
    }
    Ok(())
}

/// The number of a series; none when there are too many that are taught.
fn series(connection: &Connection, point: &Learnt) -> rusqlite::Result<Option<i64>> {
    let (key, step_ms) = (point.series.to_string(), point.step.as_millis() as i64);
    let known = connection
        .prepare_cached("UPDATE learnt_series SET taught_s = ?3 WHERE key = ?1 AND step_ms = ?2 RETURNING series")?
        .query_row((&key, step_ms, seconds(point.at)), |row| row.get(0))
        .optional()?;
    if known.is_some() {
        return Ok(known);
    }
    if !make_room(connection, &key, point.at)? {
        return Ok(None);
    }
    connection
        .prepare_cached("INSERT INTO learnt_series (key, step_ms, taught_s) VALUES (?1, ?2, ?3) RETURNING series")?
        .query_row((&key, step_ms, seconds(point.at)), |row| row.get(0))
        .optional()
}

/// Forgets the same series with other steps, and one that nobody teaches any more when there are too many.
fn make_room(connection: &Connection, key: &str, now: Moment) -> rusqlite::Result<bool> {
    let count: i64 = connection.query_row("SELECT count(*) FROM learnt_series", (), |row| row.get(0))?;
    let idle = "SELECT series FROM learnt_series WHERE taught_s < ?1 ORDER BY taught_s LIMIT 1";
    let same = "SELECT series FROM learnt_series WHERE key = ?1";
    let one = |query, parameter: &dyn rusqlite::ToSql| {
        connection.query_row(query, [parameter], |row| row.get::<_, i64>(0)).optional()
    };
    let stale = match one(same, &key)? {
        None if count >= LEARNT_MAX as i64 => one(idle, &seconds(now.before(IDLE)))?,
        same => same,
    };
    if let Some(series) = stale {
        connection.execute("DELETE FROM learnt WHERE series = ?1", [series])?;
        connection.execute("DELETE FROM learnt_series WHERE series = ?1", [series])?;
    }
    Ok(stale.is_some() || count < LEARNT_MAX as i64)
}

/// Hands out everything that was taught, each series in the order of its time.
pub(super) fn select(connection: &Connection, mut take: impl FnMut(&Learnt)) -> rusqlite::Result<()> {
    let known: bool =
        connection.query_row("SELECT count(*) > 0 FROM sqlite_master WHERE name = 'learnt'", (), |row| row.get(0))?;
    if !known {
        // Written by an earlier release.
        return Ok(());
    }
    let mut names = connection.prepare("SELECT series, key, step_ms FROM learnt_series ORDER BY key")?;
    let mut points = connection.prepare("SELECT ended_ms, value FROM learnt WHERE series = ?1 ORDER BY ended_ms")?;
    let names =
        names.query_map((), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)))?;
    for named in names {
        let (series, key, step_ms) = named?;
        // A name that is none any more teaches nobody.
        let Ok(key) = key.parse() else { continue };
        let mut learnt =
            Learnt { series: key, step: Duration::from_millis(step_ms as u64), at: Moment::default(), value: 0.0 };
        let mut rows = points.query([series])?;
        while let Some(row) = rows.next()? {
            learnt.at = Moment::from_millis(row.get::<_, i64>(0)? as u64);
            learnt.value = row.get(1)?;
            take(&learnt);
        }
    }
    Ok(())
}
