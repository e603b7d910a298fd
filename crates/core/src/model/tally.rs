//! How it went: counts over a stretch of time, and the ways in which something fails.

use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// How a request, an attempt or a check went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Nobody listens at the address.
    Refused,
    /// The connection could not be made in time.
    Unreachable,
    /// The connection was cut before the answer was whole.
    Reset,
    /// No first byte in time: the attempt was given up, or overtaken by a hedge.
    Late,
    /// The body stopped coming.
    Stalled,
    /// An answer of 500 to 599.
    Status,
    /// The answer came and was wrong: a failed condition, an empty playlist, a stranger at the address.
    Wrong,
    /// The name did not resolve.
    Unresolved,
    /// The name resolved to an address that does not answer as the service.
    Misdirected,
    /// The credentials were refused (401, 403).
    Denied,
    /// Refused by the edge itself for want of capacity.
    Shed,
    /// Refused by the edge itself because the client's network is over its limit.
    Limited,
    /// A certificate that is about to expire, has expired, or does not fit.
    Certificate,
    /// Refused by the edge itself because the plan keeps the request's feature out. Edges tell it as [`Self::Shed`]
    /// ([`ClientRow::withheld`](super::ClientRow::withheld)).
    Withheld,
}

impl FailureKind {
    /// All of them, each at the place of its number.
    pub const ALL: [Self; 14] = [
        Self::Refused,
        Self::Unreachable,
        Self::Reset,
        Self::Late,
        Self::Stalled,
        Self::Status,
        Self::Wrong,
        Self::Unresolved,
        Self::Misdirected,
        Self::Denied,
        Self::Shed,
        Self::Limited,
        Self::Certificate,
        Self::Withheld,
    ];

    /// True for failures that a busy machine alone can produce; they count for less a second.
    pub const fn is_soft(self) -> bool {
        matches!(self, Self::Late | Self::Stalled | Self::Unreachable)
    }
}

/// How many failed, by kind: a short list in the order of the kinds, in place while there are no more than two of them. The
/// counts of a minute are sums over very many of these.
///
/// In JSON an object. A kind that is not known here is [`FailureKind::Wrong`]: the later edge that knows it says that it was a
/// failure, and that much is taken from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failures(SmallVec<[(FailureKind, u64); 2]>);

impl Failures {
    /// How many of a kind.
    pub fn of(&self, kind: FailureKind) -> u64 {
        self.place(kind).map_or(0, |place| self.0[place].1)
    }

    /// So many more of a kind.
    pub fn raise(&mut self, kind: FailureKind, by: u64) {
        match self.place(kind) {
            Ok(place) => self.0[place].1 = self.0[place].1.saturating_add(by),
            Err(place) => self.0.insert(place, (kind, by)),
        }
    }

    /// Those of others besides.
    pub fn add(&mut self, others: &Failures) {
        for (kind, n) in &others.0 {
            self.raise(*kind, *n);
        }
    }

    /// Takes a kind out, and tells how many there were.
    pub fn remove(&mut self, kind: FailureKind) -> u64 {
        self.place(kind).map_or(0, |place| self.0.remove(place).1)
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All together.
    pub fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// True when no kind was counted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kinds with their numbers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (FailureKind, u64)> {
        self.0.iter().copied()
    }

    /// The kinds, in their order.
    pub fn kinds(&self) -> impl Iterator<Item = FailureKind> {
        self.0.iter().map(|(kind, _)| *kind)
    }

    fn place(&self, kind: FailureKind) -> Result<usize, usize> {
        let from = self.0.iter().position(|(mine, _)| *mine >= kind).unwrap_or(self.0.len());
        if self.0.get(from).is_some_and(|(mine, _)| *mine == kind) { Ok(from) } else { Err(from) }
    }
}

impl FromIterator<(FailureKind, u64)> for Failures {
    fn from_iter<T: IntoIterator<Item = (FailureKind, u64)>>(counts: T) -> Self {
        let mut failures = Self::default();
        counts.into_iter().for_each(|(kind, n)| failures.raise(kind, n));
        failures
    }
}

impl<const N: usize> From<[(FailureKind, u64); N]> for Failures {
    fn from(counts: [(FailureKind, u64); N]) -> Self {
        counts.into_iter().collect()
    }
}

impl Serialize for Failures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Failures {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let known = |word: &str| {
            let word: StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
            FailureKind::deserialize(word).unwrap_or(FailureKind::Wrong)
        };
        let said = BTreeMap::<String, u64>::deserialize(deserializer)?;
        Ok(said.into_iter().map(|(word, n)| (known(&word), n)).collect())
    }
}

/// Counts over one stretch of time: how many, how many of them slow, how many failed and how.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// All that ended in this stretch, failed ones included.
    #[serde(default)]
    pub total: u64,
    /// Those whose first byte took longer than the component's threshold, failed ones not included.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow: u64,
    /// The failed ones by kind; each request counts under one kind.
    #[serde(default, skip_serializing_if = "Failures::is_empty")]
    pub failures: Failures,
}

impl Tally {
    /// All failures together.
    pub fn failed(&self) -> u64 {
        self.failures.sum()
    }

    /// What the service owed: without refused credentials, clients limited and features kept out on purpose, which are no
    /// failures of it.
    pub fn owed(&self) -> Self {
        let mut owed = self.clone();
        for kind in [FailureKind::Denied, FailureKind::Limited, FailureKind::Withheld] {
            owed.total -= owed.failures.remove(kind);
        }
        owed
    }

    /// Counts one more; `failure` is `None` for one that went well.
    pub fn count(&mut self, failure: Option<FailureKind>) {
        self.total = self.total.saturating_add(1);
        if let Some(kind) = failure {
            self.failures.raise(kind, 1);
        }
    }

    /// Adds another stretch to this one.
    pub fn add(&mut self, other: &Tally) {
        self.total = self.total.saturating_add(other.total);
        self.slow = self.slow.saturating_add(other.slow);
        self.failures.add(&other.failures);
    }
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_failure_stands_at_the_place_of_its_number() {
        for (place, kind) in FailureKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, place);
        }
    }

    proptest! {
        #[test]
        fn failures_are_counted_and_written_like_a_map(counts in prop::collection::vec((0_usize..14, 0_u64..9), 0..20)) {
            let (mut list, mut map) = (Failures::default(), BTreeMap::<FailureKind, u64>::new());
            for (place, n) in counts {
                list.add(&[(FailureKind::ALL[place], n)].into());
                *map.entry(FailureKind::ALL[place]).or_default() += n;
            }
            prop_assert_eq!(serde_json::to_string(&list).ok(), serde_json::to_string(&map).ok());
            prop_assert!(list.kinds().all(|kind| list.of(kind) == map[&kind]));
            let again: Failures = serde_json::from_str(&serde_json::to_string(&map).expect("a map")).expect("read");
            prop_assert_eq!(&again, &list);
            prop_assert_eq!(list.remove(FailureKind::Reset), map.remove(&FailureKind::Reset).unwrap_or(0));
            prop_assert_eq!(list.sum(), map.values().sum::<u64>());
        }
    }
}
