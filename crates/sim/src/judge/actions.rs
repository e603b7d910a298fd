//! What automation begins (A5, A9, A11, A12, A13, A15, A16, A18), whatever it takes out of the traffic.

use super::{Case, Judge};
use downbeat_core::incident::{Actor, Outcome};
use downbeat_core::model::{Actuation, Change, Component, Mode, Moment, Name, Remedy, RemedyId, Route, TrafficPlan};
use std::time::Duration;

/// A change that was told longer before is no suspect.
const SUSPECT_FOR: Duration = Duration::from_secs(30 * 60);

impl Judge {
    pub(super) fn started(&mut self, at: Moment, id: RemedyId, by: &Actor, plan: &TrafficPlan) {
        let Some(case) = self.remedies.get_mut(&id) else {
            return self.find("A12", format!("remedy {id} was started and never proposed"));
        };
        case.started_at = Some(at);
        case.keep_features_out();
        self.acted_at.get_or_insert(self.now);
        case.by_automation = *by == Actor::Automation;
        let (remedy, mode, incident) = (case.remedy.clone(), case.mode, case.incident);
        // What stood on the same targets steps aside.
        let aside = |(other, case): &(&RemedyId, &mut Case)| {
            **other != id && case.incident == incident && case.remedy.route.overlaps(&remedy.route)
        };
        self.remedies.iter_mut().filter(aside).for_each(|(_, case)| case.over = true);
        if *by != Actor::Automation {
            return;
        }
        self.leave(&remedy, mode);
        self.arming(at, &remedy);
        self.one_at_a_time(&remedy);
        self.blindness(at, id);
        self.need(at, &remedy);
        self.rollback(at, &remedy);
        if remedy.kind.removes_capacity() && !remedy.route.diverts_nobody() {
            self.removal(at, &remedy, plan);
        }
    }

    /// The outside part of a remedy ended.
    pub(super) fn carried_out(&mut self, id: RemedyId, outcome: &Outcome) {
        if let Some(case) = self.remedies.get_mut(&id) {
            case.is_carried_out = *outcome == Outcome::Done;
        }
    }

    /// A13, A11: whether automation has leave to act at all.
    fn leave(&mut self, remedy: &Remedy, mode: Mode) {
        let id = remedy.id;
        if mode != Mode::Auto {
            self.find("A13", format!("remedy {id} started by itself in mode {mode:?}"));
        }
        if self.held {
            self.find("A13", format!("remedy {id} started while automation is held"));
        }
        if self.incidents.get(&self.incident_of(id)).is_some_and(|track| track.taken) {
            self.find("A13", format!("remedy {id} started by itself in an incident that a person has taken over"));
        }
        if self.in_vain >= 2 {
            self.find("A11", format!("remedy {id} started after {} in vain", self.in_vain));
        }
    }

    /// A hub starts; the first one arms whatever its configuration lets loose.
    pub(crate) fn hub_starts(&mut self, at: Moment) {
        self.armed_at.get_or_insert(at);
    }

    /// Every kind of remedy was tried on a component.
    pub(crate) fn drill_passed(&mut self, at: Moment, component: Name) {
        self.drilled.insert(component, at);
    }

    /// A13: nothing is done to what was not tried for too long.
    fn arming(&mut self, at: Moment, remedy: &Remedy) {
        let Some(armed_at) = self.armed_at else { return };
        let tried = |component: &Name| self.drilled.get(component).copied().map_or(armed_at, |at| at.max(armed_at));
        let serves = |component: &Component, replicas: &[Name]| component.replicas.iter().any(|r| replicas.contains(r));
        let is_touched = |component: &&Component| match &remedy.route {
            Route::Away { component: Some(only), .. } | Route::Cap { component: Some(only), .. } => {
                component.name == *only
            }
            Route::Away { replicas, component: None } => replicas.is_empty() || serves(component, replicas),
            Route::Admit { components, .. } => components.contains(&component.name),
            // In these worlds every replica serves everything, so whoever has the name held has all of it.
            Route::Cap { component: None, .. } | Route::Hold { .. } => true,
        };
        let touched = self.policy.topology.components.values().filter(is_touched);
        let untried = touched.map(|it| &it.name).find(|it| at.since(tried(it)) >= self.policy.act.armed_for).cloned();
        if let Some(component) = untried {
            self.find(
                "A13",
                format!(
                    "remedy {} started by itself when its kind had not been tried on {component} in time",
                    remedy.id
                ),
            );
        }
    }

    /// A12: one remedy on a target at a time, whatever the incident.
    fn one_at_a_time(&mut self, remedy: &Remedy) {
        let incident = self.incident_of(remedy.id);
        let clash = self.remedies.values().find(|case| {
            let other = case.incident != incident;
            other && case.is_in_force() && case.remedy.route.overlaps(&remedy.route)
        });
        if let Some(other) = clash.map(|case| case.remedy.id) {
            self.find("A12", format!("remedy {} started on the targets of {other}", remedy.id));
        }
    }

    /// A15: nothing is done in the first seconds, nor on old news.
    fn blindness(&mut self, at: Moment, id: RemedyId) {
        let up = at.since(self.started_at);
        if up < self.policy.act.warm_up {
            self.find("A15", format!("remedy {id} started {} ms after the hub", up.as_millis()));
        }
        let silent = self.told.heard_at.map_or(Duration::MAX, |heard| at.since(heard));
        if silent > self.policy.confirm.silence_after {
            self.find("A15", format!("remedy {id} started {} s after an edge was heard", silent.as_secs()));
        }
    }

    /// A18: what takes something away needs a trouble that is there.
    fn need(&mut self, at: Moment, remedy: &Remedy) {
        let needless = match &remedy.route {
            Route::Away { replicas, .. } => self.told.is_calm_around(at, replicas),
            Route::Admit { components, .. } => self.told.are_served(at, components),
            // A network may flood without hurting anybody yet; what is held takes nothing from anybody.
            Route::Cap { .. } | Route::Hold { .. } => false,
        };
        if needless {
            self.find(
                "A18",
                format!("remedy {} ({}) started when nothing had been wrong for a while", remedy.id, remedy.kind),
            );
        }
    }

    /// A9: rollbacks only to what has proven itself, and not over what cannot be taken back. A16: and only when no other
    /// change explains as much.
    fn rollback(&mut self, at: Moment, remedy: &Remedy) {
        let Some(Actuation::RollBack { from, to, .. }) = &remedy.actuation else { return };
        let id = remedy.id;
        if !self.was_configured(to) && !self.policy.topology.proven_versions.contains(to) {
            self.find("A9", format!("remedy {id} goes back to {to}, which has not proven itself"));
        }
        if self.changes.iter().any(|(_, change)| change.to == *from && change.one_way) {
            self.find("A9", format!("remedy {id} takes {from} back, which is declared one-way"));
        }
        if let Some(other) = self.other_suspect(at, id, from) {
            self.find("A16", format!("remedy {id} takes {from} back while {other} is in effect wherever it is"));
        }
    }

    /// Another change that was told before the incident began, and is in effect wherever this one is.
    fn other_suspect(&self, at: Moment, id: RemedyId, from: &Name) -> Option<Name> {
        let began = self.incidents.get(&self.incident_of(id))?.since;
        let reach = self.in_effect.get(from)?;
        let explains = |(told, change): &&(Moment, Change)| {
            change.to != *from
                && *told <= began
                && at.since(*told) < SUSPECT_FOR
                && self.in_effect.get(&change.to).is_some_and(|replicas| replicas.is_superset(reach))
        };
        self.changes.iter().find(explains).map(|(_, change)| change.to.clone())
    }
}
