//! One figure for how new a point is, and whether that is news.
//!
//! Picture a panel of five critics, each with one question: is it higher than ever, lower, did it change, is it off its
//! forecast, is it a tune nobody knows? Each answers in powers of ten of rarity by his own experience, so all speak one
//! language. Their answers are added, for several critics who are surprised at once mean more than one who shouts; a lone
//! critic's voice is capped. Then the editor asks whether it is news: what is no larger than what was printed lately is not
//! (the memory of the last story fades, faster while the paper is young), and what remains is told against most of the average
//! story so far, so a series that always has stories needs a better one.
//!
//! Source: Fisher's combination of p-values (1932), with weights chosen on the Numenta Anomaly Benchmark (all 58 files;
//! docs/benchmarks/detect.md says how much of that was in-sample); the resting period is that of CAD OSE (Smirnov 2016).
//! Cost: 440 bytes; docs/benchmarks/detect.md has the rest. Rejected: the most surprised critic alone (finds fewer of the labelled
//! windows at more false alarms), nine critics (rises apart from falls, restlessness, calm, the error of the short run: twice the state, and
//! no better on the labelled series), a dictionary of the steps between values (CAD OSE's contexts: a search gave it no weight beside the
//! tune), words that are remembered for some points (the same), learning the weights from labels of the user's own (nobody has them).

use super::Standing;
use super::baseline::{Baseline, FIRST, Forecast};
use super::cascade::{Cascade, Surprises};
use super::memory::Memory;
use super::sustained::{Shift, Sustained};
use super::tail::{QUICK, READY, STEADY, Tail};
use super::tails::Tails;
use crate::model::Moment;
use std::time::Duration;

/// A critic is heard from such a surprise on, in powers of ten.
const HEARD: f32 = 0.81;
/// A critic says so much at most beyond that.
const CAP: f32 = 5.4;
/// What a critic's word weighs.
const WEIGHTS: Weights = Weights { high: 0.3, low: 1.15, change: 0.66, error: 1.04, tune: 0.64 };
/// What the short and the long memory's error weigh where errors are judged alone.
const MEMORIES: [f32; 2] = [0.65, 0.35];
/// The mask of the last story halves within such a share of the points seen so far,
const FADING: f32 = 0.13;
/// within so many points at least,
const FADING_MIN: f32 = 18.0;
/// and at most.
const FADING_MAX: f32 = 450.0;
/// News has to be so many times what the mask says.
const BETTER: f32 = 1.11;
/// What the average story takes from each.
const STORIES: f32 = 0.16;
/// News is what exceeds so much of the average story.
const USUAL: f32 = 0.8;

struct Weights {
    high: f32,
    low: f32,
    change: f32,
    error: f32,
    tune: f32,
}

/// Something new about a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct News {
    /// What was expected, and how far off that usually is.
    pub(super) forecast: Forecast,
    /// Points seen so far, this one included.
    pub(super) seen: u32,
    /// How new it is beyond what this series' stories usually are, in powers of ten; zero when it is no news. `None` where the
    /// panel is not asked.
    pub(super) score: Option<f32>,
    /// How rare the error of the forecast is by itself, in powers of ten: a mean of the two memories.
    pub(super) error: f32,
    /// The same of the error of what is held; `None` while nothing is.
    pub(super) held: Option<f32>,
    /// How rare it is that errors stay on one side like this; not asked while the usual is held.
    pub(super) shift: Option<Shift>,
}

/// All that is remembered of one series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Novelty {
    baseline: Baseline,
    /// How far off the forecasts of the short and of the long memory were, by a law that follows quickly.
    distances: [Tail; 2],
    sustained: Sustained,
    seen: u32,
    panel: Option<Box<Panel>>,
}

/// The critics but for the two who know the day, and the editor.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Panel {
    cascade: Cascade,
    memory: Memory,
    /// Above and below the forecast of the long memory.
    errors: Tails<2>,
    mask: f32,
    story: f32,
}

/// Who is asked about a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Its forecast alone.
    Forecast,
    /// The panel as well.
    Panel,
}

impl Novelty {
    /// Knows nothing yet of a series with a point each `step`.
    pub(super) fn new(step: Duration, asked: Asked) -> Self {
        Self {
            baseline: Baseline::new(step),
            distances: [Tail::default(); 2],
            sustained: Sustained::default(),
            seen: 0,
            panel: match asked {
                Asked::Forecast => None,
                Asked::Panel => Some(Box::default()),
            },
        }
    }

    /// There is trouble: keeps what is usual until [`Novelty::release`].
    pub(super) fn hold_once(&mut self) {
        if self.baseline.hold_once() {
            self.sustained.reset();
        }
    }

    /// The trouble is over and done with.
    pub(super) fn release(&mut self) {
        self.baseline.release();
    }

    /// Whether the panel is asked.
    pub(super) fn has_panel(&self) -> bool {
        self.panel.is_some()
    }

    /// Whether a whole day taught this time of day.
    pub(super) fn knows_days(&self, at: Moment) -> bool {
        self.baseline.knows_days(at)
    }

    /// Errors are told after the baseline's first points, and their rarity after a hundred errors.
    pub(super) fn standing(&self) -> Standing {
        if self.seen > FIRST + u32::from(READY) { Standing::Judging } else { Standing::Learning }
    }

    /// How new this point is; then learns it.
    pub(super) fn see(&mut self, at: Moment, value: f32) -> News {
        self.seen = self.seen.saturating_add(1);
        let forecast = self.baseline.see(at, value);
        let score = self.panel.as_mut().map(|panel| panel.see(value, forecast.errors, self.seen));
        // Asked before the error is learnt.
        let held = forecast.held.map(|held| self.rarity((value - held) / forecast.spread));
        let error = forecast.errors.map_or(0.0, |errors| self.see_distances(errors));
        let shift = match (held, forecast.errors) {
            (None, Some([short, _])) => Some(self.sustained.see(at, short)),
            _ => None,
        };
        News { forecast, seen: self.seen, score, error, held, shift }
    }

    fn see_distances(&mut self, errors: [f32; 2]) -> f32 {
        let tails = self.distances.iter_mut().zip(errors).zip(MEMORIES);
        tails.map(|((tail, error), weight)| weight * tail.surprise(error.abs(), &QUICK)).sum()
    }

    /// How rare an error is, without learning it.
    fn rarity(&self, error: f32) -> f32 {
        let tails = self.distances.iter().zip(MEMORIES);
        tails.map(|(tail, weight)| weight * tail.ask(error.abs(), &QUICK)).sum()
    }
}

impl Panel {
    /// The score of a point that was so far off its forecasts.
    fn see(&mut self, value: f32, errors: Option<[f32; 2]>, seen: u32) -> f32 {
        let surprises = self.cascade.see(value, seen);
        let tune = self.memory.see(value);
        let error = errors.map_or(0.0, |[_, long]| self.see_error(long));
        self.edit(sum(&surprises, error, tune), seen)
    }

    fn see_error(&mut self, error: f32) -> f32 {
        let [above, below] = self.errors.surprises(&[error, -error], &STEADY);
        above.max(below)
    }

    /// Is it news?
    fn edit(&mut self, surprise: f32, seen: u32) -> f32 {
        let half_life = (FADING * seen as f32).clamp(FADING_MIN, FADING_MAX);
        // 2^-x is near 1 - x ln 2 for these x, and needs no power.
        self.mask *= 1.0 - std::f32::consts::LN_2 / half_life;
        let news = surprise > BETTER * self.mask;
        self.mask = self.mask.max(surprise);
        if !news {
            return 0.0;
        }
        let beyond = surprise - USUAL * self.story;
        self.story += STORIES * (surprise - self.story);
        beyond.max(0.0)
    }
}

fn sum(s: &Surprises, error: f32, tune: f32) -> f32 {
    let heard = |surprise: f32| (surprise - HEARD).clamp(0.0, CAP);
    let w = &WEIGHTS;
    w.high * heard(s.high)
        + w.low * heard(s.low)
        + w.change * heard(s.change)
        + w.error * heard(error)
        + w.tune * heard(tune)
}
