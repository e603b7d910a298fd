//! Virtual time: microseconds since the world began, and the queue of what happens when.

use downbeat_core::model::Moment;
use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::ops::Add;
use std::time::{Duration, Instant};

/// When the world begins on the wall clock, in milliseconds since 1970: a good while ago, so that clocks may jump back.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// Microseconds since the world began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub(crate) struct Time(u64);

impl Time {
    pub(crate) const ZERO: Time = Time(0);

    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000_000)
    }

    pub(crate) const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// How long ago `earlier` was; zero when it is still to come.
    pub(crate) const fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// What the wall clock shows.
    pub(crate) const fn wall(self) -> Moment {
        Moment::from_millis(EPOCH_MS + self.0 / 1_000)
    }

    /// The same on the clock of a process whose world began at `base`.
    pub(crate) fn instant(self, base: Instant) -> Instant {
        base + Duration::from_micros(self.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, span: Duration) -> Time {
        Time(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// What happens when; what is due at the same time happens in the order in which it was planned.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    heap: BinaryHeap<Entry<E>>,
    planned: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Time,
    nth: u64,
    what: E,
}

impl<E> Queue<E> {
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::with_capacity(256), planned: 0 }
    }

    pub(crate) fn plan(&mut self, at: Time, what: E) {
        self.planned += 1;
        self.heap.push(Entry { at, nth: self.planned, what });
    }

    /// The next thing that happens, if it does so before `end`.
    pub(crate) fn next_before(&mut self, end: Time) -> Option<(Time, E)> {
        if self.heap.peek()?.at >= end {
            return None;
        }
        self.heap.pop().map(|entry| (entry.at, entry.what))
    }
}

// The greatest comes out first, so the earliest has to be the greatest.
impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.nth).cmp(&(self.at, self.nth))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_first_and_equals_in_their_order() {
        let mut queue = Queue::new();
        for (at, what) in [(5, 'd'), (1, 'a'), (2, 'b'), (2, 'c'), (9, 'e')] {
            queue.plan(Time::from_secs(at), what);
        }
        let mut seen = String::new();
        while let Some((_, what)) = queue.next_before(Time::from_secs(9)) {
            seen.push(what);
        }
        assert_eq!(seen, "abcd");
    }
}
