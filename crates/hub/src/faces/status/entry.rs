//! Incidents and announced work as entries of one story: what feeds and the history are made of.

use super::maintenance::PublicMaintenance;
use super::phrases::{Phrases, fill};
use super::picture::{Picture, PublicIncident};
use crate::faces::html::Html;
use crate::faces::stamp::Stamp;
use crate::history::Past;
use downbeat_core::incident::MaintenancePhase;
use downbeat_core::model::Language;

/// Past incidents on the first page.
const LATELY: usize = 5;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// An incident that was confirmed.
    Incident(&'a PublicIncident),
    /// Announced work.
    Work(&'a PublicMaintenance),
    /// What another page told, of either kind.
    Past(Past<'a>),
}

impl<'a> Entry<'a> {
    /// One line, translated where it was.
    pub(super) fn title(&self, language: &Language) -> &'a str {
        match self {
            Self::Incident(incident) => incident.title_in(language),
            Self::Work(work) => &work.title,
            Self::Past(past) => &past.story.title,
        }
    }

    /// Its page, with a slash at the start.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Incident(incident) => format!("/incidents/{}", incident.id),
            Self::Work(work) => format!("/maintenance/{}", work.number),
            Self::Past(past) => past.path(),
        }
    }

    /// When the public first heard of it.
    pub(super) fn told_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.created_at,
            Self::Work(work) => work.created_at,
            Self::Past(past) => Stamp(past.story.created_at),
        }
    }

    /// When it happened: where it stands in the history.
    pub(super) fn happened_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.started_at,
            Self::Work(work) => work.began_at.unwrap_or(work.start),
            Self::Past(past) => past.began(),
        }
    }

    /// When something was last said or done.
    pub(super) fn updated_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.updated_at,
            Self::Work(work) => work.updated_at,
            Self::Past(past) => Stamp(past.story.updated_at),
        }
    }

    /// How its card looks.
    pub(super) fn class(&self) -> String {
        match self {
            Self::Incident(incident) if incident.is_open() => "open".into(),
            Self::Incident(_) => "over".into(),
            Self::Work(work) => format!("work {}", work.phase.word()),
            Self::Past(past) if past.story.planned.is_some() => "work completed".into(),
            Self::Past(_) => "over".into(),
        }
    }

    /// How it went, behind the time at which it began.
    pub(super) fn outcome(&self, t: &Phrases) -> String {
        match self {
            Self::Incident(incident) => {
                let (stage, impact) = (t.stage(&incident.stage), t.impact(&incident.impact));
                match incident.lasted() {
                    Some(lasted) => fill(t.went, &[stage, &lasted, impact]),
                    None => fill(t.goes, &[stage, impact]),
                }
            }
            Self::Work(work) if work.phase == MaintenancePhase::Cancelled => t.maintenance_cancelled.into(),
            Self::Work(work) => fill(t.maintained, &[&work.length(), &t.phase(&work.phase).to_lowercase()]),
            Self::Past(past) => past.outcome(t),
        }
    }

    /// The latest word.
    pub(super) fn last_word(&self, language: &Language) -> Option<Html> {
        let body = match self {
            Self::Incident(incident) => incident.updates.first().map(|update| update.body_in(language)),
            Self::Work(work) => work.words.first().map(|word| word.body_in(Phrases::of(*language))),
            Self::Past(past) => return past.last_word(),
        };
        body.map(Html::from_markdown)
    }

    /// All words as one piece of HTML, newest first, as they were said first.
    pub(super) fn words(&self, t: &Phrases) -> String {
        let word = |title: &str, at: Stamp, body: &str| {
            format!("<p><strong>{title}</strong>, {}</p>\n{}", t.full(&at), Html::from_markdown(body))
        };
        let words: Vec<String> = match self {
            Self::Incident(incident) => {
                incident.updates.iter().map(|it| word(t.stage(&it.stage), it.at, &it.body)).collect()
            }
            Self::Work(work) => {
                let (from, until) = (t.minute(&work.start), t.minute(&work.end));
                let when = format!("<p>{} {from} {} {until}</p>", t.from, t.until.to_lowercase());
                let words = work.words.iter().map(|it| word(t.phase(&it.phase), it.at, it.body_in(t)));
                std::iter::once(when).chain(words).collect()
            }
            Self::Past(past) => return past.words().map(|it| it.html().to_string()).collect(),
        };
        words.join("\n")
    }
}

impl Picture {
    /// All that the public ever hears of from us, the newest first: what feeds tell. What was imported is no news.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let incidents = self.incidents.iter().map(Entry::Incident);
        let mut entries: Vec<Entry<'_>> = incidents.chain(self.maintenances.iter().map(Entry::Work)).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.told_at()));
        entries
    }

    /// All incidents, of ours and of other pages, by when they were first told, the newest first.
    pub(super) fn all_told(&self) -> Vec<Entry<'_>> {
        let past = self.archive.stories().filter(|past| past.story.planned.is_none()).map(Entry::Past);
        let mut told: Vec<Entry<'_>> = self.incidents.iter().map(Entry::Incident).chain(past).collect();
        told.sort_by_key(|entry| std::cmp::Reverse(entry.told_at()));
        told
    }

    /// The last incidents that are over.
    pub(super) fn lately(&self) -> Vec<Entry<'_>> {
        let is_over = |entry: &Entry<'_>| !matches!(entry, Entry::Incident(incident) if incident.is_open());
        self.all_told().into_iter().filter(is_over).take(LATELY).collect()
    }
}
