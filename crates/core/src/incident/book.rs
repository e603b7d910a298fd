//! The case book: everything that is known and decided, as the fold of the log.
//!
//! The book is the outbox as well: whatever still has to be carried out by the shell stands in
//! [`Book::pending`] until its outcome is in the log, so a restart loses nothing and repeats nothing but what
//! was in doubt, and that under the same key.
//!
//! The book is serialised into snapshots and hashed ([`Book::digest`]). So that a log keeps its hash over releases, a new
//! field comes with a default that is not serialised; whoever lets the same log lead to another book raises [`Book::FOLD`].

use super::arming::Trials;
use super::digest::Digest;
use super::draft::DraftEdit;
use super::event::{Actor, Channel, Event, Outcome, Record, Switch, Verb, Verdict};
use super::kinship::SplitFrom;
use super::maintenance::Maintenance;
use super::matter::MatterCase;
use super::pairs;
use super::state::{State, next};
use crate::model::mutation::{Mutation, is_on};
use crate::model::{
    Actuation, Audience, Bits, Change, FeatureId, Finding, Hypothesis, IncidentId, MaintenanceId, MatterId, Memo,
    MemoId, Moment, Name, Notice, NoticeId, Remedy, RemedyId, Slice, SourceClass, Strength, TrafficPlan,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Most findings an incident keeps, strongest first.
const FINDINGS_MAX: usize = 64;
/// Most lines in an incident's timeline; the log has them all.
const TIMELINE_MAX: usize = 500;
/// Most change events remembered.
const CHANGES_MAX: usize = 256;
/// Most automatic actions remembered: far more than any budget asks about.
const ACTIONS_MAX: usize = 256;
/// Most removals remembered.
const REMOVALS_MAX: usize = 1_024;
/// Most refused plans remembered.
const VETOES_MAX: usize = 64;
/// Most finished incidents kept at hand; the log has them all.
const INCIDENTS_MAX: usize = 1_000;

/// Where a remedy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemedyStage {
    /// Waiting for an approval, or only observed.
    Proposed,
    /// In force, its effect not yet judged.
    Started,
    /// In force, and it helped.
    Kept,
    /// On the way back.
    Lifting,
    /// Gone: the traffic is as usual.
    Lifted,
    /// Another remedy on the same targets has taken over.
    Superseded,
    /// It did not help and was taken back.
    Reverted,
}

impl RemedyStage {
    /// The word in the API and for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Started => "started",
            Self::Kept => "kept",
            Self::Lifting => "lifting",
            Self::Lifted => "lifted",
            Self::Superseded => "superseded",
            Self::Reverted => "reverted",
        }
    }
}

/// A remedy with its history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RemedyCase {
    /// What it is.
    pub remedy: Remedy,
    /// Whether it may start without asking.
    pub mode: crate::model::Mode,
    /// Where it stands.
    pub stage: RemedyStage,
    /// Share of the usual traffic that its targets get now.
    pub share: Strength,
    /// Since when it has stood there.
    pub since: Moment,
    /// When it was proposed.
    pub proposed_at: Moment,
    /// The epoch of the plan that its start put in force.
    pub epoch: u64,
    /// When it was started.
    pub started_at: Option<Moment>,
    /// By whom it was started.
    pub by: Option<Actor>,
    /// What the actuator said.
    pub actuated: Option<Outcome>,
    /// When the actuator said it.
    pub actuated_at: Option<Moment>,
    /// What was seen at its judgement.
    pub observed: Option<String>,
    /// The features that it keeps out, the first to return first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<FeatureCase>,
}

/// A feature that a remedy keeps out, or lets back in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureCase {
    /// Which one.
    pub id: FeatureId,
    /// Share of its requests that is admitted now.
    pub admitted: Strength,
    /// When that was last changed on its way back.
    pub since: Moment,
    /// How many of its steps failed.
    pub failures: u32,
}

impl RemedyCase {
    /// True while it shapes traffic.
    pub fn is_in_force(&self) -> bool {
        matches!(self.stage, RemedyStage::Started | RemedyStage::Kept | RemedyStage::Lifting)
    }

    /// The features that are not wholly in, the first to return first; none once the remedy is gone.
    pub fn features_out(&self) -> impl Iterator<Item = &FeatureCase> {
        self.features.iter().filter(|feature| self.is_in_force() && feature.admitted < Strength::FULL)
    }
}

/// A public or internal word, with what the channels said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoticeCase {
    /// The message.
    pub notice: Notice,
    /// When it was written.
    pub at: Moment,
    /// By channel.
    pub sent: BTreeMap<Name, (Moment, Outcome)>,
}

/// An incident with everything that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// Its name for people.
    pub title: String,
    /// The smallest slice that holds all first findings.
    pub slice: Slice,
    /// Where it stands.
    pub state: State,
    /// Since when it has stood there.
    pub state_since: Moment,
    /// Estimated start of the outage.
    pub since: Moment,
    /// When it was first suspected.
    pub suspected_at: Moment,
    /// When it was confirmed first.
    pub confirmed_at: Option<Moment>,
    /// When a first hypothesis was named.
    pub diagnosed_at: Option<Moment>,
    /// When the ranking was last written down.
    pub ranked_at: Option<Moment>,
    /// When users were served again first.
    pub mitigated_at: Option<Moment>,
    /// When all traffic was back.
    pub restored_at: Option<Moment>,
    /// When it was over.
    pub resolved_at: Option<Moment>,
    /// The class that saw it first.
    pub first_class: Option<SourceClass>,
    /// The evidence by class at its height.
    pub bits: BTreeMap<SourceClass, Bits>,
    /// When evidence of a class was last told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told_at: BTreeMap<SourceClass, Moment>,
    /// The strongest findings, one per class, measure and slice.
    pub findings: Vec<Finding>,
    /// When evidence last came in.
    pub evidence_at: Moment,
    /// Candidate causes, most likely first.
    pub hypotheses: Vec<Hypothesis>,
    /// What was proposed or done, in order.
    pub remedies: Vec<RemedyCase>,
    /// What guards forbade: kind, where, which guard, why.
    pub refusals: Vec<(crate::model::RemedyKind, Slice, String, String)>,
    /// What was said.
    pub notices: Vec<NoticeCase>,
    /// What a person made of the next public word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<DraftEdit>,
    /// How often it came back.
    pub relapses: u32,
    /// When it last came back.
    pub relapsed_at: Option<Moment>,
    /// Who has seen it, as it stands: a confirmation, a relapse and a reopening have to be seen anew (E3).
    pub acked_by: Option<Name>,
    /// Who has taken it over: automation only proposes then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_by: Option<Name>,
    /// The edge on which its remedies were found in force, until a person has said what becomes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found_on: Option<Name>,
    /// Which incident it became part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<IncidentId>,
    /// Incidents that became part of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absorbed: Vec<IncidentId>,
    /// What it was once a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split_from: Option<SplitFrom>,
    /// Components that have left it, and the incidents they have now.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<Name, IncidentId>,
    /// The review's file.
    pub review: Option<String>,
    /// What happened when, oldest first.
    pub timeline: VecDeque<Record>,
}

impl Incident {
    /// When the last step of its way back was taken, else since when it stands where it stands.
    pub fn last_step(&self) -> Moment {
        let lifting = self.remedies.iter().filter(|case| case.stage == RemedyStage::Lifting).map(|case| case.since);
        lifting.max().unwrap_or(self.state_since)
    }

    /// The most likely cause.
    pub fn cause(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }

    /// A remedy by its name.
    pub fn remedy(&self, id: RemedyId) -> Option<&RemedyCase> {
        self.remedies.iter().find(|r| r.remedy.id == id)
    }

    /// The latest public word.
    pub fn public_word(&self) -> Option<&NoticeCase> {
        self.notices.iter().rev().find(|n| n.notice.audience == Audience::Public)
    }

    /// True when a channel has had a word about it.
    fn has_told(&self, channel: &Name) -> bool {
        self.notices.iter().any(|case| case.sent.contains_key(channel))
    }

    /// Remedies that shape traffic now.
    pub fn in_force(&self) -> impl Iterator<Item = &RemedyCase> {
        self.remedies.iter().filter(|r| r.is_in_force())
    }
}

/// Something the shell has to carry out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectId {
    /// The outside part of a remedy.
    Actuate(RemedyId),
    /// One message on one channel.
    Deliver(NoticeId, Name),
    /// The review of an incident.
    Review(IncidentId),
    /// One message about a matter on one channel.
    Tell(MemoId, Name),
}

/// What carrying it out takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Ask the actuator.
    Actuate(Actuation),
    /// Send this message.
    Deliver(Notice),
    /// Write the review.
    Review,
    /// Send this message to the team.
    Tell(Box<Memo>),
}

/// One removal of a replica from the traffic, for the guards on flapping and on shares.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Removal {
    /// When.
    pub at: Moment,
    /// Which replica.
    pub replica: Name,
}

/// Everything that is known and decided.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Book {
    /// By name; finished ones too, newest `INCIDENTS_MAX`.
    pub incidents: BTreeMap<IncidentId, Incident>,
    /// The traffic plan in force.
    pub plan: TrafficPlan,
    /// Change events, oldest first.
    pub changes: VecDeque<(Moment, Change)>,
    /// What the shell still has to carry out.
    #[serde(with = "pairs")]
    pub pending: BTreeMap<EffectId, Effect>,
    /// Who holds the automation back, if somebody does.
    pub held_by: Option<Name>,
    /// When the hub last started.
    pub started_at: Moment,
    /// Automatic actions, oldest first.
    pub actions: VecDeque<(Moment, RemedyId)>,
    /// Removals of the last hour and more, oldest first.
    pub removals: VecDeque<Removal>,
    /// Plans that edges refused: which edge, which epoch, why; newest last.
    pub vetoes: VecDeque<(Moment, Name, u64, String)>,
    /// What automation may do by itself, as far as it was tried.
    #[serde(default, skip_serializing_if = "Trials::is_empty")]
    pub trials: Trials,
    /// Features that a person has switched off, and who did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", with = "pairs")]
    pub switched_off: BTreeMap<FeatureId, Name>,
    /// Announced work by name; what is over too, the newest thousand.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub maintenances: BTreeMap<MaintenanceId, Maintenance>,
    /// What the team was told beside incidents, by name; the newest two hundred.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub matters: BTreeMap<MatterId, MatterCase>,
    /// Histories from elsewhere that stand beside ours, by whose they are: the hash of the file in which each lies.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histories: BTreeMap<Name, Digest>,
    /// The last line taken in.
    pub last_seq: u64,
    channels: Vec<Channel>,
    highest: u64,
}

/// Why a record does not fit the book.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A gap or a repeat.
    #[error("record {found} follows {last}")]
    Order {
        /// The last one taken in.
        last: u64,
        /// The one that came.
        found: u64,
    },
    /// An incident that the book does not know.
    #[error("record {seq} speaks of incident {incident}, which was never suspected")]
    Stranger {
        /// The record.
        seq: u64,
        /// The incident.
        incident: IncidentId,
    },
    /// A move that the transition table does not have.
    #[error("record {seq} cannot happen to incident {incident}, which is {state}")]
    Move {
        /// The record.
        seq: u64,
        /// The incident.
        incident: IncidentId,
        /// Where it stands.
        state: &'static str,
    },
    /// A move that a maintenance does not have.
    #[error("record {seq} cannot happen to a maintenance that is {phase}")]
    Maintenance {
        /// The record.
        seq: u64,
        /// Where it stands.
        phase: &'static str,
    },
}

impl Book {
    /// The number of the fold: raised whenever the same log leads to another book than before, so that no snapshot of
    /// an earlier build is taken for what this one would have made of the log.
    pub const FOLD: u32 = 4;

    /// An empty book whose messages go to these channels until the log names others.
    pub fn new(channels: Vec<Channel>) -> Self {
        Self { channels, ..Self::default() }
    }

    /// Where messages go.
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The name of the next incident.
    pub fn next_incident(&self) -> IncidentId {
        IncidentId(self.highest + 1)
    }

    /// Incidents that somebody or something still has to act on, oldest first.
    pub fn open(&self) -> impl DoubleEndedIterator<Item = &Incident> {
        self.incidents.values().filter(|i| i.state.is_open())
    }

    /// Finds a remedy over all incidents.
    pub fn remedy(&self, id: RemedyId) -> Option<&RemedyCase> {
        self.keeper(id).and_then(|i| i.remedy(id))
    }

    /// The incident in which a remedy is kept: the one that proposed it, or where a merger or a split has taken it.
    pub fn keeper(&self, id: RemedyId) -> Option<&Incident> {
        let keeps = |incident: &&Incident| incident.remedy(id).is_some();
        self.incidents.get(&id.incident).filter(keeps).or_else(|| self.incidents.values().find(keeps))
    }

    /// The incident that an event is about.
    pub fn concerned(&self, event: &Event) -> Option<IncidentId> {
        let keeper = event.moved_remedy().and_then(|id| self.keeper(id)).map(|incident| incident.id);
        keeper.or_else(|| event.incident())
    }

    /// All remedies that shape traffic now.
    pub fn in_force(&self) -> impl Iterator<Item = &RemedyCase> {
        self.incidents.values().flat_map(Incident::in_force)
    }

    /// Takes one line of the log in.
    ///
    /// # Errors
    /// [`Misfit`] when the line cannot follow what is there; the book is then unchanged.
    pub fn apply(&mut self, record: &Record) -> Result<(), Misfit> {
        if record.seq != self.last_seq + 1 {
            return Err(Misfit::Order { last: self.last_seq, found: record.seq });
        }
        self.move_incident(record)?;
        self.move_maintenance(record)?;
        self.move_matter(record);
        self.take_in(record);
        if let Some(plan) = record.event.plan() {
            self.note_removals(record.at, plan);
            self.plan = plan.clone();
        }
        self.last_seq = record.seq;
        Ok(())
    }

    fn move_incident(&mut self, record: &Record) -> Result<(), Misfit> {
        let Some(id) = self.concerned(&record.event) else { return Ok(()) };
        match record.event {
            Event::Suspected { .. } => self.open_incident(record),
            Event::PlanFound { .. } => self.open_found(record),
            _ => {}
        }
        if let Event::Merged { into, .. } = record.event
            && !self.incidents.contains_key(&into)
        {
            return Err(Misfit::Stranger { seq: record.seq, incident: into });
        }
        let stranger = Misfit::Stranger { seq: record.seq, incident: id };
        let incident = self.incidents.get_mut(&id).ok_or(stranger)?;
        let state = next(incident.state, &record.event).ok_or(Misfit::Move {
            seq: record.seq,
            incident: id,
            state: incident.state.word(),
        })?;
        if state != incident.state {
            incident.state = state;
            incident.state_since = record.at;
        }
        incident.remember(record);
        Ok(())
    }

    fn open_incident(&mut self, record: &Record) {
        let Event::Suspected { incident, title, slice, since, findings, bits } = &record.event else { return };
        let mut opened = Incident::suspected(*incident, title, slice, *since, record.at);
        opened.findings.clone_from(findings);
        opened.raise(bits, record.at);
        self.enter(opened);
    }

    /// A new incident comes into the book.
    pub(super) fn enter(&mut self, incident: Incident) {
        self.highest = self.highest.max(incident.id.0);
        self.incidents.insert(incident.id, incident);
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        if self.incidents.len() > INCIDENTS_MAX {
            let oldest = self.incidents.values().find(|i| !i.state.is_open()).map(|i| i.id);
            if let Some(id) = oldest {
                self.incidents.remove(&id);
            }
        }
    }

    fn take_in(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::HubStarted { .. } => {
                self.started_at = at;
                if is_on(Mutation::RestartReleases) {
                    self.held_by = None;
                }
            }
            Event::ChannelsSet { channels } => self.set_channels(channels),
            Event::Armed { kinds } => self.trials.arm(at, kinds),
            Event::DrillPassed { tried, .. } => self.trials.pass(at, tried),
            Event::ChangeTold { change } => push_bounded(&mut self.changes, (at, change.clone()), CHANGES_MAX),
            Event::PlanRefused { edge, epoch, why } => {
                push_bounded(&mut self.vetoes, (at, edge.clone(), *epoch, why.clone()), VETOES_MAX);
            }
            Event::OperatorActed { verb: Verb::Hold, who, .. } => self.held_by = Some(who.clone()),
            Event::OperatorActed { verb: Verb::Release, .. } => self.held_by = None,
            Event::OperatorActed { verb: Verb::Ack | Verb::TakeOver, incident: Some(id), .. } => self.recall_pages(*id),
            Event::RemedyStarted { remedy, by, .. } => self.start_remedy(at, *remedy, by),
            Event::FeatureSwitched { feature, who, to, .. } => self.switch(at, feature, who, *to),
            Event::NoticeWritten { notice } => self.queue_notice(notice),
            Event::NoticeSent { notice, channel, .. } => {
                self.pending.remove(&EffectId::Deliver(*notice, channel.clone()));
            }
            Event::ActuationEnded { remedy, .. } => {
                self.pending.remove(&EffectId::Actuate(*remedy));
            }
            Event::Resolved { incident, .. } => {
                self.pending.insert(EffectId::Review(*incident), Effect::Review);
            }
            Event::Reviewed { incident, .. } | Event::Reopened { incident, .. } => {
                self.pending.remove(&EffectId::Review(*incident));
            }
            Event::HistoryImported { source, file, .. } => {
                self.histories.insert(source.clone(), *file);
            }
            Event::HistoryRemoved { source, .. } => {
                self.histories.remove(source);
            }
            Event::Merged { incident, into, .. } => self.merge(*incident, *into, record),
            Event::Split { .. } => self.split(record),
            _ => {}
        }
        if let Some(incident) = self.concerned(&record.event).and_then(|id| self.incidents.get_mut(&id)) {
            incident.take_in(at, &record.event);
        }
    }

    /// A channel gets what is written after it was configured. Only a log that names none yet, of an earlier release,
    /// leaves open what was still to be sent where.
    fn set_channels(&mut self, channels: &[Channel]) {
        if self.channels.is_empty() {
            self.queue_unsent(channels);
        }
        self.channels = channels.to_vec();
    }

    fn queue_unsent(&mut self, channels: &[Channel]) {
        for channel in channels {
            let concerned = self.incidents.values().filter(|i| i.state.is_open() || i.has_told(&channel.name));
            let unsent = concerned
                .flat_map(|i| &i.notices)
                .filter(|case| case.notice.audience == channel.audience && !case.sent.contains_key(&channel.name));
            self.pending.extend(unsent.map(|case| delivery(&case.notice, channel)));
        }
    }

    fn start_remedy(&mut self, at: Moment, id: RemedyId, by: &Actor) {
        let Some(case) = self.remedy(id) else { return };
        let actuation = case.remedy.actuation.clone();
        if *by == Actor::Automation {
            self.note_action(at, id);
        }
        if let Some(actuation) = actuation {
            self.pending.insert(EffectId::Actuate(id), Effect::Actuate(actuation));
        }
    }

    fn switch(&mut self, at: Moment, feature: &FeatureId, who: &Name, to: Switch) {
        match to {
            Switch::Off => {
                self.switched_off.insert(feature.clone(), who.clone());
            }
            Switch::On => {
                self.switched_off.remove(feature);
                let cases = self.incidents.values_mut().flat_map(|incident| &mut incident.remedies);
                cases.for_each(|case| case.let_in(feature, at));
            }
        }
    }

    /// Something was done without a person.
    pub(super) fn note_action(&mut self, at: Moment, id: RemedyId) {
        if !is_on(Mutation::ForgetsActions) {
            push_bounded(&mut self.actions, (at, id), ACTIONS_MAX);
        }
    }

    /// E3: somebody has seen it. What calls them and has not gone out stays here; what says that it is over goes out.
    fn recall_pages(&mut self, id: IncidentId) {
        let absorbed = self.incidents.get(&id).map(|incident| incident.absorbed.clone()).unwrap_or_default();
        let calls = |effect: &EffectId, what: &Effect| match (effect, what) {
            (EffectId::Deliver(notice, _), Effect::Deliver(it)) => {
                it.is_call() && (notice.incident == id || absorbed.contains(&notice.incident))
            }
            _ => false,
        };
        self.pending.retain(|effect, what| !calls(effect, what));
    }

    /// Replicas that the new plan takes out and the old one did not.
    fn note_removals(&mut self, at: Moment, new: &TrafficPlan) {
        if is_on(Mutation::ForgetsRemovals) {
            return;
        }
        let before = self.plan.removed();
        for replica in new.removed().difference(&before) {
            push_bounded(&mut self.removals, Removal { at, replica: replica.clone() }, REMOVALS_MAX);
        }
    }

    fn queue_notice(&mut self, notice: &Notice) {
        if notice.audience == Audience::OnCall && is_on(Mutation::ForgetsPages) {
            return;
        }
        let channels = self.channels.iter().filter(|channel| channel.audience == notice.audience);
        self.pending.extend(channels.map(|channel| delivery(notice, channel)));
    }
}

fn delivery(notice: &Notice, channel: &Channel) -> (EffectId, Effect) {
    (EffectId::Deliver(notice.id, channel.name.clone()), Effect::Deliver(notice.clone()))
}

impl Incident {
    pub(super) fn suspected(id: IncidentId, title: &str, slice: &Slice, since: Moment, at: Moment) -> Self {
        Self {
            id,
            title: title.into(),
            slice: slice.clone(),
            state: State::Suspected,
            state_since: at,
            since,
            suspected_at: at,
            confirmed_at: None,
            diagnosed_at: None,
            ranked_at: None,
            mitigated_at: None,
            restored_at: None,
            resolved_at: None,
            first_class: None,
            bits: BTreeMap::new(),
            told_at: BTreeMap::new(),
            findings: Vec::new(),
            evidence_at: at,
            hypotheses: Vec::new(),
            remedies: Vec::new(),
            refusals: Vec::new(),
            notices: Vec::new(),
            draft: None,
            relapses: 0,
            relapsed_at: None,
            acked_by: None,
            taken_by: None,
            found_on: None,
            merged_into: None,
            absorbed: Vec::new(),
            split_from: None,
            left: BTreeMap::new(),
            review: None,
            timeline: VecDeque::new(),
        }
    }

    /// One more line of its story.
    pub(super) fn remember(&mut self, record: &Record) {
        self.timeline.push_back(record.clone());
        if self.timeline.len() > TIMELINE_MAX {
            self.timeline.pop_front();
        }
    }

    fn take_in(&mut self, at: Moment, event: &Event) {
        match event {
            Event::Confirmed { first, bits, .. } => {
                self.confirmed_at.get_or_insert(at);
                self.acked_by = self.taken_by.clone();
                self.first_class.get_or_insert(*first);
                self.raise(bits, at);
            }
            Event::EvidenceGrew { findings, bits, .. } => {
                self.evidence_at = at;
                self.raise(bits, at);
                self.keep_findings(findings);
            }
            Event::Diagnosed { hypotheses, .. } => {
                self.diagnosed_at.get_or_insert(at);
                self.ranked_at = Some(at);
                self.hypotheses.clone_from(hypotheses);
            }
            Event::RemedyProposed { remedy, mode } => self.remedies.push(RemedyCase::proposed(at, remedy, *mode)),
            Event::RemedyRefused { kind, slice, guard, why, .. } => {
                self.refusals.push((*kind, slice.clone(), guard.clone(), why.clone()));
            }
            Event::Mitigated { .. } => {
                self.mitigated_at.get_or_insert(at);
            }
            Event::Relapsed { .. } => {
                // What was found in force and adopted is confirmed by nothing but this.
                self.confirmed_at.get_or_insert(at);
                self.relapse(at);
            }
            Event::Restored { .. } => self.restored_at = Some(at),
            Event::Resolved { .. } => self.resolved_at = Some(at),
            Event::Merged { into, .. } => {
                self.resolved_at = Some(at);
                self.merged_into = Some(*into);
            }
            Event::Reopened { .. } => {
                self.taken_by = None;
                self.relapse(at);
                self.resolved_at = None;
            }
            Event::Reviewed { path, .. } => self.review = Some(path.clone()),
            Event::DraftEdited { edit, .. } => self.draft = Some(edit.clone()),
            Event::NoticeWritten { notice } => {
                if notice.audience == Audience::Public {
                    self.draft = None;
                }
                self.notices.push(NoticeCase { notice: notice.clone(), at, sent: BTreeMap::new() });
            }
            Event::NoticeSent { notice, channel, outcome } => {
                if let Some(case) = self.notices.iter_mut().find(|n| n.notice.id == *notice) {
                    case.sent.insert(channel.clone(), (at, outcome.clone()));
                }
            }
            Event::OperatorActed { verb: Verb::Ack, who, .. } => self.acked_by = Some(who.clone()),
            Event::OperatorActed { verb: Verb::TakeOver, who, .. } => {
                self.acked_by = Some(who.clone());
                self.taken_by = Some(who.clone());
            }
            Event::OperatorActed { verb: Verb::HandBack, .. } => {
                self.taken_by = None;
                self.adopt(at);
            }
            _ => self.move_remedy(at, event),
        }
    }

    fn move_remedy(&mut self, at: Moment, event: &Event) {
        let (Event::RemedyStarted { remedy: id, .. }
        | Event::ActuationEnded { remedy: id, .. }
        | Event::RemedyJudged { remedy: id, .. }
        | Event::RampStepped { remedy: id, .. }
        | Event::FeatureStepped { remedy: id, .. }) = event
        else {
            return;
        };
        if let Event::RemedyStarted { .. } = event {
            self.supersede(*id, at);
        }
        let Some(case) = self.remedies.iter_mut().find(|r| r.remedy.id == *id) else { return };
        match event {
            Event::RemedyStarted { by, plan, .. } => {
                case.epoch = plan.epoch;
                case.started_at = Some(at);
                case.by = Some(by.clone());
                case.keep_features_out(at);
                case.enter(RemedyStage::Started, Strength::NONE, at);
            }
            Event::ActuationEnded { outcome, .. } => {
                case.actuated = Some(outcome.clone());
                case.actuated_at = Some(at);
            }
            Event::RemedyJudged { verdict, observed, .. } => {
                case.observed = Some(observed.clone());
                match verdict {
                    Verdict::Kept => case.enter(RemedyStage::Kept, case.share, at),
                    Verdict::Reverted => case.enter(RemedyStage::Reverted, Strength::FULL, at),
                }
            }
            Event::RampStepped { share, .. } => case.step(*share, at),
            Event::FeatureStepped { feature, admitted, .. } => case.step_feature(feature, *admitted, at),
            _ => {}
        }
    }

    /// What stood on the same targets steps aside for the new remedy.
    fn supersede(&mut self, new: RemedyId, at: Moment) {
        let Some(route) = self.remedy(new).map(|case| case.remedy.route.clone()) else { return };
        let older = self.remedies.iter_mut().filter(|case| case.remedy.id != new && case.is_in_force());
        for case in older.filter(|case| case.remedy.route.overlaps(&route)) {
            case.enter(RemedyStage::Superseded, Strength::FULL, at);
        }
    }

    fn relapse(&mut self, at: Moment) {
        self.relapses += 1;
        self.relapsed_at = Some(at);
        self.restored_at = None;
        self.evidence_at = at;
        self.acked_by = self.taken_by.clone();
        for case in self.remedies.iter_mut().filter(|r| r.stage == RemedyStage::Lifting) {
            case.keep_features_out(at);
            case.enter(RemedyStage::Kept, Strength::NONE, at);
        }
    }

    pub(super) fn raise(&mut self, bits: &BTreeMap<SourceClass, Bits>, at: Moment) {
        for (class, now) in bits {
            let told_at = self.told_at.entry(*class).or_default();
            *told_at = at.max(*told_at);
            let height = self.bits.entry(*class).or_default();
            if now > height {
                *height = *now;
            }
        }
    }

    pub(super) fn keep_findings(&mut self, findings: &[Finding]) {
        for new in findings {
            let same = |f: &&mut Finding| (f.class, f.measure, &f.slice) == (new.class, new.measure, &new.slice);
            match self.findings.iter_mut().find(same) {
                Some(old) => *old = new.clone(),
                None => self.findings.push(new.clone()),
            }
        }
        self.findings.sort_by(|a, b| b.bits.0.total_cmp(&a.bits.0));
        self.findings.truncate(FINDINGS_MAX);
    }
}

impl RemedyCase {
    pub(super) fn proposed(at: Moment, remedy: &Remedy, mode: crate::model::Mode) -> Self {
        Self {
            remedy: remedy.clone(),
            mode,
            stage: RemedyStage::Proposed,
            share: Strength::FULL,
            since: at,
            proposed_at: at,
            epoch: 0,
            started_at: None,
            by: None,
            actuated: None,
            actuated_at: None,
            observed: None,
            features: Vec::new(),
        }
    }

    pub(super) fn keep_features_out(&mut self, at: Moment) {
        let out = |id: &FeatureId| FeatureCase { id: id.clone(), admitted: Strength::NONE, since: at, failures: 0 };
        self.features = self.remedy.route.features().iter().map(out).collect();
    }

    /// The share of the whole has changed; with all of it back and no feature out, the remedy is gone.
    fn step(&mut self, share: Strength, at: Moment) {
        let out = self.features_out().next().is_some() && !is_on(Mutation::ForgetsFeatures);
        let stage = if share == Strength::FULL && !out { RemedyStage::Lifted } else { RemedyStage::Lifting };
        self.enter(stage, share, at);
    }

    fn step_feature(&mut self, id: &FeatureId, admitted: Strength, at: Moment) {
        if let Some(feature) = self.features.iter_mut().find(|feature| feature.id == *id) {
            feature.failures += u32::from(admitted == Strength::NONE);
            feature.admitted = admitted;
            feature.since = at;
        }
        self.step(self.share, at);
    }

    /// A person wants a feature in.
    fn let_in(&mut self, id: &FeatureId, at: Moment) {
        let waits = self.stage == RemedyStage::Lifting && self.share == Strength::FULL;
        let was_out = self.features_out().any(|feature| feature.id == *id);
        self.features.iter_mut().filter(|feature| feature.id == *id).for_each(|f| f.admitted = Strength::FULL);
        if waits && was_out && self.features_out().next().is_none() {
            self.enter(RemedyStage::Lifted, Strength::FULL, at);
        }
    }

    fn enter(&mut self, stage: RemedyStage, share: Strength, at: Moment) {
        self.stage = stage;
        self.share = share;
        self.since = at;
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    queue.push_back(item);
    if queue.len() > most {
        queue.pop_front();
    }
}
