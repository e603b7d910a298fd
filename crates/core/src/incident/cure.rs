//! From a confirmed incident to relief: name the cause, propose what answers it, start it, judge it.

use super::arming::Arming;
use super::book::{Incident, RemedyCase, RemedyStage};
use super::engine::Engine;
use super::event::{Actor, Event, Verdict};
use super::next::Next;
use super::round::{RELAPSE_WINDOW, Round};
use super::state::State;
use super::suspect::REMEMBERED;
use crate::act::{self, Effect, InForce, Means, guards};
use crate::diagnose;
use crate::model::mutation::{Mutation, is_on};
use crate::model::{
    Actuation, Audience, CauseKind, Change, ChangeId, Dimension, FailureKind, FeatureId, Hypothesis, Mode, Moment,
    Name, Notice, NoticeId, Remedy, RemedyId, Route, Stage, TrafficPlan,
};
use crate::signal::EdgeLine;
use crate::tell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Counts come a second at a time.
const SECOND: Duration = Duration::from_secs(1);
/// The wait until users are said to be served doubles with each relapse but the first, so many times at most.
const RELAPSE_DOUBLINGS_MAX: u32 = 4;
/// The ranking is written down at most so often.
const RANK_EVERY: Duration = Duration::from_millis(500);
/// "Usual" reaches from a minute to three seconds before the onset.
const USUAL: (Duration, Duration) = (Duration::from_secs(63), Duration::from_secs(3));
/// Demand now is an average over so long.
const LATELY: Duration = Duration::from_secs(5);
/// What is met "at present" is met over the last so many whole seconds.
const PRESENT: Duration = Duration::from_secs(4);
/// Edges follow a plan within so long, or not at all.
const FOLLOWED: Duration = Duration::from_secs(4);
/// And over so long, when it has just become more.
const JUST_NOW: Duration = Duration::from_secs(2);
/// And the most of any such stretch within so long is what the rest has to carry.
const RECENT: Duration = Duration::from_secs(30);
/// Guards that time alone satisfies are waited for this long before anybody is called.
const PATIENCE: Duration = Duration::from_secs(8);

impl Engine {
    /// The next thing to do about a confirmed incident.
    pub(super) fn cure(&self, now: Moment) -> Vec<Event> {
        let confirmed = self.book.open().filter(|i| i.state == State::Confirmed);
        confirmed.map(|incident| self.cure_one(incident, now)).find(|events| !events.is_empty()).unwrap_or_default()
    }

    fn cure_one(&self, incident: &Incident, now: Moment) -> Vec<Event> {
        if let Some(case) = incident.remedies.iter().find(|r| r.stage == RemedyStage::Started) {
            return self.judge(incident, case, now);
        }
        let round = Round::of(self, incident, now);
        if let Some(event) = self.rank(incident, &round, now) {
            return vec![event];
        }
        if let Some(case) = incident.remedies.iter().find(|r| is_waiting(incident, r)) {
            let started = self.start_by_itself(incident, case, &round, now);
            if !started.is_empty() {
                return started;
            }
        }
        let proposed = self.propose(incident, &round, now);
        if proposed.is_empty() { self.settle(incident, &round, now) } else { proposed }
    }

    fn rank(&self, incident: &Incident, round: &Round<'_>, now: Moment) -> Option<Event> {
        if incident.ranked_at.is_some_and(|at| now.since(at) < RANK_EVERY) {
            return None;
        }
        let hypotheses = diagnose::rank(round.scene(), round.contrast(), &self.policy.diagnose);
        let head = |list: &[Hypothesis]| {
            list.first().map(|h| (h.kind, h.slice.clone(), h.posterior >= self.policy.diagnose.certain))
        };
        // What was named once is not forgotten because the counts that showed it are gone.
        let (named, certain) = (incident.cause().is_some(), self.certain(incident).is_some());
        let worse = match head(&hypotheses) {
            None => certain,
            Some((CauseKind::Unknown, ..)) => named,
            Some((.., is_certain)) => certain && !is_certain,
        };
        let news = !worse && head(&hypotheses) != head(&incident.hypotheses);
        news.then_some(Event::Diagnosed { incident: incident.id, hypotheses })
    }

    fn change(&self, id: &ChangeId) -> Option<&Change> {
        self.book.changes.iter().map(|(_, change)| change).find(|c| c.id == *id)
    }

    /// The cause that is certain enough to act upon.
    pub(super) fn certain<'a>(&self, incident: &'a Incident) -> Option<&'a Hypothesis> {
        incident.cause().filter(|h| h.posterior >= self.policy.diagnose.certain)
    }

    fn propose(&self, incident: &Incident, round: &Round<'_>, now: Moment) -> Vec<Event> {
        let Some(cause) = self.certain(incident) else { return vec![] };
        let Some(remedy) = self.draft(incident, cause, round, now) else { return vec![] };
        let tried = |case: &RemedyCase| {
            (case.remedy.kind, &case.remedy.slice) == (remedy.kind, &remedy.slice)
                && incident.relapsed_at.is_none_or(|at| case.proposed_at >= at)
        };
        if incident.remedies.iter().any(tried) || self.is_only_waiting(incident, &remedy) {
            return vec![];
        }
        let lapsed = self.lapsed(&remedy, now);
        let mode = self.mode(incident, &remedy, lapsed.as_ref());
        if mode == Mode::Auto
            && let Err(refusal) = self.guard(incident, &remedy, round, now)
        {
            return self.refuse(incident, &remedy, refusal, now);
        }
        let page = (mode == Mode::Ask).then(|| {
            let untried = lapsed.as_ref().map(|it| tell::untried(it.kind, &it.component, self.policy.act.armed_for));
            let why = format!("remedy {} waits for your approval{}", remedy.id, untried.unwrap_or_default());
            let body = tell::page(&why, Some(cause), Some(&remedy));
            self.call(incident, Stage::Identified, &incident.title, body, now)
        });
        std::iter::once(Event::RemedyProposed { remedy, mode }).chain(page.flatten()).collect()
    }

    /// What a person has taken over is not acted upon without them, nor is what was not tried for too long (A13).
    fn mode(&self, incident: &Incident, remedy: &Remedy, lapsed: Option<&Arming>) -> Mode {
        let mode = self.policy.act.mode(remedy.kind);
        if incident.taken_by.is_some() || lapsed.is_some() { mode.min(Mode::Ask) } else { mode }
    }

    /// After a relapse, what stands already and has no outside part to repeat need not be proposed again.
    fn is_only_waiting(&self, incident: &Incident, remedy: &Remedy) -> bool {
        remedy.actuation.is_none() && incident.in_force().any(|case| case.remedy.route.overlaps(&remedy.route))
    }

    fn draft(&self, incident: &Incident, cause: &Hypothesis, round: &Round<'_>, now: Moment) -> Option<Remedy> {
        let id = RemedyId { incident: incident.id, count: u32::try_from(incident.remedies.len()).ok()? + 1 };
        let contrast = round.contrast();
        // What came before it all began; after a long time, what came before the step that failed.
        let before = |since: Moment| self.ledger.demand(since.before(USUAL.0), since.before(USUAL.1));
        let usual = Some(before(incident.since)).filter(|it| !it.is_empty()).unwrap_or_else(|| before(round.since));
        let change = cause.change.as_ref().and_then(|id| self.change(id));
        let (inner, _) = contrast.best_within(&cause.slice, &self.policy.topology);
        let means = Means {
            topology: &self.policy.topology,
            places: &round.places,
            change,
            component: inner.get(Dimension::Component),
            unreachable: contrast.is_about(FailureKind::Unreachable),
            usual: &usual,
            demand: &self.demand_now(now),
            served: &self.ledger.served(now.before(LATELY), now + SECOND),
            edges: self.followers(now).count(),
            policy: &self.policy.act,
        };
        act::propose(id, cause, means)
    }

    fn refuse(&self, incident: &Incident, remedy: &Remedy, no: guards::Refusal, now: Moment) -> Vec<Event> {
        if no.guard == "A18" {
            // There is nothing to decide, for a person either.
            return vec![];
        }
        let passes_by_itself = matches!(no.guard, "A5" | "A12" | "A15");
        // A hub that was away begins to wait when it is back.
        let due = incident.relapsed_at.unwrap_or(incident.state_since);
        let waited = now.since(due.max(self.book.started_at));
        let told = incident
            .refusals
            .iter()
            .any(|(kind, slice, guard, _)| (*kind, slice, guard.as_str()) == (remedy.kind, &remedy.slice, no.guard));
        if told || (passes_by_itself && waited < PATIENCE) {
            return vec![];
        }
        let body = tell::page_for_help(remedy.kind, &remedy.slice, no.guard, &no.why);
        let page = self.call(incident, Stage::Identified, "A person has to decide", body, now);
        let refused = Event::RemedyRefused {
            incident: incident.id,
            kind: remedy.kind,
            slice: remedy.slice.clone(),
            guard: no.guard.into(),
            why: no.why,
        };
        std::iter::once(refused).chain(page).collect()
    }

    fn start_by_itself(&self, incident: &Incident, case: &RemedyCase, round: &Round<'_>, now: Moment) -> Vec<Event> {
        match self.guard(incident, &case.remedy, round, now) {
            Ok(()) => vec![self.start(incident, &case.remedy, Actor::Automation, now)],
            Err(refusal) => self.refuse(incident, &case.remedy, refusal, now),
        }
    }

    /// The event that puts a remedy in force.
    pub(super) fn start(&self, incident: &Incident, remedy: &Remedy, by: Actor, now: Moment) -> Event {
        let steps_aside =
            |case: &RemedyCase| incident.remedy(case.remedy.id).is_some() && case.remedy.route.overlaps(&remedy.route);
        let others = self.book.in_force().filter(|case| !steps_aside(case));
        let routes = others.filter_map(|case| Next::Stays.of(case));
        let routes = routes.chain([InForce::fully(&remedy.route)]);
        let off = self.book.switched_off.keys();
        let plan = act::plan(self.next_epoch(now), routes, off, self.policy.act.shed_ttl);
        Event::RemedyStarted { remedy: remedy.id, by, plan }
    }

    /// The plan with some remedies not as they are.
    pub(super) fn plan_with<'a>(&'a self, now: Moment, next: impl Fn(&RemedyCase) -> Next<'a>) -> TrafficPlan {
        self.plan_switched(now, self.book.switched_off.keys(), next)
    }

    /// The same with other features switched off by people.
    pub(super) fn plan_switched<'a>(
        &'a self,
        now: Moment,
        switched_off: impl Iterator<Item = &'a FeatureId>,
        next: impl Fn(&RemedyCase) -> Next<'a>,
    ) -> TrafficPlan {
        let routes = self.book.in_force().filter_map(|case| next(case).of(case));
        act::plan(self.next_epoch(now), routes, switched_off, self.policy.act.shed_ttl)
    }

    /// A6: an epoch that no log before this one has given out, even when the end of the log was lost: it is the moment, or the
    /// next one where several plans fall into one millisecond.
    fn next_epoch(&self, now: Moment) -> u64 {
        if is_on(Mutation::SameEpoch) {
            return self.book.plan.epoch;
        }
        now.as_millis().max(self.book.plan.epoch + 1)
    }

    fn guard(
        &self,
        incident: &Incident,
        remedy: &Remedy,
        round: &Round<'_>,
        now: Moment,
    ) -> Result<(), guards::Refusal> {
        self.situation(incident, remedy, round, now, |situation| guards::allow(remedy, situation))
    }

    /// Gathers all that the guards look at, and asks.
    pub(super) fn situation<T>(
        &self,
        incident: &Incident,
        remedy: &Remedy,
        round: &Round<'_>,
        now: Moment,
        ask: impl FnOnce(&guards::Situation<'_>) -> T,
    ) -> T {
        let cause = incident.cause();
        let steps_aside = |case: &RemedyCase| {
            incident.remedy(case.remedy.id).is_some()
                && incident.relapsed_at.is_some_and(|at| case.proposed_at < at)
                && case.remedy.route.overlaps(&remedy.route)
        };
        let in_force: Vec<Route> =
            self.book.in_force().filter(|c| !steps_aside(c)).map(|c| c.remedy.route.clone()).collect();
        let actions: Vec<guards::Action> =
            self.book.actions.iter().filter_map(|(at, id)| self.book.remedy(*id).map(|c| action(*at, c))).collect();
        let removals: Vec<guards::Removed> =
            self.book.removals.iter().map(|r| guards::Removed { at: r.at, replica: r.replica.clone() }).collect();
        ask(&guards::Situation {
            now,
            topology: &self.policy.topology,
            policy: &self.policy.act,
            started_at: self.book.started_at,
            held_by: self.book.held_by.as_ref().or(incident.taken_by.as_ref()),
            untried: self.lapsed(remedy, now).map(|arming| arming.component),
            deaf_for: self.unheard_for(now),
            demand: &self.demand_to_carry(now),
            held_out: &held_out(&in_force),
            out_now: &self.book.plan.removed(),
            bad: &round.bad_replicas(),
            classes: &self.classes(incident, now),
            accusers: self.accusers(remedy, now),
            sustained: now.since(round.since),
            change: cause.and_then(|c| c.change.as_ref()).and_then(|id| self.change(id)),
            changes: cause.map_or(0, |c| {
                diagnose::candidate_changes(round.scene(), &c.slice, incident.since, &self.policy.diagnose)
            }),
            actions: &actions,
            removals: &removals,
            present: self.present(remedy, now),
            in_force: &in_force,
        })
    }

    /// The live edges, and those that saw a remedy's targets do badly lately.
    fn accusers(&self, remedy: &Remedy, now: Moment) -> guards::Accusers {
        let targets: &[Name] = match &remedy.route {
            Route::Away { replicas, .. } => replicas,
            Route::Admit { .. } | Route::Cap { .. } | Route::Hold { .. } => &[],
        };
        let live = || self.door.edges.values().filter(|line| now.since(line.heard_at) < FOLLOWED);
        let is_lately = |at: &Moment| now.since(*at) < REMEMBERED;
        let sees = |line: &&EdgeLine| targets.iter().any(|target| line.ailing.get(target).is_some_and(is_lately));
        guards::Accusers { seeing: live().filter(sees).count(), live: live().count() }
    }

    /// What the rest has to carry after a removal: the most that was asked for lately. An edge that is silent, or whose word is
    /// late, does not mean that its clients are gone (A15).
    fn demand_to_carry(&self, now: Moment) -> BTreeMap<Name, f64> {
        let peaks = self.ledger.peak_demand(now.before(RECENT), now + SECOND, LATELY);
        // The last stretch ends now, also when nobody has told of this second yet.
        at_least(peaks, self.ledger.asked(now.before(LATELY), now + SECOND))
    }

    /// Requests a second by component as edges reckon them: over five seconds, or over two when a surge has just begun.
    fn demand_now(&self, now: Moment) -> BTreeMap<Name, f64> {
        at_least(self.ledger.demand(now.before(LATELY), now + SECOND), self.ledger.demand(now.before(JUST_NOW), now))
    }

    /// What is met under the plan as it is: what was met before our last change to it is no reason for another one.
    fn present(&self, remedy: &Remedy, now: Moment) -> guards::Present {
        let (from, to) = (now.before(PRESENT).max(self.settled_at(now)), now + SECOND);
        if now < from {
            return guards::Present { users_suffer: false, targets_ail: false };
        }
        // The edges by themselves see to it that no more is let in than can be served, and the dearest first. What is shed
        // besides is what would fail anyway, so that it fails at once.
        let users_suffer = match &remedy.route {
            Route::Admit { components, .. } => {
                act::most_clients_fail(&self.ledger, from, to, &self.book.plan, |c| components.contains(c))
            }
            Route::Away { .. } | Route::Cap { .. } | Route::Hold { .. } => {
                matches!(act::effect(&self.ledger, from, to, &self.book.plan), Effect::None(_))
            }
        };
        let targets_ail = match remedy.route {
            Route::Cap { .. } => !act::healed(&self.ledger, from, to, remedy, &self.policy.topology),
            Route::Away { .. } | Route::Admit { .. } | Route::Hold { .. } => {
                // Users are served by others: what matters is how the targets are now, not how they were.
                let from = if users_suffer { from } else { from.max(now.before(JUST_NOW)) };
                let seen = act::targets(&self.ledger, from, to, remedy, &self.policy.topology);
                seen.failed() + seen.slow > 0
            }
        };
        guards::Present { users_suffer, targets_ail }
    }

    /// The first whole second in which all that came is due to the plan in force. Edges that will not follow it are waited for
    /// only so long.
    fn settled_at(&self, now: Moment) -> Moment {
        let (epoch, since) = self.planned;
        let missing = self.followers(now).any(|(have, _)| *have < epoch);
        let last = if missing {
            since + FOLLOWED.min(now.since(since) + SECOND)
        } else {
            self.followers(now).map(|(_, at)| *at).fold(since, Moment::max)
        };
        if last == Moment::default() { last } else { Moment::from_millis((last.as_millis() / 1_000 + 1) * 1_000) }
    }

    /// Kept as soon as users are served; taken back when they are not by the deadline (A12).
    pub(super) fn judge(&self, incident: &Incident, case: &RemedyCase, now: Moment) -> Vec<Event> {
        // A hub that was away saw nothing of the effect: its time to judge begins with its return.
        let started = case.started_at.unwrap_or(case.since).max(self.book.started_at);
        // What works on its targets where they stand has no effect before it is done.
        let started = match (case.remedy.route.diverts_nobody(), case.actuated_at) {
            (true, None) => return vec![],
            (true, Some(done)) => started.max(done),
            (false, _) => started,
        };
        let overdue = now.since(started) >= case.remedy.check_after;
        let id = case.remedy.id;
        match self.effect_since(case.epoch, now) {
            Effect::Relief(observed) => {
                let plan = self.plan_with(now, |_| Next::Stays);
                let judged = Event::RemedyJudged { remedy: id, verdict: Verdict::Kept, observed, plan };
                // Users may be served already, when a person starts one more.
                let mitigated =
                    (incident.state == State::Confirmed).then_some(Event::Mitigated { incident: incident.id });
                std::iter::once(judged).chain(mitigated).collect()
            }
            Effect::None(_) | Effect::Open if is_on(Mutation::NeverReverts) => vec![],
            Effect::None(observed) if overdue => self.take_back(incident, case, observed, now),
            Effect::Open if now.since(started) >= case.remedy.check_after * 2 => {
                self.take_back(incident, case, "no edge told what came of it".into(), now)
            }
            Effect::None(_) | Effect::Open => vec![],
        }
    }

    fn take_back(&self, incident: &Incident, case: &RemedyCase, observed: String, now: Moment) -> Vec<Event> {
        let id = case.remedy.id;
        let gone = |c: &RemedyCase| c.remedy.id == id && !is_on(Mutation::RevertKeepsPlan);
        let plan = self.plan_with(now, |c| if gone(c) { Next::Gone } else { Next::Stays });
        let body = format!(
            "Remedy {id} ({} {}) did not help and was taken back: {observed}.",
            case.remedy.kind, case.remedy.slice
        );
        let page = self.call(incident, Stage::Identified, "A remedy did not help", body, now);
        let judged = Event::RemedyJudged { remedy: id, verdict: Verdict::Reverted, observed, plan };
        std::iter::once(judged).chain(page).collect()
    }

    /// A page for whoever is on call; none once somebody has seen how it stands (E3), and none yet about announced work.
    pub(super) fn call(
        &self,
        incident: &Incident,
        stage: Stage,
        title: &str,
        body: String,
        now: Moment,
    ) -> Option<Event> {
        let is_due = incident.acked_by.is_none() && !self.is_kept_quiet(incident, now);
        is_due.then(|| note(incident, 0, Audience::OnCall, stage, title, body))
    }

    /// The epoch that each edge has, and since when; whoever is silent has no clients, or none that we can know of.
    fn followers(&self, now: Moment) -> impl Iterator<Item = &(u64, Moment)> {
        let silent =
            move |edge: &Name| self.door.edges.get(edge).is_none_or(|line| now.since(line.heard_at) >= FOLLOWED);
        self.epochs.iter().filter(move |(edge, _)| !silent(edge)).map(|(_, followed)| followed)
    }

    /// What was seen since every edge has had this log's plan of this epoch, or a later one of this log.
    fn effect_since(&self, epoch: u64, now: Moment) -> Effect {
        let applied = |(have, at): &(u64, Moment)| (*have >= epoch && self.given.contains(have)).then_some(*at);
        let Some(moments) = self.followers(now).map(applied).collect::<Option<Vec<Moment>>>() else {
            return Effect::Open;
        };
        let Some(last) = moments.into_iter().max() else { return Effect::Open };
        // The roll-up that names the epoch still counts the time before it; the next second is the first clean one.
        let clean = Moment::from_millis((last.as_millis() / 1_000 + 1) * 1_000);
        // What waited before has to be worked off first: what counts is how it is by now.
        let from = clean.max(now.before(RELAPSE_WINDOW));
        act::effect(&self.ledger, from, now + SECOND, &self.book.plan)
    }

    /// No remedy is to be had or needed, and users are served: what is in force suffices, or it ended by itself.
    fn settle(&self, incident: &Incident, round: &Round<'_>, now: Moment) -> Vec<Event> {
        // What would be put right is right already: nobody waits for that.
        let is_needless = |case: &RemedyCase| matches!(self.guard(incident, &case.remedy, round, now), Err(refusal) if refusal.guard == "A18");
        let waits = incident.remedies.iter().any(|case| is_waiting(incident, case) && !is_needless(case));
        let quiet_from = now.before(self.policy.act.ramp_after);
        let calm =
            incident.state_since <= quiet_from && self.findings_of(incident).iter().all(|f| f.bits < self.threshold);
        // What came back is believed to be over for good less and less quickly.
        let window = RELAPSE_WINDOW * 2_u32.pow(incident.relapses.saturating_sub(1).min(RELAPSE_DOUBLINGS_MAX));
        let covered = incident.in_force().next().is_some() && incident.state_since <= now.before(window);
        if waits || !(calm || covered) {
            return vec![];
        }
        match act::effect(&self.ledger, now.before(RELAPSE_WINDOW), now, &self.book.plan) {
            Effect::Relief(_) => vec![Event::Mitigated { incident: incident.id }],
            Effect::None(_) | Effect::Open => vec![],
        }
    }
}

/// The larger one of two rates, by component.
fn at_least(mut rates: BTreeMap<Name, f64>, others: BTreeMap<Name, f64>) -> BTreeMap<Name, f64> {
    for (component, rate) in others {
        let known = rates.entry(component).or_default();
        *known = known.max(rate);
    }
    rates
}

/// A proposal of this round that may start by itself.
fn is_waiting(incident: &Incident, case: &RemedyCase) -> bool {
    case.stage == RemedyStage::Proposed
        && (case.mode == Mode::Auto || is_on(Mutation::AskIsAuto))
        && incident.relapsed_at.is_none_or(|at| case.proposed_at >= at)
}

fn held_out(in_force: &[Route]) -> BTreeSet<Name> {
    let away = in_force.iter().filter_map(|route| match route {
        Route::Away { replicas, .. } => Some(replicas),
        Route::Admit { .. } | Route::Cap { .. } | Route::Hold { .. } => None,
    });
    away.flatten().cloned().collect()
}

fn action(at: Moment, case: &RemedyCase) -> guards::Action {
    let restarted = match &case.remedy.actuation {
        Some(Actuation::Restart { replica }) => Some(replica.clone()),
        Some(Actuation::RollBack { .. }) | None => None,
    };
    let helped = match case.stage {
        RemedyStage::Proposed | RemedyStage::Started => None,
        RemedyStage::Kept | RemedyStage::Lifting | RemedyStage::Lifted | RemedyStage::Superseded => Some(true),
        RemedyStage::Reverted => Some(false),
    };
    guards::Action { at, kind: case.remedy.kind, restarted, helped }
}

/// A message about an incident; `offset` counts messages written in the same breath.
pub(super) fn note(
    incident: &Incident,
    offset: u32,
    audience: Audience,
    stage: Stage,
    title: &str,
    body: String,
) -> Event {
    Event::NoticeWritten { notice: notice(incident, offset, audience, stage, title, body) }
}

/// The message itself.
pub(super) fn notice(
    incident: &Incident,
    offset: u32,
    audience: Audience,
    stage: Stage,
    title: &str,
    body: String,
) -> Notice {
    let count = u32::try_from(incident.notices.len()).unwrap_or(u32::MAX).saturating_add(1 + offset);
    let id = NoticeId { incident: incident.id, count };
    let slice = incident.slice.clone();
    Notice { id, audience, stage, title: title.into(), body, translations: BTreeMap::new(), slice }
}
