//! The way back: in steps, each behind a gate; a failed step goes back to nothing and waits twice as long.

use super::book::{Incident, RemedyCase, RemedyStage};
use super::engine::Engine;
use super::event::{Actor, Event, Outcome};
use super::feature::dwell;
use super::next::Next;
use super::state::State;
use crate::act::{self, Effect};
use crate::confirm::Verdict;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{Finding, Moment, Name, RemedyId, RemedyKind, Route, SourceClass, Strength, Tally};
use std::collections::BTreeSet;
use std::time::Duration;

/// Counts come a second at a time.
const SECOND: Duration = Duration::from_secs(1);
/// Users are looked at over so long before the end is called.
const LOOK: Duration = Duration::from_secs(5);
/// Doing well for so long, a target is well enough for when it is needed.
const SOON: Duration = Duration::from_secs(3);
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
        let served = served.filter(|incident| !incident.waits_for_a_person());
        served.map(|incident| self.go_on(incident, now)).find(|events| !events.is_empty()).unwrap_or_default()
    }

    /// What a person started while users were served is judged like anything else (A12), before the way back goes on.
    fn go_on(&self, incident: &Incident, now: Moment) -> Vec<Event> {
        let started = incident.remedies.iter().find(|r| r.stage == RemedyStage::Started);
        match started.filter(|_| !is_on(Mutation::NeverJudgesLate)) {
            Some(case) => self.judge(incident, case, now),
            None => match self.came_back(incident, now).or_else(|| self.fell_ill_again(incident, now)) {
                Some(why) => self.withdraw(incident, &why, now).unwrap_or_else(|| self.relapse(incident, why, now)),
                None if self.has_just_started(now) => vec![],
                None => self.restore_one(incident, now),
            },
        }
    }

    /// What is kept out and does well gets its traffic back at once while users suffer from the rest: as a precaution it is
    /// dear then.
    pub(super) fn relent(&self, now: Moment) -> Vec<Event> {
        let suffering = || matches!(act::effect(&self.ledger, now.before(SOON), now, &self.book.plan), Effect::None(_));
        let confirmed = self.book.open().filter(|i| i.state == State::Confirmed);
        let mut kept = confirmed.flat_map(Incident::in_force).filter(|case| case.stage != RemedyStage::Started);
        let missed = kept.find(|case| self.is_well(case, now));
        missed.filter(|_| suffering()).map(|case| self.step_to(case, Strength::FULL, now)).into_iter().collect()
    }

    /// A hub that was away knows of nothing that went wrong meanwhile: before it calls anything well, it looks (A15).
    fn has_just_started(&self, now: Moment) -> bool {
        now.since(self.book.started_at) < self.policy.act.warm_up
    }

    fn restore_one(&self, incident: &Incident, now: Moment) -> Vec<Event> {
        if is_on(Mutation::EndsEarly) && incident.restored_at.is_none() {
            return vec![Event::Restored { incident: incident.id }];
        }
        let going = |stage| incident.remedies.iter().find(move |r| r.stage == stage && !is_on(Mutation::EndsEarly));
        if is_on(Mutation::TwoOnTheWay)
            && let Some(step) = going(RemedyStage::Kept).and_then(|case| self.first_step(incident, case, now))
        {
            return vec![step];
        }
        if let Some(case) = going(RemedyStage::Lifting) {
            return self.next_step(incident, case, now);
        }
        if going(RemedyStage::Kept).is_some() {
            // The first that may; what waits for its healing, or for a person, keeps no other one back.
            let kept = incident.remedies.iter().filter(|r| r.stage == RemedyStage::Kept);
            return kept.filter_map(|case| self.first_step(incident, case, now)).take(1).collect();
        }
        match incident.restored_at {
            None => vec![Event::Restored { incident: incident.id }],
            Some(at) if self.is_over(incident, at, now) => {
                vec![Event::Resolved { incident: incident.id, by: Actor::Automation }]
            }
            Some(_) => vec![],
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

    /// What was lifted is in force again; but what is well gets all of its traffic back at once: the trouble is elsewhere, and
    /// whoever is well is needed there.
    fn relapse(&self, incident: &Incident, why: String, now: Moment) -> Vec<Event> {
        let well: Vec<RemedyId> = incident.in_force().filter(|c| self.is_well(c, now)).map(|c| c.remedy.id).collect();
        let after = |case: &RemedyCase, released: &[RemedyId]| match case.stage {
            _ if released.contains(&case.remedy.id) => Next::Gone,
            RemedyStage::Lifting
                if incident.remedy(case.remedy.id).is_some() && !is_on(Mutation::RelapseKeepsShare) =>
            {
                Next::Anew
            }
            _ => Next::Stays,
        };
        // Each event carries a whole plan, with an epoch of its own.
        let plan_after = |released: &[RemedyId], nth: usize| {
            let mut plan = self.plan_with(now, |case| after(case, released));
            plan.epoch += u64::try_from(nth).unwrap_or(0);
            plan
        };
        let released = (0..well.len()).map(|n| {
            let plan = plan_after(&well[..=n], n);
            Event::RampStepped { remedy: well[n], share: Strength::FULL, plan }
        });
        let relapsed = Event::Relapsed { incident: incident.id, why, plan: plan_after(&well, well.len()) };
        released.chain([relapsed]).collect()
    }

    /// True when the targets of a diversion do well, by themselves and by whatever they get.
    fn is_well(&self, case: &RemedyCase, now: Moment) -> bool {
        // What was seen before it was mended says nothing.
        let from = case.actuated_at.map_or(now.before(SOON), |at| now.before(SOON).max(at + SECOND));
        matches!(case.remedy.route, Route::Away { .. })
            && !case.remedy.route.diverts_nobody()
            && is_carried_out(case)
            && act::healed(&self.ledger, from, now + SECOND, &case.remedy, &self.policy.topology)
    }

    /// (B1) At most one group is on its way back at a time, and only when what made it necessary is over.
    fn first_step(&self, incident: &Incident, case: &RemedyCase, now: Moment) -> Option<Event> {
        if case.remedy.route.diverts_nobody() {
            return is_carried_out(case).then(|| self.step_to(case, Strength::FULL, now));
        }
        let doublings = if is_on(Mutation::NeverDoubles) { 0 } else { incident.relapses.min(DOUBLINGS_MAX) };
        let wait = self.policy.act.ramp_after * 2_u32.pow(doublings);
        let wait = match case.remedy.route {
            // Edges let it lapse by then, and what it keeps out besides has no reason to stay out for longer.
            Route::Admit { .. } => wait.min(self.policy.act.shed_ttl),
            Route::Away { .. } | Route::Cap { .. } | Route::Hold { .. } => wait,
        };
        let elsewhere = !is_on(Mutation::TwoOnTheWay) && self.book.in_force().any(|c| c.stage == RemedyStage::Lifting);
        if is_on(Mutation::NeverLifts)
            || elsewhere
            || now.since(case.since) < wait
            || !is_carried_out(case)
            || self.would_flap(case, now)
        {
            return None;
        }
        let from = case.actuated_at.map_or(now.before(wait), |at| now.before(wait).max(at));
        if now.since(from) < wait {
            return None;
        }
        let healed = act::healed(&self.ledger, from, now + SECOND, &case.remedy, &self.policy.topology);
        let is_time = healed || self.crowd_fits(case, from, now) || is_on(Mutation::LiftsUnhealed);
        let goes = is_time && !self.is_held(incident, case, wait, now);
        goes.then(|| self.step_to(case, self.first_share(case, now), now))
    }

    /// True while those who reported say that it does not work yet. A crowd is never held: who is turned away would hold it.
    fn is_held(&self, incident: &Incident, case: &RemedyCase, wait: Duration, now: Moment) -> bool {
        matches!(case.remedy.route, Route::Away { .. }) && self.answers.hold(incident.id, case.since, wait, now)
    }

    /// True when a crowd is none any more: what is usual is known, and it was waited for; or all that is asked for lately fits.
    pub(super) fn is_crowd_gone(&self, case: &RemedyCase, now: Moment) -> bool {
        match case.remedy.route {
            Route::Admit { usual: Some(_), .. } => true,
            Route::Admit { usual: None, .. } => self.crowd_fits(case, now.before(self.policy.act.ramp_after), now),
            Route::Away { .. } | Route::Cap { .. } | Route::Hold { .. } => false,
        }
    }

    /// True when all that is asked for fits into what the shed's replicas have proven to carry: whoever is turned away asks again
    /// and again, and a shed must not last because of its own retries.
    fn crowd_fits(&self, case: &RemedyCase, from: Moment, now: Moment) -> bool {
        let Route::Admit { components, .. } = &case.remedy.route else { return false };
        let topology = &self.policy.topology;
        let replicas: BTreeSet<&Name> =
            components.iter().filter_map(|c| topology.components.get(c)).flat_map(|c| &c.replicas).collect();
        let proven: Option<f64> = replicas.iter().map(|r| topology.replicas.get(*r)?.proven_per_second).sum();
        let asked: f64 = self.ledger.demand(from, now).values().sum();
        proven.is_some_and(|proven| asked <= self.policy.act.load_max * proven)
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

    /// What was held or limited is let go at once, and so is a crowd that is known to be none any more; replicas come back in
    /// steps, and so does a crowd of which nobody knows whether it is still there.
    pub(super) fn first_share(&self, case: &RemedyCase, now: Moment) -> Strength {
        match case.remedy.route {
            Route::Cap { .. } | Route::Hold { .. } => Strength::FULL,
            Route::Admit { .. } if self.is_crowd_gone(case, now) => Strength::FULL,
            Route::Away { .. } | Route::Admit { .. } => self.policy.act.ramp.first().copied().unwrap_or(Strength::FULL),
        }
    }

    fn step_to(&self, case: &RemedyCase, share: Strength, now: Moment) -> Event {
        let id = case.remedy.id;
        let plan = self.plan_with(now, |c| if c.remedy.id == id { Next::Share(share) } else { Next::Stays });
        Event::RampStepped { remedy: id, share, plan }
    }

    fn next_step(&self, incident: &Incident, case: &RemedyCase, now: Moment) -> Vec<Event> {
        let seen = self.seen_on_step(case, now);
        if act::step_failed(&seen) && !is_on(Mutation::StepsThroughFailure) {
            let why = format!("{} of {} failed at {} of the usual traffic", seen.failed(), seen.total, case.share);
            return self.withdraw(incident, &why, now).unwrap_or_else(|| self.relapse(incident, why, now));
        }
        let held = self.is_held(incident, case, dwell(case, self.policy.act.ramp_dwell), now);
        if held || !self.comes_with_its_component(case, now) && !self.gate_is_open(case, &seen, now) {
            return vec![];
        }
        vec![self.next_feature(case, now).unwrap_or_else(|| self.step_to(case, self.share_after(case.share), now))]
    }

    /// (B1) A step has lasted long enough, enough was seen on it, and users are served.
    fn gate_is_open(&self, case: &RemedyCase, seen: &Tally, now: Moment) -> bool {
        let act = &self.policy.act;
        let served =
            || !matches!(act::effect(&self.ledger, now.before(act.ramp_dwell), now, &self.book.plan), Effect::None(_));
        now.since(case.since) >= dwell(case, act.ramp_dwell) && seen.total >= act.ramp_requests && served()
    }

    /// The step after a share.
    pub(super) fn share_after(&self, share: Strength) -> Strength {
        self.policy.act.ramp.iter().copied().find(|next| *next > share).unwrap_or(Strength::FULL)
    }

    /// What the targets did since the step began; the second in which it began belongs to the step before.
    fn seen_on_step(&self, case: &RemedyCase, now: Moment) -> Tally {
        let from = Moment::from_millis((case.since.as_millis() / 1_000 + 1) * 1_000);
        act::targets(&self.ledger, from, now + SECOND, &case.remedy, &self.policy.topology)
    }

    /// Probes, edge and reports agree: nothing was found since, the probes pass, users are served, and do not say otherwise.
    fn is_over(&self, incident: &Incident, restored_at: Moment, now: Moment) -> bool {
        let quiet = now.since(restored_at) >= self.policy.incident.quiet_for;
        // A crowd that stays away, or a backlog that is worked off, keeps no incident open.
        let seen: Vec<&Finding> =
            self.findings_of(incident).into_iter().filter(|f| f.class != SourceClass::Metric).collect();
        let found = matches!(self.verdict(&seen, now), Verdict::Healthy);
        let probes = !self.panel.failed_within(now, PROBE_FRESH);
        let served = match act::effect(&self.ledger, now.before(LOOK), now, &self.book.plan) {
            Effect::Relief(_) => true,
            Effect::None(_) => false,
            // Nobody asked for anything: then the probes speak.
            Effect::Open => self.deaf_for(now).is_none(),
        };
        let held = self.answers.hold(incident.id, restored_at, self.policy.incident.quiet_for, now);
        quiet && found && probes && served && !held
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
