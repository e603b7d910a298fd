//! Do clients wait longer than they usually do? Judged by how many do, not by how long one of them did.
//!
//! The bar is the worst that was usual: of each minute of the last week the 99th percentile of the waits, of each hour the median
//! of those, and of the hours the highest. In any hour about one request in a hundred is beyond it, most hours fewer; how many
//! are is counted (exceedances), and tested as a share by the gambler of [`super::ratio`], weighted by the traffic. So one
//! minute with a slow backup moves nothing, a night job that comes each night is in the bar, and what is faster than
//! [`NOTICED_US`] is fast enough. Cost: 2 KB a component, and a sum over a sketch a minute. Rejected: the percentile as a series
//! (nobody knows how it scatters, and a percentile of few requests is a dice), a bar for each hour of the day (a week has
//! seven of them, too few to know their worst).

use super::ratio::{Cap, RatioTest};
use super::series::{Lesson, Telling};
use crate::model::{Bits, Dimension, FailureKind, Finding, Measure, Moment, Name, Sketch, Slice, SourceClass};
use std::collections::VecDeque;
use std::time::Duration;

/// What comes sooner than this is not noticed as late, whatever is usual: 100 ms (Nielsen, *Usability Engineering*, 1993).
const NOTICED_US: f64 = 100_000.0;
/// Of fewer answers a minute no 99th percentile is taken.
const ANSWERS_MIN: u64 = 100;
/// Of fewer minutes an hour no median is taken.
const MINUTES_MIN: usize = 15;
/// Hours that are remembered, and how many of them have to be known.
const HOURS_MAX: usize = 168;
const HOURS_MIN: usize = 24;
const HOUR_MS: u64 = 3_600_000;
/// The least share beyond the bar that a healthy component is allowed: twice what the bar is made of.
const LATE_FLOOR: f64 = 0.02;
/// The most that one minute adds, in bits: it is one observation.
const MINUTE_BITS: f64 = 12.0;
/// Without a minute for so long nothing is known any more.
const FRESH: Duration = Duration::from_secs(180);

/// The waits of one component's clients.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Waits {
    /// The hour that is going on, since 1970, and its minutes' 99th percentiles in microseconds.
    hour: u64,
    minutes: Vec<f64>,
    /// Those of the hours that are over, oldest first.
    hours: VecDeque<f64>,
    test: RatioTest,
    /// The end of the last minute that was judged, and how many answers of it were late.
    judged: Option<(Moment, u64)>,
    telling: Telling,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            hour: 0,
            minutes: vec![],
            hours: VecDeque::new(),
            test: RatioTest::new(LATE_FLOOR),
            judged: None,
            telling: Telling::default(),
        }
    }
}

impl Waits {
    /// What is late, in microseconds; nothing while too little is known.
    pub(super) fn bar(&self) -> Option<f64> {
        let worst = self.hours.iter().copied().fold(NOTICED_US, f64::max);
        (self.hours.len() >= HOURS_MIN).then_some(worst)
    }

    /// Takes the waits of a minute in that ended at `at`; `worth` bits make a finding. Answers with what was learnt.
    pub(super) fn add(&mut self, at: Moment, waits: &Sketch, lesson: Lesson, worth: Bits) -> Option<f64> {
        let total = waits.total();
        if let Some(bar) = self.bar() {
            let within = waits.cumulative(&[bar as u64]).first().copied().unwrap_or(total);
            let late = total - within;
            self.test.add(at, total, late, Cap(MINUTE_BITS));
            let enough = if lesson == Lesson::QuietDay { 2.0 * worth.0 } else { worth.0 };
            self.telling.note(at, self.test.bits() >= enough);
            self.judged = Some((at, late));
        }
        let p99 = waits.quantile(0.99).filter(|_| lesson == Lesson::Learnt && total >= ANSWERS_MIN)?;
        self.learn(at, p99);
        Some(p99)
    }

    /// Takes a minute's 99th percentile in, in microseconds.
    pub(super) fn learn(&mut self, at: Moment, p99: f64) {
        let hour = at.as_millis() / HOUR_MS;
        if hour != self.hour {
            self.close();
            self.hour = hour;
        }
        if p99.is_finite() {
            self.minutes.push(p99);
        }
    }

    fn close(&mut self) {
        let mut minutes = std::mem::take(&mut self.minutes);
        if minutes.len() >= MINUTES_MIN {
            minutes.sort_by(f64::total_cmp);
            self.hours.push_back(minutes[minutes.len() / 2]);
            if self.hours.len() > HOURS_MAX {
                self.hours.pop_front();
            }
        }
    }

    /// Somebody has dealt with what was found.
    pub(super) fn dealt_with(&mut self) {
        self.telling.dealt_with();
    }

    /// What is found, while it is to be told.
    pub(super) fn found(&self, component: &Name, now: Moment) -> Option<Finding> {
        let (at, late) = self.judged.filter(|(at, _)| self.telling.tells(now) && now.since(*at) <= FRESH)?;
        let reading = self.test.reading();
        Some(Finding {
            class: SourceClass::Metric,
            measure: Measure::Lateness,
            slice: Slice::of(Dimension::Component, component.clone()),
            since: reading.since,
            at,
            expected: reading.expected,
            observed: reading.observed,
            total: reading.total,
            kinds: [(FailureKind::Late, late)].into(),
            bits: reading.bits,
            of: None,
        })
    }

    /// The evidence, for people.
    pub(super) fn bits(&self) -> Bits {
        Bits(self.test.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORTH: Bits = Bits(16.0);

    fn minute(n: u64) -> Moment {
        Moment::from_millis(n * 60_000)
    }

    /// A thousand answers, of which so many take so long (in milliseconds).
    fn waits(late: u64, ms: u64) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.count_times(20_000, 1_000 - late);
        sketch.count_times(ms * 1_000, late);
        sketch
    }

    /// A week of answers within 20 ms, but for twenty in a thousand.
    fn taught() -> Waits {
        let mut taught = Waits::default();
        for n in 0..7 * 1_440 {
            taught.add(minute(n), &waits(20, 180), Lesson::Learnt, WORTH);
        }
        taught
    }

    fn found(waits: &Waits, n: u64) -> bool {
        waits.found(&Name::new("login").expect("good"), minute(n)).is_some()
    }

    #[test]
    fn what_is_late_is_learnt_from_the_worst_hour() {
        let mut waits_of = taught();
        let bar = waits_of.bar().expect("a week");
        assert!((170_000.0..190_000.0).contains(&bar), "{bar}");
        assert!(!found(&waits_of, 7 * 1_440 - 1));
        // Much more of what is usual for a few is still usual.
        for n in 7 * 1_440..7 * 1_440 + 5 {
            waits_of.add(minute(n), &waits(200, 170), Lesson::Apart, WORTH);
        }
        assert!(!found(&waits_of, 7 * 1_440 + 4));
        for n in 7 * 1_440 + 5..7 * 1_440 + 8 {
            waits_of.add(minute(n), &waits(200, 900), Lesson::Apart, WORTH);
        }
        assert!(found(&waits_of, 7 * 1_440 + 7), "{:?}", waits_of.bits());
        assert_eq!(waits_of.bar(), Some(bar), "trouble teaches nothing");
        assert!(!found(&waits_of, 7 * 1_440 + 20), "nothing is known any more");
    }

    #[test]
    fn one_bad_minute_is_one_observation_and_what_is_fast_enough_is_not_late() {
        let mut one = taught();
        one.add(minute(7 * 1_440), &waits(1_000, 900), Lesson::Learnt, WORTH);
        assert!(one.bits().0 <= MINUTE_BITS && !found(&one, 7 * 1_440));
        let mut fast = Waits::default();
        for n in 0..2 * 1_440 {
            fast.add(minute(n), &waits(10, 3), Lesson::Learnt, WORTH);
        }
        for n in 2 * 1_440..2 * 1_440 + 10 {
            fast.add(minute(n), &waits(900, 60), Lesson::Learnt, WORTH);
        }
        assert_eq!((fast.bar(), fast.bits()), (Some(NOTICED_US), Bits(0.0)));
    }

    #[test]
    fn nothing_is_said_before_a_day_and_of_a_handful() {
        let mut young = Waits::default();
        for n in 0..1_380 {
            assert!(young.add(minute(n), &waits(900, 900), Lesson::Learnt, WORTH).is_some());
            assert_eq!(young.bar(), None);
        }
        let mut few = Sketch::default();
        few.count_times(5_000_000, ANSWERS_MIN - 1);
        assert_eq!(young.add(minute(1_380), &few, Lesson::Learnt, WORTH), None, "a dice");
    }
}
