//! The days of each component: every ten seconds, how it is now is counted as how it was since the last time.

use crate::view::Day;
use downbeat_core::incident::{Board, Book, Condition};
use downbeat_core::model::{Moment, Name};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How often it is counted, and the most that one count adds: a hub that slept knows nothing of that time.
const EVERY: Duration = Duration::from_secs(10);
/// How many days are kept.
const DAYS_MAX: usize = 90;
const DAY_MS: u64 = 24 * 3_600 * 1_000;

/// Counts seconds by day, component and condition.
#[derive(Debug)]
pub(crate) struct Uptime {
    days: Arc<BTreeMap<Name, Vec<Day>>>,
    counted_at: Moment,
}

impl Uptime {
    /// Goes on with what was counted before.
    pub(crate) fn new(days: BTreeMap<Name, Vec<Day>>, now: Moment) -> Self {
        Self { days: Arc::new(days), counted_at: now }
    }

    /// All days, oldest first.
    pub(crate) fn days(&self) -> Arc<BTreeMap<Name, Vec<Day>>> {
        Arc::clone(&self.days)
    }

    /// True when it is time to count.
    pub(crate) fn is_due(&self, now: Moment) -> bool {
        now.since(self.counted_at) >= EVERY
    }

    /// Counts the time since the last count, and returns the days that changed. What does not work while it is worked on, as was
    /// announced, counts nowhere.
    pub(crate) fn count(&mut self, now: Moment, board: &Board, book: &Book) -> Vec<(Name, Day)> {
        let seconds = now.since(self.counted_at).min(EVERY).as_secs() as u32;
        self.counted_at = now;
        let today = day_of(now);
        let days = Arc::make_mut(&mut self.days);
        let counts = |name: &Name, condition: Condition| match condition {
            Condition::Unknown => false,
            Condition::Healthy => true,
            Condition::Degraded | Condition::Down => !book.is_under_maintenance(name),
        };
        board
            .components
            .iter()
            .filter(|(name, condition)| counts(name, **condition))
            .map(|(name, condition)| {
                (name.clone(), add(days.entry(name.clone()).or_default(), today, *condition, seconds))
            })
            .collect()
    }

    /// The oldest day worth keeping.
    pub(crate) fn oldest(now: Moment) -> i64 {
        day_of(now) - DAYS_MAX as i64 + 1
    }
}

fn day_of(now: Moment) -> i64 {
    (now.as_millis() / DAY_MS) as i64
}

fn add(days: &mut Vec<Day>, today: i64, condition: Condition, seconds: u32) -> Day {
    if days.last().is_none_or(|last| last.day < today) {
        days.push(Day { day: today, ..Day::default() });
        days.retain(|day| day.day > today - DAYS_MAX as i64);
    }
    let Some(day) = days.last_mut() else { return Day::default() };
    match condition {
        Condition::Unknown => {}
        Condition::Healthy => day.good_s += seconds,
        Condition::Degraded => day.degraded_s += seconds,
        Condition::Down => day.down_s += seconds,
    }
    *day
}

#[cfg(test)]
mod tests {
    use super::*;
    use downbeat_core::incident::{Event, Record};
    use downbeat_core::model::{Appointment, MaintenanceId};

    fn board(condition: Condition) -> Board {
        let name = Name::new("playback").expect("a name");
        Board { components: [(name, condition)].into(), ..Board::default() }
    }

    fn at(day: u64, second: u64) -> Moment {
        Moment::from_millis(day * DAY_MS + second * 1_000)
    }

    #[test]
    fn what_is_known_counts_and_what_is_not_does_not() {
        let mut uptime = Uptime::new(BTreeMap::new(), at(100, 0));
        assert!(!uptime.is_due(at(100, 9)) && uptime.is_due(at(100, 10)));
        assert!(uptime.count(at(100, 10), &board(Condition::Unknown), &Book::default()).is_empty());
        for (second, condition) in [(20, Condition::Healthy), (30, Condition::Degraded), (40, Condition::Down)] {
            uptime.count(at(100, second), &board(condition), &Book::default());
        }
        uptime.count(at(100, 400), &board(Condition::Down), &Book::default());
        let days = uptime.days();
        assert_eq!(
            days.values().next().map(Vec::as_slice),
            Some([Day { day: 100, good_s: 10, degraded_s: 10, down_s: 20 }].as_slice())
        );
    }

    #[test]
    fn announced_work_is_no_penalty() {
        let mut uptime = Uptime::new(BTreeMap::new(), at(100, 0));
        let mut book = Book::default();
        let (maintenance, who) = (MaintenanceId(1), Name::new("mira").expect("a name"));
        let components = [Name::new("playback").expect("a name")].into();
        let appointment = Appointment { title: "New disks".into(), components, start: at(100, 0), end: at(101, 0) };
        let events = [
            Event::MaintenanceScheduled { maintenance, appointment, body: "We work.".into(), who },
            Event::MaintenanceBegan { maintenance, body: "We begin.".into() },
        ];
        for (seq, event) in (1..).zip(events) {
            book.apply(&Record { seq, at: at(100, 0), event }).expect("fits");
        }
        for (second, condition) in [(10, Condition::Healthy), (20, Condition::Degraded), (30, Condition::Down)] {
            uptime.count(at(100, second), &board(condition), &book);
        }
        let days = uptime.days();
        let day = days.values().next().and_then(|days| days.last());
        assert_eq!(day, Some(&Day { day: 100, good_s: 10, degraded_s: 0, down_s: 0 }));
    }

    #[test]
    fn ninety_days_are_kept() {
        let mut uptime = Uptime::new(BTreeMap::new(), at(0, 0));
        for day in 1..=200 {
            uptime.count(at(day, 10), &board(Condition::Healthy), &Book::default());
        }
        let days = uptime.days();
        let kept = days.values().next().expect("one component");
        assert_eq!((kept.len(), kept[0].day, kept[89].day), (90, 111, 200));
        assert_eq!(Uptime::oldest(at(200, 0)), 111);
    }
}
