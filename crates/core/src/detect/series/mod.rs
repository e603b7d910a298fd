//! Detects in any one series of figures, point by point, whatever it measures.
//!
//! [`Detector`] is for a series that nothing is known about: what came before is all it goes by. [`CountSeries`] is for
//! counts, where the law of the scatter is known and a budget of false alarms can be stated and kept. [`Arrivals`]
//! tells silence from trouble. All are told the time, and none reads ahead: the answer to a point is final.
//!
//! One threshold serves all series: [`BITS_WORTH`] was found best on labelled series, it is no promise. The promise of
//! [`CountSeries`] is measured on invented health (docs/benchmarks/detect.md).

mod absence;
mod baseline;
mod cascade;
mod counts;
mod course;
mod intake;
mod memory;
mod novelty;
mod spell;
mod tail;
#[cfg(test)]
mod testing;

pub use absence::{Arrivals, Presence};
pub use counts::{CountSeries, Reading as CountReading, threshold as count_threshold};
pub use intake::{Fault, Note};
pub use spell::{Direction, Spell};

use crate::model::{Bits, Moment};
use intake::{Intake, Taken};
use novelty::Novelty;
use spell::Spells;
use std::time::Duration;

/// Series with a point at least this often are judged by their forecast's errors: a service's trouble shows in every
/// single point. Slower series are judged by all that may be new about them.
const FINE: Duration = Duration::from_secs(150);
/// Bits in a power of ten.
const ERROR_BITS: f32 = std::f32::consts::LOG2_10;
/// The scale on which one threshold serves both ways of judging: found on the labelled series, as the weights were.
const NEWS_BITS: f32 = 8.65;

/// Findings need so many bits unless something else is asked for: the best threshold on the labelled series.
pub const BITS_WORTH: Bits = Bits(8.0);

/// What a series measures: what its figures can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// How many, in a step: never negative.
    Count,
    /// A share, from 0 to 1.
    Ratio,
    /// A time: never negative.
    Latency,
    /// Anything else.
    Gauge,
}

impl Kind {
    /// Whether a figure can be one of this kind.
    pub fn admits(self, value: f64) -> bool {
        match self {
            Kind::Count | Kind::Latency => value >= 0.0,
            Kind::Ratio => (0.0..=1.0).contains(&value),
            Kind::Gauge => true,
        }
    }
}

/// What a point is, seen with what came before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What was expected, in the unit of the series.
    pub expected: f64,
    /// How far off is usual, in the unit of the series.
    pub spread: f64,
    /// Evidence that something new began here; zero while what is going on has been said.
    pub bits: Bits,
    /// Something about the data itself.
    pub note: Option<Note>,
}

/// The answer to a point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// It was taken in.
    Seen(Verdict),
    /// It has no value: no evidence either way.
    Missing,
    /// It cannot be used.
    Refused(Fault),
}

/// Detects in one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    intake: Intake,
    novelty: Novelty,
    step: Duration,
    worth: Bits,
    spells: Spells,
}

impl Detector {
    /// Knows nothing yet of a series with a point about each `step`; a spell begins at `worth` bits.
    pub fn new(kind: Kind, step: Duration, worth: Bits) -> Self {
        let intake = Intake::new(kind, step);
        Self { intake, novelty: Novelty::new(step), step, worth, spells: Spells::default() }
    }

    /// Judges a point by those before it; then learns it.
    pub fn see(&mut self, at: Moment, value: Option<f64>) -> Answer {
        let note = match self.intake.take(at, value) {
            Taken::Good(note) => note,
            Taken::Missing => return Answer::Missing,
            Taken::Refused(fault) => return Answer::Refused(fault),
        };
        let value = value.unwrap_or_default();
        let news = self.novelty.see(at, value as f32);
        let bits = if self.step < FINE { ERROR_BITS * news.error } else { NEWS_BITS * news.score };
        let bits = Bits(f64::from(bits));
        let verdict = Verdict {
            expected: f64::from(news.forecast.expected),
            spread: f64::from(news.forecast.spread),
            bits,
            note,
        };
        self.spells.see(at, value, &verdict, bits >= self.worth);
        Answer::Seen(verdict)
    }

    /// The spells that ended since the last call.
    pub fn ended(&mut self) -> impl Iterator<Item = Spell> {
        self.spells.ended()
    }

    /// The spell that is going on.
    pub fn open(&self) -> Option<Spell> {
        self.spells.open()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::Dice;
    use super::*;

    fn minute(n: u64) -> Moment {
        Moment::from_millis(n * 60_000)
    }

    fn five_minutes(n: u64) -> Moment {
        minute(5 * n)
    }

    /// Two weeks of quiet, then what `trouble` makes of the points.
    fn spells(step: u64, trouble: impl Fn(u64, f64) -> f64) -> Vec<Spell> {
        let mut dice = Dice::new(11);
        let mut detector = Detector::new(Kind::Gauge, Duration::from_secs(60 * step), BITS_WORTH);
        for n in 0..4_200 {
            let usual = 100.0 + 20.0 * (n as f64 * step as f64 / 1_440.0 * std::f64::consts::TAU).sin();
            let value = trouble(n, usual + f64::from(dice.normal()));
            assert!(matches!(detector.see(minute(step * n), Some(value)), Answer::Seen(_)));
        }
        let open = detector.open();
        detector.ended().chain(open).collect()
    }

    #[test]
    fn a_spike_is_found_where_it_is() {
        for step in [1, 5] {
            let found = spells(step, |n, value| if (4_000..4_010).contains(&n) { value + 60.0 } else { value });
            let at = minute(step * 4_000);
            let hit = found.iter().find(|spell| spell.detected_at >= at).expect("found");
            assert!(hit.detected_at <= minute(step * 4_002) && hit.direction == Direction::Up, "{hit:?}");
            assert!(hit.start >= minute(step * 3_995), "{hit:?}");
            assert!(found.len() <= 8, "{found:#?}");
        }
    }

    #[test]
    fn a_drop_is_found_and_ends() {
        let found = spells(5, |n, value| if (4_000..4_020).contains(&n) { 10.0 } else { value });
        let hit = found.iter().find(|spell| spell.detected_at >= five_minutes(4_000)).expect("found");
        assert_eq!(hit.direction, Direction::Down);
        assert!(hit.end.is_some_and(|end| end < five_minutes(4_100)), "{hit:?}");
    }

    #[test]
    fn a_flat_series_says_nothing() {
        let mut detector = Detector::new(Kind::Gauge, Duration::from_secs(300), BITS_WORTH);
        for n in 0..5_000 {
            let Answer::Seen(verdict) = detector.see(five_minutes(n), Some(7.0)) else { panic!("refused") };
            assert!(verdict.bits < BITS_WORTH && verdict.expected.is_finite(), "{n}: {verdict:?}");
        }
    }

    #[test]
    fn nothing_finite_makes_an_answer_that_is_not() {
        let mut dice = Dice::new(5);
        let mut detector = Detector::new(Kind::Gauge, Duration::from_secs(300), BITS_WORTH);
        for n in 0..20_000u64 {
            let size = 10f64.powf(f64::from(dice.share()) * 30.0 - 15.0);
            let value = if n % 2 == 0 { size } else { -size };
            let Answer::Seen(verdict) = detector.see(five_minutes(n), Some(value)) else { panic!("refused") };
            assert!(verdict.bits.0.is_finite() && verdict.expected.is_finite() && verdict.spread.is_finite(), "{n}");
        }
    }

    #[test]
    fn the_state_is_small() {
        assert!(size_of::<Novelty>() <= 1_280, "{}", size_of::<Novelty>());
        assert!(size_of::<CountSeries>() <= 1_024, "{}", size_of::<CountSeries>());
    }
}
