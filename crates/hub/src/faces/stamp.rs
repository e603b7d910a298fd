//! Times for people and for machines: always UTC, always said so.

use downbeat_core::model::Moment;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::time::Duration;

/// A moment that can be written out. What lies beyond the calendar is written as its last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(pub(crate) Moment);

impl Stamp {
    /// `2026-11-22T14:03:08.250Z`, as RFC 3339 and Statuspage's API want it.
    pub(crate) fn iso(self) -> String {
        crate::text::rfc3339(self.0)
    }

    /// `22 Nov 2026, 14:03:08 UTC`.
    pub(crate) fn full(self) -> String {
        self.format("%-d %b %Y, %H:%M:%S UTC")
    }

    /// `22 Nov 2026, 14:03 UTC`, for what people agree upon.
    pub(crate) fn minute(self) -> String {
        self.format("%-d %b %Y, %H:%M UTC")
    }

    /// `22 Nov, 14:03 UTC`, where the second does not matter.
    pub(crate) fn short(self) -> String {
        self.format("%-d %b, %H:%M UTC")
    }

    /// `14:03:08`, where the page says once that its times are UTC.
    pub(crate) fn clock(self) -> String {
        self.format("%H:%M:%S")
    }

    /// `Sun, 22 Nov 2026 14:03:08 GMT`, as mail and RSS want it.
    pub(crate) fn mail(self) -> String {
        self.format("%a, %d %b %Y %H:%M:%S GMT")
    }

    /// `20261122T140308Z`, as calendars want it.
    pub(crate) fn basic(self) -> String {
        self.format("%Y%m%dT%H%M%SZ")
    }

    /// `2026-11`.
    pub(crate) fn month_key(self) -> String {
        self.format("%Y-%m")
    }

    /// `2026-11-22T14:03`, as a form's field for a date and a time wants it.
    pub(crate) fn field(self) -> String {
        self.format("%Y-%m-%dT%H:%M")
    }

    /// The first moment of a day, given as days since 1970-01-01.
    pub(crate) fn of_day(days: i64) -> Self {
        Self(Moment::from_millis(u64::try_from(days).unwrap_or_default().saturating_mul(86_400_000)))
    }

    /// Year, month from 0 to 11, and day.
    pub(crate) fn date(self) -> (i16, usize, i8) {
        let date = TimeZone::UTC.to_datetime(self.timestamp()).date();
        (date.year(), usize::try_from(date.month() - 1).unwrap_or_default(), date.day())
    }

    fn format(self, pattern: &str) -> String {
        self.timestamp().strftime(pattern).to_string()
    }

    fn timestamp(self) -> Timestamp {
        let ms = i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
    }
}

/// A span in the two units that matter: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn span(length: Duration) -> String {
    let s = length.as_secs();
    match s {
        0..10 => format!("{:.1} s", length.as_secs_f64()),
        10..60 => format!("{s} s"),
        60..3_600 => two(s / 60, "min", s % 60, "s"),
        3_600..86_400 => two(s / 3_600, "h", s % 3_600 / 60, "min"),
        _ => two(s / 86_400, "d", s % 86_400 / 3_600, "h"),
    }
}

/// A bound as it is said: `300 ms`, `1.5 s`.
pub(crate) fn short_span(length: Duration) -> String {
    match length.as_millis() {
        ms @ 0..1_000 => format!("{ms} ms"),
        ms => format!("{} s", ms as f64 / 1_000.0),
    }
}

fn two(large: u64, large_unit: &str, small: u64, small_unit: &str) -> String {
    if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let stamp = Stamp(Moment::from_millis(1_795_356_188_250));
        assert_eq!(stamp.iso(), "2026-11-22T14:03:08.250Z");
        assert_eq!(stamp.full(), "22 Nov 2026, 14:03:08 UTC");
        assert_eq!(stamp.short(), "22 Nov, 14:03 UTC");
        assert_eq!((stamp.minute().as_str(), stamp.clock().as_str()), ("22 Nov 2026, 14:03 UTC", "14:03:08"));
        assert_eq!(stamp.mail(), "Sun, 22 Nov 2026 14:03:08 GMT");
        assert_eq!((stamp.basic().as_str(), stamp.field().as_str()), ("20261122T140308Z", "2026-11-22T14:03"));
        assert_eq!((stamp.month_key().as_str(), stamp.date()), ("2026-11", (2026, 10, 22)));
        assert_eq!(Stamp::of_day(20_779).date(), (2026, 10, 22));
    }

    #[test]
    fn moments_beyond_the_calendar_do_not_break_a_page() {
        assert!(Stamp(Moment::from_millis(u64::MAX)).iso().starts_with("9999-"));
    }

    #[test]
    fn bounds_are_said_shortly() {
        for (us, text) in [(300_000, "300 ms"), (311_296, "311 ms"), (1_000_000, "1 s"), (1_500_000, "1.5 s")] {
            assert_eq!(short_span(Duration::from_micros(us)), text);
        }
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let table = [
            (0, "0.0 s"),
            (450, "0.5 s"),
            (12_900, "12 s"),
            (60_000, "1 min"),
            (200_000, "3 min 20 s"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (ms, text) in table {
            assert_eq!(span(Duration::from_millis(ms)), text);
        }
    }
}
