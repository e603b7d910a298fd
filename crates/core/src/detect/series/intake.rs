//! What a point has to be before anything is learnt from it: each kind of bad input has one answer, decided here.
//!
//! Not a number, infinite, beyond 10^15, or outside the kind's range: counted as missing. Earlier than the point before, or at
//! the same time: refused, for what was said cannot be taken back. A hole in the times is said, and adds no evidence:
//! missing data is its own state, UNKNOWN, and never DOWN. Values that are suddenly a thousand times (or 60, 100, 1,024
//! times, or the inverse) what they were, and stay so, are said to be in another unit.

use crate::model::{FigureKind, Moment};
use std::time::Duration;

/// The largest figure that is believed.
const LARGEST: f64 = 1e15;
/// So many points in a row have to be in another unit before it is said.
const IN_ANOTHER_UNIT: u8 = 6;
/// Factors between units: seconds and minutes, shares and per cents, thousands and their binary neighbours.
const FACTORS: [f32; 5] = [60.0, 100.0, 1_000.0, 1_024.0, 1e6];
/// How near a factor has to be: a seventh.
const NEAR: f32 = 1.16;
/// Between this and its inverse no factor is near: most points need no more than this.
const SAME_UNIT: f32 = 50.0;
/// A hole is longer than so many steps.
const HOLE: f32 = 2.5;
/// What the usual size and the usual step forget with each point.
const FORGETTING: f32 = 0.05;

/// Why a point was not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Not a number, infinite, or too large to reckon with.
    NotFinite,
    /// Below what the kind can be: a negative count.
    OutOfRange,
    /// At the time of the point before; the first one counts.
    Duplicate,
    /// Earlier than the point before.
    Late,
}

/// Something about the data itself that people should know.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Note {
    /// No points for so long: the state in between is unknown.
    Hole(Duration),
    /// The values are about so many times what they were: another unit, most likely.
    Units(f64),
}

/// A point as it came through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Taken {
    Good(Option<Note>),
    Missing,
    Refused(Fault),
}

/// Looks at each point first.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Intake {
    last: Option<Moment>,
    /// The usual seconds between points.
    step: f32,
    /// Mean size of the values, in their own unit; zero before the first.
    size: f32,
    kind: FigureKind,
    /// For how many points the values may have been in a new unit.
    times: u8,
    first: u8,
}

impl Intake {
    pub(super) fn new(kind: FigureKind, step: Duration) -> Self {
        let step = step.as_secs_f32().max(0.001);
        Self { last: None, step, size: 0.0, kind, times: 0, first: 0 }
    }

    /// What a point is good for.
    pub(super) fn take(&mut self, at: Moment, value: Option<f64>) -> Taken {
        if let Some(last) = self.last
            && at <= last
        {
            return Taken::Refused(if at == last { Fault::Duplicate } else { Fault::Late });
        }
        let Some(value) = value else { return Taken::Missing };
        if !value.is_finite() || value.abs() > LARGEST {
            return Taken::Refused(Fault::NotFinite);
        }
        if !self.kind.admits(value) {
            return Taken::Refused(Fault::OutOfRange);
        }
        let hole = self.hole(at);
        self.last = Some(at);
        Taken::Good(self.unit(value as f32).or(hole))
    }

    fn hole(&mut self, at: Moment) -> Option<Note> {
        let apart = at.since(self.last?);
        let steps = apart.as_secs_f32() / self.step;
        if steps > HOLE {
            return Some(Note::Hole(apart));
        }
        self.step += FORGETTING * (apart.as_secs_f32() - self.step);
        None
    }

    fn unit(&mut self, value: f32) -> Option<Note> {
        let size = value.abs();
        if size == 0.0 {
            return None;
        }
        if self.first < 2 * IN_ANOTHER_UNIT {
            self.first += 1;
            self.size += (size - self.size) / f32::from(self.first);
            return None;
        }
        let ratio = size / self.size;
        if !in_another_unit(ratio) {
            self.times = 0;
            self.size += FORGETTING * (size.clamp(0.1 * self.size, 10.0 * self.size) - self.size);
            return None;
        }
        self.times += 1;
        if self.times < IN_ANOTHER_UNIT {
            return None;
        }
        (self.times, self.size) = (0, size);
        Some(Note::Units(f64::from(ratio)))
    }
}

/// Whether a value so many times as large as usual is about one of the factors off, either way.
fn in_another_unit(ratio: f32) -> bool {
    if (1.0 / SAME_UNIT..SAME_UNIT).contains(&ratio) {
        return false;
    }
    let times = if ratio < 1.0 { 1.0 / ratio } else { ratio };
    FACTORS.iter().any(|factor| (factor / NEAR..factor * NEAR).contains(&times))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u64) -> Moment {
        Moment::from_millis(minute * 60_000)
    }

    fn after_an_hour(kind: FigureKind) -> Intake {
        let mut intake = Intake::new(kind, Duration::from_secs(60));
        for minute in 1..=60 {
            assert_eq!(intake.take(at(minute), Some(0.5)), Taken::Good(None));
        }
        intake
    }

    #[test]
    fn each_kind_of_bad_input_has_its_answer() {
        let rows = [
            (FigureKind::Gauge, 61, Some(f64::NAN), Taken::Refused(Fault::NotFinite)),
            (FigureKind::Gauge, 61, Some(f64::INFINITY), Taken::Refused(Fault::NotFinite)),
            (FigureKind::Gauge, 61, Some(f64::NEG_INFINITY), Taken::Refused(Fault::NotFinite)),
            (FigureKind::Gauge, 61, Some(1e300), Taken::Refused(Fault::NotFinite)),
            (FigureKind::Gauge, 61, Some(-1.0), Taken::Good(None)),
            (FigureKind::Count, 61, Some(-1.0), Taken::Refused(Fault::OutOfRange)),
            (FigureKind::Latency, 61, Some(-0.1), Taken::Refused(Fault::OutOfRange)),
            (FigureKind::Ratio, 61, Some(1.1), Taken::Refused(Fault::OutOfRange)),
            (FigureKind::Gauge, 61, None, Taken::Missing),
            (FigureKind::Gauge, 60, Some(0.5), Taken::Refused(Fault::Duplicate)),
            (FigureKind::Gauge, 60, None, Taken::Refused(Fault::Duplicate)),
            (FigureKind::Gauge, 12, Some(0.5), Taken::Refused(Fault::Late)),
            (FigureKind::Gauge, 70, Some(0.5), Taken::Good(Some(Note::Hole(Duration::from_secs(600))))),
        ];
        for (kind, minute, value, expected) in rows {
            assert_eq!(after_an_hour(kind).take(at(minute), value), expected, "{kind:?} {minute} {value:?}");
        }
    }

    #[test]
    fn what_was_refused_moves_no_clock() {
        let mut intake = after_an_hour(FigureKind::Gauge);
        intake.take(at(62), Some(f64::NAN));
        assert_eq!(intake.take(at(61), Some(0.5)), Taken::Good(None));
    }

    #[test]
    fn another_unit_is_said_once() {
        let mut intake = after_an_hour(FigureKind::Gauge);
        let notes: Vec<_> = (61..100).map(|minute| intake.take(at(minute), Some(500.0))).collect();
        let said: Vec<_> = notes.iter().filter(|taken| matches!(taken, Taken::Good(Some(Note::Units(_))))).collect();
        assert_eq!(said.len(), 1, "{notes:?}");
    }

    #[test]
    fn one_large_figure_is_no_other_unit() {
        let mut intake = after_an_hour(FigureKind::Gauge);
        for minute in 61..100 {
            let value = if minute % 5 == 0 { 500.0 } else { 0.5 };
            assert_eq!(intake.take(at(minute), Some(value)), Taken::Good(None));
        }
    }
}
