//! Clients' requests that are sent to a replica because it is looked at more closely ([`look`](crate::choose::look)), and not
//! because it is the best.
//!
//! After one failure or two balancing prefers the others, so clients meet no more of the trouble and the edge learns no more of
//! it; and the health path may be well where the service is not. So for [`LASTS`] from the beginning of a look one request in [`EVERY`]
//! goes there first: only one that may be asked twice, while the replica is not ejected, somebody else is well and the component is not
//! shedding. When a second replica ails meanwhile the trouble is common, and nobody is tapped. A client whom it hits waits for a hedge or a retry. A replica that is well again has its good name back as soon.
//!
//! Read on every request, hence without a lock.

use crate::run::sync::{AtomicMoment, Ticks};
use std::time::Duration;

/// From one such request to the next.
const EVERY: Duration = Duration::from_millis(50);
/// How long a replica is tapped.
const LASTS: Duration = Duration::from_secs(5);

/// When each replica's next tap is due, and until when there are any.
#[derive(Debug)]
pub(crate) struct Taps {
    replicas: Vec<Tap>,
    /// The latest of theirs: nearly always over, and then nothing else is asked.
    until: AtomicMoment,
}

#[derive(Debug, Default)]
struct Tap {
    due: AtomicMoment,
    until: AtomicMoment,
}

impl Taps {
    /// Of so many replicas; none is tapped yet.
    pub(crate) fn new(replicas: usize) -> Self {
        let replicas = std::iter::repeat_with(Tap::default).take(replicas).collect();
        Self { replicas, until: AtomicMoment::default() }
    }

    /// A look at a replica begins.
    pub(crate) fn open(&self, replica: usize, now: Ticks) {
        let is_open = |tap: &Tap| tap.until.get().is_some_and(|until| now < until);
        if self.replicas.iter().enumerate().any(|(other, tap)| other != replica && is_open(tap)) {
            return self.replicas.iter().for_each(|tap| tap.until.set(None));
        }
        let until = now.after(LASTS);
        self.replicas[replica].until.set(Some(until));
        self.replicas[replica].due.set(Some(now));
        self.until.set(Some(until));
    }

    /// True while any replica is tapped.
    pub(crate) fn any(&self, now: Ticks) -> bool {
        self.until.get().is_some_and(|until| now < until)
    }

    /// True when the request at hand is to go to this replica. Of several threads that ask at once one hears so.
    pub(crate) fn take(&self, replica: usize, now: Ticks) -> bool {
        let tap = &self.replicas[replica];
        let is_open = tap.until.get().is_some_and(|until| now < until);
        let due = tap.due.get().filter(|due| is_open && now >= *due);
        due.is_some_and(|due| tap.due.advance(due, now.after(EVERY)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn one_request_in_a_while_as_long_as_the_look_lasts() {
        let start = Instant::now();
        let at = |ms| Ticks::at(start, start + Duration::from_millis(ms));
        let taps = Taps::new(2);
        assert!(!taps.any(at(500)) && !taps.take(1, at(500)));
        taps.open(1, at(1_000));
        let taken: Vec<u64> = (990..7_000).filter(|ms| taps.take(1, at(*ms))).collect();
        assert_eq!((taken.len(), taken[0], taken[1]), (100, 1_000, 1_050), "{taken:?}");
        assert!(taps.any(at(5_999)) && !taps.any(at(6_000)));
        assert!(!taps.take(0, at(1_001)), "the others are not tapped");
        taps.open(1, at(10_000));
        taps.open(0, at(10_500));
        let taken = (10_500..16_000).filter(|ms| taps.take(0, at(*ms)) || taps.take(1, at(*ms))).count();
        assert_eq!(taken, 0, "the trouble is common");
    }
}
