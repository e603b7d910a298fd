//! How long first bytes usually take: the median, and the 95th percentile after which a second replica is asked.
//!
//! Each quantile is tracked by one number: an answer that took longer moves it up by a factor `1 + λ q`, one that took
//! less moves it down by `1 − λ (1 − q)`, so it rests where the share q of the answers lies below (Yazidi and Hammer,
//! *Multiplicative Update Methods for Incremental Quantile Estimation*, 2017). With λ = 0.05 a service that becomes five
//! times slower is followed within 40 answers.
//!
//! Asking after the 95th percentile adds at most one request in twenty (Dean and Barroso, *The Tail at Scale*, 2013),
//! and the delay follows the service, so that a busy hour does not turn into a storm of hedges; the budget bounds
//! what is left of one.

use crate::run::sync::AtomicNumber;
use std::time::Duration;

/// How fast the quantiles follow.
const RATE: f64 = 0.05;
/// Answers take no less than this, in seconds, so that a quantile can rise again.
const LEAST: f64 = 20e-6;
/// Where both quantiles start, in seconds.
const START: f64 = 1e-3;
/// Which share of the answers is not hedged.
const USUAL: f64 = 0.95;

/// What is known of a component's first bytes.
#[derive(Debug)]
pub(crate) struct Pace {
    median: AtomicNumber,
    p95: AtomicNumber,
}

impl Default for Pace {
    fn default() -> Self {
        Self { median: AtomicNumber::new(START), p95: AtomicNumber::new(START) }
    }
}

impl Pace {
    /// So many first bytes came after `took`, or had not come by then.
    pub(crate) fn observe(&self, took: Duration, times: u32) {
        let sample = took.as_secs_f64();
        for (number, quantile) in [(&self.median, 0.5), (&self.p95, USUAL)] {
            let mut now = number.get();
            for _ in 0..times {
                let factor = if sample > now { 1.0 + RATE * quantile } else { 1.0 - RATE * (1.0 - quantile) };
                now = (now * factor).max(LEAST);
            }
            number.set(now);
        }
    }

    /// Half of all first bytes come within this.
    pub(crate) fn median(&self) -> Duration {
        Duration::from_secs_f64(self.median.get())
    }

    /// The silence after which a second replica is asked, between the two bounds.
    pub(crate) fn hedge_after(&self, min: Duration, max: Duration) -> Duration {
        Duration::from_secs_f64(self.p95.get().clamp(min.as_secs_f64(), max.as_secs_f64().max(min.as_secs_f64())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::dice::Dice;

    fn paced(samples: impl Iterator<Item = f64>) -> Pace {
        let pace = Pace::default();
        samples.for_each(|ms| pace.observe(Duration::from_secs_f64(ms / 1e3), 1));
        pace
    }

    #[test]
    fn the_delay_follows_the_service_within_its_bounds() {
        let after = |samples: Vec<f64>| {
            let bounds = (Duration::from_millis(20), Duration::from_secs(2));
            paced(samples.into_iter()).hedge_after(bounds.0, bounds.1).as_millis()
        };
        assert_eq!(after(vec![]), 20);
        assert_eq!(after(vec![2.0; 500]), 20);
        assert!((95..=105).contains(&after(vec![100.0; 2_000])));
        assert_eq!(after(vec![5_000.0; 2_000]), 2_000);
        let slower = after([vec![30.0; 2_000], vec![150.0; 40]].concat());
        assert!(slower >= 140, "five times slower, followed within 40 answers: {slower}");
    }

    #[test]
    fn one_answer_in_twenty_is_later_than_the_delay() {
        let dice = Dice::seeded(5);
        // Exponentially distributed, mean 50 ms: median 34.7 ms, 95th percentile 149.8 ms.
        let samples: Vec<f64> = (0..40_000).map(|_| -50.0 * (1.0 - dice.roll()).ln()).collect();
        let pace = paced(samples.iter().copied());
        let (median, p95) = (pace.median().as_secs_f64() * 1e3, pace.p95.get() * 1e3);
        assert!((25.0..45.0).contains(&median) && (110.0..200.0).contains(&p95), "{median} {p95}");
    }
}
