//! Public words before they are said, and the clock on them (decision 29).
//!
//! A word that is due is a draft first. By default it goes at once; the policy may give each stage a time in which a person can
//! change it, send it, or hold it back. Drafts are derived from where the incident stands, like the words themselves; only what a
//! person made of one is in the log. The clock says until when the public has to hear the first word, and then the next one.

use super::book::Incident;
use super::command::{CommandRefused, checked};
use super::cure::notice;
use super::engine::Engine;
use super::event::Event;
use super::mind::{Concern, Sight};
use super::state::State;
use crate::model::{Audience, IncidentId, Language, Matter, Moment, Name, Notice, Said, Stage, Urgency};
use crate::tell::{self, matter as words};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What makes a draft a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// The clock, or a person before it.
    ByClock,
    /// A person alone: it is held back.
    ByPerson,
}

/// What a person made of a draft.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftEdit {
    /// Of the draft for which stage; another one is another draft.
    pub stage: Stage,
    /// Their words, when they changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What it waits for.
    pub release: Release,
    /// Who did so last.
    pub by: Name,
}

/// A public word that is due and not said yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where the story would stand.
    pub stage: Stage,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub body: String,
    /// The same in other languages; none of what a person wrote.
    pub translations: BTreeMap<Language, Said>,
    /// Since when it could be said.
    pub since: Moment,
    /// When it goes out by itself; never while it is held back.
    pub goes_at: Option<Moment>,
    /// Who changed it or holds it back.
    pub by: Option<Name>,
}

/// Until when the public has to hear something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WordClock {
    /// So many words were said.
    pub said: u32,
    /// When the last word was said; before the first one, when the incident was confirmed.
    pub since: Moment,
    /// Until when the next one has to be.
    pub due: Moment,
}

impl Engine {
    /// The word that is due about an incident.
    pub(super) fn draft_of(&self, incident: &Incident) -> Option<Draft> {
        let (stage, since) = self.stage_due(incident)?;
        let before = incident.public_word().map(|case| &case.notice);
        let (said, translations) = tell::public_word(&self.policy.tell, stage, &self.facts(incident), before);
        let edit = incident.draft.as_ref().filter(|edit| edit.stage == stage);
        let goes_at = match edit.map(|edit| edit.release) {
            Some(Release::ByPerson) => None,
            Some(Release::ByClock) | None => Some(since + self.policy.tell.delay(stage)),
        };
        let (body, translations) = match edit.and_then(|edit| edit.text.clone()) {
            Some(text) => (text, BTreeMap::new()),
            None => (said.body, translations),
        };
        let by = edit.map(|edit| edit.by.clone());
        Some(Draft { stage, title: said.title, body, translations, since, goes_at, by })
    }

    /// The drafts there are.
    pub(super) fn drafts(&self) -> BTreeMap<IncidentId, Draft> {
        self.book.incidents.values().filter_map(|incident| Some((incident.id, self.draft_of(incident)?))).collect()
    }

    /// Says what a person sends, as it stands.
    pub(super) fn send_draft(&self, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let (incident, draft) = self.drafted(id)?;
        Ok(vec![said(incident, draft)])
    }

    /// Other words, which go when the draft would.
    pub(super) fn change_draft(&self, who: &Name, id: IncidentId, text: &str) -> Result<Vec<Event>, CommandRefused> {
        let (_, draft) = self.drafted(id)?;
        let release = if draft.goes_at.is_some() { Release::ByClock } else { Release::ByPerson };
        let edit = DraftEdit { stage: draft.stage, text: Some(checked(text)?.to_owned()), release, by: who.clone() };
        Ok(vec![Event::DraftEdited { incident: id, edit }])
    }

    /// It waits for a person.
    pub(super) fn hold_draft(&self, who: &Name, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let (incident, draft) = self.drafted(id)?;
        if draft.goes_at.is_none() {
            return Ok(vec![]);
        }
        let text = incident.draft.as_ref().filter(|edit| edit.stage == draft.stage).and_then(|edit| edit.text.clone());
        let edit = DraftEdit { stage: draft.stage, text, release: Release::ByPerson, by: who.clone() };
        Ok(vec![Event::DraftEdited { incident: id, edit }])
    }

    fn drafted(&self, id: IncidentId) -> Result<(&Incident, Draft), CommandRefused> {
        let incident = self.incident(id)?;
        self.draft_of(incident).map(|draft| (incident, draft)).ok_or(CommandRefused::NoDraft(id))
    }

    /// Until when the public has to hear of an incident; nothing of one that is not confirmed, or over.
    pub fn word_clock(&self, incident: &Incident) -> Option<WordClock> {
        let confirmed =
            incident.confirmed_at.filter(|_| incident.state.is_open() && incident.state != State::Suspected)?;
        let public = incident.notices.iter().filter(|case| case.notice.audience == Audience::Public);
        let said = u32::try_from(public.count()).unwrap_or(u32::MAX);
        let tell = &self.policy.tell;
        Some(match incident.public_word() {
            None => WordClock { said, since: confirmed, due: confirmed + tell.first_word_within },
            // It was reopened: what was said last is that it is over.
            Some(word) if word.notice.stage == Stage::Resolved => {
                WordClock { said, since: incident.state_since, due: incident.state_since + tell.first_word_within }
            }
            Some(word) => WordClock { said, since: word.at, due: word.at + tell.next_update },
        })
    }

    /// The clocks that run.
    pub(super) fn word_clocks(&self) -> BTreeMap<IncidentId, WordClock> {
        self.book.open().filter_map(|incident| Some((incident.id, self.word_clock(incident)?))).collect()
    }

    /// Reminders of words that are due soon, or should have been said.
    pub(super) fn reminders(&self, now: Moment) -> Vec<(Matter, Sight)> {
        let clocks: Vec<_> = self.book.open().filter_map(|it| Some((it, self.word_clock(it)?))).collect();
        let mut sights: Vec<(Matter, Sight)> = clocks
            .iter()
            .flat_map(|(incident, clock)| {
                let (incident_id, said) = (incident.id, clock.said);
                [
                    (Matter::WordDue { incident: incident_id, said }, self.due_soon(incident, clock, now)),
                    (Matter::WordOverdue { incident: incident_id, said }, overdue(incident, clock, now)),
                ]
            })
            .collect();
        let told = self.book.open_matters().map(|case| &case.matter);
        let past: Vec<_> = told
            .filter(|matter| matches!(matter, Matter::WordDue { .. } | Matter::WordOverdue { .. }))
            .filter(|matter| !sights.iter().any(|(known, _)| known == *matter))
            .map(|matter| (matter.clone(), Sight::Over(None)))
            .collect();
        sights.extend(past);
        sights
    }

    fn due_soon(&self, incident: &Incident, clock: &WordClock, now: Moment) -> Sight {
        // A reminder right after a word would remind of nothing.
        let lead = self.policy.tell.remind_before.min(clock.due.since(clock.since) / 2);
        let goes_by_itself =
            self.draft_of(incident).and_then(|draft| draft.goes_at).is_some_and(|goes_at| goes_at <= clock.due);
        if now < clock.due.before(lead) || now >= clock.due || goes_by_itself {
            return Sight::Over(None);
        }
        Sight::Holds(Concern {
            urgency: Urgency::Ticket,
            since: Some(clock.since),
            title: words::word_due_title(&incident.title),
            body: words::word_due(clock.said, clock.due.since(now)),
        })
    }
}

fn overdue(incident: &Incident, clock: &WordClock, now: Moment) -> Sight {
    if now < clock.due {
        return Sight::Over(None);
    }
    Sight::Holds(Concern {
        urgency: Urgency::Ticket,
        since: Some(clock.due),
        title: words::word_overdue_title(&incident.title),
        body: words::word_overdue(clock.said),
    })
}

/// A draft as the word that it becomes.
pub(super) fn said(incident: &Incident, draft: Draft) -> Event {
    let Draft { stage, title, body, translations, .. } = draft;
    let notice = notice(incident, 0, Audience::Public, stage, &title, body);
    Event::NoticeWritten { notice: Notice { translations, ..notice } }
}
