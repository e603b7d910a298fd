//! Ninety days of one component as bars: what was good, what was not, and what nobody knows.

use super::phrases::{Phrases, fill};
use crate::faces::stamp::{Stamp, span};
use crate::faces::tone::{Tone, percent};
use crate::view::Day;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many days are drawn, today last.
const DAYS: i64 = 90;
/// The least height of trouble in a bar, of 100: a minute of a day has to be visible.
const TROUBLE_HEIGHT_MIN: f64 = 35.0;
/// What parts trouble from the good rest of its day, of 100.
const GAP_HEIGHT: f64 = 8.0;

/// One component's bars with their summary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    /// What was known: the ground of the bars.
    known: Vec<Run>,
    /// What was not.
    unknown: Vec<Run>,
    /// The days that were not simply good, oldest first.
    pub(crate) bars: Vec<Bar>,
    /// Share of the known time in which it worked: `99.98 %`; `None` when nothing is known.
    uptime: Option<String>,
}

/// Days one after another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// The first, from the left.
    x: i64,
    days: i64,
}

/// One day that was not simply good.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// From the left, in days.
    x: i64,
    /// What the day was.
    pub(crate) tone: Tone,
    /// How much of the bar is trouble or announced work, of 100.
    trouble: f64,
    day: Day,
    worked_s: u32,
}

impl History {
    /// The bars that end today. Unknown time neither helps nor hurts, nor does announced work, of which `worked` has the seconds by
    /// day.
    pub(crate) fn of(days: &[Day], worked: Option<&BTreeMap<i64, u32>>, today: i64) -> Self {
        let first = today - DAYS + 1;
        let of_day = |number: i64| days.iter().rev().find(|day| day.day == number).filter(|day| day.uptime().is_some());
        let worked = |number: i64| worked.and_then(|days| days.get(&number)).copied().unwrap_or(0);
        let mut history =
            Self { known: vec![], unknown: vec![], bars: vec![], uptime: total(days, first).uptime().map(percent) };
        for number in first..=today {
            let (x, worked_s) = (number - first, worked(number));
            match of_day(number).copied().or((worked_s > 0).then_some(Day { day: number, ..Day::default() })) {
                None => Run::extend(&mut history.unknown, x),
                Some(day) => {
                    Run::extend(&mut history.known, x);
                    history.bars.extend(Bar::of(x, day, worked_s));
                }
            }
        }
        history
    }

    /// The ground of the bars, as the data of a path.
    pub(crate) fn known(&self) -> String {
        Run::path(&self.known)
    }

    /// The days of which nothing is known, as the data of a path.
    pub(crate) fn unknown(&self) -> String {
        Run::path(&self.unknown)
    }

    /// What parts all bars from the ground beneath them, as the data of one path.
    pub(crate) fn gaps(&self) -> String {
        self.bars.iter().map(|bar| bar.down_to(bar.trouble + GAP_HEIGHT)).collect()
    }

    /// All of it in one sentence, for who cannot see the bars.
    pub(crate) fn summary(&self, t: &Phrases) -> String {
        let days = DAYS.to_string();
        let Some(uptime) = &self.uptime else { return fill(t.days_unknown, &[&days]) };
        let mut parts = vec![fill(t.days_worked, &[uptime, &days])];
        let unknown: i64 = self.unknown.iter().map(|run| run.days).sum();
        if unknown > 0 {
            parts.push(fill(t.days_without_data, &[&unknown.to_string()]));
        }
        let trouble = self.bars.iter().filter(|bar| bar.tone >= Tone::Warn).rev().take(5);
        let trouble: Vec<String> = trouble.map(|bar| bar.title(t)).collect();
        parts.push(match trouble.is_empty() {
            true => t.no_trouble.into(),
            false => fill(t.trouble_on, &[&trouble.join("; ")]),
        });
        format!("{}.", parts.join("; "))
    }

    /// The share of the known time in which it worked, in words.
    pub(crate) fn uptime(&self, t: &Phrases) -> String {
        self.uptime.as_ref().map_or_else(|| t.no_history.into(), |uptime| fill(t.uptime, &[uptime]))
    }

    /// Where the bars begin.
    pub(crate) fn begin(t: &Phrases) -> String {
        fill(t.days_ago, &[&DAYS.to_string()])
    }
}

impl Run {
    fn extend(runs: &mut Vec<Self>, x: i64) {
        match runs.last_mut().filter(|run| run.x + run.days == x) {
            Some(run) => run.days += 1,
            None => runs.push(Self { x, days: 1 }),
        }
    }

    /// A line through each run; the style's dashes make days of it.
    fn path(runs: &[Self]) -> String {
        runs.iter().map(|run| format!("M{}.12 0h{}", run.x, run.days)).collect()
    }
}

impl Bar {
    fn of(x: i64, day: Day, worked_s: u32) -> Option<Self> {
        let tone = match (day.down_s, day.degraded_s, worked_s) {
            (0, 0, 0) => return None,
            (0, 0, _) => Tone::Maintenance,
            (0, ..) => Tone::Warn,
            _ => Tone::Bad,
        };
        let unusual_s = match tone {
            Tone::Maintenance => f64::from(worked_s),
            _ => f64::from(day.down_s) + f64::from(day.degraded_s),
        };
        let height = 100.0 * unusual_s / (unusual_s + f64::from(day.good_s));
        Some(Self { x, tone, trouble: height.max(TROUBLE_HEIGHT_MIN).round(), day, worked_s })
    }

    /// The trouble, as the data of a path: a thousand components have ninety thousand days, so the style says all that they share.
    pub(crate) fn line(&self) -> String {
        self.down_to(self.trouble)
    }

    fn down_to(&self, height: f64) -> String {
        format!("M{}.5 0v{height}", self.x)
    }

    /// For people: `5 Nov 2026: 12 min down`.
    pub(crate) fn title(&self, t: &Phrases) -> String {
        let parts =
            [(self.day.down_s, t.down), (self.day.degraded_s, t.degraded), (self.worked_s, t.under_maintenance)];
        let part = |(seconds, word): (u32, &str)| {
            (seconds > 0).then(|| format!("{} {word}", span(Duration::from_secs(u64::from(seconds)))))
        };
        let parts: Vec<String> = parts.into_iter().filter_map(part).collect();
        format!("{}: {}", t.day(&Stamp::of_day(self.day.day)), parts.join(", "))
    }
}

/// All days from `first` on as one long one. Seconds saturate far beyond ninety days.
fn total(days: &[Day], first: i64) -> Day {
    days.iter().filter(|day| day.day >= first).fold(Day::default(), |sum, day| Day {
        day: day.day,
        good_s: sum.good_s.saturating_add(day.good_s),
        degraded_s: sum.degraded_s.saturating_add(day.degraded_s),
        down_s: sum.down_s.saturating_add(day.down_s),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::model::Language;

    const TODAY: i64 = 20_779;

    fn day(ago: i64, good_s: u32, degraded_s: u32, down_s: u32) -> Day {
        Day { day: TODAY - ago, good_s, degraded_s, down_s }
    }

    fn english() -> &'static Phrases {
        Phrases::of(Language::En)
    }

    fn bar(history: &History, x: i64) -> Option<(Tone, String)> {
        history.bars.iter().find(|bar| bar.x == x).map(|bar| (bar.tone, bar.title(english())))
    }

    #[test]
    fn unknown_time_is_no_penalty_and_no_merit() {
        let history = History::of(&[day(1, 300, 0, 100), day(0, 0, 0, 0)], None, TODAY);
        assert_eq!(history.uptime.as_deref(), Some("75.0 %"));
        assert_eq!((history.known().as_str(), history.unknown().as_str()), ("M88.12 0h1", "M0.12 0h88M89.12 0h1"));
        let nothing = History::of(&[], None, TODAY);
        assert_eq!((nothing.uptime.as_deref(), nothing.unknown().as_str()), (None, "M0.12 0h90"));
        assert_eq!(nothing.summary(english()), "Nothing is known about the last 90 days.");
    }

    #[test]
    fn each_day_says_what_it_was() {
        let days = [day(89, 100, 0, 0), day(2, 86_340, 60, 0), day(1, 86_000, 60, 340)];
        let history = History::of(&days, None, TODAY);
        assert_eq!(bar(&history, 0), None, "nothing is to be told of it");
        assert_eq!(bar(&history, 87), Some((Tone::Warn, "20 Nov 2026: 1 min degraded".into())));
        assert_eq!(bar(&history, 88), Some((Tone::Bad, "21 Nov 2026: 5 min 40 s down, 1 min degraded".into())));
        assert_eq!(history.bars[0].line(), "M87.5 0v35", "a minute of a day is visible");
        assert_eq!(history.gaps(), "M87.5 0v43M88.5 0v43");
        assert_eq!(
            history.summary(english()),
            "Worked 99.80 % of the known time of the last 90 days; no data on 87 days; trouble on 21 Nov 2026: \
             5 min 40 s down, 1 min degraded; 20 Nov 2026: 1 min degraded."
        );
    }

    #[test]
    fn days_before_the_window_do_not_count() {
        let days = [day(90, 0, 0, 86_400), day(3, 60, 0, 0)];
        assert_eq!(History::of(&days, None, TODAY).uptime.as_deref(), Some("100 %"));
    }

    #[test]
    fn announced_work_is_told_and_no_penalty() {
        let worked = [(TODAY - 2, 1_800), (TODAY - 1, 600), (TODAY, 300)].into();
        let history = History::of(&[day(2, 3_600, 0, 0), day(1, 80_000, 0, 60)], Some(&worked), TODAY);
        assert_eq!(bar(&history, 87), Some((Tone::Maintenance, "20 Nov 2026: 30 min under maintenance".into())));
        assert_eq!(bar(&history, 88), Some((Tone::Bad, "21 Nov 2026: 1 min down, 10 min under maintenance".into())));
        assert_eq!(bar(&history, 89), Some((Tone::Maintenance, "22 Nov 2026: 5 min under maintenance".into())));
        let uptime = History::of(&[day(2, 3_600, 0, 0)], Some(&worked), TODAY).uptime;
        assert_eq!(uptime.as_deref(), Some("100 %"));
    }
}
