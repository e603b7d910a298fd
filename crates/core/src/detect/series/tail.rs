//! How rare is this? Turns any statistic into a surprise, by its own past.
//!
//! Picture a flood gauge: nobody models the whole river, one keeps the height that only one day in a hundred exceeds, and how
//! far the floods went beyond. By the theorem of Pickands, Balkema and de Haan such excesses follow a generalised Pareto
//! law, whatever the river does below; its two figures come from the mean and the mean square of the excesses (method of
//! moments, as in FluxEV, Li et al., WSDM 2021; peaks over threshold as in SPOT, Siffer et al., KDD 2017). A model
//! that errs often thereby raises its own bar: its error becomes less evidence, not a false page.
//!
//! Cost: 16 bytes, and a comparison and an addition for 99 points of 100. Rejected: Grimshaw's maximum likelihood (an
//! optimisation for each excess, and a list of them), ranks among all of the past (memory), the normal law (what is
//! measured of real services has far heavier tails).

use std::f32::consts::LOG10_E;

/// How a tail learns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Law {
    /// The share of points beyond the bar, as it is aimed at.
    pub(super) beyond: f32,
    /// What the law of the excesses forgets with each of them.
    forgetting: f32,
    /// How fast the bar moves, in mean excesses a point, once much has been seen.
    pace: f32,
    /// The least mean excess that is believed in, in the unit of the statistic.
    least: f32,
    /// How a law that few excesses taught is doubted.
    doubt: Doubt,
}

/// Whether it counts how many excesses a law was learnt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// What is found is ranked only: the law is taken as it is.
    None,
    /// A promise rests on it: with k excesses remembered, x nats by the law are k ln(1 + x / k), which is what an exponential law
    /// whose mean was taken from k of them foretells of the next (Lomax 1954).
    Counted,
}

/// Remembers long: what was seen before is not new.
pub(super) const STEADY: Law = Law { beyond: 0.01, forgetting: 0.005, pace: 0.01, least: 0.0, doubt: Doubt::None };
/// Follows within a day or so: errors are judged by what errors lately were.
pub(super) const QUICK: Law = Law { beyond: 0.02, forgetting: 0.02, pace: 0.05, least: 0.0, doubt: Doubt::Counted };
/// For weighings of errors ([`super::sustained`]): of equal ones, as rare events make them, no mean excess can be learnt, but the
/// next larger one is no miracle.
pub(super) const SELDOM: Law = Law { beyond: 0.02, forgetting: 0.05, pace: 0.05, least: 0.5, doubt: Doubt::Counted };

/// The bar begins as the highest of so many points, close enough to what one in a hundred exceeds.
pub(super) const FIRST: u16 = 50;
/// Surprise is said from so many points on.
pub(super) const READY: u16 = 100;
/// An excess counts as so many mean excesses at most when the law is learnt.
const WINSOR: f32 = 8.0;
/// The heaviest tail that is believed in: beyond it the law has no variance, and moments say nothing.
const SHAPE_MAX: f32 = 0.45;
/// From so many points on the bar moves at its law's pace.
const GROWN: u16 = 500;
/// Closer to the bar than so many mean excesses is at the bar.
pub(super) const SAME: f32 = 1e-6;
/// Statistics are cut here: their squares have to stay figures.
pub(super) const LARGEST: f32 = 1e17;
/// No surprise is larger.
const MOST: f32 = 30.0;

/// The upper tail of one statistic.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Tail {
    pub(super) bar: f32,
    /// Of the excesses; while the bar is being found, of the distances from the mean.
    pub(super) mean: f32,
    /// Of the excesses' squares; while the bar is being found, the mean of the statistic itself.
    pub(super) square: f32,
    pub(super) seen: u16,
    pub(super) beyond: u16,
}

impl Tail {
    /// How surprising `statistic` is, as a power of ten of its rarity (2 = one point in a hundred); then learns it.
    ///
    /// Zero below the bar, and while too little has been seen.
    pub(super) fn surprise(&mut self, statistic: f32, law: &Law) -> f32 {
        self.count();
        let statistic = statistic.clamp(-LARGEST, LARGEST);
        if self.seen <= FIRST {
            self.begin(statistic);
            return 0.0;
        }
        let excess = statistic - self.bar;
        if excess > SAME * self.mean {
            return self.exceed(excess, law);
        }
        // A figure that is the bar itself moves nothing: else the bar of a flat series would sink below it.
        if excess < -SAME * self.mean {
            self.bar -= self.mean * pace(self.seen, law) * law.beyond;
        }
        0.0
    }

    /// Learns an excess that is none of [`SAME`], and tells how rare it is.
    pub(super) fn exceed(&mut self, excess: f32, law: &Law) -> f32 {
        let step = self.mean * pace(self.seen, law);
        let surprise = self.rarity(excess, law);
        self.learn(excess.min(WINSOR * self.mean), law);
        self.bar += step * (1.0 - law.beyond);
        if self.seen < READY { 0.0 } else { surprise }
    }

    /// The same without learning it.
    pub(super) fn ask(&self, statistic: f32, law: &Law) -> f32 {
        let excess = statistic.clamp(-LARGEST, LARGEST) - self.bar;
        if self.seen < READY || excess <= SAME * self.mean { 0.0 } else { self.rarity(excess, law) }
    }

    /// Halves both counts before they overflow: their ratio is what matters.
    fn count(&mut self) {
        self.seen += 1;
        if self.seen == u16::MAX {
            (self.seen, self.beyond) = (self.seen / 2, self.beyond / 2);
        }
    }

    /// The first points: the bar is their highest, the mean excess half their mean distance from their mean.
    fn begin(&mut self, statistic: f32) {
        let share = 1.0 / f32::from(self.seen);
        if self.seen == 1 {
            (self.bar, self.square) = (statistic, statistic);
        }
        self.bar = self.bar.max(statistic);
        self.mean += share * ((statistic - self.square).abs() - self.mean);
        self.square += share * (statistic - self.square);
        if self.seen == FIRST {
            self.mean = (0.5 * self.mean).max(1e-12);
            self.square = 2.0 * self.mean * self.mean;
            self.beyond = 1;
        }
    }

    /// The surprise of an excess: the share of points beyond the bar, times the law's tail beyond it.
    fn rarity(&self, excess: f32, law: &Law) -> f32 {
        let variance = (self.square - self.mean * self.mean).max(1e-30);
        let ratio = (self.mean * self.mean / variance).min(1.0);
        let shape = (0.5 * (1.0 - ratio)).min(SHAPE_MAX);
        let scaled = excess / (0.5 * self.mean * (1.0 + ratio)).max(law.least);
        let nats = if shape < 1e-3 { scaled } else { (shape * scaled).ln_1p() / shape };
        let nats = match law.doubt {
            Doubt::None => nats,
            Doubt::Counted => {
                let known = f32::from(self.beyond).min(1.0 / law.forgetting);
                known * (nats / known).ln_1p()
            }
        };
        let share = (f32::from(self.beyond) / f32::from(self.seen)).max(1e-3);
        (nats * LOG10_E - share.log10()).min(MOST)
    }

    fn learn(&mut self, excess: f32, law: &Law) {
        self.beyond += 1;
        let share = (1.0 / f32::from(self.beyond)).max(law.forgetting);
        self.mean = (self.mean + share * (excess - self.mean)).max(1e-12);
        self.square += share * (excess * excess - self.square);
    }
}

/// The bar moves faster while it is young.
pub(super) fn pace(seen: u16, law: &Law) -> f32 {
    if seen >= GROWN { law.pace } else { (5.0 / f32::from(seen)).clamp(law.pace, 0.05) }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dice;
    use super::*;

    /// How many of `points` exponential statistics are said to be rarer than one in ten to the `power`.
    fn beyond(power: f32, points: usize) -> usize {
        let mut dice = Dice::new(7);
        let mut tail = Tail::default();
        (0..points).filter(|_| tail.surprise(-(1.0 - dice.share()).ln(), &STEADY) > power).count()
    }

    #[test]
    fn what_is_said_to_be_rare_is_that_rare() {
        for (power, at_most) in [(2.0, 1_500), (3.0, 150), (4.0, 20)] {
            let found = beyond(power, 100_000);
            assert!(found <= at_most && found * 5 >= at_most / 3, "{power}: {found}");
        }
    }

    #[test]
    fn nothing_is_said_before_enough_was_seen() {
        let mut tail = Tail::default();
        assert!((0..99).all(|i| tail.surprise(if i == 80 { 1e6 } else { 1.0 }, &STEADY) == 0.0));
    }

    #[test]
    fn what_happens_often_becomes_less_surprising() {
        let mut tail = Tail::default();
        let mut spikes = vec![];
        for i in 0..20_000 {
            let surprise = tail.surprise((i % 7) as f32 + if i % 400 == 399 { 50.0 } else { 0.0 }, &STEADY);
            if i % 400 == 399 {
                spikes.push(surprise);
            }
        }
        assert!(spikes[1] > 4.0 && spikes[49] < 4.0, "{spikes:?}");
    }

    #[test]
    fn counts_that_are_full_are_halved() {
        let mut tail = Tail::default();
        for i in 0..200_000 {
            tail.surprise((i % 100) as f32, &STEADY);
        }
        assert!(tail.seen < u16::MAX && tail.beyond < tail.seen / 20, "{tail:?}");
    }
}
