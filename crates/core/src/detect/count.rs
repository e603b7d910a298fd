//! A sequential test on counts without a denominator: so many reports came, is that still usual?
//!
//! The same gambler as for ratios ([`super::ratio`]), betting that the rate is 4, 16 or 64 times the usual one, by
//! the likelihood of a Poisson count: k ln(c) - (c - 1) m nats for k counted where m were expected at c times the
//! rate. Source: Page 1954; Lucas 1985 for counts. The usual rate is given, not learnt: reports are too rare to
//! learn from and too easy to forge.

use super::ratio::Reading;
use crate::model::{Bits, Moment};
use std::time::Duration;

/// The multiples of the usual rate that are bet on.
const MULTIPLES: [f64; 3] = [4.0, 16.0, 64.0];
/// No bet grows beyond this many bits.
const BITS_MAX: f64 = 60.0;

/// The test of one series of counts.
#[derive(Debug, Clone, PartialEq)]
pub struct CountTest {
    per_second: f64,
    last: Moment,
    bets: [(f64, Moment, u64); MULTIPLES.len()],
}

impl CountTest {
    /// A test for a series that usually counts so many a second, begun at `now`.
    pub fn new(per_second: f64, now: Moment) -> Self {
        Self { per_second, last: now, bets: [(0.0, now, 0); MULTIPLES.len()] }
    }

    /// Takes in that `count` came since the last call.
    pub fn add(&mut self, now: Moment, count: u64) {
        let expected = self.per_second * now.since(self.last).as_secs_f64();
        for ((bits, since, seen), multiple) in self.bets.iter_mut().zip(MULTIPLES) {
            if *bits <= 0.0 {
                (*since, *seen) = (self.last, 0);
            }
            let nats = count as f64 * multiple.ln() - (multiple - 1.0) * expected;
            *bits = (*bits + nats / std::f64::consts::LN_2).clamp(0.0, BITS_MAX);
            *seen = seen.saturating_add(count);
        }
        self.last = now;
    }

    /// The evidence, its start, and what was seen since; shares are counts a second here.
    pub fn reading(&self) -> Reading {
        let best = self.bets.iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are multiples");
        let mean = self.bets.iter().map(|(bits, ..)| bits.exp2()).sum::<f64>() / self.bets.len() as f64;
        let elapsed = self.last.since(best.1).max(Duration::from_secs(1)).as_secs_f64();
        Reading {
            bits: Bits(mean.log2().max(0.0)),
            since: best.1,
            expected: self.per_second,
            observed: best.2 as f64 / elapsed,
            total: best.2,
        }
    }

    /// When something was last added.
    pub fn last(&self) -> Moment {
        self.last
    }

    /// Begins anew: what was found has been dealt with.
    pub fn reset(&mut self) {
        self.bets = [(0.0, self.last, 0); MULTIPLES.len()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits_after(counts: &[u64]) -> f64 {
        let mut test = CountTest::new(0.2 / 60.0, Moment::from_millis(0));
        for (i, count) in counts.iter().enumerate() {
            test.add(Moment::from_millis(1_000 * (i as u64 + 1)), *count);
        }
        test.reading().bits.0
    }

    #[test]
    fn a_lone_report_is_nothing_and_a_crowd_is_something() {
        assert!(bits_after(&[1]) < 7.0);
        assert!(bits_after(&[1, 0, 1, 1, 2]) > 18.0);
    }

    #[test]
    fn evidence_fades_when_nobody_reports_any_more() {
        let mut counts = vec![1, 1, 1];
        counts.extend([0; 900]);
        assert!(bits_after(&counts) < 5.0);
    }
}
