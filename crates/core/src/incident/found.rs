//! What edges have in force that no record of this log has put there: the data folder was lost.
//!
//! It protects users, and nobody here knows why it is there. So it stays (C1): as the remedies of an incident of its own, which
//! the guards count like any other (A2, A10, A11), and of which a person is told. Nothing brings it back by itself. A person
//! releases it (undoes its remedies, or ends the incident), or adopts it (hands the incident to automation), which then
//! brings the traffic back in the usual steps. Sheds are no part of it: they end by themselves at the edges (A9). Features are,
//! for an edge keeps them out as long as a hub speaks for its plan.

use super::book::{Book, Incident, RemedyCase, RemedyStage};
use super::cure::note;
use super::engine::Engine;
use super::event::{Event, Record};
use super::state::State;
use crate::model::{
    Audience, CauseKind, Dimension, FeatureId, IncidentId, Mode, Moment, Name, Remedy, RemedyId, RemedyKind, Route,
    Slice, Stage, Strength, Topology, TrafficPlan,
};
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Edges report once a second: after so long all that live have said what they have, and the newest plan is known.
const HEARD: Duration = Duration::from_secs(3);

/// A remedy as it was found in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundRemedy {
    /// What it comes to.
    pub remedy: Remedy,
    /// Share of the usual traffic that its targets get.
    pub share: Strength,
}

impl Book {
    /// What was found gets an incident of its own.
    pub(super) fn open_found(&mut self, record: &Record) {
        let Event::PlanFound { incident, edge, title, slice, remedies, plan } = &record.event else { return };
        let mut opened = Incident::suspected(*incident, title, slice, record.at, record.at);
        opened.state = State::Mitigated;
        opened.found_on = Some(edge.clone());
        opened.remedies = remedies.iter().map(|found| RemedyCase::found(record.at, found, plan.epoch)).collect();
        // Whoever put it in force has acted a moment ago, as far as anybody knows (A11).
        if let Some(first) = remedies.first() {
            self.note_action(record.at, first.remedy.id);
        }
        self.enter(opened);
    }
}

impl Incident {
    /// True while it consists of what was found in force, and no person has said what becomes of that.
    pub fn waits_for_a_person(&self) -> bool {
        self.found_on.is_some() && self.in_force().next().is_some()
    }

    /// Automation has it from now on, and looks at it as if it were of now.
    pub(super) fn adopt(&mut self, at: Moment) {
        if self.found_on.take().is_some() {
            self.remedies.iter_mut().filter(|case| case.is_in_force()).for_each(|case| case.since = at);
        }
    }
}

impl RemedyCase {
    fn found(at: Moment, found: &FoundRemedy, epoch: u64) -> Self {
        let stage = if found.share == Strength::NONE { RemedyStage::Kept } else { RemedyStage::Lifting };
        let proposed = Self::proposed(at, &found.remedy, Mode::Ask);
        let mut case = Self { stage, share: found.share, epoch, started_at: Some(at), ..proposed };
        case.keep_features_out(at);
        case
    }
}

impl Engine {
    /// What follows from an edge's plan that this log never gave out and does not know how to judge; `None` when there is
    /// nothing in it to keep.
    pub(super) fn keep_found(&self, now: Moment, edge: &Name, since: Moment) -> Option<Vec<Event>> {
        let plan = self.plans.get(edge)?;
        let is_ours = self.book.in_force().next().is_some();
        if is_ours || plan.check(&self.policy.topology.serving()).is_err() {
            return None;
        }
        let routes = routes(plan, &self.policy.topology);
        let age = now.since(since);
        if routes.is_empty() {
            let longest = plan.sheds.iter().map(|shed| shed.ttl_ms).max()?;
            return (age < Duration::from_millis(longest)).then(Vec::new);
        }
        Some(if age < HEARD { vec![] } else { self.found(edge, plan, routes) })
    }

    fn found(&self, edge: &Name, plan: &TrafficPlan, routes: Vec<(Route, Strength)>) -> Vec<Event> {
        let incident = self.book.next_incident();
        let remedies: Vec<FoundRemedy> = (1..)
            .zip(routes)
            .map(|(count, (route, share))| FoundRemedy { remedy: self.remedy_of(incident, count, route), share })
            .collect();
        let slice = common(remedies.iter().map(|found| &found.remedy.slice));
        let (title, body) = (tell::FOUND_TITLE.to_owned(), tell::page_for_found(edge, remedies.len()));
        let call = note(
            &Incident::suspected(incident, &title, &slice, Moment::default(), Moment::default()),
            0,
            Audience::OnCall,
            Stage::Identified,
            &title,
            body,
        );
        let (edge, plan) = (edge.clone(), plan.clone());
        vec![Event::PlanFound { incident, edge, title, slice, remedies, plan }, call]
    }

    fn remedy_of(&self, incident: IncidentId, count: u32, route: Route) -> Remedy {
        let (kind, slice) = match &route {
            Route::Away { replicas, component } => {
                let places: Vec<Slice> = replicas.iter().map(|r| self.policy.topology.place(r)).collect();
                (RemedyKind::Divert, narrowed(common(&places), component.as_ref()))
            }
            Route::Cap { network, component, .. } => {
                (RemedyKind::Limit, narrowed(Slice::of(Dimension::Network, network.clone()), component.as_ref()))
            }
            Route::Admit { components, .. } => (RemedyKind::Shed, narrowed(Slice::everywhere(), components.first())),
            Route::Hold { .. } => (RemedyKind::Pin, Slice::everywhere()),
        };
        Remedy {
            id: RemedyId { incident, count },
            kind,
            answers: CauseKind::Unknown,
            slice,
            route,
            actuation: None,
            predicted: "nobody here knows: it was in force when this log began".into(),
            undo: "the traffic is as usual".into(),
            check_after: self.policy.act.check_after,
        }
    }
}

/// What a plan asks for as routes, each with the share that is left: what stands alike is one route.
fn routes(plan: &TrafficPlan, topology: &Topology) -> Vec<(Route, Strength)> {
    let mut away: BTreeMap<(Option<Name>, Strength), Vec<Name>> = BTreeMap::new();
    for weight in plan.weights.iter().filter(|weight| weight.share < Strength::FULL) {
        away.entry((weight.component.clone(), weight.share)).or_default().push(weight.replica.clone());
    }
    let away = away.into_iter().map(|((component, share), replicas)| (Route::Away { replicas, component }, share));
    let caps = plan.limits.iter().map(|limit| Route::Cap {
        network: limit.network.clone(),
        component: limit.component.clone(),
        per_second: limit.per_second,
    });
    let hosts: Vec<Name> = plan.pins.iter().map(|pin| pin.host.clone()).collect();
    let holds = (!hosts.is_empty()).then_some(Route::Hold { hosts });
    let others = caps.chain(holds).chain(features_out(plan, topology));
    away.chain(others.map(|route| (route, Strength::NONE))).collect()
}

/// The features that a plan keeps out, by component; the rest of each is admitted.
fn features_out(plan: &TrafficPlan, topology: &Topology) -> impl Iterator<Item = Route> {
    topology.components.values().filter_map(|component| {
        let is_out = |feature: &&Name| {
            plan.features.iter().any(|row| row.component == component.name && row.feature == **feature)
        };
        let id = |feature: &Name| FeatureId { component: component.name.clone(), feature: feature.clone() };
        let features: Vec<FeatureId> = component.features.iter().filter(is_out).map(id).collect();
        let components = vec![component.name.clone()];
        (!features.is_empty()).then_some(Route::Admit {
            components,
            floor: Strength::FULL,
            of: None,
            usual: None,
            features,
        })
    })
}

/// What all of them have in common.
fn common<'a>(slices: impl IntoIterator<Item = &'a Slice>) -> Slice {
    let mut slices = slices.into_iter();
    let first = slices.next().cloned().unwrap_or_else(Slice::everywhere);
    slices.fold(first, |common, slice| {
        let differs = |(dimension, name): &(Dimension, &Name)| slice.get(*dimension) != Some(*name);
        let others: Vec<Dimension> = common.parts().filter(differs).map(|(dimension, _)| dimension).collect();
        others.into_iter().fold(common, Slice::without)
    })
}

fn narrowed(slice: Slice, component: Option<&Name>) -> Slice {
    match component {
        Some(component) => slice.with(Dimension::Component, component.clone()),
        None => slice,
    }
}
