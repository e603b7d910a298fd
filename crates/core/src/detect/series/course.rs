//! The usual course of a count: a slow level times what the half hour does to it.
//!
//! Picture a shop that knows that noon brings three times the customers of the morning, on a good day as on a bad one. The
//! half hours multiply, as crowds do, and the level moves slowly, so that a change of the rate is not learnt away while
//! it is being noticed. Nothing is learnt beyond `WINSOR` times the usual. Cost: 200 bytes. Rejected: [`super::baseline`]
//! here, whose short memory follows a change of a third within the hour, and so hides it.

use crate::model::Moment;

/// Half hours of a day.
const KNOTS: usize = 48;
const DAY_MS: u64 = 86_400_000;
/// What the level forgets with each point, once it has seen a day or so.
const LEVELLING: f32 = 0.003;
/// The same while a new level is being accepted.
const ACCEPTING: f32 = 0.05;
/// What a half hour takes of each day, once it has seen some.
const DAILY: f32 = 0.12;
/// A point counts as so many times the usual at most.
const WINSOR: f32 = 2.5;
/// Usual numbers below this are not told apart.
const LEAST: f32 = 0.05;

/// How much a point may teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lesson {
    /// An ordinary point.
    Usual,
    /// There is trouble.
    Nothing,
    /// The trouble has lasted so long that it is the new usual.
    NewLevel,
}

/// What is usual.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Course {
    level: f32,
    knots: [f32; KNOTS],
    seen: u32,
    per_day: f32,
}

impl Course {
    pub(super) fn new(step: std::time::Duration) -> Self {
        let per_day = (DAY_MS as f32 / step.as_millis().max(1) as f32).max(1.0);
        Self { level: 0.0, knots: [1.0; KNOTS], seen: 0, per_day }
    }

    /// What is usual at this time; between the middles of half hours a line.
    pub(super) fn usual(&self, at: Moment) -> f32 {
        let (knot, other, weight) = place(at);
        let factor = self.knots[knot] + weight * (self.knots[other] - self.knots[knot]);
        (self.level * factor).max(LEAST)
    }

    /// Learns a point that came where `usual` was expected.
    pub(super) fn learn(&mut self, at: Moment, count: f32, usual: f32, lesson: Lesson) {
        let pace = match lesson {
            Lesson::Nothing => return,
            Lesson::Usual => LEVELLING,
            Lesson::NewLevel => ACCEPTING,
        };
        self.seen = self.seen.saturating_add(1);
        let first = self.seen as f32 <= self.per_day;
        let count = if first { count } else { count.min(WINSOR * usual) };
        let (knot, other, weight) = place(at);
        let factor = usual / self.level.max(LEAST);
        let today = count / factor.max(0.02);
        self.level += pace.max(1.0 / self.seen as f32) * (today - self.level);
        if lesson == Lesson::Usual && !first {
            self.learn_knots(count / self.level.max(LEAST) - factor, knot, other, weight);
        }
    }

    /// The two half hours around a point share its lesson.
    fn learn_knots(&mut self, error: f32, knot: usize, other: usize, weight: f32) {
        let days = self.seen as f32 / self.per_day;
        let visits = (self.per_day / KNOTS as f32).max(1.0);
        let share = ((1.0 / days).max(DAILY) * 1.5 / visits).min(1.0);
        self.knots[knot] += share * (1.0 - weight) * error;
        self.knots[other] += share * weight * error;
    }
}

/// The half hour, its nearer neighbour, and the neighbour's weight.
fn place(at: Moment) -> (usize, usize, f32) {
    let along = (at.as_millis() % DAY_MS) as f32 / DAY_MS as f32 * KNOTS as f32;
    let knot = (along as usize).min(KNOTS - 1);
    let offset = along - knot as f32 - 0.5;
    let other = if offset < 0.0 { (knot + KNOTS - 1) % KNOTS } else { (knot + 1) % KNOTS };
    (knot, other, offset.abs())
}
