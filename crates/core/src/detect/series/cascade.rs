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
//! Cost: 600 bytes, some 40 ns a point. Rejected: sliding windows (a kilobyte each), block averages (an answer only at
//! the end of a block).

use super::tail::{STEADY, Tail};

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

/// The averages, and how they usually are.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Cascade {
    seen: u32,
    levels: [f32; LEVELS + 1],
    high: [Tail; LEVELS],
    low: [Tail; LEVELS],
    rise: [Tail; LEVELS],
    fall: [Tail; LEVELS],
    strays: [f32; SPREAD_AT.len()],
    restless: [Tail; SPREAD_AT.len()],
    calm: [Tail; SPREAD_AT.len()],
    /// Spreads below this are not told apart.
    tiny: f32,
}

impl Cascade {
    /// How new this point is; then learns it.
    pub(super) fn see(&mut self, value: f32) -> Surprises {
        self.seen = self.seen.saturating_add(1);
        let first = 1.0 / self.seen as f32;
        for (level, share) in self.levels.iter_mut().zip(SHARES) {
            *level += share.max(first) * (value - *level);
        }
        let mut most = Surprises::default();
        for (k, weight) in WEIGHTS.into_iter().enumerate() {
            let level = self.levels[k];
            let change = level - self.levels[k + 1];
            most.high = most.high.max(weight * self.high[k].surprise(level, &STEADY));
            most.low = most.low.max(weight * self.low[k].surprise(-level, &STEADY));
            most.rise = most.rise.max(weight * self.rise[k].surprise(change, &STEADY));
            most.fall = most.fall.max(weight * self.fall[k].surprise(-change, &STEADY));
        }
        self.see_spread(value, first, &mut most);
        most
    }

    /// The logarithm of the mean distance from a level: a spread that doubles is as far as one that halves.
    fn see_spread(&mut self, value: f32, first: f32, most: &mut Surprises) {
        if self.seen == 1 {
            self.tiny = 1e-6 * value.abs() + 1e-9;
        }
        for (k, level) in SPREAD_AT.into_iter().enumerate() {
            let stray = &mut self.strays[k];
            *stray += SHARES[level + 1].max(first) * ((value - self.levels[level + 1]).abs() - *stray);
            let spread = (*stray + self.tiny).ln();
            most.restless = most.restless.max(self.restless[k].surprise(spread, &STEADY));
            most.calm = most.calm.max(self.calm[k].surprise(-spread, &STEADY));
        }
    }
}
