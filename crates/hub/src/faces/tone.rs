//! The tones of every face. A tone chooses colour, icon and shape together, never the colour alone.

use downbeat_core::incident::{Condition, State};

/// How a thing is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// Nothing is known.
    Unknown,
    /// As it should be.
    Good,
    /// Worked on, as was announced.
    Maintenance,
    /// Worth a look.
    Warn,
    /// Broken.
    Bad,
}

impl Tone {
    /// In class names and icon names.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::Maintenance => "maintenance",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl From<Condition> for Tone {
    fn from(condition: Condition) -> Self {
        match condition {
            Condition::Unknown => Self::Unknown,
            Condition::Healthy => Self::Good,
            Condition::Degraded => Self::Warn,
            Condition::Down => Self::Bad,
        }
    }
}

impl From<State> for Tone {
    fn from(state: State) -> Self {
        match state {
            State::Suspected | State::Mitigated | State::Restoring => Self::Warn,
            State::Confirmed => Self::Bad,
            State::Resolved | State::Reviewed => Self::Good,
            State::Dismissed | State::Merged => Self::Unknown,
        }
    }
}

/// A condition in a word for people; no data is said, not shown as down.
pub(crate) const fn condition_title(condition: Condition) -> &'static str {
    match condition {
        Condition::Unknown => "No data",
        Condition::Healthy => "Healthy",
        Condition::Degraded => "Degraded",
        Condition::Down => "Down",
    }
}

/// A share from 0 to 1 as percent, with as many digits as it deserves. Nothing and all are said only of nothing and
/// all.
pub(crate) fn percent(share: f64) -> String {
    match share * 100.0 {
        0.0 => "0 %".into(),
        p if p < 0.01 => "< 0.01 %".into(),
        p if p < 10.0 => format!("{p:.2} %"),
        p if p < 99.0 => format!("{p:.1} %"),
        p if p < 100.0 => format!("{:.2} %", (p * 100.0).floor() / 100.0),
        _ => "100 %".into(),
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate with as many digits as it deserves.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}") } else { format!("{per_second:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_keep_the_digits_that_tell() {
        let table = [
            (0.0, "0 %"),
            (0.000_01, "< 0.01 %"),
            (0.001_2, "0.12 %"),
            (0.146, "14.6 %"),
            (0.999_98, "99.99 %"),
            (1.0, "100 %"),
        ];
        for (share, text) in table {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn thousands_stand_apart() {
        let table = [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")];
        for (number, text) in table {
            assert_eq!(count(number), text);
        }
    }
}
