//! From points to spells: when it began, how long it lasted, which way it went.
//!
//! A sum follows the errors of the forecast and falls back to zero while they are usual (Page's CUSUM again). Where it last
//! left zero is the estimated start of what is then found; a spell ends where the sum is back at zero.

use super::Verdict;
use crate::model::{Bits, Moment};

/// Errors are usual up to so many usual errors; the sum grows by what is beyond.
const USUAL: f64 = 2.0;
/// The sum does not grow beyond this, so that a spell ends within some thirty usual points.
const MOST: f64 = 40.0;

/// Which way a series went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Above what was expected.
    Up,
    /// Below it.
    Down,
}

/// A stretch of a series that is not as usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spell {
    /// Estimated start.
    pub start: Moment,
    /// The first usual moment after it; `None` while it lasts.
    pub end: Option<Moment>,
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

/// The spells of one series.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Spells {
    sum: f64,
    since: Moment,
    open: Option<Spell>,
    ended: Vec<Spell>,
}

impl Spells {
    /// Takes a point in; `worth` says that its evidence is enough.
    pub(super) fn see(&mut self, at: Moment, value: f64, verdict: &Verdict, worth: bool) {
        if self.sum <= 0.0 {
            self.since = at;
        }
        let error = ((value - verdict.expected) / verdict.spread.max(f64::MIN_POSITIVE)).abs();
        self.sum = (self.sum + error - USUAL).clamp(0.0, MOST);
        if worth {
            self.found(at, value, verdict);
        } else if self.sum <= 0.0
            && let Some(spell) = self.open.take()
        {
            self.ended.push(Spell { end: Some(at), ..spell });
        }
    }

    fn found(&mut self, at: Moment, observed: f64, verdict: &Verdict) {
        let Verdict { expected, bits, .. } = *verdict;
        let direction = if observed >= expected { Direction::Up } else { Direction::Down };
        let fresh =
            Spell { start: self.since, end: None, detected_at: at, direction, expected, observed, bits: Bits(0.0) };
        let spell = self.open.get_or_insert(fresh);
        spell.bits = Bits(spell.bits.0.max(bits.0));
    }

    /// Those that ended since the last call.
    pub(super) fn ended(&mut self) -> impl Iterator<Item = Spell> {
        std::mem::take(&mut self.ended).into_iter()
    }

    /// The one that is going on.
    pub(super) fn open(&self) -> Option<Spell> {
        self.open
    }
}
