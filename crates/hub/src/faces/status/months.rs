//! The history by month: what happened, the newest first. What is still to come is no history.

use super::entry::Entry;
use super::picture::Picture;
use crate::faces::stamp::Stamp;
use downbeat_core::incident::MaintenancePhase;

/// A month in which something happened.
#[derive(Debug)]
pub(super) struct Month<'a> {
    /// `2026-11`.
    pub(super) key: String,
    /// Within it.
    pub(super) at: Stamp,
    /// The newest first.
    pub(super) entries: Vec<Entry<'a>>,
}

impl Picture {
    /// The months in which something happened, the newest first.
    pub(super) fn months(&self) -> Vec<Month<'_>> {
        let is_history =
            |entry: &Entry<'_>| !matches!(entry, Entry::Work(work) if work.phase == MaintenancePhase::Scheduled);
        let past = self.archive.stories().map(Entry::Past);
        let mut entries: Vec<Entry<'_>> = self.entries().into_iter().filter(is_history).chain(past).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.happened_at()));
        let mut months: Vec<Month<'_>> = Vec::new();
        for entry in entries {
            let key = entry.happened_at().month_key();
            match months.last_mut().filter(|month| month.key == key) {
                Some(month) => month.entries.push(entry),
                None => months.push(Month::of(key, entry)),
            }
        }
        months
    }
}

impl<'a> Month<'a> {
    /// True when all of it was told by other pages.
    pub(super) fn is_past(&self) -> bool {
        self.entries.iter().all(|entry| matches!(entry, Entry::Past(_)))
    }

    fn of(key: String, first: Entry<'a>) -> Self {
        Self { key, at: first.happened_at(), entries: vec![first] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{claim::Claims, story};
    use super::*;
    use downbeat_core::model::Language;
    use std::time::Duration;

    #[test]
    fn each_month_has_its_own_and_what_comes_is_in_none() {
        let mut picture = Picture::of(&story::maintained(), &Claims::new());
        let incident = &mut picture.incidents[0];
        incident.started_at = Stamp(incident.started_at.0.before(Duration::from_secs(40 * 86_400)));
        let months = picture.months();
        let all: Vec<(&str, usize)> = months.iter().map(|month| (month.key.as_str(), month.entries.len())).collect();
        assert_eq!(all, [("2026-11", 3), ("2026-10", 1)]);
        let titles: Vec<&str> = months[0].entries.iter().map(|entry| entry.title(&Language::En)).collect();
        assert!(!titles.contains(&"New certificates"), "{titles:?}");
    }
}
