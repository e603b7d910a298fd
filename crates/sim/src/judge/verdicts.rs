//! Each remedy is judged, once, and what is taken back is gone (A11, A12).

use super::{Case, Judge};
use downbeat_core::incident::Verdict;
use downbeat_core::model::{Moment, RemedyId, Route, TrafficPlan};
use std::time::Duration;

/// Besides a few times its check, a remedy may wait for its judgement for so long: the disk may be full meanwhile.
const UNJUDGED: Duration = Duration::from_secs(60);

impl Judge {
    /// A12: one verdict, and A11's count of what was in vain.
    pub(super) fn verdict(&mut self, at: Moment, id: RemedyId, verdict: Verdict, plan: &TrafficPlan) {
        let (warm, check) = (self.started_at, self.policy.act.check_after);
        let Some(case) = self.remedies.get_mut(&id) else { return };
        let first = case.judged.is_none();
        case.judged = Some(verdict);
        case.over = verdict == Verdict::Reverted;
        case.kept_at = (verdict == Verdict::Kept).then_some(at);
        let late = case.started_at.map_or(Duration::ZERO, |started| at.since(started.max(warm)));
        let by_automation = case.by_automation;
        let in_place = case.remedy.route.diverts_nobody();
        if first && !in_place && late > check * 2 + Duration::from_secs(30) {
            self.find("A12", format!("remedy {id} was judged after {} s", late.as_secs()));
        }
        if by_automation && first {
            self.in_vain = if verdict == Verdict::Reverted { self.in_vain + 1 } else { 0 };
        }
        if verdict == Verdict::Reverted {
            self.taken_back(id, plan);
        }
    }

    /// A12: what is taken back leaves no trace in the plan, unless another remedy asks for the same.
    fn taken_back(&mut self, id: RemedyId, plan: &TrafficPlan) {
        let Some(route) = self.remedies.get(&id).map(|case| &case.remedy.route) else { return };
        let wanted = self.remedies.values().any(|case| case.is_in_force() && overlaps(&case.remedy.route, route));
        if !wanted && is_asked_for(route, plan) {
            self.find("A12", format!("remedy {id} was taken back and is still in the plan"));
        }
    }

    /// A12: every remedy that a hub has had the time to judge is judged.
    pub(super) fn unjudged(&mut self, now: Moment) {
        let most = self.policy.act.check_after * 4 + UNJUDGED;
        let waits = |case: &Case| {
            let since = case.started_at.map(|at| at.max(self.started_at));
            let open = case.judged.is_none() && !case.over && !case.remedy.route.diverts_nobody();
            open && since.is_some_and(|at| now.since(at) > most)
        };
        if let Some(id) = self.remedies.values().find(|case| waits(case)).map(|case| case.remedy.id) {
            self.find("A12", format!("remedy {id} has not been judged for {} s", most.as_secs()));
        }
    }
}

/// Two routes that speak of a replica share a row of the plan, whatever the component.
fn overlaps(one: &Route, other: &Route) -> bool {
    match (one, other) {
        (Route::Away { replicas: a, .. }, Route::Away { replicas: b, .. }) => a.iter().any(|r| b.contains(r)),
        (one, other) => one.overlaps(other),
    }
}

fn is_asked_for(route: &Route, plan: &TrafficPlan) -> bool {
    match route {
        Route::Away { replicas, .. } => plan.weights.iter().any(|row| replicas.contains(&row.replica)),
        Route::Admit { components, .. } => plan.sheds.iter().any(|row| components.contains(&row.component)),
        Route::Cap { network, .. } => plan.limits.iter().any(|row| row.network == *network),
        Route::Hold { hosts } => plan.pins.iter().any(|row| hosts.contains(&row.host)),
    }
}
