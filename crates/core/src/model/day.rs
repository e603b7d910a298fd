//! A day of the calendar, from midnight to midnight in UTC.

use super::Moment;
use std::fmt;
use std::str::FromStr;

const DAY_MS: u64 = 86_400_000;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// A day (UTC), as `2026-12-25`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(u64);

/// Why a text is no day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a day is year, month and day from 1970 to 9999, such as 2026-12-25")]
pub struct DayError;

impl Day {
    /// The day of a moment.
    pub const fn of(at: Moment) -> Self {
        Self(at.as_millis() / DAY_MS)
    }

    /// Its first moment.
    pub const fn begin(self) -> Moment {
        Moment::from_millis(self.0 * DAY_MS)
    }

    /// Year, month, day. After Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013): years begin in March, so that the
    /// odd day comes last.
    fn parts(self) -> (i64, i64, i64) {
        let days = self.0 as i64 + 719_468;
        let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        (era * 400 + year + i64::from(month <= 2), month, day)
    }

    /// The inverse.
    fn from_parts(year: i64, month: i64, day: i64) -> i64 {
        let year = year - i64::from(month <= 2);
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
        era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else { return Err(DayError) };
        let number = |text: &str, digits: usize| {
            let is_plain = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
            if is_plain { text.parse::<i64>().map_err(|_| DayError) } else { Err(DayError) }
        };
        let days = Self::from_parts(number(year, 4)?, number(month, 2)?, number(day, 2)?);
        // What the calendar does not have comes out as another day.
        let found = u64::try_from(days).map(Self).map_err(|_| DayError)?;
        if found.to_string() == text { Ok(found) } else { Err(DayError) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2026-12-25", 20_812),
            ("2400-12-31", 157_419),
        ] {
            assert_eq!(text.parse(), Ok(Day(days)), "{text}");
            assert_eq!(Day(days).to_string(), text);
        }
        for n in 0..200_000 {
            assert_eq!(Day(n).to_string().parse(), Ok(Day(n)));
        }
    }

    #[test]
    fn what_the_calendar_does_not_have_is_no_day() {
        for text in
            ["2026-02-29", "2026-13-01", "2026-00-10", "1969-12-31", "2026-1-1", "+026-01-01", "2026-12-25T00", ""]
        {
            assert_eq!(text.parse::<Day>(), Err(DayError), "{text}");
        }
    }

    #[test]
    fn a_day_is_from_midnight_to_midnight() {
        let day: Day = "2026-12-25".parse().expect("a day");
        assert_eq!(Day::of(day.begin()), day);
        assert_eq!(Day::of(Moment::from_millis(day.begin().as_millis() + DAY_MS - 1)), day);
        assert_eq!(Day::of(Moment::from_millis(day.begin().as_millis() + DAY_MS)).to_string(), "2026-12-26");
    }
}
