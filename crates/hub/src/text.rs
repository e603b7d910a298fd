//! Times and titles as text.

use downbeat_core::model::Moment;
use jiff::Timestamp;

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
