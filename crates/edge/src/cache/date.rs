//! Dates as HTTP writes them. The wall clock is read for these sums alone; what is fresh is timed by the steady one.

use crate::codec::{Fields, Once};
use std::time::{Duration, Instant, SystemTime};

/// One instant on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) steady: Instant,
    pub(crate) wall: SystemTime,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { steady: Instant::now(), wall: SystemTime::now() }
    }
}

/// A field that holds one date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DateField {
    Absent,
    At(SystemTime),
    /// No date, or several.
    Invalid,
}

impl DateField {
    pub(crate) fn of(fields: &Fields, name: &str) -> Self {
        match fields.once(name) {
            Once::Absent => Self::Absent,
            Once::Single(value) => parse(value).map_or(Self::Invalid, Self::At),
            Once::Several => Self::Invalid,
        }
    }

    /// The date, when it is one.
    pub(crate) const fn known(self) -> Option<SystemTime> {
        match self {
            Self::At(date) => Some(date),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// Reads a date in any of the three forms (RFC 9110, 5.6.7).
pub(crate) fn parse(value: &[u8]) -> Option<SystemTime> {
    std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text).ok())
}

/// Writes a date in the one form that is sent; a clock that was never set says 1970.
pub(crate) fn format(date: SystemTime) -> String {
    httpdate::fmt_http_date(date.max(SystemTime::UNIX_EPOCH))
}

/// How long after `earlier` a date is; nothing when it is not after it.
pub(crate) fn since(later: SystemTime, earlier: SystemTime) -> Duration {
    later.duration_since(earlier).unwrap_or_default()
}
