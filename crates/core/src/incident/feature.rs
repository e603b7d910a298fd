//! Features come back one after another, when their component has all its shares, the first in the list first: together with it
//! when the crowd is known to be none any more, for what the shed left over was theirs before; else each in the same steps behind
//! the same gate (B1). A step that fails takes that feature out again, and leaves the ones before it in.

use super::book::{FeatureCase, Incident, RemedyCase, RemedyStage};
use super::engine::Engine;
use super::event::Event;
use super::next::Next;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Moment, Strength};
use std::time::Duration;

/// The dwell of a feature's steps doubles with each that failed, so many times at most.
const DOUBLINGS_MAX: u32 = 4;

/// How long the step has to last that a remedy is on: longer for a feature of which steps have failed.
pub(super) fn dwell(case: &RemedyCase, usual: Duration) -> Duration {
    let next = case.features_out().next().filter(|_| case.share == Strength::FULL);
    usual * 2_u32.pow(next.map_or(0, |feature| feature.failures.min(DOUBLINGS_MAX)))
}

/// The feature of the latest step, while that is the latest step of its remedy.
fn stepping(case: &RemedyCase) -> Option<&FeatureCase> {
    let is_latest = |feature: &&FeatureCase| feature.since == case.since && feature.admitted > Strength::NONE;
    case.features.iter().find(is_latest).filter(|_| case.stage == RemedyStage::Lifting && case.share == Strength::FULL)
}

impl Engine {
    /// The next step of the first feature that is not wholly in; none while its component has not all its shares.
    pub(super) fn next_feature(&self, case: &RemedyCase, now: Moment) -> Option<Event> {
        let mut out = case.features_out();
        let next = if is_on(Mutation::FeaturesLastFirst) { out.last() } else { out.next() };
        let feature = next.filter(|_| case.share == Strength::FULL)?;
        let admitted = match feature.admitted {
            // What failed once is tried with a little of it first.
            Strength::NONE if feature.failures == 0 => self.first_share(case, now),
            before => self.share_after(before),
        };
        Some(self.step_feature(case, feature, admitted, String::new(), now))
    }

    /// True when the next feature has nothing to wait for: its component's crowd is gone, and it was served with what the shed
    /// left over as soon as there was any.
    pub(super) fn comes_with_its_component(&self, case: &RemedyCase, now: Moment) -> bool {
        let next = case.features_out().next().filter(|_| case.share == Strength::FULL);
        let is_untried = |feature: &FeatureCase| feature.failures == 0 && feature.admitted == Strength::NONE;
        next.is_some_and(is_untried) && self.is_crowd_gone(case, now)
    }

    /// Takes out again what the latest step of an incident let in, when that was a feature.
    pub(super) fn withdraw(&self, incident: &Incident, why: &str, now: Moment) -> Option<Vec<Event>> {
        let (case, feature) = incident.remedies.iter().find_map(|case| Some((case, stepping(case)?)))?;
        Some(vec![self.step_feature(case, feature, Strength::NONE, why.to_owned(), now)])
    }

    fn step_feature(
        &self,
        case: &RemedyCase,
        feature: &FeatureCase,
        admitted: Strength,
        why: String,
        now: Moment,
    ) -> Event {
        let remedy = case.remedy.id;
        let next = Next::Feature(&feature.id, admitted);
        let plan = self.plan_with(now, |c| if c.remedy.id == remedy { next } else { Next::Stays });
        Event::FeatureStepped { remedy, feature: feature.id.clone(), admitted, why, plan }
    }
}
