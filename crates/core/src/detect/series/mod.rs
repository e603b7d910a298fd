//! Detects in any one series of figures, point by point, whatever it measures.
//!
//! [`Detector`] is for a series that nothing is known about: what came before is all it goes by. [`CountSeries`] is for
//! counts, where the law of the scatter is known and a budget of false alarms can be stated and kept. [`Arrivals`]
//! tells silence from trouble. All are told the time, and none reads ahead: the answer to a point is final.
//!
//! A finding needs evidence beyond a [`Budget`]: so many findings a month may come of a healthy series. The budget is shared by
//! what is asked: is this point off its forecast (half of it), did the series shift (an eighth), is there something new about it
//! (the rest). How well it is kept is measured on invented and on real health (docs/benchmarks/detect.md).

mod absence;
mod baseline;
mod budget;
mod cascade;
mod counts;
mod course;
mod intake;
mod live;
mod memory;
mod novelty;
mod spell;
mod sustained;
mod tail;
mod tails;
#[cfg(test)]
pub(super) mod testing;

pub use absence::{Arrivals, Presence};
pub use budget::Budget;
pub use counts::{CountSeries, Reading as CountReading, threshold as count_threshold};
pub use intake::{Fault, Note};
pub use live::{Lesson, LiveSeries, Shown, Telling};
pub use spell::{Direction, Ending, Spell};

use crate::model::{Bits, FigureKind, Moment};
use baseline::Forecast;
use intake::{Intake, Taken};
use novelty::{Asked, News, Novelty, Panel};
use spell::{Days, Evidence, Point, Spells};
use std::time::Duration;

/// Series with a point at least this often are ranked by their forecast's errors: a service's trouble shows in every
/// single point. Slower series are ranked by all that may be new about them.
const FINE: Duration = Duration::from_secs(150);
/// After a spell the usual is held for so many points at most.
const AFTER_MAX: u16 = 200;

/// What a point is, seen with what came before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// What was expected, in the unit of the series.
    pub expected: f64,
    /// How far off is usual, in the unit of the series.
    pub spread: f64,
    /// How new this point is by itself, for ranking: good to a bit or two.
    pub bits: Bits,
    /// Evidence enough for a finding: a healthy series reaches b bits at about one point in 2^b. It may be that of several points.
    pub found: Option<Bits>,
    /// Something about the data itself.
    pub note: Option<Note>,
    /// Whether enough has been seen to say anything.
    pub standing: Standing,
    /// The spell that is known to be over since this point.
    pub ended: Option<Spell>,
}

impl Verdict {
    /// How far off a value is, in usual errors.
    fn error(&self, value: f64) -> f32 {
        ((value - self.expected) / self.spread.max(f64::MIN_POSITIVE)) as f32
    }
}

/// How much is known of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Too little: nothing is said, however strange a point is.
    Learning,
    /// Enough.
    Judging,
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
    worth: Bits,
    spells: Spells,
    /// Points since the last spell, until it is done with.
    after: Option<u16>,
}

impl Detector {
    /// Knows nothing yet of a series with a point about each `step`; a spell begins at `worth` bits.
    pub fn new(kind: FigureKind, step: Duration, worth: Bits) -> Self {
        let intake = Intake::new(kind, step);
        let asked = if step < FINE { Asked::Forecast } else { Asked::Panel };
        Self { intake, novelty: Novelty::new(step, asked), worth, spells: Spells::default(), after: None }
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
        let forecast = news.forecast;
        let mut verdict = Verdict {
            expected: f64::from(forecast.held.unwrap_or(forecast.expected)),
            spread: f64::from(forecast.spread),
            bits: Self::rank(&news),
            found: None,
            note,
            standing: self.novelty.standing(),
            ended: None,
        };
        let days = if self.novelty.knows_days(at) { Days::Known } else { Days::Unknown };
        let point = Point { at, value, expected: verdict.expected, error: verdict.error(value), days };
        verdict.ended = self.spells.follow(&point);
        if let Some((_, ending)) = verdict.ended.and_then(|spell| spell.end) {
            self.end(ending);
        } else if let Some(evidence) = self.evidence(&news) {
            self.novelty.hold_once();
            self.spells.found(&point, evidence);
            self.after = None;
            verdict.found = Some(evidence.bits);
        } else {
            self.recover(&forecast);
        }
        Answer::Seen(verdict)
    }

    fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Back => self.after = Some(0),
            Ending::NewUsual => self.novelty.release(),
        }
    }

    /// After a spell what was usual is held until what has been learnt since agrees with it again: else the way back would be
    /// a spell of its own.
    fn recover(&mut self, forecast: &Forecast) {
        let (Some(after), Some(held)) = (self.after, forecast.held) else { return };
        let apart = (held - forecast.expected).abs().max((held - forecast.short).abs());
        if after >= AFTER_MAX || apart <= forecast.spread {
            self.after = None;
            self.novelty.release();
        } else {
            self.after = Some(after + 1);
        }
    }

    /// Fine series by the error, coarse ones by what is new.
    fn rank(news: &News) -> Bits {
        news.score.map_or(budget::of_error(news.error), |score| budget::of_news(score, news.seen))
    }

    /// The strongest of the answers, if it is worth a finding. While the usual is held, what is off it as well as off what was
    /// learnt since.
    fn evidence(&self, news: &News) -> Option<Evidence> {
        if self.novelty.standing() == Standing::Learning {
            return None;
        }
        let rarity = news.held.map_or(news.error, |held| held.min(news.error));
        let error = Evidence { bits: budget::of_error(rarity), since: None };
        let score = news.score.filter(|_| self.after.is_none());
        let novel = score.map(|score| Evidence { bits: budget::of_news(score, news.seen), since: None });
        let shift = news.shift.map(|shift| Evidence { bits: budget::of_shift(shift.rarity), since: Some(shift.since) });
        let all = [Some(error), novel, shift].into_iter().flatten();
        all.filter(|one| one.bits >= self.worth).max_by(|a, b| a.bits.0.total_cmp(&b.bits.0))
    }

    /// Bytes of its state.
    pub fn size(&self) -> usize {
        size_of::<Self>() + if self.novelty.has_panel() { size_of::<Panel>() } else { 0 }
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

    const WORTH: Bits = Bits(13.0);

    fn five_minutes(n: u64) -> Moment {
        minute(5 * n)
    }

    /// What is found in a daily wave with noise, of which `trouble` makes something else.
    fn spells(step: u64, points: u64, trouble: impl Fn(u64, f64) -> f64) -> Vec<Spell> {
        let mut dice = Dice::new(11);
        let length = Duration::from_secs(60 * step);
        let mut detector = Detector::new(FigureKind::Gauge, length, Budget::default().bits(length));
        let mut found = vec![];
        for n in 0..points {
            let usual = 100.0 + 20.0 * (n as f64 * step as f64 / 1_440.0 * std::f64::consts::TAU).sin();
            let value = trouble(n, usual + 4.0 * f64::from(dice.normal()));
            let Answer::Seen(verdict) = detector.see(minute(step * n), Some(value)) else { panic!("refused") };
            found.extend(verdict.ended);
        }
        found.extend(detector.open());
        found
    }

    /// The only finding from the trouble at point 4,000 on, as points: start, detection, end; and the way.
    fn only(step: u64, trouble: impl Fn(u64, f64) -> f64) -> (u64, u64, Option<(u64, Ending)>, Direction) {
        let place = |at: Moment| at.as_millis() / (60_000 * step);
        let mut found = spells(step, 6_000, trouble);
        found.retain(|spell| (3_950..4_700).contains(&place(spell.detected_at)));
        let [spell] = found[..] else { panic!("{step}: {found:#?}") };
        let end = spell.end.map(|(end, ending)| (place(end), ending));
        (place(spell.start), place(spell.detected_at), end, spell.direction)
    }

    #[test]
    fn a_spike_is_found_where_it_is_and_ends_with_it() {
        for step in [1, 5, 60] {
            let spike = only(step, |n, value| if (4_000..4_010).contains(&n) { value + 60.0 } else { value });
            assert_eq!(spike, (4_000, 4_000, Some((4_010, Ending::Back)), Direction::Up), "{step}");
        }
    }

    #[test]
    fn a_long_outage_is_one_finding_that_ends_with_it() {
        for (step, long) in [(1, 600), (5, 200), (60, 20)] {
            let outage = only(step, |n, value| if (4_000..4_000 + long).contains(&n) { 3.5 } else { value });
            let (start, detected, end, way) = outage;
            assert_eq!((start, detected, way), (4_000, 4_000, Direction::Down), "{step}");
            assert_eq!(end, Some((4_000 + long, Ending::Back)), "{step}");
        }
    }

    #[test]
    fn a_shift_that_no_point_shows_is_found_and_ends() {
        // Two and a half times the scatter: one point in a hundred gets there by itself.
        let shift = only(1, |n, value| if (4_000..4_040).contains(&n) { value - 10.0 } else { value });
        let (start, detected, end, way) = shift;
        assert!(start.abs_diff(4_000) <= 3 && (4_003..=4_015).contains(&detected), "{shift:?}");
        assert!(end.is_some_and(|(end, how)| end.abs_diff(4_040) <= 4 && how == Ending::Back), "{shift:?}");
        assert_eq!(way, Direction::Down);
    }

    #[test]
    fn a_level_that_stays_is_the_new_usual_after_a_day() {
        let (_, detected, end, _) = only(5, |n, value| if n >= 4_000 { value + 80.0 } else { value });
        let (end, how) = end.expect("ended");
        assert!(detected <= 4_001 && (4_288..=4_289).contains(&end) && how == Ending::NewUsual, "{end}");
    }

    #[test]
    fn a_healthy_series_keeps_its_budget() {
        let found = spells(1, 43_200, |_, value| value);
        assert!(found.len() <= 1, "{found:#?}");
    }

    #[test]
    fn nothing_is_said_while_it_learns() {
        for step in [1, 5] {
            let mut detector = Detector::new(FigureKind::Gauge, Duration::from_secs(60 * step), Bits(0.0));
            let mut first = None;
            for n in 0..200 {
                let value = if n % 20 == 19 { 1e6 } else { (n % 7) as f64 };
                let Answer::Seen(verdict) = detector.see(minute(step * n), Some(value)) else { panic!("refused") };
                let standing = if n < 164 { Standing::Learning } else { Standing::Judging };
                assert_eq!(verdict.standing, standing, "{n}");
                first = first.or(verdict.found.map(|_| n));
            }
            assert_eq!(first, Some(164), "{step}");
        }
    }

    #[test]
    fn a_flat_series_says_nothing() {
        let mut detector = Detector::new(FigureKind::Gauge, Duration::from_secs(300), WORTH);
        for n in 0..5_000 {
            let Answer::Seen(verdict) = detector.see(five_minutes(n), Some(7.0)) else { panic!("refused") };
            assert!(verdict.found.is_none() && verdict.expected.is_finite(), "{n}: {verdict:?}");
        }
    }

    #[test]
    fn nothing_finite_makes_an_answer_that_is_not() {
        let mut dice = Dice::new(5);
        let mut detector = Detector::new(FigureKind::Gauge, Duration::from_secs(300), WORTH);
        for n in 0..20_000u64 {
            let size = 10f64.powf(f64::from(dice.share()) * 30.0 - 15.0);
            let value = if n % 2 == 0 { size } else { -size };
            let Answer::Seen(verdict) = detector.see(five_minutes(n), Some(value)) else { panic!("refused") };
            assert!(verdict.bits.0.is_finite() && verdict.expected.is_finite() && verdict.spread.is_finite(), "{n}");
        }
    }

    #[test]
    fn the_state_is_small() {
        let size = |seconds| Detector::new(FigureKind::Gauge, Duration::from_secs(seconds), WORTH).size();
        assert!(size(60) <= 640 && size(300) <= 1_024, "{} {}", size(60), size(300));
        assert!(size_of::<CountSeries>() <= 1_024, "{}", size_of::<CountSeries>());
    }
}
