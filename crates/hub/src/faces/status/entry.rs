//! Incidents and announced work as entries of one story: what feeds and the history are made of.

use super::maintenance::PublicMaintenance;
use super::phrases::{Phrases, fill};
use super::picture::{Picture, PublicIncident};
use crate::faces::html::Html;
use crate::faces::stamp::Stamp;
use downbeat_core::incident::MaintenancePhase;
use downbeat_core::model::Language;

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// An incident that was confirmed.
    Incident(&'a PublicIncident),
    /// Announced work.
    Work(&'a PublicMaintenance),
}

impl<'a> Entry<'a> {
    /// One line, translated where it was.
    pub(super) fn title(&self, language: &Language) -> &'a str {
        match self {
            Self::Incident(incident) => incident.title_in(language),
            Self::Work(work) => &work.title,
        }
    }

    /// Its page, with a slash at the start.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Incident(incident) => format!("/incidents/{}", incident.id),
            Self::Work(work) => format!("/maintenance/{}", work.number),
        }
    }

    /// When the public first heard of it.
    pub(super) fn told_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.created_at,
            Self::Work(work) => work.created_at,
        }
    }

    /// When it happened: where it stands in the history.
    pub(super) fn happened_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.started_at,
            Self::Work(work) => work.began_at.unwrap_or(work.start),
        }
    }

    /// When something was last said or done.
    pub(super) fn updated_at(&self) -> Stamp {
        match self {
            Self::Incident(incident) => incident.updated_at,
            Self::Work(work) => work.updated_at,
        }
    }

    /// How its card looks.
    pub(super) fn class(&self) -> String {
        match self {
            Self::Incident(incident) if incident.is_open() => "open".into(),
            Self::Incident(_) => "over".into(),
            Self::Work(work) => format!("work {}", work.phase.word()),
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
        }
    }

    /// The latest word.
    pub(super) fn last_word(&self, language: &Language) -> Option<Html> {
        let body = match self {
            Self::Incident(incident) => incident.updates.first().map(|update| update.body_in(language)),
            Self::Work(work) => work.words.first().map(|word| word.body_in(Phrases::of(*language))),
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
        };
        words.join("\n")
    }
}

impl Picture {
    /// All that the public ever hears of, the newest first.
    pub(super) fn entries(&self) -> Vec<Entry<'_>> {
        let incidents = self.incidents.iter().map(Entry::Incident);
        let mut entries: Vec<Entry<'_>> = incidents.chain(self.maintenances.iter().map(Entry::Work)).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.told_at()));
        entries
    }
}
