//! When is something said? Derived from where the incident stands and what was said last, so a restart neither
//! repeats nor forgets a word.

use super::book::Incident;
use super::cure::note;
use super::draft::said;
use super::engine::Engine;
use super::event::Event;
use super::state::State;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Audience, CauseKind, Hypothesis, Moment, Stage};
use crate::tell::{self, Facts};
use std::time::Duration;

/// The page waits so long for a cause to name, but no longer.
const PAGE_WAITS: Duration = Duration::from_millis(1_500);

impl Engine {
    /// The next word that is due.
    pub(super) fn inform(&self, now: Moment) -> Vec<Event> {
        let due = |incident: &Incident| self.public_due(incident, now).or_else(|| self.page_due(incident, now));
        self.book.incidents.values().rev().find_map(due).into_iter().collect()
    }

    fn public_due(&self, incident: &Incident, now: Moment) -> Option<Event> {
        let draft = self.draft_of(incident)?;
        draft.goes_at.filter(|goes_at| *goes_at <= now)?;
        Some(said(incident, draft))
    }

    /// The stage of which the public has to hear, and since when.
    pub(super) fn stage_due(&self, incident: &Incident) -> Option<(Stage, Moment)> {
        let said = incident.public_word().map(|n| n.notice.stage);
        let since = incident.state_since;
        match (incident.state, said) {
            (State::Suspected, None) if is_on(Mutation::TellsSuspicions) => Some((Stage::Investigating, since)),
            (State::Confirmed | State::Mitigated | State::Restoring, None) => {
                Some((Stage::Investigating, incident.confirmed_at?))
            }
            (State::Confirmed, Some(Stage::Investigating)) => Some((Stage::Identified, self.named_at(incident)?)),
            (State::Confirmed, Some(Stage::Monitoring)) => Some((Stage::Identified, since)),
            // It was reopened.
            (State::Confirmed, Some(Stage::Resolved)) => Some((Stage::Investigating, since)),
            (State::Mitigated, Some(Stage::Investigating | Stage::Identified)) => Some((Stage::Monitoring, since)),
            (State::Resolved | State::Reviewed, Some(Stage::Investigating | Stage::Identified | Stage::Monitoring)) => {
                Some((Stage::Resolved, incident.resolved_at.unwrap_or(since)))
            }
            _ => None,
        }
    }

    /// The public hears of a cause when it is certain and something is being done about it: since when both are so.
    fn named_at(&self, incident: &Incident) -> Option<Moment> {
        let is_certain = |h: &&Hypothesis| h.posterior >= self.policy.diagnose.certain && h.kind != CauseKind::Unknown;
        incident.cause().filter(is_certain)?;
        let begun = incident.in_force().filter_map(|case| case.started_at).min();
        // What was found in force was started by nobody here.
        let begun = begun.or_else(|| incident.in_force().next().map(|case| case.since))?;
        Some(incident.diagnosed_at.map_or(begun, |named| named.max(begun)))
    }

    pub(super) fn facts(&self, incident: &Incident) -> Facts {
        let cause = incident.cause().filter(|h| h.posterior >= self.policy.diagnose.certain);
        let next_update = self.policy.tell.next_update;
        let mut facts = Facts::new(self.pillars(incident), cause, &self.policy.topology, next_update);
        facts.remedy = incident.remedies.iter().rev().find(|r| r.started_at.is_some()).map(|r| r.remedy.kind);
        facts
    }

    /// The findings that say most about the place: the strongest few.
    fn pillars<'a>(&self, incident: &'a Incident) -> &'a [crate::model::Finding] {
        &incident.findings[..incident.findings.len().min(2)]
    }

    fn page_due(&self, incident: &Incident, now: Moment) -> Option<Event> {
        if is_on(Mutation::NoPage) {
            return None;
        }
        let paged = incident.notices.iter().any(|n| n.notice.audience == Audience::OnCall);
        let confirmed = incident.confirmed_at?;
        let ready = incident.diagnosed_at.is_some() || now.since(confirmed) >= PAGE_WAITS;
        match incident.state {
            State::Confirmed | State::Mitigated | State::Restoring if ready && !paged => {
                let remedy = incident.remedies.last().map(|r| &r.remedy);
                let body = tell::page("the incident is confirmed", incident.cause(), remedy);
                self.call(incident, Stage::Investigating, &incident.title, body, now)
            }
            State::Resolved | State::Reviewed if is_end_due(incident) && !self.went_unheard(incident) => {
                let body = "All traffic is back, and probes, edge and reports agree that it is over.".into();
                Some(note(incident, 0, Audience::OnCall, Stage::Resolved, &incident.title, body))
            }
            _ => None,
        }
    }

    /// It came and went while all that it touched was worked on: nobody was called, and nobody hears that it is over.
    fn went_unheard(&self, incident: &Incident) -> bool {
        incident.resolved_at.is_some_and(|at| self.is_kept_quiet(incident, at))
    }
}

/// Who was called hears that it is over; who saw it without being called does not.
fn is_end_due(incident: &Incident) -> bool {
    let last = incident.notices.iter().rev().find(|case| case.notice.audience == Audience::OnCall);
    last.map_or(incident.acked_by.is_none(), |case| case.notice.stage != Stage::Resolved)
}
