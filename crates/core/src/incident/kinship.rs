//! Two incidents that are one, and one that is two: what moves from book to book, and what belongs to which afterwards.
//!
//! What was said stays where it was said, for history is not edited; evidence and remedies go with the trouble. A remedy keeps
//! its name wherever it is kept, for the actuator knows it by that name.

use super::book::{Book, Incident, RemedyCase};
use super::cure::note;
use super::engine::Engine;
use super::event::{Actor, Event, Record};
use super::state::State;
use crate::model::{
    Audience, CauseKind, Dimension, Finding, Hypothesis, IncidentId, Moment, Name, Route, SourceClass, Stage,
};
use crate::tell;
use serde::{Deserialize, Serialize};

/// What an incident was once a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitFrom {
    /// Which incident it left.
    pub incident: IncidentId,
    /// The component that it is about.
    pub component: Name,
}

impl Book {
    /// One incident becomes part of another.
    pub(super) fn merge(&mut self, from: IncidentId, into: IncidentId, record: &Record) {
        let Some(from) = self.incidents.get_mut(&from) else { return };
        let remedies = std::mem::take(&mut from.remedies);
        let from = from.clone();
        let Some(survivor) = self.incidents.get_mut(&into) else { return };
        survivor.absorb(&from, remedies);
        survivor.remember(record);
    }

    /// What was found on a component gets an incident of its own.
    pub(super) fn split(&mut self, record: &Record) {
        let Event::Split { incident, component, into, title, by } = &record.event else { return };
        let Some(source) = self.incidents.get_mut(incident) else { return };
        let mut own = source.let_go(component, *into, title, record.at);
        own.acked_by = match by {
            Actor::Operator(who) => Some(who.clone()),
            Actor::Automation => None,
        };
        own.remember(record);
        self.enter(own);
    }
}

impl Incident {
    fn absorb(&mut self, other: &Incident, remedies: Vec<RemedyCase>) {
        self.since = self.since.min(other.since);
        self.suspected_at = self.suspected_at.min(other.suspected_at);
        self.evidence_at = self.evidence_at.max(other.evidence_at);
        for (class, bits) in &other.bits {
            self.raise(&[(*class, *bits)].into(), other.told(*class));
        }
        self.keep_findings(&other.findings);
        self.remedies.extend(remedies);
        self.refusals.extend(other.refusals.iter().cloned());
        self.absorbed.push(other.id);
        self.absorbed.extend(&other.absorbed);
        self.left.retain(|_, left| *left != other.id);
    }

    fn let_go(&mut self, component: &Name, into: IncidentId, title: &str, at: Moment) -> Incident {
        let (gone, stays) = self.findings.drain(..).partition(|finding| is_on(finding, component));
        self.findings = stays;
        self.left.insert(component.clone(), into);
        let slice = strongest(&gone).map_or_else(|| self.slice.clone(), |finding| finding.slice.clone());
        let mut own = Incident::suspected(into, title, &slice, self.since, at);
        if self.state != State::Suspected {
            own.state = State::Confirmed;
            own.confirmed_at = Some(at);
            own.first_class = strongest(&gone).map(|finding| finding.class);
        }
        for finding in &gone {
            own.raise(&[(finding.class, finding.bits)].into(), self.told(finding.class));
        }
        own.findings = gone;
        own.split_from = Some(SplitFrom { incident: self.id, component: component.clone() });
        let cases = std::mem::take(&mut self.remedies);
        (own.remedies, self.remedies) =
            cases.into_iter().partition(|case| is_only_about(&case.remedy.route, component));
        own
    }

    /// When evidence of a class was last told.
    fn told(&self, class: SourceClass) -> Moment {
        self.told_at.get(&class).copied().unwrap_or_default()
    }

    /// True when a split has said that this finding is another incident's.
    pub(super) fn told_apart(&self, finding: &Finding) -> bool {
        let component = finding.slice.get(Dimension::Component);
        let left = component.is_some_and(|component| self.left.contains_key(component));
        // What it absorbed after it was split off, it has too.
        let own = self.split_from.as_ref().filter(|_| self.absorbed.is_empty());
        left || own.is_some_and(|from| component != Some(&from.component))
    }

    /// Components that something was found on.
    pub fn components(&self) -> impl Iterator<Item = &Name> {
        self.findings.iter().filter_map(|finding| finding.slice.get(Dimension::Component))
    }
}

fn is_on(finding: &Finding, component: &Name) -> bool {
    finding.slice.get(Dimension::Component) == Some(component)
}

fn strongest(findings: &[Finding]) -> Option<&Finding> {
    findings.iter().max_by(|a, b| a.bits.0.total_cmp(&b.bits.0))
}

fn is_only_about(route: &Route, component: &Name) -> bool {
    match route {
        Route::Away { component: only, .. } | Route::Cap { component: only, .. } => only.as_ref() == Some(component),
        Route::Admit { components, .. } => components.iter().all(|one| one == component),
        Route::Hold { .. } => false,
    }
}

impl Engine {
    /// Incidents that turn out to have one cause are one: the later becomes part of the earlier.
    pub(super) fn unite(&self, _now: Moment) -> Vec<Event> {
        let open: Vec<&Incident> = self.book.open().filter(|incident| self.certain(incident).is_some()).collect();
        let pairs =
            open.iter().enumerate().flat_map(|(n, first)| open[n + 1..].iter().map(move |second| (*first, *second)));
        let one = pairs.into_iter().find(|(first, second)| self.are_one(first, second));
        one.map(|(first, second)| match (first.confirmed_at, second.confirmed_at) {
            (None, Some(_)) => self.merged(first, second, Actor::Automation),
            _ => self.merged(second, first, Actor::Automation),
        })
        .unwrap_or_default()
    }

    /// The same certain cause, and nothing was found in either that lies elsewhere. What a person has told apart stays apart.
    fn are_one(&self, first: &Incident, second: &Incident) -> bool {
        let apart = |incident: &Incident| incident.split_from.is_some() || !incident.left.is_empty();
        let (Some(a), Some(b)) = (self.certain(first), self.certain(second)) else { return false };
        let same = |a: &Hypothesis, b: &Hypothesis| (a.kind, &a.slice, &a.change) == (b.kind, &b.slice, &b.change);
        let explained = |incident: &Incident| incident.findings.iter().all(|finding| a.slice.meets(&finding.slice));
        a.kind != CauseKind::Unknown
            && !apart(first)
            && !apart(second)
            && same(a, b)
            && explained(first)
            && explained(second)
    }

    /// What makes one incident part of another: who was told of it hears where the story goes on.
    pub(super) fn merged(&self, from: &Incident, into: &Incident, by: Actor) -> Vec<Event> {
        let told = |audience| from.notices.iter().any(|case| case.notice.audience == audience);
        let goes_on = tell::goes_on_under(into.id, &into.title);
        let farewells = [Audience::Public, Audience::OnCall].into_iter().filter(|audience| told(*audience));
        let farewells = farewells
            .zip(0..)
            .map(|(audience, n)| note(from, n, audience, Stage::Resolved, &from.title, goes_on.clone()));
        let welcome = into.public_word().filter(|_| told(Audience::Public)).map(|said| {
            let (stage, title) = (said.notice.stage, &said.notice.title);
            note(into, 0, Audience::Public, stage, title, tell::belongs_here(from.id, &from.title))
        });
        let merged = Event::Merged { incident: from.id, into: into.id, by };
        farewells.chain(welcome).chain([merged]).collect()
    }
}
