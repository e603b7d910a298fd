//! Something new, at any speed: the same questions asked of the series and of ever smoother copies of it.
//!
//! Picture a landscape seen from ever higher: on the ground a pothole shows, from a hill a ditch, from a plane that the river
//! has moved. Each level of the cascade is a moving average of the series, slower than the one below. Of each level it is asked
//! how high and how low it stands (has it been there before?), and how far it is from the next slower level (a change, up or
//! down). Each answer becomes a surprise by its own past ([`super::tail`]). A kind of answer counts with its most surprising
//! level, for neighbouring levels see the same.
//!
//! Source: Haar's wavelets and their cascade (as ARTime takes its features, Hampton 2022), with exponential averages so
//! that no window has to be kept; the value range as novelty is what NAB's static-threshold detector lives by.
//! Cost: 190 bytes, and for most points a dozen comparisons. Rejected: sliding windows (a kilobyte each), block
//! averages (an answer only at the end of a block), a level a third as fast as the series between the first two, rises told apart from
//! falls, and how restless or calm the points are (twice the questions, and on the labelled series no better).

use super::tail::STEADY;
use super::tails::Tails;

/// The first level is the series itself; from the second on each is three times as slow as the one before.
const LEVELS: usize = 4;
/// What a point adds to each level. One more than there are levels, to compare the slowest with.
const SHARES: [f32; LEVELS + 1] = [1.0, 0.11, 0.037, 0.0123, 0.0041];
/// Slow levels weigh more: they are rarely surprised, and seldom wrongly.
const WEIGHTS: [f32; LEVELS] = [1.0, 1.3, 2.05, 2.88];

/// A kind of surprise; each is the largest over the levels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Surprises {
    pub(super) high: f32,
    pub(super) low: f32,
    pub(super) change: f32,
}

/// Where the questions of each kind stand among all.
const HIGH: usize = 0;
const LOW: usize = LEVELS;
const CHANGE: usize = 2 * LEVELS;
const QUESTIONS: usize = 3 * LEVELS;

/// The averages, and how they usually are.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cascade {
    levels: [f32; LEVELS + 1],
    tails: Tails<QUESTIONS>,
}

impl Cascade {
    /// How new this point, the series' `seen`-th, is; then learns it.
    pub(super) fn see(&mut self, value: f32, seen: u32) -> Surprises {
        let first = 1.0 / seen as f32;
        for (level, share) in self.levels.iter_mut().zip(SHARES) {
            *level += share.max(first) * (value - *level);
        }
        let surprises = self.tails.surprises(&self.ask(), &STEADY);
        let most = |kind: usize| (0..LEVELS).fold(0.0, |most: f32, k| most.max(WEIGHTS[k] * surprises[kind + k]));
        Surprises { high: most(HIGH), low: most(LOW), change: most(CHANGE) }
    }

    /// What is asked of this point.
    fn ask(&self) -> [f32; QUESTIONS] {
        let mut statistics = [0.0; QUESTIONS];
        for k in 0..LEVELS {
            let level = self.levels[k];
            (statistics[HIGH + k], statistics[LOW + k]) = (level, -level);
            statistics[CHANGE + k] = (level - self.levels[k + 1]).abs();
        }
        statistics
    }
}
