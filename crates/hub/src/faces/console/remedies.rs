//! What was done, what could be done, and what guards forbade.

use crate::faces::stamp::span;
use crate::faces::tone::Tone;
use downbeat_core::incident::{Actor, Incident, Outcome, RemedyCase, RemedyStage};
use downbeat_core::model::{Mode, Moment, RemedyId, RemedyKind, Route, Slice};

/// One remedy.
#[derive(Debug)]
pub(super) struct RemedyCard {
    pub(super) id: RemedyId,
    pub(super) kind: &'static str,
    pub(super) place: String,
    pub(super) effect: String,
    pub(super) stage: &'static str,
    pub(super) tone: Tone,
    /// Share of the usual traffic that its targets get now, 0 to 100.
    pub(super) share: f64,
    pub(super) started: Option<String>,
    pub(super) actuated: Option<(String, Tone)>,
    pub(super) predicted: String,
    pub(super) check: String,
    pub(super) observed: Option<String>,
    pub(super) undo: String,
    pub(super) can_approve: bool,
    pub(super) can_undo: bool,
}

/// What a guard forbade.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) what: String,
    pub(super) guard: String,
    pub(super) why: String,
}

impl RemedyCard {
    pub(super) fn of(case: &RemedyCase, incident: &Incident) -> Self {
        let remedy = &case.remedy;
        Self {
            id: remedy.id,
            kind: kind_title(remedy.kind),
            place: remedy.slice.to_string(),
            effect: effect(&remedy.route),
            stage: stage(case),
            tone: tone(case.stage),
            share: 100.0 * case.share.as_ratio(),
            started: started(case, incident.since),
            actuated: case.actuated.as_ref().map(actuated),
            predicted: remedy.predicted.clone(),
            check: format!("judged {} after its start", span(remedy.check_after)),
            observed: case.observed.clone(),
            undo: remedy.undo.clone(),
            can_approve: case.stage == RemedyStage::Proposed && case.mode != Mode::Observe && incident.state.is_open(),
            can_undo: matches!(case.stage, RemedyStage::Started | RemedyStage::Kept | RemedyStage::Lifting),
        }
    }
}

impl Refusal {
    pub(super) fn of((kind, slice, guard, why): &(RemedyKind, Slice, String, String)) -> Self {
        Self { what: format!("{} {slice}", kind_title(*kind)), guard: guard.clone(), why: why.clone() }
    }
}

/// For people.
pub(super) const fn kind_title(kind: RemedyKind) -> &'static str {
    match kind {
        RemedyKind::Divert => "Divert",
        RemedyKind::RollBack => "Roll back",
        RemedyKind::Restart => "Restart",
        RemedyKind::Shed => "Shed",
        RemedyKind::Limit => "Limit",
        RemedyKind::Pin => "Pin",
    }
}

const fn stage(case: &RemedyCase) -> &'static str {
    match (case.stage, case.mode) {
        (RemedyStage::Proposed, Mode::Observe) => "would be done",
        (RemedyStage::Proposed, Mode::Ask) => "waits for approval",
        (RemedyStage::Proposed, Mode::Auto) => "about to start",
        (RemedyStage::Started, _) => "in force, not yet judged",
        (RemedyStage::Kept, _) if case.by.is_none() => "in force when the log began",
        (RemedyStage::Kept, _) => "in force, it helped",
        (RemedyStage::Lifting, _) => "on the way back",
        (RemedyStage::Lifted, _) => "lifted",
        (RemedyStage::Reverted, _) => "taken back, it did not help",
        (RemedyStage::Superseded, _) => "another remedy has taken over",
    }
}

const fn tone(stage: RemedyStage) -> Tone {
    match stage {
        RemedyStage::Proposed | RemedyStage::Superseded => Tone::Unknown,
        RemedyStage::Started | RemedyStage::Lifting => Tone::Warn,
        RemedyStage::Kept | RemedyStage::Lifted => Tone::Good,
        RemedyStage::Reverted => Tone::Bad,
    }
}

fn started(case: &RemedyCase, onset: Moment) -> Option<String> {
    let at = case.started_at?;
    let by = match &case.by {
        Some(Actor::Operator(name)) => name.to_string(),
        Some(Actor::Automation) => "Downbeat".into(),
        None => return Some("before this log began".into()),
    };
    Some(format!("by {by}, +{}", span(at.since(onset))))
}

fn actuated(outcome: &Outcome) -> (String, Tone) {
    match outcome {
        Outcome::Done => ("the actuator did its part".into(), Tone::Good),
        Outcome::Failed { why } => (format!("the actuator could not: {why}"), Tone::Bad),
    }
}

fn effect(route: &Route) -> String {
    let of = |component: &Option<downbeat_core::model::Name>| {
        component.as_ref().map(|c| format!(" for {c}")).unwrap_or_default()
    };
    match route {
        Route::Away { replicas, component } => format!("no traffic to {}{}", listed(replicas), of(component)),
        Route::Admit { components, floor, features, .. } => {
            format!("admit {floor} of {}{}", listed(components), without(features))
        }
        Route::Cap { network, component, per_second } => format!("{network} at most {per_second}/s{}", of(component)),
        Route::Hold { hosts } => format!("keep the last good addresses of {}", listed(hosts)),
    }
}

fn without(features: &[downbeat_core::model::FeatureId]) -> String {
    let names: Vec<&str> = features.iter().map(|id| id.feature.as_str()).collect();
    if names.is_empty() { String::new() } else { format!(", without {}", names.join(", ")) }
}

fn listed(names: &[downbeat_core::model::Name]) -> String {
    names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::super::super::story;
    use super::*;
    use downbeat_core::incident::State;

    #[test]
    fn buttons_are_there_only_where_they_mean_something() {
        let buttons = |state| -> Vec<(&'static str, bool, bool)> {
            let snapshot = story::in_state(state);
            let incident = &snapshot.book.incidents[&story::INCIDENT];
            let card = |case| RemedyCard::of(case, incident);
            incident.remedies.iter().map(card).map(|c| (c.stage, c.can_approve, c.can_undo)).collect()
        };
        let asked = ("waits for approval", true, false);
        assert_eq!(buttons(State::Confirmed), [("in force, not yet judged", false, true), asked]);
        assert_eq!(buttons(State::Mitigated), [("in force, it helped", false, true), asked]);
        assert_eq!(buttons(State::Restoring), [("on the way back", false, true), asked]);
        assert_eq!(buttons(State::Resolved), [("lifted", false, false), ("waits for approval", false, false)]);
    }
}
