//! Sets of HTTP statuses: `200`, `"2xx"`, `"200-204"`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Final statuses; one of 100 to 199 ends no answer.
const FINAL: RangeInclusive<u16> = 200..=599;

/// Statuses that are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusSet(Vec<RangeInclusive<u16>>);

/// Why a text is no set of statuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// It has no such form.
    #[error("{0:?} is no status: such as 200, \"2xx\" or \"200-204\"")]
    Form(String),
    /// There is no such status.
    #[error("no answer ends with {0}")]
    Range(u16),
}

impl StatusSet {
    /// All of these together.
    pub fn union(sets: impl IntoIterator<Item = Self>) -> Self {
        Self(sets.into_iter().flat_map(|set| set.0).collect())
    }

    /// One status.
    ///
    /// # Errors
    /// [`StatusError::Range`] for one that ends no answer.
    pub fn one(status: u16) -> Result<Self, StatusError> {
        Self::between(status, status)
    }

    /// True for one of them.
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }

    fn between(first: u16, last: u16) -> Result<Self, StatusError> {
        match [first, last].into_iter().find(|status| !FINAL.contains(status)) {
            Some(odd) => Err(StatusError::Range(odd)),
            None => Ok(Self(vec![first..=last])),
        }
    }
}

/// What an answer has to be when nobody says: anything below 400.
impl Default for StatusSet {
    fn default() -> Self {
        Self(vec![200..=399])
    }
}

impl FromStr for StatusSet {
    type Err = StatusError;

    fn from_str(text: &str) -> Result<Self, StatusError> {
        let form = || StatusError::Form(text.into());
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| Some(text).filter(|t| digits(t)).and_then(|t| t.parse::<u16>().ok()).ok_or_else(form);
        if let Some(hundred) = text.strip_suffix("xx") {
            let hundred = number(hundred).ok().filter(|n| (1..10).contains(n)).ok_or_else(form)?;
            return Self::between(hundred * 100, hundred * 100 + 99);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last)?);
        if first > last { Err(form()) } else { Self::between(first, last) }
    }
}

impl fmt::Display for StatusSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return f.write_str("below 400");
        }
        let word = |range: &RangeInclusive<u16>| match (*range.start(), *range.end()) {
            (first, last) if first == last => first.to_string(),
            (first, last) if first % 100 == 0 && last == first + 99 => format!("{}xx", first / 100),
            (first, last) => format!("{first}-{last}"),
        };
        f.write_str(&self.0.iter().map(word).collect::<Vec<_>>().join(" or "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_read_shown_and_asked() {
        let table = [
            ("200", "200", 200, 201),
            ("2xx", "2xx", 299, 300),
            ("200-204", "200-204", 204, 205),
            ("200-399", "below 400", 304, 400),
        ];
        for (text, shown, right, wrong) in table {
            let set: StatusSet = text.parse().expect(text);
            assert_eq!((set.to_string().as_str(), set.contains(right), set.contains(wrong)), (shown, true, false));
        }
        let set = StatusSet::union(["2xx", "404"].map(|text| text.parse().expect(text)));
        assert_eq!((set.to_string().as_str(), set.contains(404)), ("2xx or 404", true));
        for text in ["", "xx", "20x", "1xx", "6xx", "204-200", "99", "600", "200-", "-200", "+2xx"] {
            assert!(text.parse::<StatusSet>().is_err(), "{text}");
        }
    }
}
