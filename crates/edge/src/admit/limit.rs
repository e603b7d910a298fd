//! Admission: how many requests of a network, and which share of a component's, get through.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A token bucket, of one second's worth unless said otherwise.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    most: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self::of_rate(f64::from(per_second), now)
    }

    /// A full bucket of a measured rate.
    pub(crate) fn of_rate(per_second: f64, now: Instant) -> Self {
        Self::holding(per_second, per_second, now)
    }

    /// A full bucket that holds so many tokens at most.
    pub(crate) fn holding(most: f64, per_second: f64, now: Instant) -> Self {
        Self { per_second, most, tokens: most, at: now }
    }

    /// An empty bucket of a measured rate.
    pub(crate) fn empty(per_second: f64, now: Instant) -> Self {
        Self { tokens: 0.0, ..Self::of_rate(per_second, now) }
    }

    /// Takes tokens: as many as are there of those wished for.
    pub(crate) fn take(&mut self, wished: u32, now: Instant) -> u32 {
        self.fill(now);
        self.take_some(wished, self.tokens)
    }

    /// Takes tokens while more than a part of a full bucket is left.
    pub(crate) fn take_above(&mut self, part: f64, wished: u32, now: Instant) -> u32 {
        self.fill(now);
        self.take_some(wished, self.tokens - part * self.per_second)
    }

    /// Takes tokens while anything is left: of the last one, a part is enough.
    pub(crate) fn take_begun(&mut self, wished: u32, now: Instant) -> u32 {
        self.fill(now);
        self.take_some(wished, self.tokens.ceil())
    }

    /// What is below 0 counts as 0, and is cut to whole tokens.
    fn take_some(&mut self, wished: u32, there: f64) -> u32 {
        let taken = wished.min(there as u32);
        self.tokens -= f64::from(taken);
        taken
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.most);
        self.at = now;
    }

    /// How long it takes until a token is there again.
    pub(crate) fn wait(&self) -> Duration {
        let wait = (1.0 - self.tokens).max(0.0) / self.per_second.max(1.0 / WAIT_MAX.as_secs_f64());
        Duration::from_secs_f64(wait).min(WAIT_MAX)
    }
}

/// Longest wait told to a client over its limit.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Admits an exact share, evenly spread: of any n requests in a row it admits the share to within one.
#[derive(Debug, Default)]
pub(crate) struct Sieve(AtomicU64);

impl Sieve {
    /// How many of the next requests are among the admitted `parts` of 10,000.
    pub(crate) fn admits(&self, parts: u32, came: u32) -> u32 {
        let n = u128::from(self.0.fetch_add(u64::from(came), Ordering::Relaxed));
        let parts = u128::from(parts);
        let admitted = (n + u128::from(came)) * parts / 10_000 - n * parts / 10_000;
        // No more than came, as long as the parts are no more than 10,000.
        u32::try_from(admitted).unwrap_or(came).min(came)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_through() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5, start);
        let through = |bucket: &mut Bucket, now| (0..20).filter(|_| bucket.take(1, now) == 1).count();
        assert_eq!(through(&mut bucket, start), 5);
        assert_eq!((bucket.take(1, start), bucket.wait()), (0, Duration::from_millis(200)));
        assert_eq!(through(&mut bucket, start + Duration::from_millis(400)), 2);
        assert_eq!(through(&mut bucket, start + Duration::from_secs(100)), 5);
        assert_eq!(bucket.take(20, start + Duration::from_millis(100_400)), 2, "many at once get what one by one get");
        assert_eq!(Bucket::new(0, start).take(1, start + Duration::from_secs(9)), 0);
    }

    #[test]
    fn a_bucket_keeps_a_part_of_itself_for_others() {
        let start = Instant::now();
        let mut bucket = Bucket::new(8, start);
        assert_eq!(bucket.take_above(0.75, 9, start), 2);
        assert_eq!(bucket.take_above(0.5, 9, start), 2);
        assert_eq!(bucket.take_above(0.5, 9, start), 0);
        assert_eq!(bucket.take(9, start), 4, "the half that was kept");
        let later = start + Duration::from_secs(9);
        assert_eq!(
            (bucket.take_above(0.5, 9, later), bucket.take(9, later)),
            (4, 4),
            "never more than a second's worth"
        );
    }

    #[test]
    fn a_sieve_is_exact() {
        for parts in [0, 1, 100, 3_333, 5_000, 9_999, 10_000] {
            let sieve = Sieve::default();
            let through = (0..10_000).filter(|_| sieve.admits(parts, 1) == 1).count();
            assert_eq!(through, parts as usize);
            let many = (0..2_500).map(|_| sieve.admits(parts, 4)).sum::<u32>();
            assert_eq!(many, parts, "four at a time");
        }
    }
}
