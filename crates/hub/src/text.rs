//! Times and titles as text.

use downbeat_core::model::Moment;
use jiff::tz::TimeZone;
use jiff::{Timestamp, civil};

/// Characters that are shown of what is no time.
const TIME_SHOWN: usize = 40;
/// Longest slug.
const SLUG_MAX: usize = 48;

/// `2026-11-22T14:03:08.125Z`.
pub(crate) fn rfc3339(at: Moment) -> String {
    format!("{:.3}", timestamp(at))
}

/// `2026-11-22 14:03:08 UTC`, for people.
pub(crate) fn utc(at: Moment) -> String {
    timestamp(at).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// `2026-11-22`, in UTC.
pub(crate) fn date(at: Moment) -> String {
    timestamp(at).strftime("%Y-%m-%d").to_string()
}

fn timestamp(at: Moment) -> Timestamp {
    let ms = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// A time as programs and people write it: RFC 3339 with its offset, or a date and a time of day, which are UTC then.
///
/// # Errors
/// What would do instead, for people.
pub(crate) fn read_time(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    let civil = |text: &str| {
        let time: civil::DateTime = text.parse().ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    };
    let stamp = text.parse::<Timestamp>().ok().or_else(|| civil(text));
    let ms = stamp.and_then(|stamp| u64::try_from(stamp.as_millisecond()).ok());
    let shown: String = text.chars().take(TIME_SHOWN).collect();
    ms.map(Moment::from_millis).ok_or_else(|| format!("{shown:?} is no time: write it as 2026-11-22T14:00Z"))
}

/// A title as part of a file name: small letters, digits and single hyphens.
pub(crate) fn slug(title: &str) -> String {
    let dashed: String =
        title.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let parts: Vec<&str> = dashed.split('-').filter(|part| !part.is_empty()).collect();
    let slug: String = parts.join("-").chars().take(SLUG_MAX).collect();
    match slug.trim_end_matches('-') {
        "" => "incident".into(),
        slug => slug.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = Moment::from_millis(1_795_356_188_125);
        assert_eq!(utc(at), "2026-11-22 14:03:08 UTC");
        assert_eq!((rfc3339(at).as_str(), date(at).as_str()), ("2026-11-22T14:03:08.125Z", "2026-11-22"));
        assert!(rfc3339(Moment::from_millis(u64::MAX)).starts_with("9999-12-3"));
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        let table = [
            ("2026-11-22T14:03:08.125Z", Some(1_795_356_188_125)),
            ("2026-11-22T15:03:08.125+01:00", Some(1_795_356_188_125)),
            (" 2026-11-22T14:03 ", Some(1_795_356_180_000)),
            ("2026-11-22 14:03", Some(1_795_356_180_000)),
            ("2026-11-22", Some(1_795_305_600_000)),
            ("2026-11-31T14:03", None),
            ("1969-12-31T23:59:59Z", None),
            ("tomorrow", None),
            ("", None),
        ];
        for (text, ms) in table {
            assert_eq!(read_time(text).ok(), ms.map(Moment::from_millis), "{text:?}");
        }
        let long = read_time(&"<b>\u{1b}".repeat(100)).expect_err("no time");
        assert!(long.len() < 200 && !long.contains('\u{1b}'), "{long}");
    }

    #[test]
    fn slugs() {
        let long = "x ".repeat(100);
        let table = [
            ("Playback failing in eu", "playback-failing-in-eu"),
            ("../../etc/passwd", "etc-passwd"),
            ("Störung!", "st-rung"),
            ("", "incident"),
            ("—", "incident"),
        ];
        for (title, expected) in table {
            assert_eq!(slug(title), expected);
        }
        assert!(slug(&long).len() <= SLUG_MAX && !slug(&long).ends_with('-'));
    }
}
