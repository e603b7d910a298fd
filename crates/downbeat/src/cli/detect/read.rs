//! Reads a series from CSV: a header with `timestamp` and `value`, in any order, beside any other columns.

use downbeat_core::model::Moment;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A point as it stands in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// The time as it stands there.
    pub(super) written: String,
    pub(super) at: Moment,
    /// `None` for an empty value; what is no number is NaN, which the detector refuses and counts.
    pub(super) value: Option<f64>,
}

/// A file that is no series.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its header lacks a column.
    #[error("{path}: its first line has no column `{column}`")]
    Header {
        /// Which.
        path: PathBuf,
        /// What is missing.
        column: &'static str,
    },
    /// A time that is none.
    #[error("{path}, line {line}: {text:?} is neither an ISO 8601 time nor Unix seconds")]
    Time {
        /// Which.
        path: PathBuf,
        /// Where.
        line: usize,
        /// What stands there.
        text: String,
    },
}

impl ReadError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::File { .. } => None,
            Self::Header { .. } => {
                Some("these lines are enough:\n    timestamp,value\n    2026-01-05T12:00:00Z,42".into())
            }
            Self::Time { .. } => Some("for example 2026-01-05T12:00:00Z, 2026-01-05 12:00:00, or 1767614400".into()),
        }
    }
}

/// The points of a file, in its order.
pub(super) fn rows(path: &Path) -> Result<Vec<Row>, ReadError> {
    let source = |source| ReadError::File { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(source)?;
    parse(path, &String::from_utf8_lossy(&bytes))
}

fn parse(path: &Path, text: &str) -> Result<Vec<Row>, ReadError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate();
    let header = cells(lines.next().map_or("", |(_, line)| line));
    let column = |name: &'static str| {
        let place = header.iter().position(|cell| cell.eq_ignore_ascii_case(name));
        place.ok_or_else(|| ReadError::Header { path: path.to_owned(), column: name })
    };
    let (time, value) = (column("timestamp")?, column("value")?);
    let mut rows = vec![];
    for (number, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let cells = cells(line);
        let text = cells.get(time).copied().unwrap_or_default();
        let at = moment(text).ok_or_else(|| ReadError::Time {
            path: path.to_owned(),
            line: number + 1,
            text: text.to_owned(),
        })?;
        let cell = cells.get(value).copied().unwrap_or_default();
        let value = (!cell.is_empty()).then(|| cell.parse().unwrap_or(f64::NAN));
        rows.push(Row { written: text.to_owned(), at, value });
    }
    Ok(rows)
}

/// The cells of a line; neither times nor figures hold commas, so quotes are only taken off.
fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"').trim()).collect()
}

fn moment(text: &str) -> Option<Moment> {
    let ms = match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() => seconds * 1_000.0,
        Ok(_) => return None,
        Err(_) => instant(text)?.as_millisecond() as f64,
    };
    (0.0..=8e15).contains(&ms).then(|| Moment::from_millis(ms.round() as u64))
}

fn instant(text: &str) -> Option<jiff::Timestamp> {
    if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
        return Some(stamp);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

/// The usual distance between the first points: a file has it written, a live series would have it configured.
pub(super) fn step(rows: &[Row]) -> Duration {
    let pairs = rows.windows(2).take(200);
    let mut apart: Vec<Duration> = pairs.map(|pair| pair[1].at.since(pair[0].at)).filter(|d| !d.is_zero()).collect();
    apart.sort_unstable();
    apart.get(apart.len() / 2).copied().unwrap_or(super::STEP_GUESSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<Row>, String> {
        parse(Path::new("a.csv"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn times_and_values_as_people_write_them() {
        let noon = Moment::from_millis(1_767_614_400_000);
        let rows = [
            ("timestamp,value\n2026-01-05T12:00:00Z,4\n", Some(4.0)),
            ("timestamp,value\n2026-01-05 12:00:00,4\n", Some(4.0)),
            ("timestamp,value\r\n2026-01-05T13:00:00+01:00,4\r\n", Some(4.0)),
            ("timestamp,value\n1767614400,4e0\n", Some(4.0)),
            ("\u{feff}name,Value,Timestamp\na,4,1767614400.0\n", Some(4.0)),
            ("timestamp,value\n1767614400,\n", None),
            ("timestamp,value\n1767614400\n", None),
            ("timestamp,value\n\"1767614400\",\"4\"\n\n", Some(4.0)),
        ];
        for (text, value) in rows {
            let rows = parsed(text).expect("a series");
            assert_eq!(rows.iter().map(|row| (row.at, row.value)).collect::<Vec<_>>(), [(noon, value)], "{text:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_left_to_the_detector() {
        for cell in ["nan", "NaN", "n/a", "--"] {
            let rows = parsed(&format!("timestamp,value\n1,{cell}\n")).expect("a series");
            assert!(rows[0].value.is_some_and(f64::is_nan), "{cell}");
        }
    }

    #[test]
    fn what_is_no_series_is_refused_with_its_place() {
        for (text, said) in [
            ("", "no column `timestamp`"),
            ("timestamp,count\n1,2\n", "no column `value`"),
            ("timestamp,value\n1,2\nyesterday,3\n", "line 3: \"yesterday\""),
            ("timestamp,value\n-5,2\n", "line 2"),
            ("timestamp,value\ninf,2\n", "line 2"),
        ] {
            let error = parsed(text).expect_err("refused");
            assert!(error.contains(said), "{error}");
        }
    }
}
