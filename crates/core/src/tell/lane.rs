//! How fast subscribers of one host are told: side by side while it takes what it is sent, one at a time and with growing
//! rests once it does not.
//!
//! Each host has a lane of its own, so one that hangs holds up nobody else: it costs [`Lane::WIDTH`] time-outs once, and then
//! one for each rest. Within a lane, a single address that fails waits by itself ([`retry_after`]), while the others go on.

use crate::model::Moment;
use std::time::Duration;

/// Failures in a row after which a host counts as one that takes nothing.
const TROUBLED_AFTER: u32 = 8;
/// The first rest, doubled with each further failure.
const REST: Duration = Duration::from_secs(2);
/// The longest rest: so soon after its return a host is told again.
const REST_MAX: Duration = Duration::from_secs(60);
/// The first pause of one address, three times as long each time.
const PAUSE: Duration = Duration::from_secs(2);
/// Its longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// So long after it was said, a word is given up.
const STALE_AFTER: Duration = Duration::from_secs(12 * 3_600);

/// How a host has taken what it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lane {
    failures: u32,
    rests_until: Moment,
}

impl Lane {
    /// Messages under way side by side to a host that is well.
    pub const WIDTH: usize = 32;

    /// How many may be under way now.
    pub fn width(&self, now: Moment) -> usize {
        match self.failures {
            0..TROUBLED_AFTER => Self::WIDTH,
            _ if now < self.rests_until => 0,
            _ => 1,
        }
    }

    /// It took one.
    pub fn took(&mut self) {
        *self = Self::default();
    }

    /// It answered, and refused that one for reasons of the address: the host itself is well.
    pub fn refused(&mut self) {
        *self = Self::default();
    }

    /// It did not take one now; `spread` is 0.5 to 1.5, so that not all hosts are met again at once.
    pub fn failed(&mut self, now: Moment, spread: f64) {
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(TROUBLED_AFTER).min(16);
        let rest = REST.saturating_mul(1 << doublings).min(REST_MAX);
        self.rests_until = now + rest.mul_f64(spread);
    }
}

/// When an address that has failed so often is tried again with a word of this age; `None` when it is given up.
pub fn retry_after(failures: u32, age: Duration, spread: f64) -> Option<Duration> {
    let pause = PAUSE.saturating_mul(3u32.saturating_pow(failures.saturating_sub(1).min(16))).min(PAUSE_MAX);
    (age + pause <= STALE_AFTER).then(|| pause.mul_f64(spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_millis(seconds * 1_000)
    }

    #[test]
    fn a_host_that_takes_nothing_is_asked_ever_more_rarely_and_never_given_up() {
        let mut lane = Lane::default();
        for _ in 1..TROUBLED_AFTER {
            lane.failed(at(100), 1.0);
            assert_eq!(lane.width(at(100)), Lane::WIDTH);
        }
        for (now, rest) in [(100, 2), (102, 4), (106, 8), (114, 16), (130, 32), (162, 60), (222, 60)] {
            lane.failed(at(now), 1.0);
            assert_eq!(lane.width(at(now + rest - 1)), 0, "after the failure at {now}");
            assert_eq!(lane.width(at(now + rest)), 1, "after the failure at {now}");
        }
        lane.took();
        assert_eq!(lane.width(at(222)), Lane::WIDTH);
    }

    #[test]
    fn an_address_is_given_up_when_the_word_is_stale() {
        let pauses: Vec<u64> =
            (1..=8).filter_map(|n| retry_after(n, Duration::ZERO, 1.0)).map(|pause| pause.as_secs()).collect();
        assert_eq!(pauses, [2, 6, 18, 54, 162, 486, 600, 600]);
        assert_eq!(retry_after(u32::MAX, Duration::ZERO, 1.0), Some(PAUSE_MAX));
        assert_eq!(retry_after(1, STALE_AFTER, 1.0), None);
    }
}
