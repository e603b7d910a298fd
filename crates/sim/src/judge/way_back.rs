//! The way back (B1, L1): when it begins, step by step, one group at a time, and to its end without a person's help.

use super::{Case, Judge};
use downbeat_core::model::{IncidentId, Moment, Name, RemedyId, RemedyKind, Route, Strength, TrafficPlan};
use std::time::Duration;

/// What its targets did so lately shows whether they are well.
const LATELY: Duration = Duration::from_secs(3);
/// Somebody on duty gives automation so long before they end an incident; what needs more is no fault of it.
const SHORT_WAIT: Duration = Duration::from_secs(25);
/// The wait doubles with each relapse, so many times at most.
const DOUBLINGS_MAX: u32 = 4;

impl Judge {
    /// B1: step by step, no step too soon, one group at a time.
    pub(super) fn stepped(&mut self, at: Moment, id: RemedyId, share: Strength) {
        let others = self.remedies.iter().any(|(other, case)| *other != id && case.is_lifting());
        let Some(case) = self.remedies.get_mut(&id) else { return };
        let in_steps = matches!(case.remedy.route, Route::Away { .. }) && !case.remedy.route.diverts_nobody();
        let before = case.step.replace((share, at));
        case.look_whether_over();
        // What is well gets its traffic back at once when the trouble is elsewhere.
        let released = self.relapses && share == Strength::FULL;
        if released {
            return;
        }
        if in_steps {
            self.in_order(id, before, (share, at));
        }
        match before {
            None => self.begins(at, id),
            Some((_, last)) => self.goes_on(at, id, last),
        }
        if others {
            self.find("B1", format!("remedy {id} is on its way back beside another one"));
        }
    }

    fn in_order(&mut self, id: RemedyId, before: Option<(Strength, Moment)>, (share, at): (Strength, Moment)) {
        let ramp = &self.policy.act.ramp;
        let expected = match before {
            None => ramp.first().copied(),
            Some((last, _)) => ramp.iter().copied().find(|next| *next > last),
        };
        if expected != Some(share) {
            self.find("B1", format!("remedy {id} steps to {share}, not to {expected:?}"));
        }
        if let Some((_, last)) = before
            && at.since(last) < self.policy.act.ramp_dwell
        {
            self.find("B1", format!("remedy {id} steps after {} ms", at.since(last).as_millis()));
        }
    }

    /// The first step: after a wait, which doubles with each relapse, and to targets that are well.
    fn begins(&mut self, at: Moment, id: RemedyId) {
        let Some(case) = self.remedies.get(&id).filter(|case| !case.remedy.route.diverts_nobody()) else { return };
        let relapses = self.incidents.get(&self.incident_of(id)).map_or(0, |track| track.relapses);
        let most = match case.remedy.route {
            Route::Admit { .. } => self.policy.act.shed_ttl,
            Route::Away { .. } | Route::Cap { .. } | Route::Hold { .. } => Duration::MAX,
        };
        let wait = (self.policy.act.ramp_after * 2_u32.pow(relapses.min(DOUBLINGS_MAX))).min(most);
        let waited = case.kept_at.map_or(Duration::MAX, |kept| at.since(kept));
        let ill = case.away().iter().find(|r| self.told.trials(r, at.before(LATELY)).look_bad()).cloned();
        if waited < wait {
            let (waited, wait) = (waited.as_millis(), wait.as_millis());
            self.find("B1", format!("remedy {id} begins its way back after {waited} ms of {wait}"));
        }
        if let Some(replica) = ill {
            self.find("B1", format!("remedy {id} begins its way back while {replica} fails"));
        }
    }

    /// A further step: not while what came with the one before fails.
    fn goes_on(&mut self, at: Moment, id: RemedyId, last: Moment) {
        let Some(case) = self.remedies.get(&id) else { return };
        // The second in which a step began belongs to the step before.
        let from = Moment::from_millis((last.as_millis() / 1_000 + 1) * 1_000);
        let fails = |replica: &&Name| self.told.trials(replica, from).plainly_failed();
        if let Some(replica) = case.away().iter().find(fails).cloned() {
            let from = at.since(last).as_millis();
            self.find("B1", format!("remedy {id} goes on {from} ms later although {replica} fails"));
        }
    }

    /// B1: after a failed step nothing is left of the share that came back.
    pub(super) fn relapsed(&mut self, at: Moment, incident: IncidentId, plan: &TrafficPlan) {
        let gone = plan.removed();
        let partly = |case: &&Case| {
            case.incident == incident && case.is_lifting() && case.away().iter().any(|r| !gone.contains(r))
        };
        if let Some(id) = self.remedies.values().find(partly).map(|case| case.remedy.id) {
            self.find("B1", format!("remedy {id} keeps a share of its way back over a relapse"));
        }
        let track = self.incidents.entry(incident).or_default();
        (track.relapses, track.acked) = (track.relapses + 1, track.taken);
        for case in self.remedies.values_mut().filter(|case| case.incident == incident && !case.over) {
            if case.step.take().is_some() {
                case.keep_features_out();
                case.kept_at = Some(at);
            }
        }
    }

    /// L1: what automation began, automation ends, unless it has asked for a person: here one has to end an incident in which
    /// something is in force that nothing stands in the way of lifting.
    pub(crate) fn left_to_people(&mut self, now: Moment, incident: IncidentId) {
        let relapses = self.incidents.get(&incident).map_or(0, |track| track.relapses);
        if self.policy.act.ramp_after * 2_u32.pow(relapses.min(DOUBLINGS_MAX)) > SHORT_WAIT {
            return;
        }
        let liftable = |case: &&Case| {
            case.incident == incident
                && case.is_in_force()
                && case.by_automation
                && case.kept_at.is_some()
                && case.is_carried_out
                // A bad version would come back with the traffic.
                && (case.remedy.actuation.is_some() || case.remedy.kind != RemedyKind::RollBack)
                && !case.away().iter().any(|replica| self.may_flap(now, replica))
        };
        if let Some(id) = self.remedies.values().find(liftable).map(|case| case.remedy.id) {
            self.find("L1", format!("remedy {id} was never lifted, and a person had to end incident {incident}"));
        }
    }

    /// A10: one more removal would be one too many, so that it stays out for a while.
    fn may_flap(&self, now: Moment, replica: &Name) -> bool {
        let within = |seconds| {
            let since = Duration::from_secs(seconds);
            self.removals.iter().filter(|(at, r)| r == replica && now.since(*at) < since).count()
        };
        let (ten_minutes, hour) = self.policy.act.flaps;
        within(600) >= ten_minutes || within(3_600) >= hour
    }
}
