//! The matters of the book: what the team was told beside incidents, and what of it still has to go out.

use super::book::{Book, Effect, EffectId};
use super::event::{Channel, Event, Outcome, Record};
use crate::model::{Audience, IncidentId, Matter, MatterId, Memo, MemoId, Moment, Name, Phase, Urgency};
use serde::{Deserialize, Serialize};

/// Most matters kept at hand; the log has them all.
const KEPT_MAX: usize = 200;

/// A matter with its history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatterCase {
    /// Its name.
    pub id: MatterId,
    /// What it is about.
    pub matter: Matter,
    /// How soon somebody has to look.
    pub urgency: Urgency,
    /// Since when it has been so.
    pub since: Moment,
    /// When it was written down.
    pub began_at: Moment,
    /// One line.
    pub title: String,
    /// What was said when it began.
    pub body: String,
    /// When it was over, and what was said then, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Moment, Option<String>)>,
    /// What the channels said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

/// What became of one message on one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Which of the two messages.
    pub phase: Phase,
    /// Where it went.
    pub channel: Name,
    /// How it ended.
    pub outcome: Outcome,
}

impl MatterCase {
    /// True while it is so.
    pub fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    fn memo(&self, phase: Phase, at: Moment, body: &str) -> Memo {
        Memo {
            id: MemoId { matter: self.id, phase },
            matter: self.matter.clone(),
            urgency: self.urgency,
            since: self.since,
            at,
            title: self.title.clone(),
            body: body.to_owned(),
            incident: self.incident(),
        }
    }

    /// The incident that it is about, when it is about one.
    pub fn incident(&self) -> Option<IncidentId> {
        match self.matter {
            Matter::WordDue { incident, .. } | Matter::WordOverdue { incident, .. } => Some(incident),
            Matter::Burn { .. } | Matter::Blind { .. } | Matter::Deaf | Matter::Late => None,
        }
    }
}

/// Whom a message of this urgency reaches: the team hears all of it; who is on call, what cannot wait.
fn hears(channel: &Channel, urgency: Urgency) -> bool {
    match (channel.audience, urgency) {
        (Audience::Team, _) | (Audience::OnCall, Urgency::Page) => true,
        (Audience::OnCall, Urgency::Ticket) | (Audience::Public, _) => false,
    }
}

impl Book {
    /// The name of the next matter.
    pub fn next_matter(&self) -> MatterId {
        MatterId(self.matters.keys().next_back().map_or(1, |id| id.0 + 1))
    }

    /// What is so now, oldest first.
    pub fn open_matters(&self) -> impl Iterator<Item = &MatterCase> {
        self.matters.values().filter(|case| case.is_open())
    }

    /// The case of a matter that goes on.
    pub(super) fn open_matter(&self, matter: &Matter) -> Option<&MatterCase> {
        self.open_matters().find(|case| case.matter == *matter)
    }

    /// Takes in what happened to a matter; nothing else changes it.
    pub(super) fn move_matter(&mut self, record: &Record) {
        match &record.event {
            Event::MatterBegan { id, matter, urgency, since, title, body } => {
                let case = MatterCase {
                    id: *id,
                    matter: matter.clone(),
                    urgency: *urgency,
                    since: *since,
                    began_at: record.at,
                    title: title.clone(),
                    body: body.clone(),
                    ended: None,
                    told: Vec::new(),
                };
                self.queue_memo(&case.memo(Phase::Begun, record.at, body));
                self.matters.insert(*id, case);
                self.forget_old_matters();
            }
            Event::MatterEnded { id, body } => {
                // Who has not heard that it began hears what it was, and that it is over.
                self.pending.retain(|effect, _| !matches!(effect, EffectId::Tell(memo, _) if memo.matter == *id));
                let Some(case) = self.matters.get_mut(id) else { return };
                case.ended = Some((record.at, body.clone()));
                if let Some(body) = body {
                    let memo = case.memo(Phase::Over, record.at, body);
                    self.queue_memo(&memo);
                }
            }
            Event::MemoSent { memo, channel, outcome } => {
                self.pending.remove(&EffectId::Tell(*memo, channel.clone()));
                if let Some(case) = self.matters.get_mut(&memo.matter) {
                    let (phase, channel, outcome) = (memo.phase, channel.clone(), outcome.clone());
                    case.told.push(Told { phase, channel, outcome });
                }
            }
            _ => {}
        }
    }

    fn queue_memo(&mut self, memo: &Memo) {
        let channels = self.channels().iter().filter(|channel| hears(channel, memo.urgency));
        let effects: Vec<_> = channels.map(|channel| EffectId::Tell(memo.id, channel.name.clone())).collect();
        self.pending.extend(effects.into_iter().map(|effect| (effect, Effect::Tell(Box::new(memo.clone())))));
    }

    fn forget_old_matters(&mut self) {
        if self.matters.len() > KEPT_MAX {
            let oldest = self.matters.values().find(|case| !case.is_open()).map(|case| case.id);
            oldest.and_then(|id| self.matters.remove(&id));
        }
    }
}
