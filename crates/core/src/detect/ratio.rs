//! A sequential test on ratios of counts: k of n went wrong, is that still usual?
//!
//! Picture a gambler who starts each second with the belief "all is well" and bets against it. For each of a few
//! ways in which it could be unwell (2 %, 5 %, … 90 % failing) he multiplies his stake by how much better that way
//! explains the second than the usual share does; when his stake falls below what he began with, he begins anew
//! (Page's CUSUM, 1954). His average stake over the ways, as a base-2 logarithm, is the evidence in bits. Under the
//! usual share the mean time until it first exceeds b bits is at least 2^b seconds (it is dominated by the
//! Shiryaev-Roberts statistic, whose mean grows by one a second; Lorden 1971, Shin, Ramdas and Rinaldo 2022). The
//! start of the winning bet is the estimated start of the trouble.
//!
//! The other way round, once there is evidence: a second gambler bets that all is usual again, against each of the ways. When
//! health explains what came lately better than all of them, and so much better ([`OVER_BITS`]) than the share that was seen
//! until then, the trouble is over and the evidence with it, however much there was: on a quiet series it would else outlive
//! its trouble by minutes. Better than all of them: what fails half as often as before is no health. Until then: a share that
//! takes in what is good since dilutes itself, and each good second says less than the one before.
//!
//! The usual share is learnt slowly, from quiet seconds only, and never below a floor. One second adds a bounded
//! number of bits, for failures come in bursts that have one cause: the cap turns the burst into one observation.
//! Cost: eight multiplications a second and series, and as many again while there is evidence. Rejected: z-scores on the
//! bare ratio (a night with one request and one failure is "100 %"), fixed thresholds (either late or noisy).

use crate::model::{Bits, Course, Moment};
use std::time::Duration;

/// The failing shares that are bet on. Wide steps: a bet a factor of two off costs few bits.
const ALTERNATIVES: [f64; 6] = [0.02, 0.05, 0.12, 0.3, 0.6, 0.95];
/// An alternative has to be this many times the usual share to be bet on.
const CONTRAST: f64 = 2.0;
/// No bet grows beyond this many bits, so that the end of a long outage is noticed in bounded time.
const BITS_MAX: f64 = 90.0;
/// Trouble is over when health explains what came lately so many bits better than the share that was seen does.
const OVER_BITS: f64 = 14.0;
/// The usual share starts as if it had been seen over so many trials.
const PRIOR_TRIALS: f64 = 400.0;
/// The usual share forgets half of what it knows over so many trials.
const HALF_LIFE_TRIALS: f64 = 20_000.0;
/// Failures so far apart are of separate seconds: roll-ups come a little sooner or later than after a second.
const SEPARATE: Duration = Duration::from_millis(800);
/// It learns only while the evidence is below so many bits.
const QUIET_BITS: f64 = 3.0;

/// What a second may add, in bits: bursts have one cause.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cap(pub f64);

/// The share of a second that a batch tells of, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span(f64);

impl Span {
    /// A whole second, or one observation by itself.
    pub const SECOND: Self = Self(1.0);
    /// However short a batch is, it may say something.
    const MIN: f64 = 0.1;

    /// Of so many milliseconds. What comes late tells of more than a second, and is one observation all the same.
    pub fn millis(ms: u32) -> Self {
        Self((f64::from(ms) / 1_000.0).clamp(Self::MIN, 1.0))
    }
}

impl Cap {
    /// What a batch may add that tells of a part of a second: as many batches as there are to a second add no more than one.
    pub fn of(self, span: Span) -> Self {
        Self(self.0 * span.0)
    }
}

/// The test of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct RatioTest {
    floor: f64,
    trials: f64,
    failures: f64,
    bets: [Bet; ALTERNATIVES.len()],
    /// The evidence of all bets together.
    bits: f64,
    recovery: Recovery,
}

/// The bets that all is usual again.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Recovery {
    /// One against each way.
    bits: [f64; ALTERNATIVES.len()],
    /// The share that was seen until health explained better what came than any way did,
    share: f64,
    /// and the bet against that one.
    won: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Bet {
    bits: f64,
    since: Moment,
    total: u64,
    bad: u64,
    seconds: u32,
    /// When the last of them was counted.
    counted: Moment,
    /// When something last went wrong.
    last: Moment,
}

/// What a test says now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Evidence against the usual share.
    pub bits: Bits,
    /// Estimated start.
    pub since: Moment,
    /// The usual share.
    pub expected: f64,
    /// The share since the start.
    pub observed: f64,
    /// Trials since the start.
    pub total: u64,
}

impl RatioTest {
    /// A test for a series whose usual share is at least `floor`.
    pub fn new(floor: f64) -> Self {
        Self {
            floor,
            trials: 0.0,
            failures: 0.0,
            bets: [Bet::default(); ALTERNATIVES.len()],
            bits: 0.0,
            recovery: Recovery::default(),
        }
    }

    /// The usual share, from 0 to 1.
    pub fn usual(&self) -> f64 {
        let shrunken = (self.failures + self.floor * PRIOR_TRIALS) / (self.trials + PRIOR_TRIALS);
        shrunken.clamp(self.floor, 0.5)
    }

    /// Takes a batch in that ended at `now`: `bad` of `total`.
    pub fn add(&mut self, now: Moment, total: u64, bad: u64, cap: Cap) {
        debug_assert!(bad <= total, "no more can go wrong than was tried");
        if total == 0 {
            return;
        }
        if bad > 0 || self.bits > 0.0 {
            self.bet(now, total, bad, cap);
        }
        if self.bits < QUIET_BITS {
            self.learn(total, bad);
        }
    }

    /// Without a failure and without evidence no bet can win, so most of the time there is none to place.
    fn bet(&mut self, now: Moment, total: u64, bad: u64, cap: Cap) {
        let usual = self.usual();
        if self.is_over(total, bad, usual) {
            return self.reset();
        }
        for (bet, way) in self.bets.iter_mut().zip(ALTERNATIVES) {
            if way >= CONTRAST * usual {
                bet.place(now, total, bad, gain(total, bad, way, usual).min(cap.0));
            }
        }
        let mean = self.bets.iter().map(|bet| bet.bits.exp2()).sum::<f64>() / self.bets.len() as f64;
        self.bits = mean.log2().max(0.0);
    }

    /// Bets that all is usual again.
    fn is_over(&mut self, total: u64, bad: u64, usual: f64) -> bool {
        if self.bits < QUIET_BITS {
            self.recovery = Recovery::default();
            return false;
        }
        let contrast = CONTRAST * usual;
        if !self.recovery.is_favoured(contrast) {
            self.recovery.share = self.seen_share();
        }
        self.recovery.place(total, bad, usual);
        self.recovery.is_favoured(contrast) && self.recovery.is_won(contrast)
    }

    /// What was seen since the start, within what is bet on.
    fn seen_share(&self) -> f64 {
        let seen = self.best();
        let [least, .., most] = ALTERNATIVES;
        (seen.bad as f64 / seen.total.max(1) as f64).clamp(least, most)
    }

    fn best(&self) -> &Bet {
        self.bets.iter().max_by(|a, b| a.bits.total_cmp(&b.bits)).expect("there are alternatives")
    }

    /// Begins anew: what was found has been dealt with. The usual share stays.
    pub fn reset(&mut self) {
        self.bets = [Bet::default(); ALTERNATIVES.len()];
        (self.bits, self.recovery) = (0.0, Recovery::default());
    }

    /// The evidence, its start, and what was seen since.
    pub fn reading(&self) -> Reading {
        let best = self.best();
        Reading {
            bits: Bits(self.bits),
            since: best.since,
            expected: self.usual(),
            observed: best.bad as f64 / best.total.max(1) as f64,
            total: best.total,
        }
    }

    /// When something went wrong since the start.
    pub fn course(&self) -> Course {
        let best = self.best();
        Course { from: best.since, to: best.last, seconds: best.seconds }
    }

    /// The evidence alone, in bits.
    pub fn bits(&self) -> f64 {
        self.bits
    }

    fn learn(&mut self, total: u64, bad: u64) {
        let keep = (-(total as f64) / HALF_LIFE_TRIALS).exp2();
        self.trials = self.trials * keep + total as f64;
        self.failures = self.failures * keep + bad as f64;
    }
}

impl Recovery {
    fn place(&mut self, total: u64, bad: u64, usual: f64) {
        let add = |bits: f64, way: f64| (bits - gain(total, bad, way, usual)).max(0.0);
        for (bits, way) in self.bits.iter_mut().zip(ALTERNATIVES) {
            *bits = add(*bits, way);
        }
        self.won = add(self.won, self.share);
    }

    /// Whether health explains what came lately better than any way that is worse than it by so much.
    fn is_favoured(&self, contrast: f64) -> bool {
        self.bits.iter().zip(ALTERNATIVES).all(|(bits, way)| way < contrast || *bits > 0.0)
    }

    fn is_won(&self, contrast: f64) -> bool {
        self.share >= contrast && self.won >= OVER_BITS
    }
}

impl Bet {
    fn place(&mut self, now: Moment, total: u64, bad: u64, gain: f64) {
        if self.bits <= 0.0 {
            *self = Bet { since: now, ..Bet::default() };
        }
        self.bits = (self.bits + gain).clamp(0.0, BITS_MAX);
        self.total = self.total.saturating_add(total);
        self.bad = self.bad.saturating_add(bad);
        if bad == 0 {
            return;
        }
        self.last = now;
        if self.seconds == 0 || now.since(self.counted) >= SEPARATE {
            (self.seconds, self.counted) = (self.seconds.saturating_add(1), now);
        }
    }
}

/// log2 of how much better a failing share of `way` explains `bad` of `total` than `usual` does.
fn gain(total: u64, bad: u64, way: f64, usual: f64) -> f64 {
    let (bad, good) = (bad as f64, (total - bad) as f64);
    bad * (way / usual).log2() + good * ((1.0 - way) / (1.0 - usual)).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOOSE: Cap = Cap(1_000.0);

    fn second(n: u64) -> Moment {
        Moment::from_millis(n * 1_000)
    }

    fn after(batches: &[(u64, u64)]) -> RatioTest {
        let mut test = RatioTest::new(0.002);
        for (i, (total, bad)) in batches.iter().enumerate() {
            test.add(second(i as u64), *total, *bad, LOOSE);
        }
        test
    }

    #[test]
    fn health_is_no_evidence() {
        assert!(after(&[(100, 0); 600]).reading().bits.0 < 1.0);
    }

    #[test]
    fn a_dead_replica_is_found_within_one_second() {
        let mut batches = vec![(20, 0); 60];
        batches.push((20, 20));
        let reading = after(&batches).reading();
        assert!(reading.bits.0 > 80.0, "{reading:?}");
        assert_eq!((reading.since, reading.observed), (second(60), 1.0));
    }

    #[test]
    fn a_tenth_failing_is_found_within_seconds_and_backdated() {
        let mut batches = vec![(30, 0); 60];
        batches.extend([(30, 3); 5]);
        let reading = after(&batches).reading();
        assert!(reading.bits.0 > 28.0, "{reading:?}");
        assert_eq!(reading.since, second(60));
    }

    #[test]
    fn the_cap_makes_a_burst_one_observation() {
        let mut test = RatioTest::new(0.002);
        test.add(second(0), 500, 500, Cap(12.0));
        assert!(test.reading().bits.0 <= 12.0);
    }

    #[test]
    fn an_outage_does_not_teach_that_outages_are_usual() {
        let mut batches = vec![(50, 0); 60];
        batches.extend([(50, 25); 300]);
        assert!(after(&batches).usual() < 0.01);
    }

    #[test]
    fn the_end_of_a_long_outage_is_noticed_in_bounded_time() {
        let mut batches = vec![(50, 25); 3_000];
        batches.extend([(50, 0); 75]);
        assert!(after(&batches).reading().bits.0 < 10.0);
    }

    #[test]
    fn on_a_quiet_series_too_evidence_ends_with_its_trouble() {
        let mut batches = vec![(2, 1); 300];
        batches.extend([(2, 0); 12]);
        assert_eq!(after(&batches).reading().bits.0, 0.0);
        let mut batches = vec![(2, 1); 300];
        batches.extend([(2, 0), (2, 0), (2, 1)].repeat(20));
        assert!(after(&batches).reading().bits.0 > 28.0, "half as bad is not over");
    }

    #[test]
    fn what_is_good_since_does_not_dilute_the_share_that_it_is_held_against() {
        let mut batches = [(2, 1), (2, 1), (2, 0)].repeat(4);
        batches.extend([(2, 0); 16]);
        assert_eq!(after(&batches).reading().bits.0, 0.0, "half a bit for each good one against 30 %");
    }

    #[test]
    fn what_fails_less_than_before_is_not_over() {
        for less in [12, 6, 3] {
            let mut batches = vec![(20, 20); 30];
            batches.extend([(20, less); 5]);
            assert!(after(&batches).reading().bits.0 > 60.0, "{less} of 20");
            batches.extend([(20, 0); 2]);
            assert_eq!(after(&batches).reading().bits.0, 0.0, "{less} of 20, and then none");
        }
    }

    proptest! {
        /// Ville's inequality, seen: with failures at the usual share, so many bits are as rare as promised.
        #[test]
        fn evidence_under_health_is_as_rare_as_promised(seed in 0u64..200) {
            let mut test = RatioTest::new(0.01);
            let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            for i in 0..2_000 {
                let mut bad = 0;
                for _ in 0..30 {
                    dice ^= dice << 13;
                    dice ^= dice >> 7;
                    dice ^= dice << 17;
                    bad += u64::from(dice % 1_000 < 10);
                }
                test.add(second(i), 30, bad, LOOSE);
                prop_assert!(test.reading().bits.0 < 25.0, "2,000 seconds reach 25 bits once in 16,000 runs at most");
            }
        }
    }
}
