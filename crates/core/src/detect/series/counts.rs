//! A sequential test on counts whose usual number is learnt: did the rate change, and since when?
//!
//! The gambler of [`super::super::ratio`] again. For each of a few ways to be unwell (a twentieth of what is usual, a third,
//! … eight times) he multiplies his stake by how much better that way explains the count, and begins anew when he has lost what he
//! began with (Page's CUSUM, 1954). Counts of a service scatter more than Poisson's: bursts, retries, crowds. So the likelihoods
//! are those of a negative binomial law whose variance is what was seen, `dispersion` times the mean; the more the counts
//! scatter, the less a strange one says. The mean of the stakes exceeds 2^b at most once in 2^b points while all is
//! well (an e-detector: Shin, Ramdas and Rinaldo 2022), as far as the usual number is right: that is what the
//! dispersion is for, for an error of the baseline looks like scatter and is paid for in evidence.
//!
//! Cost: 350 bytes, and seven logarithms a point. Rejected: quasi-Poisson scores (no likelihood, and
//! a single burst can win any bet), a z-score (late at small numbers, false at large ones).

use super::Standing;
use super::course::{Course, Lesson};
use crate::model::{Bits, Moment};
use std::f32::consts::LOG2_E;
use std::time::Duration;

/// The multiples of the usual rate that are bet on.
const MULTIPLES: [f32; 6] = [0.05, 0.35, 0.7, 1.5, 3.0, 8.0];
/// No bet grows beyond so many bits, so that the end is noticed in bounded time.
const BITS_MAX: f32 = 90.0;
/// The usual is learnt only while the evidence is below so many bits,
const QUIET_BITS: f32 = 12.0;
/// or has been above for so many points: then the new level is accepted.
const ACCEPTED_AFTER: u32 = 360;
/// So many days are learnt before anything is bet; the scatter is learnt from the day before on.
const FIRST_DAYS: u32 = 4;
/// What the dispersion forgets with each point.
const FORGETTING: f32 = 0.002;
/// A squared error counts for at most so many times what is usual.
const WINSOR: f32 = 12.0;

/// One bet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bet {
    bits: f32,
    since: Moment,
}

/// What the test says after a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Evidence that the rate is not the usual one.
    pub bits: Bits,
    /// The estimated start of the change.
    pub since: Moment,
    /// The usual number.
    pub expected: f64,
    /// The multiple of it that explains best what is seen.
    pub multiple: f64,
}

/// The test of one series of counts.
#[derive(Debug, Clone, PartialEq)]
pub struct CountSeries {
    course: Course,
    bets: [Bet; MULTIPLES.len()],
    /// Variance by mean; one for Poisson's law.
    dispersion: f32,
    seen: u32,
    per_day: u32,
    /// Points since the evidence was last small.
    troubled: u32,
    /// Points until the level is found anew.
    settling: u32,
}

impl CountSeries {
    /// Knows nothing yet of a series with a count each `step`.
    pub fn new(step: Duration) -> Self {
        let bets = [Bet::default(); MULTIPLES.len()];
        let per_day = u32::try_from(86_400_000 / step.as_millis().max(1)).unwrap_or(u32::MAX).clamp(24, 86_400);
        Self { course: Course::new(step), bets, dispersion: 1.0, seen: 0, per_day, troubled: 0, settling: 0 }
    }

    /// Whether enough has been seen to bet.
    pub fn standing(&self) -> Standing {
        let known = self.seen > FIRST_DAYS * self.per_day && self.settling == 0;
        if known { Standing::Judging } else { Standing::Learning }
    }

    /// The level has moved for a reason of its own: it is found anew over so many points, in which nothing is bet. What the
    /// half hours do to it stays.
    pub fn find_level_anew(&mut self, points: u32) {
        self.bets = [Bet::default(); MULTIPLES.len()];
        (self.troubled, self.settling) = (0, points);
    }

    /// Takes in how many came in the step that ended at `at`.
    pub fn add(&mut self, at: Moment, count: u64) -> Reading {
        self.seen = self.seen.saturating_add(1);
        let count = count as f32;
        let quiet = self.bits() < QUIET_BITS;
        self.troubled = if quiet { 0 } else { self.troubled.saturating_add(1) };
        let lesson = match self.troubled {
            _ if self.settling > 0 => Lesson::NewLevel,
            0 => Lesson::Usual,
            1..=ACCEPTED_AFTER => Lesson::Nothing,
            _ => Lesson::NewLevel,
        };
        let usual = self.course.usual(at);
        if self.standing() == Standing::Judging {
            self.bet(at, count, usual);
        }
        self.course.learn(at, count, usual, lesson);
        if self.settling > 0 {
            self.settling -= 1;
        } else if quiet {
            self.learn(count, usual);
        }
        self.reading(usual)
    }

    fn bet(&mut self, at: Moment, count: f32, usual: f32) {
        // Variance = mean + mean²/size.
        let size = usual / (self.dispersion - 1.0).max(0.02);
        for (bet, multiple) in self.bets.iter_mut().zip(MULTIPLES) {
            if bet.bits <= 0.0 {
                *bet = Bet { bits: 0.0, since: at };
            }
            let mix = ((size + multiple * usual) / (size + usual)).ln();
            let nats = count * multiple.ln() - (count + size) * mix;
            bet.bits = (bet.bits + nats * LOG2_E).clamp(0.0, BITS_MAX);
        }
    }

    fn learn(&mut self, count: f32, usual: f32) {
        let Some(known @ 1..) = self.seen.checked_sub((FIRST_DAYS - 1) * self.per_day) else { return };
        let scatter = (count - usual).powi(2) / usual;
        let clipped = if known < 100 { scatter } else { scatter.min(WINSOR * self.dispersion) };
        self.dispersion += FORGETTING.max(1.0 / known as f32) * (clipped - self.dispersion);
        self.dispersion = self.dispersion.max(1.0);
    }

    fn bits(&self) -> f32 {
        let mean = self.bets.iter().map(|bet| bet.bits.exp2()).sum::<f32>() / self.bets.len() as f32;
        mean.log2().max(0.0)
    }

    fn reading(&self, usual: f32) -> Reading {
        let bets = self.bets.iter().zip(MULTIPLES);
        let (best, multiple) = bets.max_by(|a, b| a.0.bits.total_cmp(&b.0.bits)).expect("there are multiples");
        Reading {
            bits: Bits(f64::from(self.bits())),
            since: best.since,
            expected: f64::from(usual),
            multiple: f64::from(multiple),
        }
    }
}

/// The bits that a healthy series exceeds `false_alarms` times in so many points.
pub fn threshold(points: f64, false_alarms: f64) -> Bits {
    Bits((points / false_alarms).log2().max(0.0))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dice;
    use super::*;

    fn minute(n: u64) -> Moment {
        Moment::from_millis(n * 60_000)
    }

    /// Counts about 50 by night and 150 by day; the last reading.
    fn after(points: u64, rate: impl Fn(u64) -> f32) -> (CountSeries, Reading) {
        let mut dice = Dice::new(3);
        let mut series = CountSeries::new(Duration::from_secs(60));
        let mut reading = series.reading(1.0);
        for n in 0..points {
            let usual = 100.0 + 50.0 * (n as f32 / 1_440.0 * std::f32::consts::TAU).sin();
            let mean = usual * rate(n);
            reading = series.add(minute(n), (mean + dice.normal() * mean.sqrt()).max(0.0) as u64);
        }
        (series, reading)
    }

    #[test]
    fn days_are_no_evidence() {
        assert!(after(6 * 1_440, |_| 1.0).1.bits.0 < 8.0);
    }

    #[test]
    fn a_drop_is_found_at_once_and_backdated() {
        let reading = after(6 * 1_440 + 3, |n| if n >= 6 * 1_440 { 0.3 } else { 1.0 }).1;
        assert!(reading.bits.0 > 25.0 && reading.multiple < 1.0, "{reading:?}");
        assert_eq!(reading.since, minute(6 * 1_440));
    }

    #[test]
    fn an_outage_is_not_learnt_and_a_new_level_is_accepted() {
        let start = 6 * 1_440;
        let (_, soon) = after(start + 200, |n| if n >= start { 0.3 } else { 1.0 });
        assert!(soon.expected > 70.0 && soon.bits.0 > 60.0, "{soon:?}");
        let (_, late) = after(start + 4 * 1_440, |n| if n >= start { 0.3 } else { 1.0 });
        assert!(late.expected < 50.0 && late.bits.0 < 10.0, "{late:?}");
    }

    #[test]
    fn a_level_that_moved_for_a_reason_is_found_within_the_hour() {
        let start = 6 * 1_440;
        let (mut series, _) = after(start, |_| 1.0);
        series.find_level_anew(60);
        let mut dice = Dice::new(4);
        for n in start..start + 600 {
            let mean = 0.3 * (100.0 + 50.0 * (n as f32 / 1_440.0 * std::f32::consts::TAU).sin());
            let reading = series.add(minute(n), (mean + dice.normal() * mean.sqrt()).max(0.0) as u64);
            assert!(reading.bits.0 < 12.0, "{n}: {reading:?}");
            assert_eq!(series.standing() == Standing::Judging, n >= start + 59, "{n}");
        }
    }

    #[test]
    fn half_the_budget_is_one_bit_more() {
        assert_eq!(threshold(1_000.0, 0.5).0, threshold(1_000.0, 1.0).0 + 1.0);
    }
}
