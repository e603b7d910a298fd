//! Announced work, as the public hears of it.

use super::phrases::Phrases;
use crate::faces::stamp::{Stamp, span};
use crate::view::Snapshot;
use downbeat_core::incident::{Maintenance, MaintenancePhase, MaintenanceWord};
use downbeat_core::model::{MaintenanceId, Moment, Name};
use std::collections::BTreeMap;

/// Most maintenances on the page and in the API: as many as Statuspage gives.
const MAINTENANCES_MAX: usize = 50;
const DAY_MS: u64 = 86_400_000;

/// One maintenance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PublicMaintenance {
    /// Its number.
    pub(crate) number: MaintenanceId,
    /// Its name for people.
    pub(crate) title: String,
    /// Where it stands.
    pub(crate) phase: MaintenancePhase,
    /// From when on.
    pub(crate) start: Stamp,
    /// Until when.
    pub(crate) end: Stamp,
    /// When it was scheduled.
    pub(crate) created_at: Stamp,
    /// When something last happened to it.
    pub(crate) updated_at: Stamp,
    /// When it began.
    pub(crate) began_at: Option<Stamp>,
    /// When it was over.
    pub(crate) ended_at: Option<Stamp>,
    /// How often it was changed.
    pub(crate) changes: u32,
    /// What was said, newest first.
    pub(crate) words: Vec<Word>,
    /// What it touches.
    pub(crate) components: Vec<Name>,
}

/// One public word.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Word {
    /// Its stable id.
    pub(crate) id: String,
    /// Where it stood.
    pub(crate) phase: MaintenancePhase,
    /// The words, in Markdown.
    pub(crate) body: String,
    /// When.
    pub(crate) at: Stamp,
}

impl Word {
    /// The words; those that the hub says by itself are translated.
    pub(crate) fn body_in(&self, t: &Phrases) -> &str {
        t.of_work(&self.body)
    }
}

impl PublicMaintenance {
    fn of(it: &Maintenance) -> Self {
        let appointment = &it.appointment;
        let word = |(count, word): (usize, &MaintenanceWord)| Word {
            id: format!("{}.{count}", key(it.id)),
            phase: word.phase,
            body: word.body.clone(),
            at: Stamp(word.at),
        };
        let mut words: Vec<Word> = (1..).zip(&it.words).map(word).collect();
        words.reverse();
        Self {
            number: it.id,
            title: appointment.title.clone(),
            phase: it.phase,
            start: Stamp(appointment.start),
            end: Stamp(appointment.end),
            created_at: Stamp(it.scheduled_at),
            updated_at: Stamp(it.updated_at()),
            began_at: it.began_at.map(Stamp),
            ended_at: it.ended_at.map(Stamp),
            changes: it.changes,
            words,
            components: appointment.components.iter().cloned().collect(),
        }
    }

    /// Its stable id, which no incident has.
    pub(crate) fn key(&self) -> String {
        key(self.number)
    }

    /// How long it is meant to be.
    pub(crate) fn length(&self) -> String {
        span(self.end.0.since(self.start.0))
    }
}

fn key(id: MaintenanceId) -> String {
    format!("maintenance-{id}")
}

/// What the public hears of: what goes on first, then what comes, then what is over, the newest first.
pub(super) fn maintenances(snapshot: &Snapshot) -> Vec<PublicMaintenance> {
    let open = snapshot.book.open_maintenances();
    let over = snapshot.book.maintenances.values().rev().filter(|it| !it.phase.is_open());
    open.into_iter().chain(over).take(MAINTENANCES_MAX).map(PublicMaintenance::of).collect()
}

/// By component and day: for how many seconds it was worked on.
pub(super) type WorkDays = BTreeMap<Name, BTreeMap<i64, u32>>;

/// The days on which something was worked on.
pub(super) fn work_days(snapshot: &Snapshot) -> WorkDays {
    let mut days = WorkDays::new();
    for it in snapshot.book.maintenances.values() {
        let Some(began) = it.began_at else { continue };
        let ended = it.ended_at.unwrap_or(snapshot.now);
        for (day, seconds) in by_day(began, ended) {
            for component in &it.appointment.components {
                let sum = days.entry(component.clone()).or_default().entry(day).or_default();
                *sum = sum.saturating_add(seconds).min(86_400);
            }
        }
    }
    days
}

/// A stretch of time, cut at midnights. It has at most a day or so: a maintenance is no longer.
fn by_day(from: Moment, to: Moment) -> Vec<(i64, u32)> {
    let (from, to) = (from.as_millis(), to.as_millis());
    let part = |day: u64| {
        let (begin, end) = (day * DAY_MS, (day + 1) * DAY_MS);
        let seconds = end.min(to).saturating_sub(begin.max(from)) / 1_000;
        (i64::try_from(day).unwrap_or(i64::MAX), u32::try_from(seconds).unwrap_or(u32::MAX))
    };
    (from / DAY_MS..=to / DAY_MS).map(part).filter(|(_, seconds)| *seconds > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_over_midnight_is_of_two_days() {
        let at = |day: u64, s: u64| Moment::from_millis(day * DAY_MS + s * 1_000);
        assert_eq!(by_day(at(10, 86_000), at(11, 600)), [(10, 400), (11, 600)]);
        assert_eq!(by_day(at(10, 5), at(10, 5)), []);
    }
}
