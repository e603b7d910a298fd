//! How many extra attempts a component may make, so that trouble is not multiplied (invariant B5).
//!
//! Over the last ten seconds, extra attempts stay below a tenth of the requests plus a small floor. When exactly one
//! replica is the trouble, the others demonstrably well, the share is a fifth: then the extra attempts are what saves
//! the requests, and the ejection of that replica ends them soon. Source: Finagle's `RetryBudget`, with a ring of
//! one-second buckets instead of a token bucket, so that the bound holds for the ten seconds before each extra attempt:
//! extra attempts are counted over at least ten seconds, requests over at most ten.

use crate::change::site::ReplicaId;
use std::time::Instant;

/// Buckets of one second: ten, and the one that is filled now.
const BUCKETS: usize = 11;
/// Extra attempts allowed for each request.
const SHARE: f64 = 0.1;
/// The same, when one replica alone is the trouble.
const SHARE_LONE: f64 = 0.2;
/// Extra attempts allowed whatever the traffic, over the window.
const FLOOR: f64 = 10.0;

/// Whose trouble the extra attempt is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// One replica alone is failing or silent.
    Lone,
    /// Several are.
    Common,
}

/// The window of one component.
#[derive(Debug)]
pub(crate) struct Budget {
    start: Instant,
    newest: u64,
    requests: [u32; BUCKETS],
    extras: [u32; BUCKETS],
    /// For whom attempts were last made beyond the budget, and in which second.
    forced: Option<(ReplicaId, u64)>,
}

impl Budget {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, newest: 0, requests: [0; BUCKETS], extras: [0; BUCKETS], forced: None }
    }

    /// So many requests came.
    pub(crate) fn request(&mut self, times: u32, now: Instant) {
        let bucket = self.turn(now);
        self.requests[bucket] = self.requests[bucket].saturating_add(times);
    }

    /// Takes extra attempts out of the budget: as many as are there of those wished for.
    pub(crate) fn take(&mut self, trouble: Trouble, wished: u32, now: Instant) -> u32 {
        let bucket = self.turn(now);
        let sum = |counts: &[u32; BUCKETS]| counts.iter().map(|n| f64::from(*n)).sum::<f64>();
        // Of the oldest bucket it is not known how much lies within ten seconds.
        let requests = sum(&self.requests) - f64::from(self.requests[index(self.newest + 1)]);
        let share = if trouble == Trouble::Lone { SHARE_LONE } else { SHARE };
        // Never below 0, and cut to what a u32 holds.
        let room = (FLOOR + share * requests - sum(&self.extras)).max(0.0) as u32;
        let taken = wished.min(room);
        self.note(bucket, taken);
        taken
    }

    /// Extra attempts beyond the budget because of this replica: all that are wished for, or none when there were some because
    /// of another one within the window. Then it is not one replica alone that is the trouble, whatever it looks like now.
    pub(crate) fn force(&mut self, because_of: ReplicaId, wished: u32, now: Instant) -> u32 {
        let bucket = self.turn(now);
        let other = |(replica, second): (ReplicaId, u64)| {
            replica != because_of && self.newest.saturating_sub(second) < BUCKETS as u64
        };
        if wished == 0 || self.forced.is_some_and(other) {
            return 0;
        }
        self.forced = Some((because_of, self.newest));
        self.note(bucket, wished);
        wished
    }

    fn note(&mut self, bucket: usize, attempts: u32) {
        self.extras[bucket] = self.extras[bucket].saturating_add(attempts);
    }

    /// Empties the buckets that have left the window; returns the newest.
    fn turn(&mut self, now: Instant) -> usize {
        let second = now.saturating_duration_since(self.start).as_secs();
        let gone = second.saturating_sub(self.newest).min(BUCKETS as u64);
        for step in 0..gone {
            let bucket = index(second - step);
            (self.requests[bucket], self.extras[bucket]) = (0, 0);
        }
        self.newest = self.newest.max(second);
        index(self.newest)
    }
}

fn index(second: u64) -> usize {
    // The remainder is below BUCKETS, so it fits.
    (second % BUCKETS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn a_tenth_and_a_floor() {
        let start = Instant::now();
        for (requests, trouble, allowed) in [
            (0, Trouble::Common, 10),
            (100, Trouble::Common, 20),
            (1_000, Trouble::Common, 110),
            (100, Trouble::Lone, 30),
        ] {
            let mut budget = Budget::new(start);
            budget.request(requests, start);
            let taken = (0..10_000).filter(|_| budget.take(trouble, 1, start) == 1).count();
            assert_eq!(taken, allowed, "{requests} requests, {trouble:?}");
            let mut budget = Budget::new(start);
            (0..requests).for_each(|_| budget.request(1, start));
            assert_eq!(budget.take(trouble, 10_000, start) as usize, allowed, "all at once: {requests} requests");
        }
    }

    #[test]
    fn the_window_moves_on() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        while budget.take(Trouble::Common, 1, start) > 0 {}
        assert_eq!(budget.take(Trouble::Common, 1, start + Duration::from_millis(10_999)), 0);
        assert_eq!(budget.take(Trouble::Common, 1, start + Duration::from_secs(11)), 1);
    }

    #[test]
    fn only_one_replica_at_a_time_is_helped_beyond_the_budget() {
        let (start, one, other) = (Instant::now(), ReplicaId(0), ReplicaId(1));
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut budget = Budget::new(start);
        assert_eq!(budget.force(one, 50, start), 50);
        assert_eq!((budget.force(one, 3, after(5)), budget.force(other, 3, after(5))), (3, 0));
        assert_eq!(budget.force(other, 3, after(15)), 0, "ten seconds since the last are not over");
        assert_eq!(budget.force(other, 3, after(16)), 3);
        assert_eq!(budget.take(Trouble::Lone, 1, after(16)), 1, "what is forced counts like any other");
    }

    /// What comes next: after so many milliseconds some requests, then as many wishes for an extra attempt as there are.
    fn traffic() -> impl Strategy<Value = Vec<(u64, u32, u32, Trouble)>> {
        let trouble = prop_oneof![Just(Trouble::Common), Just(Trouble::Lone)];
        prop::collection::vec((0_u64..2_500, 0_u32..60, 0_u32..40, trouble), 1..80)
    }

    proptest! {
        #[test]
        fn b5_extra_attempts_stay_within_their_share_over_any_ten_seconds(traffic in traffic()) {
            let start = Instant::now();
            let (mut budget, mut now) = (Budget::new(start), start);
            let (mut requests, mut extras) = (Vec::new(), Vec::new());
            for (pause, came, wished, trouble) in traffic {
                now += Duration::from_millis(pause);
                for _ in 0..came {
                    budget.request(1, now);
                    requests.push(now);
                }
                for _ in 0..wished {
                    if budget.take(trouble, 1, now) == 0 {
                        break;
                    }
                    extras.push(now);
                    let recent = |all: &[Instant]| all.iter().filter(|at| now - **at <= Duration::from_secs(10)).count();
                    let share = if trouble == Trouble::Lone { SHARE_LONE } else { SHARE };
                    let most = FLOOR + share * recent(&requests) as f64;
                    prop_assert!(recent(&extras) as f64 <= most, "{} extras, {most} allowed", recent(&extras));
                }
            }
        }
    }
}
