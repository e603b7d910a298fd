//! Each event in one line for people: timelines, reviews and the log on the console read it from here.

use super::arming::Tried;
use super::draft::Release;
use super::event::{Actor, Event, Outcome, Switch, Verb, Verdict};
use crate::model::{RemedyKind, Strength};
use std::collections::BTreeSet;

impl Event {
    /// One line for people, without time and without a full stop.
    pub fn headline(&self) -> String {
        match self {
            Self::HubStarted { version } => format!("hub {version} started"),
            Self::ChannelsSet { channels } => {
                let names: Vec<&str> = channels.iter().map(|channel| channel.name.as_str()).collect();
                format!("messages go to {}", names.join(", "))
            }
            Self::Armed { kinds } => format!("may act by itself from now on: {}", words(kinds)),
            Self::DrillPassed { story, tried, by } => {
                format!("drill {story} passed, says {by}: {}", tried_words(tried))
            }
            Self::ChangeTold { change } => format!("change {} on {}: {}", change.to, change.slice, change.summary),
            Self::Suspected { title, findings, .. } => format!("suspected: {title} ({} findings)", findings.len()),
            Self::EvidenceGrew { findings, .. } => match findings.first() {
                Some(f) => format!("more evidence: {} on {}, {}", f.title(), f.slice, f.bits),
                None => "more evidence".into(),
            },
            Self::Confirmed { why, .. } => format!("confirmed: {why}"),
            Self::Dismissed { why, .. } => format!("dismissed: {why}"),
            Self::Diagnosed { hypotheses, .. } => match hypotheses.first() {
                Some(h) => format!("most likely cause: {}, {} ({:.0} %)", h.kind.title(), h.slice, h.posterior * 100.0),
                None => "no cause stands out".into(),
            },
            Self::RemedyProposed { remedy, .. } => {
                format!("remedy {} proposed: {} {}", remedy.id, remedy.kind, remedy.slice)
            }
            Self::RemedyRefused { kind, slice, guard, why, .. } => format!("{kind} {slice} refused by {guard}: {why}"),
            Self::RemedyStarted { remedy, by, .. } => format!("remedy {remedy} started by {}", by_whom(by)),
            Self::ActuationEnded { remedy, outcome } => format!("remedy {remedy}: actuator {}", how(outcome)),
            Self::RemedyJudged { remedy, verdict: Verdict::Kept, observed, .. } => {
                format!("remedy {remedy} helped: {observed}")
            }
            Self::RemedyJudged { remedy, observed, .. } => format!("remedy {remedy} taken back: {observed}"),
            Self::Mitigated { .. } => "mitigated: users are served again".into(),
            Self::RampStepped { remedy, share, .. } => format!("remedy {remedy} lifted to {share}"),
            Self::FeatureStepped { feature, admitted: Strength::NONE, why, .. } => {
                format!("{feature} is out again: {why}")
            }
            Self::FeatureStepped { feature, admitted, .. } => format!("{feature} admitted to {admitted}"),
            Self::FeatureSwitched { feature, who, to: Switch::Off, .. } => format!("{who} switched {feature} off"),
            Self::FeatureSwitched { feature, who, to: Switch::On, .. } => format!("{who} switched {feature} on"),
            Self::Relapsed { why, .. } => format!("relapse: {why}"),
            Self::Restored { .. } => "all traffic is back where it belongs".into(),
            Self::Resolved { by, .. } => format!("resolved by {}", by_whom(by)),
            Self::Reopened { who, why, .. } => format!("reopened by {who}: {why}"),
            Self::Merged { incident, into, by } => {
                format!("incident {incident} is part of incident {into}, says {}", by_whom(by))
            }
            Self::Split { component, into, by, .. } => {
                format!("{component} has an incident of its own, {into}, says {}", by_whom(by))
            }
            Self::Reviewed { path, .. } => format!("review written: {path}"),
            Self::DraftEdited { edit, .. } => {
                let did = match edit.release {
                    Release::ByPerson => "holds the public word back",
                    Release::ByClock => "changed the public word before it goes out",
                };
                format!("{} {did}: {}", edit.by, edit.stage.title())
            }
            Self::NoticeWritten { notice } => format!("{} told: {}", audience(notice.audience), notice.title),
            Self::NoticeSent { channel, outcome, .. } => format!("channel {channel} {}", how(outcome)),
            Self::PlanFound { edge, plan, .. } => {
                format!(
                    "edge {edge} has plan {} in force, of a log that is gone: it stays until a person decides",
                    plan.epoch
                )
            }
            Self::PlanRenewed { edge, named, plan } => {
                format!(
                    "edge {edge} has plan {named}, which is not of this log: what is in force is renewed as plan {}",
                    plan.epoch
                )
            }
            Self::PlanRefused { edge, epoch, why } => format!("edge {edge} refused plan {epoch}: {why}"),
            Self::MaintenanceScheduled { maintenance, appointment, who, .. } => {
                format!("{who} scheduled maintenance {maintenance}: {}", appointment.title)
            }
            Self::MaintenanceUpdated { maintenance, appointment, who, .. } => {
                format!("{who} changed maintenance {maintenance}: {}", appointment.title)
            }
            Self::MaintenanceBegan { maintenance, .. } => format!("maintenance {maintenance} began"),
            Self::MaintenanceEnded { maintenance, by, .. } => {
                format!("maintenance {maintenance} ended by {}", by_whom(by))
            }
            Self::MaintenanceCancelled { maintenance, why, who } => {
                format!("{who} called maintenance {maintenance} off: {why}")
            }
            Self::MatterBegan { id, title, .. } => format!("matter {id} began: {title}"),
            Self::MatterEnded { id, .. } => format!("matter {id} is over"),
            Self::MemoSent { memo, channel, outcome } => format!("{memo}: channel {channel} {}", how(outcome)),
            Self::HistoryImported { source, incidents, maintenances, who, .. } => {
                format!("{who} imported the history of {source}: {incidents} incidents, {maintenances} maintenances")
            }
            Self::HistoryRemoved { source, who } => format!("{who} removed the imported history of {source}"),
            Self::OperatorActed { who, verb, .. } => format!(
                "{who} {}",
                match verb {
                    Verb::Ack => "has seen it",
                    Verb::Hold => "holds the automation",
                    Verb::Release => "released the automation",
                    Verb::TakeOver => "has taken over: automation only proposes",
                    Verb::HandBack => "has handed back to the automation",
                }
            ),
        }
    }
}

fn words(kinds: &BTreeSet<RemedyKind>) -> String {
    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ")
}

fn tried_words(tried: &Tried) -> String {
    let of = |(component, kinds): (_, &BTreeSet<RemedyKind>)| format!("{} on {component}", words(kinds));
    tried.iter().map(of).collect::<Vec<_>>().join("; ")
}

fn by_whom(actor: &Actor) -> String {
    match actor {
        Actor::Automation => "Downbeat".into(),
        Actor::Operator(name) => name.to_string(),
    }
}

fn how(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Done => "done".into(),
        Outcome::Failed { why } => format!("failed: {why}"),
    }
}

fn audience(audience: crate::model::Audience) -> &'static str {
    match audience {
        crate::model::Audience::Public => "public",
        crate::model::Audience::OnCall => "on call",
        crate::model::Audience::Team => "team",
    }
}
