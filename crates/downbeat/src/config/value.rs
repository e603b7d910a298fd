//! From a value of the file to a value of the program, checked once, here.

use super::fault::Complaint;
use super::spelling;
use downbeat_core::model::{AddressRange, Audience, Day, DayError, Mode, Name, RangeError, Strength};
use downbeat_hub::settings::{ChannelKind, Dialect, MailTls};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use toml::de::DeValue;

/// Longest text that is taken: a passage of a page, not a page.
const TEXT_MAX: usize = 1_000;

/// What can be read from a value of the file.
pub(crate) trait FromValue: Sized {
    /// What to write, with an example: `a duration such as "250ms"`.
    const EXPECTED: &'static str;

    /// Reads a value.
    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint>;
}

/// What is written between quotes in the file.
pub(crate) trait FromText: Sized {
    /// What to write, with an example.
    const EXPECTED: &'static str;
    /// What to tell who wrote something else than a text.
    const HINT: &'static str = "it stands between quotes";

    /// Reads a text.
    fn from_text(text: &str) -> Result<Self, Complaint>;
}

impl<T: FromText> FromValue for T {
    const EXPECTED: &'static str = <T as FromText>::EXPECTED;

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        value.as_str().ok_or_else(|| mismatch::<T>(value).hint(T::HINT)).and_then(T::from_text)
    }
}

/// The complaint about a value of the wrong kind.
pub(crate) fn mismatch<T: FromValue>(value: &DeValue<'_>) -> Complaint {
    unexpected(T::EXPECTED, value)
}

/// The complaint about a value where something else is expected.
pub(crate) fn unexpected(expected: &str, value: &DeValue<'_>) -> Complaint {
    let found = match value {
        DeValue::String(_) => "a text".into(),
        DeValue::Integer(number) => format!("the number {}", number.as_str()),
        DeValue::Float(number) => format!("the number {}", number.as_str()),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".into(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    };
    Complaint::new(format!("expected {expected}, found {found}"))
}

/// The complaint about something else than a number or a truth, which stand without quotes.
fn bare(expected: &str, value: &DeValue<'_>) -> Complaint {
    match value {
        DeValue::String(_) => unexpected(expected, value).hint("it stands without quotes"),
        _ => unexpected(expected, value),
    }
}

impl FromValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        value.as_bool().ok_or_else(|| bare(Self::EXPECTED, value))
    }
}

/// Figures are finite and not negative: no quantity of this file is anything else.
impl FromValue for f64 {
    const EXPECTED: &'static str = "a finite number from 0 up, such as 0.5";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let number = match value {
            DeValue::Float(number) => number.as_str().parse::<f64>().ok(),
            DeValue::Integer(_) => Some(whole::<u32>(value, Self::EXPECTED)?.into()),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && number >= 0.0 => Ok(number),
            _ => Err(bare(Self::EXPECTED, value)),
        }
    }
}

macro_rules! whole_numbers {
    ($($kind:ty => $expected:literal),+) => {$(
        impl FromValue for $kind {
            const EXPECTED: &'static str = $expected;

            fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
                whole(value, Self::EXPECTED)
            }
        }
    )+};
}

whole_numbers!(
    u8 => "a whole number from 0 to 255",
    u16 => "a whole number from 0 to 65535",
    u32 => "a whole number from 0 up",
    u64 => "a whole number from 0 up",
    usize => "a whole number from 0 up"
);

fn whole<T: TryFrom<i64>>(value: &DeValue<'_>, expected: &str) -> Result<T, Complaint> {
    let number = value.as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
    number.and_then(|n| T::try_from(n).ok()).ok_or_else(|| bare(expected, value))
}

/// Times, of which one is the least.
impl FromValue for NonZeroU32 {
    const EXPECTED: &'static str = "a whole number from 1 up";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        Self::new(whole(value, Self::EXPECTED)?).ok_or_else(|| bare(Self::EXPECTED, value))
    }
}

impl FromText for Day {
    const EXPECTED: &'static str = "a day such as \"2026-12-25\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        text.parse().map_err(|error: DayError| Complaint::new(format!("{text:?}: {error}")))
    }
}

/// In percent: 0.5, 25, 100.
impl FromValue for Strength {
    const EXPECTED: &'static str = "a share in percent from 0 to 100";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        match f64::from_value(value) {
            Ok(percent) if percent <= 100.0 => Ok(Self::ratio(percent / 100.0)),
            _ => Err(bare(Self::EXPECTED, value)),
        }
    }
}

/// The steps of a ramp.
impl FromValue for Vec<Strength> {
    const EXPECTED: &'static str = "shares in percent such as [1, 10, 100]";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let items = value.as_array().ok_or_else(|| mismatch::<Self>(value))?;
        items.iter().map(|item| Strength::from_value(item.get_ref())).collect()
    }
}

impl FromText for Name {
    const EXPECTED: &'static str = "a name such as \"eu-1\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let hint = "write it such as \"eu-1\"; titles may have spaces, names are for machines";
        Name::new(text).map_err(|error| Complaint::new(error.to_string()).hint(hint))
    }
}

/// A text of one or more characters that prints.
impl FromText for String {
    const EXPECTED: &'static str = "a text between quotes";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let length = text.chars().count();
        match length {
            0 => Err(Complaint::new("the text is empty")),
            _ if length > TEXT_MAX => {
                Err(Complaint::new(format!("the text has {length} characters, at most {TEXT_MAX} are taken")))
            }
            _ if text.chars().any(char::is_control) => Err(Complaint::new("the text has a control character in it")),
            _ => Ok(text.into()),
        }
    }
}

impl FromText for PathBuf {
    const EXPECTED: &'static str = "a path between quotes";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        String::from_text(text).map(Self::from)
    }
}

impl FromText for SocketAddr {
    const EXPECTED: &'static str = "an address such as \"127.0.0.1:8000\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let hint = "write an IP address and a port, such as \"127.0.0.1:8000\"; \"0.0.0.0:8000\" listens everywhere";
        text.parse().map_err(|_| Complaint::new(format!("\"{text}\" is no address to listen on or to ask")).hint(hint))
    }
}

impl FromText for IpAddr {
    const EXPECTED: &'static str = "an IP address such as \"10.0.0.1\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        text.parse().map_err(|_| Complaint::new(format!("\"{text}\" is no IP address")))
    }
}

impl FromText for AddressRange {
    const EXPECTED: &'static str = "addresses such as \"10.0.0.0/8\" or \"10.0.0.1\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        text.parse().map_err(|error: RangeError| {
            Complaint::new(error.to_string()).hint("such as \"10.0.0.0/8\", \"10.0.0.1\" or \"2001:db8::/32\"")
        })
    }
}

impl FromText for Mode {
    const EXPECTED: &'static str = "\"observe\", \"ask\" or \"auto\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("observe", Self::Observe), ("ask", Self::Ask), ("auto", Self::Auto)])
    }
}

impl FromText for Audience {
    const EXPECTED: &'static str = "\"public\", \"on_call\" or \"team\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("public", Self::Public), ("on_call", Self::OnCall), ("team", Self::Team)])
    }
}

impl FromText for Dialect {
    const EXPECTED: &'static str = "a format such as \"downbeat\" or \"slack\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &Self::ALL.map(|dialect| (dialect.word(), dialect)))
    }
}

impl FromText for ChannelKind {
    const EXPECTED: &'static str = "a channel such as \"mail\" or \"webhook\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &Self::ALL.map(|kind| (kind.word(), kind)))
    }
}

impl FromText for MailTls {
    const EXPECTED: &'static str = "\"required\", \"wrapped\" or \"off\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[Self::Required, Self::Wrapped, Self::Off].map(|tls| (tls.word(), tls)))
    }
}

/// One of a few words.
pub(crate) fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Complaint> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| Complaint::new(format!("\"{text}\" is not known here")).hint(spelling::suggest(text, &known)))
}
