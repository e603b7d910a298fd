//! From points to spells: when it began, how long it lasted, which way it went, and when it was over.
//!
//! It began where a sum of the errors of the forecast, less what is usual of them, last left zero (Page's CUSUM), or where the
//! weighing that found it began ([`super::sustained`]). From then on what is expected is held as it was before. It is over when
//! a second gambler has won who bets that points are again as expected, against their being as they were in the spell
//! (Laplace's law for both); he needs [`OVER`] nats and wins [`MOST`] a point at most, so that a spell ends at the third usual
//! point after a great deviation, some points later after one that is hard to tell from the usual, and is dated back to the
//! first. What lasts for [`ACCEPTED_AFTER`] is the new usual and no spell any more.
//!
//! Cost: 24 bytes and next to nothing while there is no spell, 130 bytes more in one. Rejected: to wait until the sum is back at zero (nine hours on a
//! series of five minutes), a fixed number of usual points (a shift of two usual errors has three of those in a row by chance).

use crate::model::{Bits, Moment};
use std::time::Duration;

/// Errors are usual up to so many usual errors; the sum grows by what is beyond.
const USUAL: f32 = 2.0;
/// The sum does not grow beyond this.
const SUM_MAX: f32 = 40.0;
/// Nats that the second gambler has to win,
const OVER: f32 = 9.0;
/// and may win or lose with one point.
const MOST: f32 = 4.0;
/// What the deviation of a spell forgets with each of its points.
const FORGETTING: f32 = 0.2;
/// What has lasted for so long is the new usual,
const ACCEPTED_AFTER: Duration = Duration::from_secs(86_400);
/// if it has lasted for so many points.
const ACCEPTED_POINTS: u32 = 30;
/// Before the time of day is known, so many points are enough: what looks like trouble may be the night.
const YOUNG_POINTS: u32 = 100;
/// A deviation so small (in usual errors) is none, and a scatter larger by such a factor is.
const SLIGHT: f32 = 1.0;
/// A spell that does not deviate ends after so many points.
const PLAIN_POINTS: u32 = 8;

/// Which way a series went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Above what was expected.
    Up,
    /// Below it.
    Down,
}

/// How a spell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Points are as expected again.
    Back,
    /// It has lasted so long that it is the new usual.
    NewUsual,
}

/// A stretch of a series that is not as usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spell {
    /// Estimated start.
    pub start: Moment,
    /// The first moment that was usual again, and how so; `None` while it lasts.
    pub end: Option<(Moment, Ending)>,
    /// When there was evidence enough.
    pub detected_at: Moment,
    /// Which way.
    pub direction: Direction,
    /// What was expected when it was detected.
    pub expected: f64,
    /// What was seen then.
    pub observed: f64,
    /// The most evidence of any point.
    pub bits: Bits,
}

/// What a spell is found by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Evidence {
    pub(super) bits: Bits,
    /// Where it began, when the evidence itself says so.
    pub(super) since: Option<Moment>,
}

/// A spell that lasts.
#[derive(Debug, Clone, PartialEq)]
struct Open {
    spell: Spell,
    points: u32,
    /// How far off the spell is, and how its points scatter around that, in usual errors.
    off: f32,
    scatter: f32,
    /// What the second gambler has won, and since when.
    won: f32,
    since: Moment,
}

/// The spells of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spells {
    sum: f32,
    since: Moment,
    /// Apart, for most of the time there is none.
    open: Option<Box<Open>>,
}

impl Spells {
    /// Follows the errors, so that a start can be told; then, in a spell, whether it ended with this point.
    pub(super) fn follow(&mut self, point: &Point) -> Option<Spell> {
        if self.sum <= 0.0 {
            self.since = point.at;
        }
        self.sum = (self.sum + point.error.abs() - USUAL).clamp(0.0, SUM_MAX);
        let open = self.open.as_mut()?;
        let end = open.follow(point)?;
        let spell = Spell { end: Some(end), ..open.spell };
        (self.open, self.sum) = (None, 0.0);
        Some(spell)
    }

    /// There is evidence enough: a spell begins or goes on.
    pub(super) fn found(&mut self, point: &Point, evidence: Evidence) {
        let bits = evidence.bits;
        if let Some(open) = &mut self.open {
            open.spell.bits.0 = open.spell.bits.0.max(bits.0);
            return;
        }
        let Point { at, value: observed, expected, error, .. } = *point;
        let direction = if observed >= expected { Direction::Up } else { Direction::Down };
        let start = evidence.since.unwrap_or(self.since);
        let spell = Spell { start, end: None, detected_at: at, direction, expected, observed, bits };
        self.open = Some(Box::new(Open { spell, points: 0, off: error, scatter: 1.0, won: 0.0, since: at }));
    }

    /// The one that is going on.
    pub(super) fn open(&self) -> Option<Spell> {
        self.open.as_ref().map(|open| open.spell)
    }
}

/// A point beside what was expected of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) at: Moment,
    pub(super) value: f64,
    pub(super) expected: f64,
    /// How far off it is, in usual errors.
    pub(super) error: f32,
    pub(super) days: Days,
}

/// Whether the time of day is known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    Known,
    Unknown,
}

impl Open {
    fn follow(&mut self, point: &Point) -> Option<(Moment, Ending)> {
        let Point { at, error, days, .. } = *point;
        self.points += 1;
        if self.won <= 0.0 {
            self.since = at;
        }
        self.won = (self.won + self.gain(error)).max(0.0);
        if self.won >= OVER {
            return Some((self.since, Ending::Back));
        }
        if self.won <= 0.0 {
            self.off += FORGETTING * (error - self.off);
            self.scatter = (self.scatter + FORGETTING * ((error - self.off).abs() - self.scatter)).max(1.0);
        }
        if self.off.abs() < SLIGHT && self.scatter < 2.0 * SLIGHT && self.points >= PLAIN_POINTS {
            return Some((at, Ending::Back));
        }
        let long = at.since(self.spell.start) >= ACCEPTED_AFTER && self.points >= ACCEPTED_POINTS;
        let young = days == Days::Unknown && self.points >= YOUNG_POINTS;
        (long || young).then_some((at, Ending::NewUsual))
    }

    /// Nats by which a point is rather usual than of the spell.
    fn gain(&self, error: f32) -> f32 {
        let of_spell = (error - self.off).abs() / self.scatter + self.scatter.ln();
        (of_spell - error.abs()).clamp(-MOST, MOST)
    }
}
