//! Error budgets on the front page: what is promised, what is left of it, how fast it goes.

use crate::faces::stamp::short_span;
use crate::faces::tone::{Tone, percent};
use crate::view::Snapshot;
use downbeat_core::detect::{BudgetReading, Burning};
use downbeat_core::model::{BudgetId, Promise, Urgency};

/// One component's budget.
#[derive(Debug, PartialEq)]
pub(super) struct BudgetLine {
    pub(super) title: String,
    /// Such as `99.9 %`, or `99 % within 300 ms`.
    pub(super) objective: String,
    /// How exactly it is counted, where that has to be said.
    pub(super) counted: Option<String>,
    pub(super) tone: Tone,
    pub(super) word: &'static str,
    /// What is left, such as `83.2 %`; less than nothing when more was used.
    pub(super) left: String,
    /// The same for a meter, 0 to 100.
    pub(super) meter: f64,
    /// How many times as fast as it may it goes, over an hour, six hours and three days.
    pub(super) burns: [String; 3],
}

impl BudgetLine {
    /// All there are, in the order of their names.
    pub(super) fn all(snapshot: &Snapshot) -> Vec<Self> {
        snapshot.board.budgets.iter().map(|(id, reading)| Self::of(snapshot, id, reading)).collect()
    }

    fn of(snapshot: &Snapshot, BudgetId { component, .. }: &BudgetId, reading: &BudgetReading) -> Self {
        let known = snapshot.settings.policy.topology.components.get(component);
        let (tone, word) = state(reading);
        let [_, _, burns @ ..] = reading.burns;
        Self {
            title: known.map_or_else(|| component.to_string(), |it| it.title.clone()),
            objective: objective(reading.promise),
            counted: counted(reading.promise),
            tone,
            word,
            left: if reading.left < 0.0 {
                format!("\u{2212}{}", percent(-reading.left))
            } else {
                percent(reading.left)
            },
            meter: (reading.left * 100.0).clamp(0.0, 100.0),
            burns: burns.map(|(_, burn)| burn.map_or_else(|| "no data".into(), |burn| format!("{burn:.1}"))),
        }
    }
}

fn objective(promise: Promise) -> String {
    let share = format!("{} %", promise.share().as_percent());
    match promise {
        Promise::Success(_) => share,
        Promise::Latency(latency) => format!("{share} within {}", short_span(latency.below())),
    }
}

/// Edges tell times in buckets: from where on an answer is counted as late.
fn counted(promise: Promise) -> Option<String> {
    match promise {
        Promise::Success(_) => None,
        Promise::Latency(latency) => Some(format!("late from {} on", short_span(latency.late_from()))),
    }
}

fn state(reading: &BudgetReading) -> (Tone, &'static str) {
    match reading.burning.map(|Burning { rule, .. }| rule.urgency) {
        Some(Urgency::Page) => (Tone::Bad, "Burns fast"),
        Some(Urgency::Ticket) => (Tone::Warn, "Burns slowly"),
        None if reading.left < 0.0 => (Tone::Warn, "Used up"),
        None if reading.burns.iter().all(|(_, burn)| burn.is_none()) => (Tone::Unknown, "No data"),
        None => (Tone::Good, "Kept"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;
    use downbeat_core::incident::State;

    #[test]
    fn a_budget_is_told_in_a_line() {
        let lines = BudgetLine::all(&story::in_state(State::Confirmed));
        let said: Vec<(&str, &str, &str, &str)> = lines
            .iter()
            .map(|line| (line.title.as_str(), line.objective.as_str(), line.word, line.left.as_str()))
            .collect();
        let (login, playback) =
            (("Log-in", "99 %", "No data", "100 %"), ("Playback", "99.9 %", "Burns fast", "−14.0 %"));
        assert_eq!(said, [login, playback, ("Playback", "99 % within 300 ms", "Kept", "53.3 %")]);
        assert_eq!(lines[2].counted.as_deref(), Some("late from 311 ms on"));
    }
}
