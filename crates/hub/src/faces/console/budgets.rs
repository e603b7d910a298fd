//! Error budgets on the front page: what is promised, what is left of it, how fast it goes.

use crate::faces::tone::{Tone, percent};
use crate::view::Snapshot;
use downbeat_core::detect::{BudgetReading, Burning, Urgency};
use downbeat_core::model::Name;

/// One component's budget.
#[derive(Debug, PartialEq)]
pub(super) struct BudgetLine {
    pub(super) title: String,
    /// Such as `99.9 %`.
    pub(super) objective: String,
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
        snapshot.board.budgets.iter().map(|(component, reading)| Self::of(snapshot, component, reading)).collect()
    }

    fn of(snapshot: &Snapshot, component: &Name, reading: &BudgetReading) -> Self {
        let known = snapshot.settings.policy.topology.components.get(component);
        let (tone, word) = state(reading);
        let [_, _, burns @ ..] = reading.burns;
        Self {
            title: known.map_or_else(|| component.to_string(), |it| it.title.clone()),
            objective: format!("{} %", reading.objective.as_percent()),
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
        assert_eq!(said, [("Log-in", "99 %", "No data", "100 %"), ("Playback", "99.9 %", "Burns fast", "−14.0 %")]);
    }
}
