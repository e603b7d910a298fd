//! A series on the live path: judged by its past, taught only by ordinary days, and told for a while.
//!
//! While there is an incident, work that was announced, or a day on which the crowd is another one, a copy judges: whatever it
//! learns is thrown away with it, so the series knows afterwards what it knew before. The copy goes on with the evidence as it
//! was. On a quiet day it takes more: all but gone, or evidence twice as strong.
//!
//! What is off is told as a finding for [`TOLD_FOR`] from when it was found, and not again before it was usual in between or
//! after somebody has dealt with it: a figure that stays off is news once, and nothing that began later is taken for its
//! consequence. Cost: the detector's, and a copy of it (1 KB) while it must not learn.

use super::{Answer, Arrivals, CountSeries, Detector, Direction, Presence, Standing};
use crate::model::{Bits, FigureKind, Moment, Sense};
use std::time::Duration;

/// What is off is told for so long.
pub(crate) const TOLD_FOR: Duration = Duration::from_secs(600);
/// Without a point for so many steps nothing is known any more, whatever the last one said.
const FRESH_STEPS: u32 = 3;
/// On a quiet day evidence has to be so many times as strong,
const QUIET_DAY: f64 = 2.0;
/// or a count at or below such a share of the usual, or as far above it.
const GONE: f64 = 0.05;

/// What a point may teach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lesson {
    /// All it can.
    Learnt,
    /// Nothing: something is wrong there, or worked on.
    Apart,
    /// Nothing, and it takes more to be found: the crowd is another one today.
    QuietDay,
}

/// What a series says, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shown {
    /// Its last point.
    pub at: Moment,
    /// What was seen.
    pub value: f64,
    /// What was expected.
    pub expected: f64,
    /// How far off that is. Zero while nothing is.
    pub bits: Bits,
    /// Since when it is off.
    pub since: Option<Moment>,
    /// Whether enough is known to say so.
    pub standing: Standing,
}

/// For how long something is told.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Telling {
    found_at: Option<Moment>,
    is_dealt_with: bool,
}

impl Telling {
    /// It is off at this moment, or it is not.
    pub fn note(&mut self, at: Moment, is_off: bool) {
        if is_off {
            self.found_at.get_or_insert(at);
        } else {
            *self = Self::default();
        }
    }

    /// Somebody has dealt with it: it is no news until it was usual in between.
    pub fn dealt_with(&mut self) {
        self.is_dealt_with = self.found_at.is_some();
    }

    /// True while it is to be told.
    pub fn tells(&self, now: Moment) -> bool {
        !self.is_dealt_with && self.found_at.is_some_and(|at| now.since(at) < TOLD_FOR)
    }
}

/// Who judges.
#[derive(Debug, Clone, PartialEq)]
enum Judge {
    Count(Box<CountSeries>),
    Figure(Box<Detector>),
}

/// What a judge says of a point.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Said {
    expected: f64,
    standing: Standing,
    off: Option<Off>,
}

const fn is_trouble(sense: Sense, direction: Direction) -> bool {
    matches!((sense, direction), (Sense::Both, _) | (Sense::Up, Direction::Up) | (Sense::Down, Direction::Down))
}

/// How a series is off.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Off {
    bits: Bits,
    since: Moment,
    direction: Direction,
    /// Almost all is gone, or there is a multiple of it.
    is_far: bool,
}

impl Judge {
    /// What it says of a point; nothing of one that is none.
    fn see(&mut self, at: Moment, value: f64, worth: Bits) -> Option<Said> {
        match self {
            Self::Count(series) => {
                let admitted = FigureKind::Count.admits(value) && value.is_finite();
                admitted.then(|| count(series, at, value, worth))
            }
            Self::Figure(detector) => match detector.see(at, Some(value)) {
                Answer::Seen(verdict) => {
                    let off = detector.open().map(|spell| Off {
                        bits: spell.bits,
                        since: spell.start,
                        direction: spell.direction,
                        is_far: false,
                    });
                    Some(Said { expected: verdict.expected, standing: verdict.standing, off })
                }
                Answer::Missing | Answer::Refused(_) => None,
            },
        }
    }
}

fn count(series: &mut CountSeries, at: Moment, value: f64, worth: Bits) -> Said {
    let reading = series.add(at, value.round() as u64);
    let direction = if reading.multiple < 1.0 { Direction::Down } else { Direction::Up };
    let is_far = reading.multiple <= GONE || reading.multiple >= 8.0;
    let off = Off { bits: reading.bits, since: reading.since, direction, is_far };
    let off = (reading.bits >= worth).then_some(off);
    Said { expected: reading.expected, standing: series.standing(), off }
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveSeries {
    judge: Judge,
    /// Judges while nothing may be learnt.
    apart: Option<Judge>,
    worth: Bits,
    sense: Sense,
    step: Duration,
    arrivals: Option<Arrivals>,
    shown: Option<Shown>,
    telling: Telling,
}

impl LiveSeries {
    /// Knows nothing yet of counts, one each `step`; being off the sense way is found from `worth` bits on.
    pub fn of_counts(step: Duration, worth: Bits, sense: Sense) -> Self {
        Self::of(Judge::Count(Box::new(CountSeries::new(step))), step, worth, sense)
    }

    /// The same of any other figures.
    pub fn of_figures(kind: FigureKind, step: Duration, worth: Bits, sense: Sense) -> Self {
        Self::of(Judge::Figure(Box::new(Detector::new(kind, step, worth))), step, worth, sense)
    }

    fn of(judge: Judge, step: Duration, worth: Bits, sense: Sense) -> Self {
        Self { judge, apart: None, worth, sense, step, arrivals: None, shown: None, telling: Telling::default() }
    }

    /// Takes a point in; false when it is none.
    pub fn add(&mut self, at: Moment, value: f64, lesson: Lesson) -> bool {
        let judge = match lesson {
            Lesson::Learnt => {
                self.apart = None;
                &mut self.judge
            }
            Lesson::Apart | Lesson::QuietDay => self.apart.get_or_insert_with(|| self.judge.clone()),
        };
        let Some(said) = judge.see(at, value, self.worth) else { return false };
        let enough = |off: &Off| lesson != Lesson::QuietDay || off.is_far || off.bits.0 >= QUIET_DAY * self.worth.0;
        let off = said.off.filter(|off| is_trouble(self.sense, off.direction) && enough(off));
        self.telling.note(at, off.is_some());
        self.arrivals.get_or_insert_with(|| Arrivals::new(at, self.step)).heard(at);
        self.shown = Some(Shown {
            at,
            value,
            expected: said.expected,
            bits: off.map_or(Bits::default(), |off| off.bits),
            since: off.map(|off| off.since),
            standing: said.standing,
        });
        true
    }

    /// Takes in what it was taught before this process was there: it says nothing of that.
    pub fn recall(&mut self, at: Moment, value: f64) {
        self.judge.see(at, value, self.worth);
    }

    /// The level of counts has moved for a reason of its own ([`CountSeries::find_level_anew`]).
    pub fn find_level_anew(&mut self, points: u32) {
        self.apart = None;
        if let Judge::Count(series) = &mut self.judge {
            series.find_level_anew(points);
        }
        self.telling = Telling::default();
    }

    /// Somebody has dealt with what was found.
    pub fn dealt_with(&mut self) {
        self.telling.dealt_with();
    }

    /// What it says; nothing before its first point.
    pub fn shown(&self) -> Option<Shown> {
        self.shown
    }

    /// Whether it is heard as it usually is.
    pub fn presence(&self, now: Moment) -> Presence {
        self.arrivals.map_or(Presence::Unknown(now), |arrivals| arrivals.presence(now))
    }

    /// When it was found off, as far as it still is.
    pub fn found_at(&self) -> Option<Moment> {
        self.telling.found_at
    }

    /// What it knows, for a new series whose first figure this is; nothing when that would be unusual here.
    pub fn lent(&self, at: Moment, value: f64) -> Option<Self> {
        let mut copy = Self { telling: Telling::default(), ..self.clone() };
        let is_figure = copy.add(at + Duration::from_millis(1), value, Lesson::Learnt);
        (is_figure && copy.telling.found_at.is_none()).then_some(copy)
    }

    /// What it says while that is to be told as a finding.
    pub fn found(&self, now: Moment) -> Option<Shown> {
        let fresh = |shown: &Shown| now.since(shown.at) <= FRESH_STEPS * self.step;
        self.shown.filter(|shown| self.telling.tells(now) && fresh(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Dice;
    use super::super::{Budget, count_threshold};
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const DAY: u64 = 1_440;

    fn minute(n: u64) -> Moment {
        Moment::from_millis(n * 60_000)
    }

    /// About a hundred a minute for six days.
    fn taught() -> (LiveSeries, Dice) {
        let mut dice = Dice::new(3);
        let mut series = LiveSeries::of_counts(MINUTE, count_threshold(43_200.0, 1.0), Sense::Down);
        for n in 0..6 * DAY {
            series.add(minute(n), usual(&mut dice), Lesson::Learnt);
        }
        (series, dice)
    }

    fn usual(dice: &mut Dice) -> f64 {
        f64::from(100.0 + 10.0 * dice.normal()).round()
    }

    #[test]
    fn a_missing_crowd_is_found_within_a_minute_and_more_of_it_is_none() {
        let (mut series, _) = taught();
        assert_eq!(series.found(minute(6 * DAY)), None);
        let mut more = series.clone();
        series.add(minute(6 * DAY), 3.0, Lesson::Learnt);
        let found = series.found(minute(6 * DAY)).expect("gone");
        assert!(found.bits.0 > 15.0 && (90.0..110.0).contains(&found.expected), "{found:?}");
        assert_eq!(found.since, Some(minute(6 * DAY)));
        more.add(minute(6 * DAY), 300.0, Lesson::Learnt);
        assert_eq!(more.found(minute(6 * DAY)), None, "a crowd is no missing one");
    }

    #[test]
    fn an_incident_teaches_nothing_and_evidence_goes_on() {
        let (mut series, mut dice) = taught();
        let start = 6 * DAY;
        for n in start..start + 2 * DAY {
            series.add(minute(n), 3.0, Lesson::Apart);
        }
        let lasting = series.shown().expect("points");
        assert!(lasting.expected < 10.0, "the copy has come to believe in it: {lasting:?}");
        series.add(minute(start + 2 * DAY), usual(&mut dice), Lesson::Learnt);
        let after = series.shown().expect("points");
        assert!((90.0..110.0).contains(&after.expected) && after.bits.0 == 0.0, "{after:?}");
    }

    #[test]
    fn it_is_told_for_a_while_and_not_after_it_was_dealt_with() {
        let (mut series, mut dice) = taught();
        let start = 6 * DAY;
        let told = (start..start + 30).filter(|n| {
            series.add(minute(*n), 3.0, Lesson::Apart);
            series.found(minute(*n)).is_some()
        });
        assert_eq!(told.count(), 10);
        for n in start + 30..start + 60 {
            series.add(minute(n), usual(&mut dice), Lesson::Learnt);
        }
        series.add(minute(start + 60), 3.0, Lesson::Learnt);
        assert!(series.found(minute(start + 60)).is_some(), "news again");
        assert_eq!(series.found(minute(start + 64)), None, "nothing is known any more");
        series.dealt_with();
        series.add(minute(start + 61), 3.0, Lesson::Learnt);
        assert_eq!(series.found(minute(start + 61)), None);
    }

    #[test]
    fn on_a_quiet_day_it_takes_more() {
        let (series, _) = taught();
        for (left, lesson, found) in [
            (40.0, Lesson::Learnt, true),
            (40.0, Lesson::QuietDay, false),
            (1.0, Lesson::Learnt, true),
            (1.0, Lesson::QuietDay, true),
        ] {
            let mut series = series.clone();
            series.add(minute(6 * DAY), left, lesson);
            assert_eq!(series.found(minute(6 * DAY)).is_some(), found, "{left} {lesson:?}");
        }
    }

    #[test]
    fn what_is_no_figure_says_nothing_and_silence_is_unknown() {
        let worth = Budget::default().bits(MINUTE);
        for mut series in [
            LiveSeries::of_counts(MINUTE, worth, Sense::Both),
            LiveSeries::of_figures(FigureKind::Ratio, MINUTE, worth, Sense::Both),
        ] {
            assert!(![f64::NAN, -1.0, f64::INFINITY].iter().any(|value| series.add(minute(1), *value, Lesson::Learnt)));
            assert_eq!((series.shown(), series.presence(minute(1))), (None, Presence::Unknown(minute(1))));
            assert!(series.add(minute(2), 0.5, Lesson::Learnt));
            assert_eq!(series.presence(minute(3)), Presence::Heard);
            assert_eq!(series.presence(minute(9)), Presence::Unknown(minute(2)));
        }
    }

    #[test]
    fn a_gauge_is_found_off_its_usual_while_it_is() {
        let mut dice = Dice::new(5);
        let mut series = LiveSeries::of_figures(FigureKind::Gauge, MINUTE, Budget::default().bits(MINUTE), Sense::Up);
        let mut see = |series: &mut LiveSeries, n: u64, more: f64| {
            series.add(minute(n), 50.0 + f64::from(dice.normal()) + more, Lesson::Learnt);
            series.found(minute(n)).is_some()
        };
        assert_eq!((0..2 * DAY).filter(|n| see(&mut series, *n, 0.0)).count(), 0);
        assert!((2 * DAY..2 * DAY + 3).all(|n| see(&mut series, n, 40.0)));
        assert!((2 * DAY + 3..2 * DAY + 20).filter(|n| see(&mut series, *n, 0.0)).count() < 4, "over");
        assert!((2 * DAY + 20..2 * DAY + 23).all(|n| !see(&mut series, n, -40.0)), "less is none");
    }
}
