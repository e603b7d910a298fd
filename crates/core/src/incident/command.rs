//! What operators ask for, as commands like any other: checked, turned into events, written down.

use super::arming::Tried;
use super::book::{Incident, RemedyCase, RemedyStage};
use super::cure::note;
use super::engine::Engine;
use super::event::{Actor, Event, Switch, Verb, Verdict};
use super::imported::Imported;
use super::next::Next;
use super::round::Round;
use super::state::State;
use crate::act::guards;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{
    Appointment, Audience, Change, Dimension, FeatureId, Finding, IncidentId, MaintenanceId, Moment, Name, RemedyId,
    Stage, Strength,
};
use crate::tell;
use std::collections::BTreeSet;

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
    /// Say in public now what would be said later.
    SendDraft(IncidentId),
    /// Say this instead.
    ChangeDraft(IncidentId, String),
    /// Do not say it by the clock.
    HoldDraft(IncidentId),
    /// It is over, whatever the gates say; what is in force is taken back.
    Resolve(IncidentId),
    /// This is mine: automation only proposes from now on, for this incident.
    TakeOver(IncidentId),
    /// Automation may act on it again, or on what was found in force, from now on.
    HandBack(IncidentId),
    /// It is not over, for this reason.
    Reopen(IncidentId, String),
    /// The first is part of the second.
    Merge(IncidentId, IncidentId),
    /// What was found on this component is an incident of its own.
    Split(IncidentId, Name),
    /// None, or all, of the requests of this feature are admitted.
    Switch(FeatureId, Switch),
    /// Automation starts nothing new.
    Hold,
    /// Automation may act again.
    Release,
    /// Somebody changed the service.
    Tell(Change),
    /// A drill of this name passed, and tried this.
    PassDrill(Name, Tried),
    /// Announce this work, in these words.
    Schedule(Appointment, String),
    /// Announce this instead, in these words.
    ChangeAppointment(MaintenanceId, Appointment, String),
    /// Call it off, in these words.
    Cancel(MaintenanceId, String),
    /// It is done.
    Finish(MaintenanceId),
    /// This history from elsewhere stands beside ours from now on.
    Import(Imported),
    /// The history of this source no longer does.
    RemoveHistory(Name),
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
    /// It became part of another.
    #[error("incident {0} is part of incident {1}")]
    Merged(IncidentId, IncidentId),
    /// It is going on.
    #[error("incident {0} is not over")]
    Open(IncidentId),
    /// The public is told of nothing that may be nothing (J1).
    #[error("incident {0} is only suspected: the public hears of what is confirmed")]
    Unconfirmed(IncidentId),
    /// Nothing waits to be said.
    #[error("no public word of incident {0} waits to be said")]
    NoDraft(IncidentId),
    /// An incident is no part of itself.
    #[error("incident {0} cannot become part of itself")]
    Itself(IncidentId),
    /// The public was told of what is real, and is not told that it was nothing.
    #[error("incident {into} is only suspected and incident {from} is confirmed: merge {into} into {from}")]
    Unequal {
        /// What is confirmed.
        from: IncidentId,
        /// What is suspected.
        into: IncidentId,
    },
    /// Nobody has said what becomes of what was found in force.
    #[error("incident {0} is what was found in force: adopt it or release it first")]
    Found(IncidentId),
    /// Nothing was found on the component.
    #[error("nothing in incident {0} was found on {1}")]
    NoComponent(IncidentId, Name),
    /// Nothing else was found.
    #[error("all that was found in incident {0} is on {1}")]
    NothingElse(IncidentId, Name),
    /// A drill of another service, perhaps.
    #[error("there is no component {0} here")]
    Stranger(Name),
    /// Nothing that helped, so nothing is renewed.
    #[error("drill {0} has tried nothing")]
    NothingTried(Name),
    /// No such feature.
    #[error("no component {component} with a feature {feature} is configured", component = .0.component, feature = .0.feature)]
    NoFeature(FeatureId),
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
    /// No such maintenance.
    #[error("there is no maintenance {0}")]
    NoMaintenance(MaintenanceId),
    /// It is completed or cancelled.
    #[error("maintenance {0} is {1}")]
    MaintenanceOver(MaintenanceId, &'static str),
    /// What goes on is not called off.
    #[error("maintenance {0} is in progress: end it instead")]
    Begun(MaintenanceId),
    /// What has not begun is not ended.
    #[error("maintenance {0} has not begun: cancel it instead")]
    NotBegun(MaintenanceId),
    /// So many are open already.
    #[error("{0} maintenances are scheduled or in progress already")]
    Full(usize),
    /// So many histories stand beside ours already.
    #[error("{0} histories are imported already: remove one first")]
    Histories(usize),
    /// Nothing of that source was imported.
    #[error("there is no imported history of {0}")]
    NoHistory(Name),
    /// What was given in one field makes no sense.
    #[error("{field}: {why}")]
    Field {
        /// The field, by its name in the API.
        field: &'static str,
        /// For people.
        why: String,
    },
    /// The text is empty or too long.
    #[error("a word has 1 to 5000 characters, this one has {0}")]
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
            Command::SendDraft(id) => self.send_draft(id),
            Command::ChangeDraft(id, text) => self.change_draft(who, id, &text),
            Command::HoldDraft(id) => self.hold_draft(who, id),
            Command::Resolve(id) => self.resolve(now, who, id),
            Command::TakeOver(id) => self.take_over(who, id),
            Command::HandBack(id) => self.hand_back(who, id),
            Command::Reopen(id, why) => self.reopen(who, id, &why),
            Command::Merge(from, into) => self.merge(who, from, into),
            Command::Split(id, component) => self.split(who, id, component),
            Command::Switch(feature, to) => self.switch(now, who, feature, to),
            Command::Hold => Ok(did(None, Verb::Hold)),
            Command::Release => Ok(did(None, Verb::Release)),
            Command::Tell(change) => Ok(self.tell(change)),
            Command::PassDrill(story, tried) => self.pass_drill(who, story, tried),
            Command::Schedule(appointment, text) => self.schedule(now, who, appointment, &text),
            Command::ChangeAppointment(id, appointment, text) => {
                self.change_appointment(now, who, id, appointment, &text)
            }
            Command::Cancel(id, why) => self.cancel(who, id, &why),
            Command::Finish(id) => self.finish(who, id),
            Command::Import(imported) => self.import(who, imported),
            Command::RemoveHistory(source) => self.remove_history(who, source),
        }
    }

    pub(super) fn incident(&self, id: IncidentId) -> Result<&Incident, CommandRefused> {
        let incident = self.book.incidents.get(&id).ok_or(CommandRefused::NoIncident(id))?;
        match incident.merged_into {
            Some(into) => Err(CommandRefused::Merged(id, into)),
            None => Ok(incident),
        }
    }

    fn open_incident(&self, id: IncidentId) -> Result<&Incident, CommandRefused> {
        let incident = self.incident(id)?;
        if incident.state.is_open() { Ok(incident) } else { Err(CommandRefused::Over(id)) }
    }

    fn remedy_case(&self, id: RemedyId) -> Result<(&Incident, &RemedyCase), CommandRefused> {
        let incident = self.book.keeper(id).ok_or(CommandRefused::NoRemedy(id))?;
        let case = incident.remedy(id).ok_or(CommandRefused::NoRemedy(id))?;
        Ok((incident, case))
    }

    fn approve(&self, now: Moment, who: &Name, id: RemedyId) -> Result<Vec<Event>, CommandRefused> {
        let (incident, case) = self.remedy_case(id)?;
        self.open_incident(incident.id)?;
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
        let plan = self.plan_with(now, |c| if c.remedy.id == id { Next::Gone } else { Next::Stays });
        Event::RemedyJudged { remedy: id, verdict: Verdict::Reverted, observed: format!("undone by {who}"), plan }
    }

    fn post(&self, id: IncidentId, text: &str) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        if incident.confirmed_at.is_none() {
            return Err(CommandRefused::Unconfirmed(id));
        }
        let text = checked(text)?;
        let (stage, title) = match incident.public_word() {
            Some(said) => (said.notice.stage, said.notice.title.clone()),
            None => (Stage::Investigating, incident.title.clone()),
        };
        Ok(vec![note(incident, 0, Audience::Public, stage, &title, text.into())])
    }

    fn take_over(&self, who: &Name, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let acted = Event::OperatorActed { incident: Some(id), who: who.clone(), verb: Verb::TakeOver };
        Ok((incident.taken_by.as_ref() != Some(who)).then_some(acted).into_iter().collect())
    }

    fn hand_back(&self, who: &Name, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let acted = Event::OperatorActed { incident: Some(id), who: who.clone(), verb: Verb::HandBack };
        let is_theirs = incident.taken_by.is_some() || incident.found_on.is_some();
        Ok(is_theirs.then_some(acted).into_iter().collect())
    }

    fn reopen(&self, who: &Name, id: IncidentId, why: &str) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.incident(id)?;
        if incident.state.is_open() {
            return Err(CommandRefused::Open(id));
        }
        let why = checked(why)?.to_owned();
        let to = if incident.confirmed_at.is_some() { State::Confirmed } else { State::Suspected };
        Ok(vec![Event::Reopened { incident: id, who: who.clone(), why, to }])
    }

    fn merge(&self, who: &Name, from: IncidentId, into: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        if from == into {
            return Err(CommandRefused::Itself(from));
        }
        let (part, whole) = (self.open_incident(from)?, self.open_incident(into)?);
        // One side would take no evidence in, or be dismissed with something in force.
        if let Some(found) = [part, whole].into_iter().find(|incident| incident.waits_for_a_person()) {
            return Err(CommandRefused::Found(found.id));
        }
        let is_firm = |incident: &Incident| incident.confirmed_at.is_some() || incident.in_force().next().is_some();
        if is_firm(part) && !is_firm(whole) {
            return Err(CommandRefused::Unequal { from, into });
        }
        Ok(self.merged(part, whole, Actor::Operator(who.clone())))
    }

    fn split(&self, who: &Name, id: IncidentId, component: Name) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let is_on = |finding: &&Finding| finding.slice.get(Dimension::Component) == Some(&component);
        let found: Vec<Finding> = incident.findings.iter().filter(is_on).cloned().collect();
        match found.len() {
            0 => return Err(CommandRefused::NoComponent(id, component)),
            all if all == incident.findings.len() => return Err(CommandRefused::NothingElse(id, component)),
            _ => {}
        }
        let facts = tell::Facts::new(&found, None, &self.policy.topology, self.policy.tell.next_update);
        let (into, title) = (self.book.next_incident(), tell::title(&facts));
        Ok(vec![Event::Split { incident: id, component, into, title, by: Actor::Operator(who.clone()) }])
    }

    fn resolve(&self, now: Moment, who: &Name, id: IncidentId) -> Result<Vec<Event>, CommandRefused> {
        let incident = self.open_incident(id)?;
        let mut events: Vec<Event> = Vec::new();
        // Each event carries a whole plan, so the last one has to be free of all of them.
        for (n, case) in incident.in_force().enumerate() {
            let gone: Vec<RemedyId> = incident.in_force().take(n + 1).map(|c| c.remedy.id).collect();
            let mut plan = self.plan_with(now, |c| if gone.contains(&c.remedy.id) { Next::Gone } else { Next::Stays });
            plan.epoch += u64::try_from(n).unwrap_or(0);
            let observed = format!("undone by {who}, who ended the incident");
            events.push(Event::RemedyJudged { remedy: case.remedy.id, verdict: Verdict::Reverted, observed, plan });
        }
        events.push(Event::Resolved { incident: id, by: Actor::Operator(who.clone()) });
        Ok(events)
    }

    fn pass_drill(&self, who: &Name, story: Name, tried: Tried) -> Result<Vec<Event>, CommandRefused> {
        if let Some(stranger) = tried.keys().find(|name| !self.policy.topology.components.contains_key(*name)) {
            return Err(CommandRefused::Stranger(stranger.clone()));
        }
        if tried.values().all(BTreeSet::is_empty) {
            return Err(CommandRefused::NothingTried(story));
        }
        Ok(vec![Event::DrillPassed { story, tried, by: who.clone() }])
    }

    /// A person's word on a feature holds against any remedy's.
    fn switch(&self, now: Moment, who: &Name, id: FeatureId, to: Switch) -> Result<Vec<Event>, CommandRefused> {
        let component = self.policy.topology.components.get(&id.component);
        let is_configured = component.is_some_and(|component| component.features.contains(&id.feature));
        let is_off = self.book.switched_off.contains_key(&id);
        let kept_out = || self.book.in_force().flat_map(RemedyCase::features_out).any(|feature| feature.id == id);
        let plan = match to {
            // What is no longer configured can still be switched on.
            Switch::Off if !is_configured => return Err(CommandRefused::NoFeature(id)),
            Switch::On if !is_configured && !is_off && !kept_out() => return Err(CommandRefused::NoFeature(id)),
            Switch::Off if is_off => return Ok(vec![]),
            Switch::On if !is_off && !kept_out() => return Ok(vec![]),
            Switch::Off => self.plan_switched(now, self.book.switched_off.keys().chain([&id]), |_| Next::Stays),
            Switch::On => {
                let others = self.book.switched_off.keys().filter(|other| **other != id);
                self.plan_switched(now, others, |_| Next::Feature(&id, Strength::FULL))
            }
        };
        Ok(vec![Event::FeatureSwitched { feature: id.clone(), who: who.clone(), to, plan }])
    }

    fn tell(&self, change: Change) -> Vec<Event> {
        let known = self.book.changes.iter().any(|(_, old)| old.id == change.id);
        if known && !is_on(Mutation::CountsRepeats) { vec![] } else { vec![Event::ChangeTold { change }] }
    }
}

/// A word without the white space around it.
pub(super) fn checked(text: &str) -> Result<&str, CommandRefused> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=TEXT_MAX).contains(&length) { Ok(text) } else { Err(CommandRefused::Text(length)) }
}
