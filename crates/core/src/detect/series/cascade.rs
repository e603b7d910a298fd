//! Something new, at any speed: the same questions asked of the series and of ever smoother copies of it.
//!
//! Picture a landscape seen from ever higher: on the ground a pothole shows, from a hill a ditch, from a plane that the river
//! has moved. Each level of the cascade is a moving average three times as slow as the one below. Of each level it is asked
//! how high and how low it stands (has it been there before?), how it rises and falls against a much slower level (a change),
//! and at two levels how far the points stray from it (restless, or too calm). Each answer becomes a surprise by its own
//! past ([`super::tail`]). A kind of answer counts with its most surprising level, for neighbouring levels see the same.
//!
//! Source: Haar's wavelets and their cascade (as ARTime takes its features, Hampton 2022), with exponential averages so
//! that no window has to be kept; the value range as novelty is what NAB's static-threshold detector lives by.
//! Cost: 390 bytes, some 40 ns a point. Rejected: sliding windows (a kilobyte each), block averages (an answer only at
//! the end of a block).

use super::tail::STEADY;
use super::tails::Tails;

/// Levels, each three times as slow as the one before; the first is the series itself.
const LEVELS: usize = 5;
/// What a point adds to each level. One more than there are levels, to compare the slowest with.
const SHARES: [f32; LEVELS + 1] = [1.0, 0.33, 0.11, 0.037, 0.0123, 0.0041];
/// Slow levels weigh more: they are rarely surprised, and seldom wrongly.
const WEIGHTS: [f32; LEVELS] = [1.0, 1.0, 1.3, 2.0, 3.0];
/// The levels whose spread is watched.
const SPREAD_AT: [usize; 2] = [1, 2];

/// A kind of surprise; each is the largest over the levels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Surprises {
    pub(super) high: f32,
    pub(super) low: f32,
    pub(super) rise: f32,
    pub(super) fall: f32,
    pub(super) restless: f32,
    pub(super) calm: f32,
}

/// Where the questions of each kind stand among all.
const HIGH: usize = 0;
const LOW: usize = LEVELS;
const RISE: usize = 2 * LEVELS;
const FALL: usize = 3 * LEVELS;
const RESTLESS: usize = 4 * LEVELS;
const CALM: usize = RESTLESS + SPREAD_AT.len();
const QUESTIONS: usize = CALM + SPREAD_AT.len();

/// The averages, and how they usually are.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cascade {
    seen: u32,
    levels: [f32; LEVELS + 1],
    strays: [f32; SPREAD_AT.len()],
    /// Spreads below this are not told apart.
    tiny: f32,
    tails: Tails<QUESTIONS>,
}

impl Cascade {
    /// How new this point is; then learns it.
    pub(super) fn see(&mut self, value: f32) -> Surprises {
        self.seen = self.seen.saturating_add(1);
        if self.seen == 1 {
            self.tiny = 1e-6 * value.abs() + 1e-9;
        }
        let first = 1.0 / self.seen as f32;
        for (level, share) in self.levels.iter_mut().zip(SHARES) {
            *level += share.max(first) * (value - *level);
        }
        let statistics = self.ask(value, first);
        let surprises = self.tails.surprises(&statistics, &STEADY);
        let most = |kind: usize| (0..LEVELS).fold(0.0, |most: f32, k| most.max(WEIGHTS[k] * surprises[kind + k]));
        let spread = |kind: usize| surprises[kind..kind + SPREAD_AT.len()].iter().copied().fold(0.0, f32::max);
        Surprises {
            high: most(HIGH),
            low: most(LOW),
            rise: most(RISE),
            fall: most(FALL),
            restless: spread(RESTLESS),
            calm: spread(CALM),
        }
    }

    /// What is asked of this point. Of a spread the logarithm: one that doubles is as far as one that halves.
    fn ask(&mut self, value: f32, first: f32) -> [f32; QUESTIONS] {
        let mut statistics = [0.0; QUESTIONS];
        for k in 0..LEVELS {
            let (level, change) = (self.levels[k], self.levels[k] - self.levels[k + 1]);
            (statistics[HIGH + k], statistics[LOW + k]) = (level, -level);
            (statistics[RISE + k], statistics[FALL + k]) = (change, -change);
        }
        for (k, level) in SPREAD_AT.into_iter().enumerate() {
            let stray = &mut self.strays[k];
            *stray += SHARES[level + 1].max(first) * ((value - self.levels[level + 1]).abs() - *stray);
            let spread = (*stray + self.tiny).ln();
            (statistics[RESTLESS + k], statistics[CALM + k]) = (spread, -spread);
        }
        statistics
    }
}
