//! What operators ask for, as commands like any other: checked, turned into events, written down.

use super::book::{Incident, RemedyCase, RemedyStage};
use super::cure::note;
use super::engine::Engine;
use super::event::{Actor, Event, Verb, Verdict};
use super::round::Round;
use crate::act::guards;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Audience, Change, IncidentId, Moment, Name, RemedyId, Stage, Strength};

/// Longest public word, in characters.
const TEXT_MAX: usize = 5_000;

/// What an operator can ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// I have seen it; stop calling.
    Ack(IncidentId),
    /// Do what was proposed.
    Approve(RemedyId),
    /// Take it back.
    Undo(RemedyId),
    /// Say this in public.
    Post(IncidentId, String),
    /// It is over, whatever the gates say; what is in force is taken back.
    Resolve(IncidentId),
    /// Automation starts nothing new.
    Hold,
    /// Automation may act again.
    Release,
    /// Somebody changed the service.
    Tell(Change),
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandRefused {
    /// No such incident.
    #[error("there is no incident {0}")]
    NoIncident(IncidentId),
    /// No such remedy.
    #[error("there is no remedy {0}")]
    NoRemedy(RemedyId),
    /// It is over.
    #[error("incident {0} is over")]
    Over(IncidentId),
    /// The remedy is past that point.
    #[error("remedy {0} is {1}")]
    Stage(RemedyId, &'static str),
    /// A guard forbids it, even to an operator.
    #[error("invariant {guard} forbids it: {why}")]
    Guard {
        /// The invariant.
        guard: &'static str,
        /// For people.
        why: String,
    },
    /// The text is empty or too long.
    #[error("a public word has 1 to 5000 characters, this one has {0}")]
    Text(usize),
}

impl Engine {
    /// What a command leads to; to be written and applied like the events of a step. Nothing, when it is a repeat.
    ///
    /// # Errors
    /// [`CommandRefused`]; nothing happens then.
    pub fn command(&mut self, now: Moment, who: &Name, command: Command) -> Result<Vec<Event>, CommandRefused> {
        self.look(now);
        let did = |incident, verb| vec![Event::OperatorActed { incident, who: who.clone(), verb }];
        match command {
            Command::Ack(id) => self.open_incident(id).map(|_| did(Some(id), Verb::Ack)),
            Command::Approve(id) => self.approve(now, who, id),
            Command::Undo(id) => self.undo(now, who, id),
            Command::Post(id, text) => self.post(id, &text),
            Command::Resolve(id) => self.resolve(now, who, id),
            Command::Hold => Ok(did(None, Verb::Hold)),
            Command::Release => Ok(did(None, Verb::Release)),
            Command::Tell(change) => Ok(self.tell(change)),
        }
    }

    fn open_incident(&self, id: IncidentId) -> Result<&Incident, CommandRefused> {
        let incident = self.book.incidents.get(&id).ok_or(CommandRefused::NoIncident(id))?;
        if incident.state.is_open() { Ok(incident) } else { Err(CommandRefused::Over(id)) }
    }

    fn remedy_case(&self, id: RemedyId) -> Result<(&Incident, &RemedyCase), CommandRefused> {
        let incident = self.book.incidents.get(&id.incident).ok_or(CommandRefused::NoRemedy(id))?;
        let case = incident.remedy(id).ok_or(CommandRefused::NoRemedy(id))?;
        Ok((incident, case))
    }

    fn approve(&self, now: Moment, who: &Name, id: RemedyId) -> Result<Vec<Event>, CommandRefused> {
        let (incident, case) = self.remedy_case(id)?;
        self.open_incident(id.incident)?;
        if case.stage != RemedyStage::Proposed {
            return Err(CommandRefused::Stage(id, case.stage.word()));
        }
        self.situation(incident, &case.remedy, &Round::of(self, incident, now), now, |s| {
            guards::allow_operator(&case.remedy, s)
        })
        .map_err(|no| CommandRefused::Guard { guard: no.guard, why: no.why })?;
        Ok(vec![self.start(incident, &case.remedy, Actor::Operator(who.clone()), now)])
    }

    fn undo(&self, now: Moment, who: &Name, id: RemedyId) -> Result<Vec<Event>, CommandRefused> {
        let (_, case) = self.remedy_case(id)?;
        if case.is_in_force() {
            Ok(vec![self.taken_back_by(now, who, id)])
        } else {
            Err(CommandRefused::Stage(id, case.stage.word()))
        }
    }

    fn taken_back_by(&self, now: Moment, who: &Name, id: RemedyId) -> Event {
        let plan = self.plan_with(now, |c| if c.remedy.id == id { Strength::FULL } else { c.share });
        Event::RemedyJudged { remedy: id, verdict: Verdict::Reverted, observed: format!("undone by {who}"), plan }
    }

    fn post(&self, id: IncidentId, text: &str) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let length = text.trim().chars().count();
        if length == 0 || length > TEXT_MAX {
            return Err(CommandRefused::Text(length));
        }
        let (stage, title) = match incident.public_word() {
            Some(said) => (said.notice.stage, said.notice.title.clone()),
            None => (Stage::Investigating, incident.title.clone()),
        };
        Ok(vec![note(incident, 0, Audience::Public, stage, &title, text.trim().into())])
    }

    fn resolve(&self, now: Moment, who: &Name, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let mut events: Vec<Event> = Vec::new();
        // Each event carries a whole plan, so the last one has to be free of all of them.
        for (n, case) in incident.in_force().enumerate() {
            let gone: Vec<RemedyId> = incident.in_force().take(n + 1).map(|c| c.remedy.id).collect();
            let mut plan = self.plan_with(now, |c| if gone.contains(&c.remedy.id) { Strength::FULL } else { c.share });
            plan.epoch += u64::try_from(n).unwrap_or(0);
            let observed = format!("undone by {who}, who ended the incident");
            events.push(Event::RemedyJudged { remedy: case.remedy.id, verdict: Verdict::Reverted, observed, plan });
        }
        events.push(Event::Resolved { incident: id, by: Actor::Operator(who.clone()) });
        Ok(events)
    }

    fn tell(&self, change: Change) -> Vec<Event> {
        let known = self.book.changes.iter().any(|(_, old)| old.id == change.id);
        if known && !is_on(Mutation::CountsRepeats) { vec![] } else { vec![Event::ChangeTold { change }] }
    }
}
