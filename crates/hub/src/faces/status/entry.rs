//! Incidents and announced work as entries of one story: what feeds and the history are made of.

use super::maintenance::PublicMaintenance;
use super::picture::{Picture, PublicIncident};
use crate::faces::html::Html;
use crate::faces::stamp::Stamp;
use downbeat_core::incident::MaintenancePhase;

/// One of the two.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'a> {
    /// An incident that was confirmed.
    Incident(&'a PublicIncident),
    /// Announced work.
    Work(&'a PublicMaintenance),
}

impl<'a> Entry<'a> {
    /// One line.
    pub(super) fn title(&self) -> &'a str {
        match self {
            Self::Incident(incident) => &incident.title,
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
    pub(super) fn outcome(&self) -> String {
        match self {
            Self::Incident(incident) => {
                let after = incident.lasted().map(|lasted| format!(" after {lasted}")).unwrap_or_default();
                format!("{}{after}, impact {}", incident.stage.word(), incident.impact.word())
            }
            Self::Work(work) if work.phase == MaintenancePhase::Cancelled => "maintenance, cancelled".into(),
            Self::Work(work) => {
                format!("maintenance of {}, {}", work.length(), work.phase.title().to_lowercase())
            }
        }
    }

    /// The latest word.
    pub(super) fn last_word(&self) -> Option<Html> {
        let body = match self {
            Self::Incident(incident) => incident.updates.first().map(|update| &update.body),
            Self::Work(work) => work.words.first().map(|word| &word.body),
        };
        body.map(|body| Html::from_markdown(body))
    }

    /// All words as one piece of HTML, newest first.
    pub(super) fn words(&self) -> String {
        let word = |title: &str, at: Stamp, body: &str| {
            format!("<p><strong>{title}</strong>, {}</p>\n{}", at.full(), Html::from_markdown(body))
        };
        let words: Vec<String> = match self {
            Self::Incident(incident) => {
                incident.updates.iter().map(|it| word(it.stage.title(), it.at, &it.body)).collect()
            }
            Self::Work(work) => {
                let when = format!("<p>From {} until {}</p>", work.start.minute(), work.end.minute());
                let words = work.words.iter().map(|it| word(it.phase.title(), it.at, &it.body));
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
