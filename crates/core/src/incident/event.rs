//! What the log remembers: every decision and every outcome, in words that outlive the build that wrote them.
//!
//! Events are written before any of their effects is carried out; the state of everything is their fold. A
//! field may be added with a default, never taken away, so that a newer build reads an older log (D4).

use super::arming::Tried;
use super::digest::Digest;
use super::draft::DraftEdit;
use super::found::FoundRemedy;
use super::state::State;
use crate::model::{
    Appointment, Audience, Bits, Change, FeatureId, Finding, Hypothesis, IncidentId, MaintenanceId, Matter, MatterId,
    MemoId, Mode, Moment, Name, Notice, NoticeId, Remedy, RemedyId, RemedyKind, Slice, SourceClass, Strength,
    TrafficPlan, Urgency,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3, … without a gap.
    pub seq: u64,
    /// When the hub wrote it.
    pub at: Moment,
    /// What happened.
    pub event: Event,
}

/// A message channel, as far as the log has to know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// Its name in the configuration.
    pub name: Name,
    /// Whom it reaches.
    pub audience: Audience,
}

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Downbeat itself.
    Automation,
    /// A person, by the name they gave.
    Operator(Name),
}

/// How a remedy's effect was judged; exactly one of the two (invariant A12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It helped and stays until the way back.
    Kept,
    /// It did not help and was taken back.
    Reverted,
}

/// How something outside ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// As it should.
    Done,
    /// It did not.
    Failed {
        /// What the other side said.
        why: String,
    },
}

/// What an operator did that changes no traffic and no state of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// I have seen it; stop calling.
    Ack,
    /// Automation starts nothing new until released.
    Hold,
    /// Automation may act again.
    Release,
    /// From now on this is mine: automation only proposes, for this incident.
    TakeOver,
    /// Automation may act on this incident again.
    HandBack,
}

/// What a person wants of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Switch {
    /// None of its requests is admitted.
    Off,
    /// All of them are.
    On,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The hub started and goes on from here.
    HubStarted {
        /// The build that does.
        version: String,
    },
    /// Other channels are configured than before: messages go to these from now on.
    ChannelsSet {
        /// All of them.
        channels: Vec<Channel>,
    },
    /// The configuration lets these kinds of remedies act by themselves for the first time: as if tried at this moment (A13).
    Armed {
        /// Which kinds.
        kinds: BTreeSet<RemedyKind>,
    },
    /// A drill went as it should: what helped in it is tried anew.
    DrillPassed {
        /// Its name.
        story: Name,
        /// What helped, and where.
        tried: Tried,
        /// Who ran it.
        by: Name,
    },
    /// Somebody changed the service.
    ChangeTold {
        /// What they told.
        change: Change,
    },
    /// Something is abnormal.
    Suspected {
        /// The new incident.
        incident: IncidentId,
        /// Its name for people.
        title: String,
        /// The smallest slice that holds all findings.
        slice: Slice,
        /// Estimated start of the outage.
        since: Moment,
        /// What was found.
        findings: Vec<Finding>,
        /// The evidence by class.
        bits: BTreeMap<SourceClass, Bits>,
    },
    /// More was found that belongs to it.
    EvidenceGrew {
        /// Which incident.
        incident: IncidentId,
        /// The new findings, and stronger versions of old ones.
        findings: Vec<Finding>,
        /// The evidence by class, now.
        bits: BTreeMap<SourceClass, Bits>,
    },
    /// It is real.
    Confirmed {
        /// Which incident.
        incident: IncidentId,
        /// The class that saw it first.
        first: SourceClass,
        /// The evidence by class.
        bits: BTreeMap<SourceClass, Bits>,
        /// For people: why it is believed.
        why: String,
    },
    /// It was nothing.
    Dismissed {
        /// Which incident.
        incident: IncidentId,
        /// For people.
        why: String,
    },
    /// The ranking of causes, whenever its head changes.
    Diagnosed {
        /// Which incident.
        incident: IncidentId,
        /// Most likely first, at most eight.
        hypotheses: Vec<Hypothesis>,
    },
    /// Something could be done.
    RemedyProposed {
        /// What.
        remedy: Remedy,
        /// Whether it may be done without asking.
        mode: Mode,
    },
    /// Something could have been done, but a guard forbids it. Written once per reason.
    RemedyRefused {
        /// Which incident.
        incident: IncidentId,
        /// What kind of remedy.
        kind: RemedyKind,
        /// Where.
        slice: Slice,
        /// The invariant that forbids it: `A1`.
        guard: String,
        /// For people.
        why: String,
    },
    /// It is being done.
    RemedyStarted {
        /// What.
        remedy: RemedyId,
        /// By whom.
        by: Actor,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// The actuator answered.
    ActuationEnded {
        /// For which remedy.
        remedy: RemedyId,
        /// How it ended.
        outcome: Outcome,
    },
    /// The effect was judged.
    RemedyJudged {
        /// Which remedy.
        remedy: RemedyId,
        /// Kept or taken back.
        verdict: Verdict,
        /// For people: what was seen.
        observed: String,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// Users are served again, though not yet as usual.
    Mitigated {
        /// Which incident.
        incident: IncidentId,
    },
    /// One step of the way back.
    RampStepped {
        /// Which remedy is being lifted.
        remedy: RemedyId,
        /// Share of the usual traffic from now on.
        share: Strength,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// One step of a feature on its way back, after its component; none is admitted again where the step before failed.
    FeatureStepped {
        /// Which remedy is being lifted.
        remedy: RemedyId,
        /// Which feature.
        feature: FeatureId,
        /// Share of its requests that is admitted from now on.
        admitted: Strength,
        /// For people: what was seen.
        why: String,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// A person switched a feature off or on. On, no remedy keeps it out any more either.
    FeatureSwitched {
        /// Which feature.
        feature: FeatureId,
        /// Who.
        who: Name,
        /// What they want.
        to: Switch,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// It came back: what was lifted is in force again.
    Relapsed {
        /// Which incident.
        incident: IncidentId,
        /// For people: what was seen.
        why: String,
        /// The traffic plan from now on.
        plan: TrafficPlan,
    },
    /// All traffic is back where it belongs.
    Restored {
        /// Which incident.
        incident: IncidentId,
    },
    /// It is over.
    Resolved {
        /// Which incident.
        incident: IncidentId,
        /// By whom.
        by: Actor,
    },
    /// It was not over: a person opened it again.
    Reopened {
        /// Which incident.
        incident: IncidentId,
        /// Who.
        who: Name,
        /// In their words.
        why: String,
        /// Confirmed when it was confirmed before, else suspected.
        to: State,
    },
    /// Two incidents were one: this one ends, and the other has its evidence and its remedies from now on.
    Merged {
        /// Which incident ends.
        incident: IncidentId,
        /// Which one goes on.
        into: IncidentId,
        /// By whom.
        by: Actor,
    },
    /// One incident was two: what was found on a component leaves it, and has an incident of its own from now on.
    Split {
        /// Which incident it leaves.
        incident: IncidentId,
        /// What leaves.
        component: Name,
        /// The new incident.
        into: IncidentId,
        /// The new one's name for people.
        title: String,
        /// By whom.
        by: Actor,
    },
    /// Its review is written.
    Reviewed {
        /// Which incident.
        incident: IncidentId,
        /// The file, relative to the data directory.
        path: String,
    },
    /// A person changed a public word before it was said, or holds it back.
    DraftEdited {
        /// About which incident.
        incident: IncidentId,
        /// What they made of it.
        edit: DraftEdit,
    },
    /// A message to be delivered to all channels of its audience.
    NoticeWritten {
        /// The message.
        notice: Notice,
    },
    /// A channel took a message, or would not.
    NoticeSent {
        /// Which message.
        notice: NoticeId,
        /// Which channel.
        channel: Name,
        /// How it ended; a failure is final, retries are behind it.
        outcome: Outcome,
    },
    /// An edge has a plan in force that this log never gave out, and by the log nothing is in force: the log was lost. The plan
    /// stays, as the remedies of an incident of its own, until a person says what becomes of it.
    PlanFound {
        /// The new incident.
        incident: IncidentId,
        /// Which edge.
        edge: Name,
        /// The incident's name for people.
        title: String,
        /// What all of it touches.
        slice: Slice,
        /// What the plan comes to.
        remedies: Vec<FoundRemedy>,
        /// The traffic plan, as the edge has it.
        plan: TrafficPlan,
    },
    /// An edge has a plan that this log never gave out, later than all that it did: the log was cut off, restored from a copy,
    /// or begun anew. What is in force by this log goes out once more, under an epoch above that one (invariant A6).
    PlanRenewed {
        /// Which edge.
        edge: Name,
        /// The epoch that it named.
        named: u64,
        /// The traffic plan from now on: what it was, with another epoch.
        plan: TrafficPlan,
    },
    /// An edge would not take a plan (invariant A8).
    PlanRefused {
        /// Which edge.
        edge: Name,
        /// Which plan.
        epoch: u64,
        /// In its words.
        why: String,
    },
    /// A person announced work on the service.
    MaintenanceScheduled {
        /// The new maintenance.
        maintenance: MaintenanceId,
        /// What is announced.
        appointment: Appointment,
        /// The first public word, in Markdown.
        body: String,
        /// Who.
        who: Name,
    },
    /// A person changed what was announced, or said more about it.
    MaintenanceUpdated {
        /// Which maintenance.
        maintenance: MaintenanceId,
        /// What is announced from now on.
        appointment: Appointment,
        /// The public word, in Markdown.
        body: String,
        /// Who.
        who: Name,
    },
    /// The time has come.
    MaintenanceBegan {
        /// Which maintenance.
        maintenance: MaintenanceId,
        /// The public word.
        body: String,
    },
    /// The time is over, or a person is done.
    MaintenanceEnded {
        /// Which maintenance.
        maintenance: MaintenanceId,
        /// By whom.
        by: Actor,
        /// The public word.
        body: String,
    },
    /// A person called it off before it began.
    MaintenanceCancelled {
        /// Which maintenance.
        maintenance: MaintenanceId,
        /// The public word, in Markdown.
        why: String,
        /// Who.
        who: Name,
    },
    /// The team has to know something that is no outage of the service.
    MatterBegan {
        /// The new matter.
        id: MatterId,
        /// What it is about.
        matter: Matter,
        /// How soon somebody has to look.
        urgency: Urgency,
        /// Since when it has been so.
        since: Moment,
        /// One line.
        title: String,
        /// For people.
        body: String,
    },
    /// It is so no longer.
    MatterEnded {
        /// Which matter.
        id: MatterId,
        /// What the team is told; nothing where they know.
        body: Option<String>,
    },
    /// A channel took a message about a matter, or would not.
    MemoSent {
        /// Which message.
        memo: MemoId,
        /// Which channel.
        channel: Name,
        /// How it ended; a failure is final, retries are behind it.
        outcome: Outcome,
    },
    /// A person brought a history from elsewhere: from now on the one with this hash stands beside ours, and none before it.
    HistoryImported {
        /// Whose history it is.
        source: Name,
        /// The hash of the file in which it lies, beside the log.
        file: Digest,
        /// How many incidents are in it.
        incidents: u32,
        /// How much announced work is in it.
        maintenances: u32,
        /// Who.
        who: Name,
    },
    /// A person took a history from elsewhere away again.
    HistoryRemoved {
        /// Whose history it was.
        source: Name,
        /// Who.
        who: Name,
    },
    /// A person did something.
    OperatorActed {
        /// About which incident, if one.
        incident: Option<IncidentId>,
        /// Who.
        who: Name,
        /// What.
        verb: Verb,
    },
}

impl Event {
    /// The remedy that it moves, if it does. The book knows in which incident that remedy is kept by now.
    pub fn moved_remedy(&self) -> Option<RemedyId> {
        match self {
            Self::RemedyStarted { remedy, .. }
            | Self::ActuationEnded { remedy, .. }
            | Self::RemedyJudged { remedy, .. }
            | Self::RampStepped { remedy, .. }
            | Self::FeatureStepped { remedy, .. } => Some(*remedy),
            _ => None,
        }
    }

    /// The incident by whose number it goes, if it does by one. A remedy's is the one that proposed it.
    pub fn incident(&self) -> Option<IncidentId> {
        match self {
            Self::HubStarted { .. }
            | Self::ChannelsSet { .. }
            | Self::Armed { .. }
            | Self::DrillPassed { .. }
            | Self::ChangeTold { .. }
            | Self::PlanRenewed { .. }
            | Self::FeatureSwitched { .. }
            | Self::PlanRefused { .. }
            | Self::MaintenanceScheduled { .. }
            | Self::MaintenanceUpdated { .. }
            | Self::MaintenanceBegan { .. }
            | Self::MaintenanceEnded { .. }
            | Self::MaintenanceCancelled { .. }
            | Self::MatterBegan { .. }
            | Self::MatterEnded { .. }
            | Self::MemoSent { .. }
            | Self::HistoryImported { .. }
            | Self::HistoryRemoved { .. } => None,
            Self::Suspected { incident, .. }
            | Self::PlanFound { incident, .. }
            | Self::EvidenceGrew { incident, .. }
            | Self::Confirmed { incident, .. }
            | Self::Dismissed { incident, .. }
            | Self::Diagnosed { incident, .. }
            | Self::RemedyRefused { incident, .. }
            | Self::Mitigated { incident }
            | Self::Relapsed { incident, .. }
            | Self::Restored { incident }
            | Self::Resolved { incident, .. }
            | Self::Reopened { incident, .. }
            | Self::Merged { incident, .. }
            | Self::Split { incident, .. }
            | Self::DraftEdited { incident, .. }
            | Self::Reviewed { incident, .. } => Some(*incident),
            Self::RemedyProposed { remedy, .. } => Some(remedy.id.incident),
            Self::RemedyStarted { remedy, .. }
            | Self::ActuationEnded { remedy, .. }
            | Self::RemedyJudged { remedy, .. }
            | Self::RampStepped { remedy, .. }
            | Self::FeatureStepped { remedy, .. } => Some(remedy.incident),
            Self::NoticeWritten { notice } => Some(notice.id.incident),
            Self::NoticeSent { notice, .. } => Some(notice.incident),
            Self::OperatorActed { incident, .. } => *incident,
        }
    }

    /// The traffic plan that it puts in force, if it does.
    pub fn plan(&self) -> Option<&TrafficPlan> {
        match self {
            Self::RemedyStarted { plan, .. }
            | Self::RemedyJudged { plan, .. }
            | Self::RampStepped { plan, .. }
            | Self::FeatureStepped { plan, .. }
            | Self::FeatureSwitched { plan, .. }
            | Self::Relapsed { plan, .. }
            | Self::PlanFound { plan, .. }
            | Self::PlanRenewed { plan, .. } => Some(plan),
            _ => None,
        }
    }
}
