//! Telemetry: how each component did in each region, by the second for an hour, by ten seconds for a day, by the minute for 90
//! days. And what clients of components with an objective met, by the minute for 30 days: a hub that starts fills its error
//! budgets from it; and what the figures that are judged by their past were taught (decision 26): a hub that starts teaches them the
//! same again. Else it is for looking back; nothing is decided from it.
//!
//! It lies in `telemetry.db`, apart from the log: a file of its own, a thread of its own, no syncing. What it cannot write it
//! leaves out and counts; a full disk there costs points, never an event. SQLite and not files of our own, because series come
//! and go with the configuration, and a killed hub has to leave a file that can be read.
//!
//! The file is a ring: a point's place is its time modulo the span kept, so it never grows beyond `POINTS` a series, and at most
//! [`SERIES_MAX`] series: 141,840 points of at most [`POINT_BYTES`] bytes, 5.7 MB a series and 363 MB in all; and
//! 43,200 minutes of at most [`SERVED_BYTES`] bytes, 4.1 MB an objective of a component and 531 MB in all. Memory is
//! three sketches a series.
//!
//! What was taught is a ring as well: [`LEARNT_KEPT`] points of at most [`LEARNT_BYTES`] bytes of [`LEARNT_MAX`] series, 0.8 MB a series
//! and 413 MB in all. A new series takes the place of one that was not taught for a day; where there is none, it is not kept.

mod gather;
mod learnt;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use store::{Point, ServedMinute, TelemetryError, TelemetryReader, Wanted};
pub(crate) use writer::Telemetry;

/// Most series kept, a series being a component in a region: what comes later is left out.
pub const SERIES_MAX: usize = 64;
/// Most bytes of a point in the file, with all that SQLite needs around it.
pub const POINT_BYTES: u64 = 40;

/// Most components whose minutes are kept, for each of the two kinds of objectives.
pub const SERVED_MAX: usize = 64;
/// Minutes kept of each, 30 days.
pub const SERVED_KEPT: u64 = 30 * 24 * 60;
/// Most bytes of such a minute in the file: a long name, and what SQLite needs around it.
pub const SERVED_BYTES: u64 = 96;

/// Most series of which is kept what they were taught.
pub const LEARNT_MAX: usize = 512;
/// Points kept of each: two weeks of minutes.
pub const LEARNT_KEPT: u64 = 14 * 24 * 60;
/// Most bytes of such a point in the file.
pub const LEARNT_BYTES: u64 = 40;

/// How fine points are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// By the second, for an hour.
    Second,
    /// By ten seconds, for a day.
    TenSeconds,
    /// By the minute, for 90 days.
    Minute,
}

impl Step {
    /// All of them, finest first.
    pub const ALL: [Step; 3] = [Self::Second, Self::TenSeconds, Self::Minute];

    /// Its length in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
            Self::Minute => 60,
        }
    }

    /// How many points of a series are kept.
    pub const fn kept(self) -> u64 {
        match self {
            Self::Second => 3_600,
            Self::TenSeconds => 24 * 360,
            Self::Minute => 90 * 24 * 60,
        }
    }

    /// The step of so many seconds.
    pub fn of(seconds: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.seconds() == seconds)
    }
}
