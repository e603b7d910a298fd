//! Durations and sizes as people write them: a number and its unit, `250ms`, `64KiB`.

use super::fault::Complaint;
use super::value::FromText;
use std::time::Duration;

/// Longest duration: ten years. Longer ones are slips of the keyboard, and would overflow moments.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 86_400);

const TIME_UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("d", 86_400.0)];
const SIZE_UNITS: [(&str, f64); 7] = [
    ("B", 1.0),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
];

/// A duration above zero: an interval, a timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A number of bytes above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

impl FromText for Duration {
    const EXPECTED: &'static str = "a duration such as \"250ms\"";
    const HINT: &'static str = "a duration carries its unit and stands between quotes: \"250ms\", \"5s\", \"2m\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let seconds = quantity(text, "duration", "250ms", &TIME_UNITS)?;
        match Duration::try_from_secs_f64(seconds) {
            Ok(duration) if duration <= DURATION_MAX => Ok(duration),
            _ => Err(Complaint::new(format!("\"{text}\" is more than ten years"))),
        }
    }
}

impl FromText for Span {
    const EXPECTED: &'static str = <Duration as FromText>::EXPECTED;
    const HINT: &'static str = Duration::HINT;

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let duration = Duration::from_text(text)?;
        if duration < Duration::from_millis(1) {
            return Err(Complaint::new(format!(
                "\"{text}\" is less than a millisecond, the least that makes sense here"
            )));
        }
        Ok(Self(duration))
    }
}

impl FromText for Size {
    const EXPECTED: &'static str = "a size such as \"64KiB\"";
    const HINT: &'static str = "a size carries its unit and stands between quotes: \"64KiB\", \"16MiB\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let bytes = quantity(text, "size", "64KiB", &SIZE_UNITS)?;
        if !(1.0..=1e15).contains(&bytes) {
            return Err(Complaint::new(format!("\"{text}\" is not between one byte and a petabyte")));
        }
        // Exact: the value is whole enough and far below 2^53.
        Ok(Self(bytes.round() as u64))
    }
}

/// Splits the number from the unit and multiplies them.
fn quantity(text: &str, what: &str, example: &str, units: &[(&str, f64)]) -> Result<f64, Complaint> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let Ok(number) = number.parse::<f64>() else {
        let complaint = Complaint::new(format!("\"{text}\" is no {what}"));
        return Err(complaint.hint(format!("write a number and its unit, such as \"{example}\"")));
    };
    let names = units.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    match units.iter().find(|(name, _)| *name == unit) {
        Some((_, factor)) => Ok(number * factor),
        None if unit.is_empty() => {
            let complaint = Complaint::new(format!("\"{text}\" has no unit"));
            Err(complaint.hint(format!("a {what} carries its unit, such as \"{example}\"; the units are {names}")))
        }
        None => Err(Complaint::new(format!("\"{}\" is no unit of a {what}", unit.trim()))
            .hint(format!("the units are {names}, right behind the number: \"{example}\""))),
    }
}

/// A duration as it would be written, in the largest unit that leaves no remainder.
pub(crate) fn duration_text(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(size, _)| millis >= *size && millis.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", millis / size),
        None if millis == 0 => "0s".into(),
        None => format!("{millis}ms"),
    }
}

/// A size as it would be written, in the largest binary unit that leaves no remainder.
pub(crate) fn size_text(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(size, _)| bytes >= *size && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", bytes / size),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_units() {
        let table = [
            ("250ms", Ok(250)),
            ("0.5s", Ok(500)),
            ("2m", Ok(120_000)),
            ("14d", Ok(14 * 86_400_000)),
            ("0s", Ok(0)),
            ("5", Err("\"5\" has no unit")),
            ("5 s", Err("\"s\" is no unit of a duration")),
            ("5sec", Err("\"sec\" is no unit of a duration")),
            ("-5s", Err("\"-5s\" is no duration")),
            ("1.2.3s", Err("\"1.2.3s\" is no duration")),
            ("", Err("\"\" is no duration")),
            ("99999999d", Err("\"99999999d\" is more than ten years")),
        ];
        for (text, expected) in table {
            let read = Duration::from_text(text).map(|d| d.as_millis()).map_err(|c| c.message);
            assert_eq!(read, expected.map_err(String::from), "{text:?}");
        }
        assert!(Span::from_text("0s").is_err());
    }

    #[test]
    fn sizes_carry_units() {
        let table =
            [("64KiB", Some(65_536)), ("1.5MiB", Some(1_572_864)), ("1kB", Some(1_000)), ("64", None), ("0B", None)];
        for (text, expected) in table {
            assert_eq!(Size::from_text(text).ok().map(|s| s.0), expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read() {
        for millis in [0, 1, 250, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000] {
            let duration = Duration::from_millis(millis);
            assert_eq!(Duration::from_text(&duration_text(duration)), Ok(duration));
        }
        for bytes in [1, 1_000, 1_024, 65_536, 1 << 30] {
            assert_eq!(Size::from_text(&size_text(bytes)), Ok(Size(bytes)));
        }
    }
}
