//! Ninety days of one component as bars: what was good, what was not, and what nobody knows.

use crate::faces::stamp::{day as day_text, span};
use crate::faces::tone::{Tone, percent};
use crate::view::Day;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many days are drawn, today last.
const DAYS: i64 = 90;
/// The least height of trouble in a bar, of 100: a minute of a day has to be visible.
const TROUBLE_HEIGHT_MIN: f64 = 35.0;

/// One component's bars with their summary.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct History {
    /// Exactly [`DAYS`] of them, oldest first.
    pub(crate) bars: Vec<Bar>,
    /// Share of the known time in which it worked: `99.98 %`; `None` when nothing is known.
    pub(crate) uptime: Option<String>,
    /// All of it in one sentence, for who cannot see the bars.
    pub(crate) summary: String,
}

/// One day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bar {
    /// From the left, in days.
    pub(crate) x: i64,
    /// What the day was.
    pub(crate) tone: Tone,
    /// How much of the bar is trouble or announced work, of 100.
    pub(crate) trouble: f64,
    /// For people: `5 Nov 2026: 12 min down`.
    pub(crate) title: String,
}

impl History {
    /// The bars that end today. Unknown time neither helps nor hurts, nor does announced work, of which `worked` has the seconds by
    /// day.
    pub(crate) fn of(days: &[Day], worked: Option<&BTreeMap<i64, u32>>, today: i64) -> Self {
        let first = today - DAYS + 1;
        let known = |number: i64| days.iter().rev().find(|day| day.day == number).filter(|day| day.uptime().is_some());
        let worked = |number: i64| worked.and_then(|days| days.get(&number)).copied().unwrap_or(0);
        let bar = |number: i64| Bar::of(number - first, number, known(number), worked(number));
        let bars: Vec<Bar> = (first..=today).map(bar).collect();
        let uptime = total(days, first).uptime().map(percent);
        let summary = summary(uptime.as_deref(), &bars);
        Self { bars, uptime, summary }
    }
}

impl Bar {
    fn of(x: i64, number: i64, day: Option<&Day>, worked_s: u32) -> Self {
        let title = |what: &str| format!("{}: {what}", day_text(number));
        let day = match day {
            Some(day) => day,
            None if worked_s > 0 => &Day::default(),
            None => return Self { x, tone: Tone::Unknown, trouble: 0.0, title: title("no data") },
        };
        let tone = match (day.down_s, day.degraded_s, worked_s) {
            (0, 0, 0) => Tone::Good,
            (0, 0, _) => Tone::Maintenance,
            (0, ..) => Tone::Warn,
            _ => Tone::Bad,
        };
        let unusual_s = match tone {
            Tone::Maintenance => f64::from(worked_s),
            _ => f64::from(day.down_s) + f64::from(day.degraded_s),
        };
        let height = 100.0 * unusual_s / (unusual_s + f64::from(day.good_s));
        let trouble = if tone == Tone::Good { 0.0 } else { height.max(TROUBLE_HEIGHT_MIN).round() };
        Self { x, tone, trouble, title: title(&in_words(day, worked_s)) }
    }
}

fn in_words(day: &Day, worked_s: u32) -> String {
    let part = |seconds: u32, word: &str| {
        (seconds > 0).then(|| format!("{} {word}", span(Duration::from_secs(u64::from(seconds)))))
    };
    let parts: Vec<String> =
        [part(day.down_s, "down"), part(day.degraded_s, "degraded"), part(worked_s, "under maintenance")]
            .into_iter()
            .flatten()
            .collect();
    if parts.is_empty() { "no trouble".into() } else { parts.join(", ") }
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

fn summary(uptime: Option<&str>, bars: &[Bar]) -> String {
    let unknown = bars.iter().filter(|bar| bar.tone == Tone::Unknown).count();
    let trouble: Vec<&str> =
        bars.iter().filter(|bar| bar.tone >= Tone::Warn).rev().take(5).map(|bar| bar.title.as_str()).collect();
    let worked = match uptime {
        Some(uptime) => format!("Worked {uptime} of the known time of the last {DAYS} days"),
        None => return format!("Nothing is known about the last {DAYS} days."),
    };
    let unknown = if unknown == 0 { String::new() } else { format!("; no data on {unknown} days") };
    let trouble =
        if trouble.is_empty() { "; no trouble".into() } else { format!("; trouble on {}", trouble.join("; ")) };
    format!("{worked}{unknown}{trouble}.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: i64 = 20_779;

    fn day(ago: i64, good_s: u32, degraded_s: u32, down_s: u32) -> Day {
        Day { day: TODAY - ago, good_s, degraded_s, down_s }
    }

    #[test]
    fn unknown_time_is_no_penalty_and_no_merit() {
        let history = History::of(&[day(1, 300, 0, 100), day(0, 0, 0, 0)], None, TODAY);
        assert_eq!(history.uptime.as_deref(), Some("75.0 %"));
        assert_eq!(history.bars.len(), 90);
        assert_eq!(history.bars[89].tone, Tone::Unknown);
        assert_eq!(History::of(&[], None, TODAY).uptime, None);
        assert_eq!(History::of(&[], None, TODAY).summary, "Nothing is known about the last 90 days.");
    }

    #[test]
    fn each_day_says_what_it_was() {
        let days = [day(89, 100, 0, 0), day(2, 86_340, 60, 0), day(1, 86_000, 60, 340)];
        let bars = History::of(&days, None, TODAY).bars;
        let of = |i: usize| (bars[i].tone, bars[i].title.as_str());
        assert_eq!(of(0), (Tone::Good, "25 Aug 2026: no trouble"));
        assert_eq!(of(87), (Tone::Warn, "20 Nov 2026: 1 min degraded"));
        assert_eq!(of(88), (Tone::Bad, "21 Nov 2026: 5 min 40 s down, 1 min degraded"));
        assert!(bars[87].trouble >= TROUBLE_HEIGHT_MIN, "a minute of a day is visible");
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
        let of = |i: usize| (history.bars[i].tone, history.bars[i].title.as_str());
        assert_eq!(of(87), (Tone::Maintenance, "20 Nov 2026: 30 min under maintenance"));
        assert_eq!(of(88), (Tone::Bad, "21 Nov 2026: 1 min down, 10 min under maintenance"));
        assert_eq!(of(89), (Tone::Maintenance, "22 Nov 2026: 5 min under maintenance"));
        let uptime = History::of(&[day(2, 3_600, 0, 0)], Some(&worked), TODAY).uptime;
        assert_eq!(uptime.as_deref(), Some("100 %"));
    }
}
