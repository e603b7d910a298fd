//! The way back: in steps, each behind a gate; a failed step goes back to nothing and waits twice as long.

use super::book::{Incident, RemedyCase, RemedyStage};
use super::engine::Engine;
use super::event::{Actor, Event, Outcome};
use super::state::State;
use crate::act::{self, Effect};
use crate::confirm::Verdict;
use crate::model::{Moment, RemedyKind, Route, Strength, Tally};
use std::time::Duration;

/// Counts come a second at a time.
const SECOND: Duration = Duration::from_secs(1);
/// Users are looked at over so long before the end is called.
const LOOK: Duration = Duration::from_secs(5);
/// Failing all its checks over so long, a target is ill.
const ILL: Duration = Duration::from_secs(2);
/// The wait before the way back doubles with each relapse, so many times at most.
const DOUBLINGS_MAX: u32 = 4;
/// A probe that said nothing for so long no longer counts.
const PROBE_FRESH: Duration = Duration::from_secs(30);

impl Engine {
    /// The next step of an incident whose users are served.
    pub(super) fn restore(&self, now: Moment) -> Vec<Event> {
        let served = self.book.open().filter(|i| matches!(i.state, State::Mitigated | State::Restoring));
        served.filter_map(|incident| self.restore_one(incident, now)).next().into_iter().collect()
    }

    fn restore_one(&self, incident: &Incident, now: Moment) -> Option<Event> {
        if let Some(why) = self.came_back(incident, now).or_else(|| self.fell_ill_again(incident, now)) {
            return Some(self.relapse(incident, why));
        }
        if let Some(case) = incident.remedies.iter().find(|r| r.stage == RemedyStage::Lifting) {
            return self.next_step(incident, case, now);
        }
        if let Some(case) = incident.remedies.iter().find(|r| r.stage == RemedyStage::Kept) {
            return self.first_step(incident, case, now);
        }
        match incident.restored_at {
            None => Some(Event::Restored { incident: incident.id }),
            Some(at) if self.is_over(incident, at, now) => {
                Some(Event::Resolved { incident: incident.id, by: Actor::Automation })
            }
            Some(_) => None,
        }
    }

    /// New evidence since the last action, strong enough to be believed.
    fn came_back(&self, incident: &Incident, now: Moment) -> Option<String> {
        match self.verdict(&self.findings_of(incident), now) {
            Verdict::Confirmed(_, why) => Some(why),
            Verdict::Unknown | Verdict::Healthy | Verdict::Suspected(_) => None,
        }
    }

    /// What was restarted or rolled back fails all its checks once more, before it got any traffic back: that is
    /// another failure, and what mended it before may mend it again.
    fn fell_ill_again(&self, incident: &Incident, now: Moment) -> Option<String> {
        let mended = |case: &&RemedyCase| {
            case.stage == RemedyStage::Kept
                && case.actuated_at.is_some_and(|at| now.since(at) >= self.policy.act.ramp_after)
        };
        let ill = |case: &RemedyCase| {
            let seen = act::targets(&self.ledger, now.before(ILL), now, &case.remedy, &self.policy.topology);
            let all_fail = seen.total >= 3 && seen.failed() == seen.total;
            all_fail.then(|| format!("{} of {} checks of {} fail again", seen.failed(), seen.total, case.remedy.slice))
        };
        incident.remedies.iter().filter(mended).find_map(ill)
    }

    fn relapse(&self, incident: &Incident, why: String) -> Event {
        let id = incident.id;
        let plan = self.plan_with(|case| {
            let lifting = case.remedy.id.incident == id && case.stage == RemedyStage::Lifting;
            if lifting { Strength::NONE } else { case.share }
        });
        Event::Relapsed { incident: id, why, plan }
    }

    /// (B1) At most one group is on its way back at a time, and only when what made it necessary is over.
    fn first_step(&self, incident: &Incident, case: &RemedyCase, now: Moment) -> Option<Event> {
        let wait = self.policy.act.ramp_after * 2_u32.pow(incident.relapses.min(DOUBLINGS_MAX));
        let elsewhere = self.book.in_force().any(|c| c.stage == RemedyStage::Lifting);
        if elsewhere || now.since(case.since) < wait || !is_carried_out(case) || self.would_flap(case, now) {
            return None;
        }
        let from = case.actuated_at.map_or(now.before(wait), |at| now.before(wait).max(at));
        if now.since(from) < wait {
            return None;
        }
        let usual = self.usual_of(incident, case);
        let healed = act::healed(&self.ledger, from, now + SECOND, &case.remedy, &self.policy.topology, usual);
        healed.then(|| self.step_to(case, self.first_share(case)))
    }

    /// A10: no way back that could end in one removal too many.
    fn would_flap(&self, case: &RemedyCase, now: Moment) -> bool {
        let Route::Away { replicas, .. } = &case.remedy.route else { return false };
        let (per_ten_minutes, per_hour) = self.policy.act.flaps;
        replicas.iter().any(|replica| {
            let within =
                |span| self.book.removals.iter().filter(|r| r.replica == *replica && now.since(r.at) < span).count();
            within(Duration::from_secs(600)) >= per_ten_minutes || within(Duration::from_secs(3_600)) >= per_hour
        })
    }

    fn usual_of(&self, incident: &Incident, case: &RemedyCase) -> f64 {
        let Route::Admit { components, .. } = &case.remedy.route else { return 0.0 };
        let since = incident.since;
        let usual = self.ledger.demand(since.before(Duration::from_secs(63)), since.before(Duration::from_secs(3)));
        components.iter().filter_map(|c| usual.get(c)).sum()
    }

    /// A limit or a held name is lifted at once; replicas and crowds come back in steps.
    fn first_share(&self, case: &RemedyCase) -> Strength {
        match case.remedy.route {
            Route::Cap { .. } | Route::Hold { .. } => Strength::FULL,
            Route::Away { .. } | Route::Admit { .. } => self.policy.act.ramp.first().copied().unwrap_or(Strength::FULL),
        }
    }

    fn step_to(&self, case: &RemedyCase, share: Strength) -> Event {
        let id = case.remedy.id;
        let plan = self.plan_with(|c| if c.remedy.id == id { share } else { c.share });
        Event::RampStepped { remedy: id, share, plan }
    }

    fn next_step(&self, incident: &Incident, case: &RemedyCase, now: Moment) -> Option<Event> {
        let seen = self.seen_on_step(case, now);
        if act::step_failed(&seen) {
            let why = format!("{} of {} failed at {} of the usual traffic", seen.failed(), seen.total, case.share);
            return Some(self.relapse(incident, why));
        }
        if now.since(case.since) < self.policy.act.ramp_dwell || seen.total < self.policy.act.ramp_requests {
            return None;
        }
        if let Effect::None(_) = act::effect(&self.ledger, now.before(self.policy.act.ramp_dwell), now, &self.book.plan)
        {
            return None;
        }
        let next = self.policy.act.ramp.iter().copied().find(|share| *share > case.share);
        Some(self.step_to(case, next.unwrap_or(Strength::FULL)))
    }

    /// What the targets did since the step began; the second in which it began belongs to the step before.
    fn seen_on_step(&self, case: &RemedyCase, now: Moment) -> Tally {
        let from = Moment::from_millis((case.since.as_millis() / 1_000 + 1) * 1_000);
        act::targets(&self.ledger, from, now + SECOND, &case.remedy, &self.policy.topology)
    }

    /// Probes, edge and reports agree: nothing was found since, the probes pass, users are served.
    fn is_over(&self, incident: &Incident, restored_at: Moment, now: Moment) -> bool {
        let quiet = now.since(restored_at) >= self.policy.incident.quiet_for;
        let found = matches!(self.verdict(&self.findings_of(incident), now), Verdict::Healthy);
        let probes =
            self.door.probes.values().filter(|(at, ..)| now.since(*at) < PROBE_FRESH).all(|(_, passed, _)| *passed);
        let served = match act::effect(&self.ledger, now.before(LOOK), now, &self.book.plan) {
            Effect::Relief(_) => true,
            Effect::None(_) => false,
            // Nobody asked for anything: then the probes speak.
            Effect::Open => self.deaf_for(now).is_none(),
        };
        quiet && found && probes && served
    }
}

/// True when the outside part of a remedy, if it has one, is done. A rollback without anybody to carry it out is
/// only lifted by a person: the bad version would come back with the traffic.
fn is_carried_out(case: &RemedyCase) -> bool {
    match (&case.remedy.actuation, case.remedy.kind) {
        (Some(_), _) => case.actuated == Some(Outcome::Done),
        (None, RemedyKind::RollBack) => false,
        (None, _) => true,
    }
}
