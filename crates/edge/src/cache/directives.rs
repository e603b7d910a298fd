//! `Cache-Control` of requests and answers, read into types (RFC 9111, 5.2; RFC 5861; RFC 8246).
//!
//! What restricts is read generously, what permits strictly: a directive with a listed argument (`no-cache="a"`)
//! counts as the one without, and a number that is none counts as one that allows nothing.

use crate::codec::{Fields, decimal};
use std::time::Duration;

/// Longest time that a directive can say: what does not fit is read as this (RFC 9111, 1.2.2).
pub(crate) const SECONDS_MAX: u64 = 1 << 31;

/// A directive that is there or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    NoStore = 1,
    NoCache = 1 << 1,
    Private = 1 << 2,
    Public = 1 << 3,
    /// Also for `proxy-revalidate`, which is the same for a shared cache.
    MustRevalidate = 1 << 4,
    MustUnderstand = 1 << 5,
    Immutable = 1 << 6,
    OnlyIfCached = 1 << 7,
}

/// The words that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Words(u8);

impl Words {
    pub(crate) const fn has(self, word: Word) -> bool {
        self.0 & word as u8 != 0
    }

    fn add(&mut self, word: Word) {
        self.0 |= word as u8;
    }
}

/// A directive with a number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Seconds {
    #[default]
    Absent,
    Said(u64),
    /// No number, or two that differ.
    Invalid,
}

impl Seconds {
    /// The time; none when it was not said, or not understood.
    pub(crate) fn time(self) -> Option<Duration> {
        match self {
            Self::Said(seconds) => Some(Duration::from_secs(seconds)),
            Self::Absent | Self::Invalid => None,
        }
    }

    fn take(&mut self, argument: Option<&[u8]>) {
        let said = argument.and_then(seconds).map_or(Self::Invalid, Self::Said);
        *self = match *self {
            Self::Absent => said,
            same if same == said => same,
            _ => Self::Invalid,
        };
    }
}

fn seconds(digits: &[u8]) -> Option<u64> {
    let numeric = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    numeric.then(|| decimal(digits).unwrap_or(SECONDS_MAX).min(SECONDS_MAX))
}

/// What an answer says of its reuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct AnswerDirectives {
    pub(crate) words: Words,
    pub(crate) max_age: Seconds,
    pub(crate) s_maxage: Seconds,
    pub(crate) while_revalidating: Seconds,
    pub(crate) on_error: Seconds,
}

impl AnswerDirectives {
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut read = Self::default();
        each(fields, |name, argument| match name {
            "no-store" => read.words.add(Word::NoStore),
            "no-cache" => read.words.add(Word::NoCache),
            "private" => read.words.add(Word::Private),
            "public" => read.words.add(Word::Public),
            "must-revalidate" | "proxy-revalidate" => read.words.add(Word::MustRevalidate),
            "must-understand" => read.words.add(Word::MustUnderstand),
            "immutable" => read.words.add(Word::Immutable),
            "max-age" => read.max_age.take(argument),
            "s-maxage" => read.s_maxage.take(argument),
            "stale-while-revalidate" => read.while_revalidating.take(argument),
            "stale-if-error" => read.on_error.take(argument),
            _ => {}
        });
        read
    }
}

/// What a client wishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Wishes {
    pub(crate) words: Words,
    pub(crate) max_age: Seconds,
    pub(crate) min_fresh: Seconds,
    pub(crate) max_stale: Seconds,
    pub(crate) on_error: Seconds,
}

impl Wishes {
    pub(crate) fn of(fields: &Fields) -> Self {
        let mut read = Self::default();
        each(fields, |name, argument| match name {
            "no-store" => read.words.add(Word::NoStore),
            "no-cache" => read.words.add(Word::NoCache),
            "only-if-cached" => read.words.add(Word::OnlyIfCached),
            "max-age" => read.max_age.take(argument),
            "min-fresh" => read.min_fresh.take(argument),
            // Without a number: however stale it is.
            "max-stale" => read.max_stale.take(argument.or(Some(b"2147483648"))),
            "stale-if-error" => read.on_error.take(argument),
            _ => {}
        });
        // What clients older than Cache-Control say (RFC 7234, 5.4).
        if fields.get("cache-control").is_none() && fields.lists("pragma", "no-cache") {
            read.words.add(Word::NoCache);
        }
        read
    }
}

impl Wishes {
    /// True when the client has no wish that makes its request differ from others.
    pub(crate) fn are_none(&self) -> bool {
        self.words == Words::default() && self.max_age == Seconds::Absent && self.min_fresh == Seconds::Absent
    }
}

/// Calls with each directive: its name in lower case, and its argument without quotes.
fn each(fields: &Fields, mut call: impl FnMut(&str, Option<&[u8]>)) {
    for value in fields.all("cache-control") {
        for item in items(value) {
            let (name, argument) = match item.iter().position(|b| *b == b'=') {
                Some(at) => (&item[..at], Some(unquoted(&item[at + 1..]))),
                None => (item, None),
            };
            let name = name.trim_ascii().to_ascii_lowercase();
            if let Ok(name) = std::str::from_utf8(&name) {
                call(name, argument);
            }
        }
    }
}

/// The parts between commas, where a quoted comma is none.
pub(crate) fn items(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |byte| {
        let literal = std::mem::take(&mut escaped);
        match byte {
            b'"' if !literal => quoted = !quoted,
            b'\\' if quoted && !literal => escaped = true,
            _ => {}
        }
        *byte == b',' && !quoted
    });
    parts.map(<[u8]>::trim_ascii).filter(|part| !part.is_empty())
}

fn unquoted(argument: &[u8]) -> &[u8] {
    argument.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(argument)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::testing::fields;

    fn answer(value: &str) -> AnswerDirectives {
        AnswerDirectives::of(&fields(&format!("Cache-Control: {value}")))
    }

    #[test]
    fn numbers_of_seconds() {
        use Seconds::{Absent, Invalid, Said};
        let table = [
            ("public", Absent),
            ("max-age=60", Said(60)),
            ("MAX-AGE=60", Said(60)),
            ("max-age=007", Said(7)),
            ("max-age=\"60\"", Said(60)),
            ("foo, max-age=60 ,", Said(60)),
            ("max-age=60|Cache-Control: max-age=60", Said(60)),
            ("max-age=99999999999", Said(SECONDS_MAX)),
            ("max-age=99999999999999999999999", Said(SECONDS_MAX)),
            ("max-age=60, max-age=61", Invalid),
            ("max-age=60|Cache-Control: max-age=1", Invalid),
            ("max-age", Invalid),
            ("max-age=", Invalid),
            ("max-age=-1", Invalid),
            ("max-age=1.5", Invalid),
            ("max-age=60s", Invalid),
            ("max-age= 60", Invalid),
            ("max-age='60'", Invalid),
            ("ext=\"a, max-age=60\"", Absent),
            ("ext=\"\\\", max-age=60\"", Absent),
            ("ext=\"max-age=60\", max-age=1", Said(1)),
        ];
        for (value, expected) in table {
            assert_eq!(answer(value).max_age, expected, "{value}");
        }
    }

    #[test]
    fn words_with_and_without_arguments() {
        for (value, word) in [
            ("no-store", Word::NoStore),
            ("No-Store=\"x\"", Word::NoStore),
            ("no-cache=\"set-cookie, a\", max-age=9", Word::NoCache),
            ("private=a", Word::Private),
            ("proxy-revalidate", Word::MustRevalidate),
        ] {
            assert!(answer(value).words.has(word), "{value}");
        }
        assert_eq!(answer("no-storee, x-private").words, Words::default());
    }

    #[test]
    fn wishes_of_old_and_new_clients() {
        let pragma = Wishes::of(&fields("Pragma: no-cache"));
        assert!(pragma.words.has(Word::NoCache));
        let overruled = Wishes::of(&fields("Pragma: no-cache|Cache-Control: max-age=5"));
        assert!(!overruled.words.has(Word::NoCache));
        let wishes = Wishes::of(&fields("Cache-Control: max-stale, min-fresh=3"));
        assert_eq!((wishes.max_stale, wishes.min_fresh), (Seconds::Said(SECONDS_MAX), Seconds::Said(3)));
    }
}
