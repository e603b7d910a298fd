//! Values with units, as written on the command line: `8ms`, `1MiB`, `0.3`.
//!
//! Each is checked once, here; past this point a share is a share and a size is a size.

use std::{fmt, str::FromStr, time::Duration};

/// Why a value with a unit could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The text does not start with a number.
    #[error("`{0}` does not start with a number")]
    NoNumber(String),
    /// The unit is none of those accepted here.
    #[error("`{text}` needs a unit, one of: {accepted}")]
    WrongUnit {
        /// What was given.
        text: String,
        /// The accepted units, for the reader.
        accepted: &'static str,
    },
    /// The number is outside of what makes sense here.
    #[error("`{text}` is out of range: {range}")]
    OutOfRange {
        /// What was given.
        text: String,
        /// The range, in words.
        range: &'static str,
    },
}

/// Reads a duration such as `8ms`, `1.5s` or `2m`; at most an hour.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        _ if number == 0.0 && unit.is_empty() => 0.0,
        _ => return Err(UnitError::WrongUnit { text: text.into(), accepted: "us, ms, s, m" }),
    };
    if seconds > 3600.0 {
        return Err(UnitError::OutOfRange { text: text.into(), range: "at most 60m" });
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

impl ByteSize {
    /// So many mebibytes.
    pub const fn mebibytes(count: u64) -> Self {
        Self(count << 20)
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = split_unit(text)?;
        let scale = match unit {
            "B" => 1.0,
            "KiB" => 1024.0,
            "MiB" => 1024.0 * 1024.0,
            "GiB" => 1024.0 * 1024.0 * 1024.0,
            _ => return Err(UnitError::WrongUnit { text: text.into(), accepted: "B, KiB, MiB, GiB" }),
        };
        let bytes = number * scale;
        if !(1.0..=f64::from(u32::MAX) * 1024.0).contains(&bytes) {
            return Err(UnitError::OutOfRange { text: text.into(), range: "1 B to 4096 GiB" });
        }
        Ok(Self(bytes as u64))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            n if n >= 1 << 20 && n.is_multiple_of(1 << 20) => write!(f, "{}MiB", n >> 20),
            n if n >= 1 << 10 && n.is_multiple_of(1 << 10) => write!(f, "{}KiB", n >> 10),
            n => write!(f, "{n}B"),
        }
    }
}

/// A share of events between 0 and 1, kept in millionths so that "exactly this share" has a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    millionths: u64,
}

impl Share {
    /// Whether event number `n` (from 0) belongs to the share. Spread evenly and without dice: of the first
    /// `n` events exactly `floor(n * share)` are picked, whatever `n` is.
    pub fn picks(self, n: u64) -> bool {
        const WHOLE: u128 = 1_000_000;
        let upto = |count: u64| u128::from(count) * u128::from(self.millionths) / WHOLE;
        upto(n.saturating_add(1)) > upto(n)
    }
}

impl FromStr for Share {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let share: f64 = text.parse().map_err(|_| UnitError::NoNumber(text.into()))?;
        if !(0.0..=1.0).contains(&share) {
            return Err(UnitError::OutOfRange { text: text.into(), range: "a share from 0 to 1" });
        }
        Ok(Self { millionths: (share * 1e6).round() as u64 })
    }
}

/// Splits `1.5s` into `1.5` and `s`; negative numbers never carry a unit here.
fn split_unit(text: &str) -> Result<(f64, &str), UnitError> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number = text[..end].parse().map_err(|_| UnitError::NoNumber(text.into()))?;
    Ok((number, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        let rows: &[(&str, Option<Duration>)] = &[
            ("8ms", Some(Duration::from_millis(8))),
            ("1.5s", Some(Duration::from_millis(1500))),
            ("250us", Some(Duration::from_micros(250))),
            ("2m", Some(Duration::from_secs(120))),
            ("0", Some(Duration::ZERO)),
            ("8", None),
            ("ms", None),
            ("-8ms", None),
            ("8 parsecs", None),
            ("1e9s", None),
            ("61m", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse_duration(text).ok(), *expected, "{text}");
        }
    }

    #[test]
    fn sizes_need_a_unit_and_print_as_written() {
        for text in ["1MiB", "64KiB", "19MiB", "17B"] {
            assert_eq!(text.parse::<ByteSize>().map(|s| s.to_string()).as_deref(), Ok(text));
        }
        for text in ["1", "MiB", "0B", "1MB", "-1KiB", "9999999GiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_picks_exactly_its_share() {
        for (text, picked_of_1000) in [("0", 0), ("0.3", 300), ("0.001", 1), ("0.999", 999), ("1", 1000)] {
            let share: Share = text.parse().expect("a share");
            assert_eq!((0..1000).filter(|n| share.picks(*n)).count(), picked_of_1000, "{text}");
        }
        for text in ["1.1", "-0.1", "half", "NaN", ""] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }
}
