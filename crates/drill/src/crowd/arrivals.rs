//! Arrivals of an open-loop crowd: people come when they come, however slow the answers are.

use crate::dice::Dice;
use std::time::Duration;

/// What a stall of our own may pile up at most; the rest of the missed arrivals is dropped.
const CATCH_UP: Duration = Duration::from_millis(500);

/// A Poisson process of a given rate: gaps between arrivals are exponential, and depend on the seed alone.
#[derive(Debug)]
pub(super) struct Arrivals {
    per_second: f64,
    next: Duration,
    dice: Dice,
}

impl Arrivals {
    /// So many a second on average, from `now` on.
    pub(super) fn new(per_second: f64, now: Duration, seed: u64) -> Self {
        let mut arrivals = Self { per_second, next: now, dice: Dice::new(seed) };
        arrivals.step();
        arrivals
    }

    /// How many have arrived up to `now` since the last look.
    pub(super) fn due(&mut self, now: Duration) -> usize {
        self.next = self.next.max(now.saturating_sub(CATCH_UP));
        let mut due = 0;
        while self.next <= now {
            due += 1;
            self.step();
        }
        due
    }

    fn step(&mut self) {
        let gap = -(1.0 - self.dice.share()).ln() / self.per_second.max(0.001);
        self.next += Duration::from_secs_f64(gap.min(3_600.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(seed: u64) -> Vec<usize> {
        let mut arrivals = Arrivals::new(120.0, Duration::ZERO, seed);
        (1..=1_000).map(|n| arrivals.due(Duration::from_millis(n * 10))).collect()
    }

    #[test]
    fn the_rate_holds_and_the_seed_decides() {
        let ten_seconds: usize = arrivals(3).iter().sum();
        assert!((1_050..=1_350).contains(&ten_seconds), "{ten_seconds} arrivals in 10 s at 120/s");
        assert_eq!(arrivals(3), arrivals(3));
        assert_ne!(arrivals(3), arrivals(4));
    }

    #[test]
    fn a_stall_does_not_pile_up() {
        let mut arrivals = Arrivals::new(100.0, Duration::ZERO, 1);
        let after_a_minute = arrivals.due(Duration::from_secs(60));
        assert!((20..=90).contains(&after_a_minute), "{after_a_minute} arrivals, about 50 expected");
    }
}
