//! Error budgets: how fast each component uses up the failures, or the late answers, that its objectives allow.
//!
//! An objective of 99.9 % leaves 0.1 % of the requests of 30 days to fail: the budget. At a burn rate of 1 it lasts exactly
//! 30 days, at 14.4 two days. A rule has two windows: the long one says that it matters (so much of the budget is gone), the
//! short one that it still goes on, so that the alert ends soon after the trouble.
//!
//! A companion to the sequential tests: it is told in one sentence, and it sees what they let pass as usual, a share of
//! failures that is small and lasts. Rules after Google, *The Site Reliability Workbook* (2018), chapter 5, "Multiwindow,
//! Multi-Burn-Rate Alerts", with its figures for 30 days.
//!
//! Cost: 24 bytes for each minute with traffic, 1 MB a component, and a binary search a question. Rejected: a threshold on
//! the share itself (it knows nothing of what is allowed), one window (noisy when it is short, hours late in ending when long).

use crate::model::{
    Bits, BudgetId, ClientRow, ComponentRow, Dimension, Failures, Finding, Indicator, LatencyObjective, Measure,
    Moment, Name, Objectives, Policy, Promise, RollUp, Slice, SourceClass, Urgency,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// The time over which an objective is meant.
pub const BUDGET_WINDOW: Duration = Duration::from_secs(30 * 86_400);
/// Minutes kept, without traffic or with.
const MINUTES_MAX: u64 = BUDGET_WINDOW.as_secs() / 60;
/// One failure in a quiet night is a large share of few requests, and no trouble yet.
const BAD_MIN: u64 = 10;

/// A pair of windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnRule {
    /// It matters.
    pub long: Duration,
    /// It goes on.
    pub short: Duration,
    /// From this burn rate on, over both.
    pub burn: f64,
    /// How soon somebody has to look: a page opens an incident, a ticket goes to the team.
    pub urgency: Urgency,
}

/// The rules, the most urgent first: 2 % of the budget in an hour, 5 % in six, 10 % in three days.
pub const BURN_RULES: [BurnRule; 3] = [
    BurnRule { long: hours(1), short: minutes(5), burn: 14.4, urgency: Urgency::Page },
    BurnRule { long: hours(6), short: minutes(30), burn: 6.0, urgency: Urgency::Page },
    BurnRule { long: hours(72), short: hours(6), burn: 1.0, urgency: Urgency::Ticket },
];

const fn hours(n: u64) -> Duration {
    Duration::from_secs(n * 3_600)
}

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// What clients met within a stretch of time, as one budget counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Met {
    /// All that counts.
    pub total: u64,
    /// Those that failed, or were late.
    pub bad: u64,
}

/// The sums from the beginning until the end of a minute.
#[derive(Debug, Clone, Copy)]
struct Minute {
    number: u64,
    until: Met,
}

/// The budget of one component.
#[derive(Debug, Clone)]
pub struct ErrorBudget {
    promise: Promise,
    minutes: VecDeque<Minute>,
    /// The sums of what was forgotten.
    forgotten: Met,
    /// Short windows begin here at the earliest: what came before has been dealt with.
    fresh: u64,
}

/// A rule that fires.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burning {
    /// Which one.
    pub rule: BurnRule,
    /// The burn rate over its long window.
    pub burn: f64,
    /// Since when each minute has burned so fast.
    pub since: Moment,
    met: Met,
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetReading {
    /// What is promised.
    pub promise: Promise,
    /// Share of the budget of the last 30 days that is left; below 0 when more was used.
    pub left: f64,
    /// Burn rates over the windows of the rules, the shortest first; `None` where nobody asked for anything.
    pub burns: [(Duration, Option<f64>); 5],
    /// The most urgent rule that fires.
    pub burning: Option<Burning>,
}

/// The windows of the rules.
const WINDOWS: [Duration; 5] = [minutes(5), minutes(30), hours(1), hours(6), hours(72)];

fn minute_of(at: Moment) -> u64 {
    at.as_millis() / 60_000
}

impl ErrorBudget {
    /// A budget of which nothing is used.
    pub fn new(promise: Promise) -> Self {
        Self { promise, minutes: VecDeque::new(), forgotten: Met::default(), fresh: 0 }
    }

    /// Counts what clients met. Minutes after this one were told by a clock that was ahead: what they counted is counted now,
    /// or they would be in every window until the time has come.
    pub fn add(&mut self, at: Moment, met: Met) {
        let before = self.minutes.back().map_or(self.forgotten, |last| last.until);
        let until = Met { total: before.total + met.total, bad: before.bad + met.bad.min(met.total) };
        let number = minute_of(at);
        while self.minutes.back().is_some_and(|last| last.number >= number) {
            self.minutes.pop_back();
        }
        self.minutes.push_back(Minute { number, until });
        let first = number.saturating_sub(MINUTES_MAX);
        while let Some(old) = self.minutes.front().filter(|minute| minute.number <= first) {
            self.forgotten = old.until;
            self.minutes.pop_front();
        }
    }

    /// What burned has been dealt with: rules fire again when it goes on after this.
    pub fn begin_anew(&mut self, now: Moment) {
        self.fresh = minute_of(now) + 1;
    }

    /// How many times as fast as it may it was used up over a window until `now`; `None` while nobody asked for anything.
    pub fn burn(&self, window: Duration, now: Moment) -> Option<f64> {
        self.rate(self.met(self.first_of(window, now)))
    }

    /// Share of the budget of the last 30 days that is left; below 0 when more was used. All of it while nothing came.
    pub fn left(&self, now: Moment) -> f64 {
        1.0 - self.burn(BUDGET_WINDOW, now).unwrap_or(0.0)
    }

    /// The most urgent rule that fires.
    pub fn burning(&self, now: Moment) -> Option<Burning> {
        BURN_RULES.into_iter().find_map(|rule| self.fires(rule, now))
    }

    /// How it stands.
    pub fn reading(&self, now: Moment) -> BudgetReading {
        BudgetReading {
            promise: self.promise,
            left: self.left(now),
            burns: WINDOWS.map(|window| (window, self.burn(window, now))),
            burning: self.burning(now),
        }
    }

    fn fires(&self, rule: BurnRule, now: Moment) -> Option<Burning> {
        let met = self.met(self.first_of(rule.long, now));
        let burn = self.rate(met).filter(|burn| *burn >= rule.burn)?;
        let lately = self.met(self.first_of(rule.short, now).max(self.fresh));
        let goes_on = self.rate(lately).is_some_and(|burn| burn >= rule.burn);
        let since = self.burning_since(rule, now);
        (met.bad >= BAD_MIN && goes_on).then_some(Burning { rule, burn, since, met })
    }

    /// Back from now, the minutes in each of which it burned as fast as the rule says.
    fn burning_since(&self, rule: BurnRule, now: Moment) -> Moment {
        let first = self.first_of(rule.long, now);
        let mut since = minute_of(now);
        for n in (0..self.minutes.len()).rev() {
            let minute = self.minutes[n];
            let own = minute.until.without(self.before(n));
            if minute.number < first || self.rate(own).is_none_or(|burn| burn < rule.burn) {
                break;
            }
            since = minute.number;
        }
        Moment::from_millis(since * 60_000)
    }

    fn first_of(&self, window: Duration, now: Moment) -> u64 {
        (minute_of(now) + 1).saturating_sub(window.as_secs() / 60)
    }

    /// What was met from a minute on.
    fn met(&self, first: u64) -> Met {
        let n = self.minutes.partition_point(|minute| minute.number < first);
        self.minutes.back().map_or(Met::default(), |last| last.until.without(self.before(n)))
    }

    /// The sums until the minute in a place.
    fn before(&self, n: usize) -> Met {
        n.checked_sub(1).map_or(self.forgotten, |n| self.minutes[n].until)
    }

    fn rate(&self, met: Met) -> Option<f64> {
        (met.total > 0).then(|| met.bad as f64 / met.total as f64 / self.promise.share().allowed())
    }
}

impl Met {
    fn without(self, before: Self) -> Self {
        Self { total: self.total - before.total, bad: self.bad - before.bad }
    }

    /// What clients of one network met, refused credentials and the like left out.
    pub fn served(row: &ClientRow) -> Self {
        let owed = row.counted().owed();
        Self { total: owed.total, bad: owed.failed() }
    }

    /// What clients waited for.
    pub fn waited(row: &ComponentRow, promised: LatencyObjective) -> Self {
        Self { total: row.first_byte.total(), bad: promised.late(&row.first_byte) }
    }

    /// Adds another stretch.
    pub fn add(&mut self, other: Self) {
        self.total = self.total.saturating_add(other.total);
        self.bad = self.bad.saturating_add(other.bad);
    }
}

/// The budgets of all components that have an objective.
#[derive(Debug, Clone)]
pub struct ErrorBudgets(BTreeMap<Name, Vec<ErrorBudget>>);

impl ErrorBudgets {
    /// Those of a policy, of which nothing is used.
    pub fn new(policy: &Policy) -> Self {
        let budgets = |it: &Objectives| it.promises().map(ErrorBudget::new).collect();
        Self(policy.objectives.iter().map(|(name, objectives)| (name.clone(), budgets(objectives))).collect())
    }

    fn all(&self) -> impl Iterator<Item = (BudgetId, &ErrorBudget)> {
        self.0.iter().flat_map(|(component, budgets)| {
            let id = |it: &ErrorBudget| BudgetId { component: component.clone(), indicator: it.promise.indicator() };
            budgets.iter().map(move |budget| (id(budget), budget))
        })
    }

    /// How each stands.
    pub fn readings(&self, now: Moment) -> BTreeMap<BudgetId, BudgetReading> {
        self.all().map(|(id, budget)| (id, budget.reading(now))).collect()
    }

    /// Counts what was met; nothing where nothing is promised.
    pub fn add(&mut self, id: &BudgetId, at: Moment, met: Met) {
        self.count(&id.component, at, |promise| (promise.indicator() == id.indicator).then_some(met));
    }

    /// Counts what an edge tells.
    pub(crate) fn hear(&mut self, now: Moment, roll: &RollUp) {
        for row in &roll.clients {
            self.count(&row.component, now, |promise| match promise {
                Promise::Success(_) => Some(Met::served(row)),
                Promise::Latency(_) => None,
            });
        }
        for row in &roll.components {
            self.count(&row.component, now, |promise| match promise {
                Promise::Success(_) => None,
                Promise::Latency(latency) => Some(Met::waited(row, latency)),
            });
        }
    }

    fn count(&mut self, component: &Name, at: Moment, met: impl Fn(Promise) -> Option<Met>) {
        for budget in self.0.get_mut(component).into_iter().flatten() {
            if let Some(met) = met(budget.promise).filter(|met| met.total > 0) {
                budget.add(at, met);
            }
        }
    }

    /// What burned has been dealt with.
    pub(crate) fn begin_anew(&mut self, now: Moment) {
        self.0.values_mut().flatten().for_each(|budget| budget.begin_anew(now));
    }

    /// Budgets that somebody has to look at now, as findings. Their weight is the threshold's: they are believed by rule.
    pub(crate) fn findings(&self, now: Moment, threshold: Bits) -> impl Iterator<Item = Finding> {
        self.all().filter_map(move |(id, budget)| {
            let allowed = budget.promise.share().allowed();
            let burning = budget.burning(now).filter(|burning| burning.rule.urgency == Urgency::Page)?;
            Some(Finding {
                class: SourceClass::Edge,
                measure: match id.indicator {
                    Indicator::Success => Measure::Budget,
                    Indicator::Latency => Measure::LatencyBudget,
                },
                slice: Slice::of(Dimension::Component, id.component),
                since: burning.since,
                at: now,
                expected: allowed,
                observed: burning.burn * allowed,
                total: burning.met.total,
                kinds: Failures::default(),
                bits: threshold,
                of: None,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Objective;

    const START: u64 = 30_000_000;

    fn at(minute: u64) -> Moment {
        Moment::from_millis((START + minute) * 60_000)
    }

    fn promised() -> ErrorBudget {
        ErrorBudget::new(Promise::Success(Objective::percent(99.9).expect("a good objective")))
    }

    fn met(total: u64, bad: u64) -> Met {
        Met { total, bad }
    }

    /// 99.9 %, a thousand requests a minute, of which so many fail in each of some minutes.
    fn budget(failed: impl IntoIterator<Item = u64>) -> ErrorBudget {
        let mut budget = promised();
        for (minute, failed) in failed.into_iter().enumerate() {
            budget.add(at(minute as u64), met(1_000, failed));
        }
        budget
    }

    fn long(budget: &ErrorBudget, minute: u64) -> Option<u64> {
        budget.burning(at(minute)).map(|burning| burning.rule.long.as_secs() / 3_600)
    }

    #[test]
    fn the_burn_rate_is_the_share_of_failures_over_the_share_allowed() {
        let budget = budget([1; 60]);
        assert!((budget.burn(hours(1), at(59)).expect("traffic") - 1.0).abs() < 1e-9);
        assert!((budget.left(at(59)) - 0.0).abs() < 1e-9, "at a rate of 1 exactly all of it is used");
        assert_eq!(promised().burn(hours(1), at(0)), None);
        assert!((promised().left(at(0)) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn windows_end_now_and_hold_so_many_minutes() {
        let budget = budget((0..120).map(|minute| if minute < 60 { 0 } else { 10 }));
        let over = |window| budget.burn(window, at(119)).expect("traffic");
        assert!((over(hours(1)) - 10.0).abs() < 1e-9);
        assert!((over(hours(2)) - 5.0).abs() < 1e-9);
        assert!((over(minutes(5)) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn each_rule_fires_at_its_rate_and_not_below() {
        assert_eq!(long(&budget([15; 60]), 59), Some(1));
        assert_eq!(long(&budget([14; 60]), 59), Some(6), "14 is below 14.4, and above 6");
        assert_eq!(long(&budget([7; 360]), 359), Some(6));
        assert_eq!(long(&budget([5; 360]), 359), Some(72));
        assert_eq!(long(&budget([1; 4_320]), 4_319), Some(72));
        assert_eq!(long(&budget((0..4_320).map(|minute| u64::from(minute % 3 > 0))), 4_319), None);
    }

    #[test]
    fn a_rule_ends_soon_after_the_trouble() {
        let minutes_of = |trouble: u64, all: u64| (0..all).map(move |minute| if minute < trouble { 500 } else { 0 });
        assert_eq!(long(&budget(minutes_of(10, 10)), 9), Some(1));
        assert_eq!(long(&budget(minutes_of(10, 14)), 13), Some(1), "one bad minute is still in the short window");
        let healed = budget(minutes_of(10, 15));
        assert!(healed.burn(hours(1), at(14)).expect("traffic") > 14.4, "much of the budget is gone");
        assert_ne!(long(&healed, 14), Some(1), "but it does not go on");
    }

    #[test]
    fn what_was_dealt_with_fires_no_more_and_what_goes_on_does() {
        let mut budget = budget([500; 10]);
        budget.begin_anew(at(9));
        assert_eq!(budget.burning(at(9)), None);
        budget.add(at(10), met(1_000, 0));
        assert_eq!(budget.burning(at(10)), None);
        budget.add(at(11), met(1_000, 500));
        let burning = budget.burning(at(11)).expect("it goes on");
        assert_eq!((burning.rule.urgency, burning.since), (Urgency::Page, at(11)));
    }

    #[test]
    fn few_failures_are_no_trouble_yet() {
        let mut budget = promised();
        budget.add(at(0), met(20, 9));
        assert_eq!(budget.burning(at(0)), None);
        budget.add(at(0), met(1, 1));
        assert!(budget.burning(at(0)).is_some());
    }

    #[test]
    fn thirty_days_are_kept_and_no_more() {
        let mut budget = budget([1_000]);
        assert!(budget.left(at(0)) < 0.0);
        budget.add(at(MINUTES_MAX - 1), met(1_000, 0));
        assert!((budget.left(at(MINUTES_MAX - 1)) + 499.0).abs() < 1e-6, "the bad minute is still within");
        budget.add(at(MINUTES_MAX), met(1_000, 0));
        assert!((budget.left(at(MINUTES_MAX)) - 1.0).abs() < 1e-9);
        assert_eq!(budget.minutes.len(), 2);
    }

    #[test]
    fn a_clock_that_goes_back_loses_nothing() {
        let mut budget = budget([0; 10]);
        budget.add(at(3), met(100, 50));
        assert_eq!(budget.met(0), met(10_100, 50));
        budget.add(at(MINUTES_MAX / 2), met(1_000, 1_000));
        budget.add(at(4), met(100, 0));
        assert!(budget.burn(minutes(5), at(4)).expect("traffic") > 0.0);
        assert_eq!(budget.met(START + 5), Met::default(), "nothing is left of what a clock said that was ahead");
        budget.add(at(20), met(1_000, 0));
        assert_eq!(budget.burn(minutes(5), at(20)), Some(0.0));
        assert_eq!(budget.met(0), met(12_200, 1_050));
    }
}
