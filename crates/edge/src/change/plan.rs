//! Taking a plan, or refusing it.
//!
//! A plan is applied whole or not at all. Its epoch only grows (invariant A6), it leaves nobody without a replica (A3),
//! and on this edge's own evidence it does not send all traffic of a component to replicas that are failing while the
//! ones it empties are well (A8). While automation is on hold here it asks for no more than the one in force (A13).

use crate::admit::traffic::{Crowds, Traffic};
use crate::change::hold::{Beyond, beyond};
use crate::change::site::{ComponentId, ReplicaId, Site};
use crate::choose::health::Standing;
use crate::run::shared::Shared;
use downbeat_core::model::mutation::{Mutation, is_on};
use downbeat_core::model::{Name, PlanFault, Strength, TrafficPlan};
use std::sync::Arc;
use std::time::Instant;

/// What became of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanOutcome {
    /// It is in force.
    Applied,
    /// Its epoch is not above the one in force; nothing changed.
    Stale,
    /// It is not taken; nothing changed.
    Refused(PlanRefusal),
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    /// The plan is wrong in itself.
    #[error(transparent)]
    Fault(#[from] PlanFault),
    /// It leaves only replicas that this edge sees failing.
    #[error("the plan leaves component {0} only replicas that this edge sees failing, and empties ones that are well")]
    Veto(Name),
    /// It asks for more, and automation is on hold here.
    #[error(
        "automation is on hold at this edge{}, and the plan asks for more than the one in force: {beyond}",
        in_brackets(because)
    )]
    Hold {
        /// What more.
        beyond: Beyond,
        /// The operator's reason; empty where none was given.
        because: Arc<str>,
    },
}

fn in_brackets(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

/// Where a plan comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlanSource {
    /// Just now from the hub.
    Hub,
    /// From the disk: it was in force before, so it is nothing new.
    Disk,
}

/// Takes a plan or refuses it. Does not touch the disk.
pub(crate) fn apply(shared: &Shared, plan: TrafficPlan, source: PlanSource, now: Instant) -> PlanOutcome {
    // Two plans at a time (hub's answer, plan from the disk) are taken one after the other.
    let mut in_force = crate::run::sync::write(&shared.traffic);
    if !plan.is_after(in_force.plan.epoch) && !is_on(Mutation::EdgeTakesOldPlans) {
        if source == PlanSource::Hub && plan.epoch == in_force.plan.epoch {
            in_force.features.confirm(now);
        }
        return PlanOutcome::Stale;
    }
    let hold = if source == PlanSource::Hub { shared.hold.reason() } else { None };
    if let Err(refusal) = examine(shared, &plan, (&in_force, hold), now) {
        return PlanOutcome::Refused(refusal);
    }
    let before = |c: ComponentId| in_force.shed_began_at(c, now);
    let crowds = Crowds { before: &before, now: &|c| shared.demand(c, now) };
    let next = Traffic::of(plan, &shared.site, now, crowds);
    if source == PlanSource::Hub {
        next.features.confirm(now);
    }
    *in_force = Arc::new(next);
    PlanOutcome::Applied
}

/// What of a plan in force still makes sense for another site: words on strangers go, and all weights go when
/// they would leave a component without a replica (invariant A3). The epoch stays, for the plan is still that one.
pub(crate) fn fitted(plan: &TrafficPlan, site: &Site) -> TrafficPlan {
    let serving = site.serving();
    let has_component = |component: &Name| serving.contains_key(component);
    let has_replica = |replica: &Name| serving.values().any(|replicas| replicas.contains(replica));
    let mut fitted = plan.clone();
    fitted.weights.retain(|w| has_replica(&w.replica) && w.component.as_ref().is_none_or(has_component));
    fitted.limits.retain(|limit| limit.component.as_ref().is_none_or(has_component));
    fitted.sheds.retain(|shed| has_component(&shed.component));
    fitted.features.retain(|feature| has_component(&feature.component));
    fitted.leftovers.retain(|feature| has_component(&feature.component));
    if fitted.check(&serving).is_err() {
        fitted.weights.clear();
    }
    fitted
}

/// Takes up a plan that was in force when the last process ended. Its sheds have lapsed: nobody renewed them; what it
/// keeps out is in until the hub says that this is still its plan.
pub(crate) fn resume(shared: &Shared, plan: &TrafficPlan, now: Instant) -> PlanOutcome {
    if is_on(Mutation::EdgeForgetsPlan) {
        return PlanOutcome::Stale;
    }
    apply(shared, TrafficPlan { sheds: Vec::new(), ..plan.clone() }, PlanSource::Disk, now)
}

fn examine(
    shared: &Shared,
    plan: &TrafficPlan,
    (in_force, hold): (&Traffic, Option<Arc<str>>),
    now: Instant,
) -> Result<(), PlanRefusal> {
    plan.check(&shared.site.serving())?;
    if let Some(because) = hold
        && let Some(beyond) = beyond(plan, in_force, &shared.site, now)
    {
        return Err(PlanRefusal::Hold { beyond, because });
    }
    let standing = |c: ComponentId, r: ReplicaId| shared.standing(c, r, now);
    for component in shared.site.component_ids() {
        let site = shared.site.component(component);
        let share = |r: &ReplicaId| plan.share(&shared.site.replica(*r).settings.name, &site.settings.name);
        let (left, emptied): (Vec<ReplicaId>, Vec<ReplicaId>) =
            site.replicas.iter().partition(|r| share(r) != Strength::NONE);
        if is_harmful(left.iter().map(|r| standing(component, *r)), emptied.iter().map(|r| standing(component, *r))) {
            return Err(PlanRefusal::Veto(site.settings.name.clone()));
        }
    }
    Ok(())
}

/// True when none of those left is fit, and one of those emptied is.
fn is_harmful(mut left: impl Iterator<Item = Standing>, mut emptied: impl Iterator<Item = Standing>) -> bool {
    !left.any(|s| s == Standing::Fit) && emptied.any(|s| s == Standing::Fit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Standing::{Dead, Fit, Suspect};

    #[test]
    fn harm_is_emptying_the_well_ones_for_the_failing_ones() {
        let table: [(&[Standing], &[Standing], bool); 6] = [
            (&[Fit, Fit], &[], false),
            (&[Fit, Dead], &[Fit], false),
            (&[Dead, Suspect], &[Fit], true),
            (&[Dead], &[Dead, Suspect], false),
            (&[Suspect], &[], false),
            (&[Suspect], &[Dead, Fit], true),
        ];
        for (left, emptied, harmful) in table {
            assert_eq!(is_harmful(left.iter().copied(), emptied.iter().copied()), harmful, "{left:?} {emptied:?}");
        }
    }
}
