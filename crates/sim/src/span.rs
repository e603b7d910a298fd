//! Lengths of time as they stand in stories: `"250ms"`, `"12s"`, `"10m"`.

use serde::{Deserialize, Deserializer, de::Error};
use std::time::Duration;

/// Why a text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no length of time; write a whole number and a unit, as in \"250ms\", \"12s\" or \"10m\"")]
pub struct SpanError(String);

/// Reads a whole number with the unit `ms`, `s` or `m`, at most a day.
///
/// # Errors
/// When the text is anything else.
pub fn parse(text: &str) -> Result<Duration, SpanError> {
    let wrong = || SpanError(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let ms_each = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let ms = number.checked_mul(ms_each).filter(|ms| *ms <= 86_400_000).ok_or_else(wrong)?;
    Ok(Duration::from_millis(ms))
}

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// When the text is no length of time.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad_spans() {
        let table = [
            ("250ms", Some(250)),
            ("12s", Some(12_000)),
            ("10m", Some(600_000)),
            ("0s", Some(0)),
            ("12", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("99999999999999999999s", None),
            ("1441m", None),
            ("5h", None),
        ];
        for (text, ms) in table {
            assert_eq!(parse(text).ok(), ms.map(Duration::from_millis), "{text:?}");
        }
    }
}
