//! One figure for how new a point is, and whether that is news.
//!
//! Picture a panel of nine critics, each with one question: is it higher than ever, lower, did it rise, did it fall, is it
//! restless, too calm, off its forecast in the short and in the long run, a tune nobody knows? Each answers in powers of
//! ten of rarity by his own experience, so all speak one language. Their answers are added, for several critics who are
//! surprised at once mean more than one who shouts; a lone critic's voice is capped. Then the editor asks whether it is
//! news: what is no larger than what was printed lately is not (the memory of the last story fades, faster while the paper is young),
//! and what remains is told against the average of the stories so far, so a series that always has stories needs a better one.
//!
//! Source: Fisher's combination of p-values (1932), with weights chosen on the Numenta Anomaly Benchmark (all 58 files;
//! docs/benchmarks/detect.md says how much of that was in-sample); the resting period is that of CAD OSE (Smirnov 2016).
//! Cost: 1.3 KB; docs/benchmarks/detect.md has the time. Rejected: the most surprised critic alone (finds fewer of the labelled windows at more false alarms),
//! learning the weights from labels of the user's own (nobody has them).

use super::baseline::{Baseline, Forecast};
use super::cascade::{Cascade, Surprises};
use super::memory::Memory;
use super::tail::{QUICK, STEADY, Tail};
use crate::model::Moment;
use std::time::Duration;

/// A critic is heard from such a surprise on, in powers of ten.
const HEARD: f32 = 0.665;
/// A critic says so much at most beyond that.
const CAP: f32 = 4.7;
/// What a critic's word weighs.
const WEIGHTS: Weights = Weights {
    high: 0.14,
    low: 0.72,
    rise: 0.19,
    fall: 0.48,
    restless: 1.14,
    calm: 1.85,
    short: 0.18,
    long: 0.80,
    tune: 0.56,
};
/// What the short and the long memory's error weigh where errors are judged alone.
const MEMORIES: [f32; 2] = [0.65, 0.35];
/// The mask of the last story halves within such a share of the points seen so far,
const FADING: f32 = 0.073;
/// within so many points at least,
const FADING_MIN: f32 = 15.5;
/// and at most.
const FADING_MAX: f32 = 239.0;
/// News has to be so many times what the mask says.
const BETTER: f32 = 1.3;
/// What the average story takes from each.
const STORIES: f32 = 0.116;
/// What is no more than this is no story.
const LEAST: f32 = 0.3;

struct Weights {
    high: f32,
    low: f32,
    rise: f32,
    fall: f32,
    restless: f32,
    calm: f32,
    short: f32,
    long: f32,
    tune: f32,
}

/// Something new about a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct News {
    /// What was expected, and how far off that usually is.
    pub(super) forecast: Forecast,
    /// How new it is beyond what this series' stories usually are, in powers of ten; zero when it is no news.
    pub(super) score: f32,
    /// How rare the error of the forecast is by itself, in powers of ten: a mean of the two memories.
    pub(super) error: f32,
}

/// All that is remembered of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Novelty {
    baseline: Baseline,
    cascade: Cascade,
    memory: Memory,
    /// Above and below the forecast of the short and of the long memory.
    errors: [[Tail; 2]; 2],
    /// The same without regard to the side, by a law that follows quickly.
    distances: [Tail; 2],
    seen: u32,
    mask: f32,
    story: f32,
}

impl Novelty {
    /// Knows nothing yet of a series with a point each `step`.
    pub(super) fn new(step: Duration) -> Self {
        Self {
            baseline: Baseline::new(step),
            cascade: Cascade::default(),
            memory: Memory::default(),
            errors: [[Tail::default(); 2]; 2],
            distances: [Tail::default(); 2],
            seen: 0,
            mask: 0.0,
            story: 0.0,
        }
    }

    /// How new this point is; then learns it.
    pub(super) fn see(&mut self, at: Moment, value: f32) -> News {
        self.seen = self.seen.saturating_add(1);
        let surprises = self.cascade.see(value);
        let forecast = self.baseline.see(at, value);
        let tune = self.memory.see(value);
        let [short, long] = forecast.errors.map_or([0.0; 2], |errors| self.see_errors(errors));
        let error = forecast.errors.map_or(0.0, |errors| self.see_distances(errors));
        let surprise = sum(&surprises, short, long, tune);
        News { forecast, score: self.edit(surprise), error }
    }

    fn see_errors(&mut self, errors: [f32; 2]) -> [f32; 2] {
        let mut most = [0.0; 2];
        for ((tails, error), most) in self.errors.iter_mut().zip(errors).zip(&mut most) {
            *most = tails[0].surprise(error, &STEADY).max(tails[1].surprise(-error, &STEADY));
        }
        most
    }

    fn see_distances(&mut self, errors: [f32; 2]) -> f32 {
        let tails = self.distances.iter_mut().zip(errors).zip(MEMORIES);
        tails.map(|((tail, error), weight)| weight * tail.surprise(error.abs(), &QUICK)).sum()
    }

    /// Is it news?
    fn edit(&mut self, surprise: f32) -> f32 {
        let half_life = (FADING * self.seen as f32).clamp(FADING_MIN, FADING_MAX);
        // 2^-x is near 1 - x ln 2 for these x, and needs no power.
        self.mask *= 1.0 - std::f32::consts::LN_2 / half_life;
        let news = surprise > LEAST && surprise > BETTER * self.mask;
        self.mask = self.mask.max(surprise);
        if !news {
            return 0.0;
        }
        let beyond = surprise - self.story;
        self.story += STORIES * beyond;
        beyond.max(0.0)
    }
}

fn sum(s: &Surprises, short: f32, long: f32, tune: f32) -> f32 {
    let heard = |surprise: f32| (surprise - HEARD).clamp(0.0, CAP);
    let w = &WEIGHTS;
    w.high * heard(s.high)
        + w.low * heard(s.low)
        + w.rise * heard(s.rise)
        + w.fall * heard(s.fall)
        + w.restless * heard(s.restless)
        + w.calm * heard(s.calm)
        + w.short * heard(short)
        + w.long * heard(long)
        + w.tune * heard(tune)
}
