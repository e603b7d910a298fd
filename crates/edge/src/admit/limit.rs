//! Admission: how many requests of a network, and which share of a component's, get through.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A token bucket of one second's worth.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self { per_second, tokens: per_second, at: now }
    }

    /// Takes one token; else says after how long one will be there.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.per_second);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - self.tokens) / self.per_second.max(1.0 / WAIT_MAX.as_secs_f64());
        Err(Duration::from_secs_f64(wait).min(WAIT_MAX))
    }
}

/// Longest wait told to a client over its limit.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// Admits an exact share, evenly spread: of any n requests in a row it admits the share to within one.
#[derive(Debug, Default)]
pub(crate) struct Sieve(AtomicU64);

impl Sieve {
    /// Whether the next request is among the admitted `parts` of 10,000.
    pub(crate) fn admits(&self, parts: u32) -> bool {
        let n = u128::from(self.0.fetch_add(1, Ordering::Relaxed));
        let parts = u128::from(parts);
        (n + 1) * parts / 10_000 > n * parts / 10_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_lets_its_rate_through() {
        let start = Instant::now();
        let mut bucket = Bucket::new(5, start);
        let through = |bucket: &mut Bucket, now| (0..20).filter(|_| bucket.take(now).is_ok()).count();
        assert_eq!(through(&mut bucket, start), 5);
        assert_eq!(bucket.take(start), Err(Duration::from_millis(200)));
        assert_eq!(through(&mut bucket, start + Duration::from_millis(400)), 2);
        assert_eq!(through(&mut bucket, start + Duration::from_secs(100)), 5);
        assert!(Bucket::new(0, start).take(start + Duration::from_secs(9)).is_err());
    }

    #[test]
    fn a_sieve_is_exact() {
        for parts in [0, 1, 100, 3_333, 5_000, 9_999, 10_000] {
            let sieve = Sieve::default();
            let through = (0..10_000).filter(|_| sieve.admits(parts)).count();
            assert_eq!(through, parts as usize);
        }
    }
}
