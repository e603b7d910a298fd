//! What is never done, whatever the hypothesis says: the invariants on automatic action, one function each.
//!
//! A guard answers with its own name and a sentence for people. No configuration switches one off; some of their
//! figures can be set, with a reason.

use crate::model::mutation::{Mutation, is_on};
use crate::model::{
    ActPolicy, Actuation, Change, ChangeKind, Moment, Name, Remedy, RemedyKind, Route, SourceClass, Topology,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A guard's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The invariant: `A1`.
    pub guard: &'static str,
    /// For people.
    pub why: String,
}

/// One earlier action, as far as guards care.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// When it was started.
    pub at: Moment,
    /// What it was.
    pub kind: RemedyKind,
    /// The replica it restarted, if it did.
    pub restarted: Option<Name>,
    /// Whether it helped; `None` while it is not judged.
    pub helped: Option<bool>,
}

/// One earlier removal of a replica.
#[derive(Debug, Clone, PartialEq)]
pub struct Removed {
    /// When.
    pub at: Moment,
    /// Which.
    pub replica: Name,
}

/// All that the guards look at.
#[derive(Debug, Clone)]
pub struct Situation<'a> {
    /// Now.
    pub now: Moment,
    /// The service.
    pub topology: &'a Topology,
    /// The figures.
    pub policy: &'a ActPolicy,
    /// When the hub started.
    pub started_at: Moment,
    /// Who holds the automation back.
    pub held_by: Option<&'a Name>,
    /// A component on which this kind of remedy was not tried in time, if there is one.
    pub untried: Option<Name>,
    /// Since when an edge is silent, if one is.
    pub deaf_for: Option<Duration>,
    /// Clients' requests a second by component.
    pub demand: &'a BTreeMap<Name, f64>,
    /// Replicas that automation keeps out of the traffic already, whole or in part.
    pub held_out: &'a BTreeSet<Name>,
    /// Replicas that get nothing at this moment: taking them out again is no further removal.
    pub out_now: &'a BTreeSet<Name>,
    /// Replicas with evidence against them.
    pub bad: &'a BTreeSet<Name>,
    /// Classes of evidence that agree.
    pub classes: &'a BTreeSet<SourceClass>,
    /// How many of the live edges told of anything bad at the targets lately.
    pub accusers: Accusers,
    /// How long the evidence has lasted.
    pub sustained: Duration,
    /// The change to be taken back, and how many changes could have brought this.
    pub change: Option<&'a Change>,
    /// See above.
    pub changes: usize,
    /// Actions of automation, oldest first.
    pub actions: &'a [Action],
    /// Removals, oldest first.
    pub removals: &'a [Removed],
    /// What users and the remedy's own targets meet at present.
    pub present: Present,
    /// Routes of remedies in force, each with whether it has had its day (its outside part is done).
    pub in_force: &'a [Route],
}

/// Edges that see an ailment with their own eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accusers {
    /// Those that told of it.
    pub seeing: usize,
    /// All that are heard.
    pub live: usize,
}

impl Accusers {
    /// Two thirds: what fewer see is on their own way, and they keep away from it by themselves.
    fn suffice(self) -> bool {
        3 * self.seeing >= 2 * self.live
    }
}

/// What is met at present, over the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// True while users are not served as they should be; for a shed, those of what is to be shed.
    pub users_suffer: bool,
    /// True while something fails or is slow at the targets; of a network, while it floods.
    pub targets_ail: bool,
}

type Guard = fn(&Remedy, &Situation<'_>) -> Result<(), Refusal>;

/// All guards with their names, in the order in which they are asked.
const GUARDS: [(&str, Guard); 12] = [
    ("A13", a13_leave),
    ("A15", a15_blind),
    ("A18", a18_needed),
    ("A12", one_at_a_time),
    ("A11", a11_budget),
    ("A4", a4_panic),
    ("A5", a5_agreement),
    ("A16", a16_one_change),
    ("A9", a9_decay),
    ("A10", a10_flapping),
    ("A2", a2_share),
    ("A1", a1_capacity),
];

/// Asks every guard.
///
/// # Errors
/// The first [`Refusal`].
pub fn allow(remedy: &Remedy, situation: &Situation<'_>) -> Result<(), Refusal> {
    let asked = GUARDS.iter().filter(|(name, _)| !is_on(Mutation::Forgets(name)));
    asked.map(|(_, guard)| guard).try_for_each(|guard| guard(remedy, situation))
}

/// The guards that hold against an operator's own hand too: need, capacity and the last replicas.
///
/// # Errors
/// The first [`Refusal`].
pub fn allow_operator(remedy: &Remedy, situation: &Situation<'_>) -> Result<(), Refusal> {
    [a18_needed, a2_share, a1_capacity].iter().try_for_each(|guard| guard(remedy, situation))
}

fn refuse(guard: &'static str, why: impl Into<String>) -> Result<(), Refusal> {
    Err(Refusal { guard, why: why.into() })
}

/// The replicas that a remedy takes out of the traffic.
fn removes(remedy: &Remedy) -> BTreeSet<Name> {
    match &remedy.route {
        Route::Away { replicas, .. } => replicas.iter().cloned().collect(),
        Route::Admit { .. } | Route::Cap { .. } | Route::Hold { .. } => BTreeSet::new(),
    }
}

/// A13: somebody holds the automation back, or its arming has lapsed.
fn a13_leave(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    match (s.held_by, &s.untried) {
        (Some(who), _) => refuse("A13", format!("{who} holds the automation")),
        (None, Some(component)) => {
            refuse("A13", format!("no drill of {} on {component} has passed for too long", remedy.kind))
        }
        (None, None) => Ok(()),
    }
}

/// A15: missing data is not evidence; after a start the hub only watches.
fn a15_blind(_: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let up = s.now.since(s.started_at);
    if up < s.policy.warm_up {
        return refuse(
            "A15",
            format!("the hub started {} s ago and only watches for {} s", up.as_secs(), s.policy.warm_up.as_secs()),
        );
    }
    match s.deaf_for {
        Some(silence) => refuse("A15", format!("no edge was heard for {} s", silence.as_secs())),
        None => Ok(()),
    }
}

/// A18: what takes something from users, or from the service, needs a trouble that is there now. Evidence outlives what it
/// speaks of: by a minute, or by as long as the log could not be written.
fn a18_needed(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let needed = match &remedy.route {
        Route::Away { .. } | Route::Cap { .. } => s.present.users_suffer || s.present.targets_ail,
        Route::Admit { .. } => s.present.users_suffer,
        // It takes nothing from anybody.
        Route::Hold { .. } => true,
    };
    if needed { Ok(()) } else { refuse("A18", "what it would answer has passed") }
}

/// At most one remedy in flight on a slice.
fn one_at_a_time(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let clash = s.in_force.iter().any(|route| route.overlaps(&remedy.route));
    if clash { refuse("A12", "another remedy is in force on the same targets") } else { Ok(()) }
}

/// A11: a budget of actions, and none after two in a row without benefit.
fn a11_budget(_: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let recent = s.actions.iter().filter(|a| s.now.since(a.at) < s.policy.budget_window).count();
    if recent >= s.policy.budget {
        return refuse("A11", format!("{recent} actions within {} s are the budget", s.policy.budget_window.as_secs()));
    }
    let mut judged = s.actions.iter().rev().filter_map(|a| a.helped);
    if judged.next() == Some(false) && judged.next() == Some(false) {
        return refuse("A11", "the last two actions did not help; a person has to look");
    }
    Ok(())
}

/// A4: when most replicas look bad, the observer is as suspect as the service.
fn a4_panic(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let share = s.bad.len() as f64 / s.topology.replicas.len().max(1) as f64;
    if !removes(remedy).is_empty() && share > s.policy.panic_share {
        return refuse("A4", format!("{:.0} % of the replicas look bad: the observer is suspect", share * 100.0));
    }
    Ok(())
}

/// A5: a removal needs two independent classes of evidence, lasting.
fn a5_agreement(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    if !remedy.kind.removes_capacity() {
        return Ok(());
    }
    if s.classes.len() < 2 {
        return refuse("A5", "one class of evidence alone removes nothing");
    }
    if !remedy.route.diverts_nobody() && !s.accusers.suffice() {
        let Accusers { seeing, live } = s.accusers;
        return refuse("A5", format!("{seeing} of {live} edges see it, and two thirds have to"));
    }
    if s.sustained < s.policy.sustained {
        return refuse(
            "A5",
            format!("the evidence has lasted {} ms of {}", s.sustained.as_millis(), s.policy.sustained.as_millis()),
        );
    }
    Ok(())
}

/// A16: a rollback needs exactly one change that can have brought it.
fn a16_one_change(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    if remedy.kind == RemedyKind::RollBack && s.changes != 1 {
        return refuse("A16", format!("{} changes could have brought it; a person has to choose", s.changes));
    }
    Ok(())
}

/// A9: what each kind may not outlive or cross: rollbacks go only to proven versions and never across a one-way
/// change; a replica is restarted three times an hour at most.
fn a9_decay(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    match &remedy.actuation {
        Some(Actuation::RollBack { to, .. }) => a9_rollback(to, s),
        Some(Actuation::Restart { replica }) => a9_restart(replica, s),
        None => Ok(()),
    }
}

fn a9_rollback(to: &Name, s: &Situation<'_>) -> Result<(), Refusal> {
    let Some(change) = s.change else { return refuse("A9", "there is no change to take back") };
    if change.one_way {
        return refuse("A9", format!("{} cannot be taken back: it is declared one-way", change.to));
    }
    if change.kind == ChangeKind::Deploy && !s.topology.proven_versions.contains(to) {
        return refuse("A9", format!("version {to} has not proven itself"));
    }
    Ok(())
}

fn a9_restart(replica: &Name, s: &Situation<'_>) -> Result<(), Refusal> {
    let hour = Duration::from_secs(3_600);
    let count = s.actions.iter().filter(|a| a.restarted.as_ref() == Some(replica) && s.now.since(a.at) < hour).count();
    if count >= s.policy.restarts_per_hour {
        return refuse("A9", format!("{replica} was restarted {count} times within the hour"));
    }
    Ok(())
}

/// A10: routing of a replica changes so often and no more.
fn a10_flapping(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let (ten, hour) = (Duration::from_secs(600), Duration::from_secs(3_600));
    for replica in removes(remedy).difference(s.out_now) {
        let within = |span| s.removals.iter().filter(|r| r.replica == *replica && s.now.since(r.at) < span).count();
        if within(ten) >= s.policy.flaps.0 || within(hour) >= s.policy.flaps.1 {
            return refuse("A10", format!("{replica} was removed {} times within ten minutes", within(ten)));
        }
    }
    Ok(())
}

/// A2: at most one failure domain, at most half of a component, and not too much at once.
fn a2_share(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let new = removes(remedy);
    if new.is_empty() {
        return Ok(());
    }
    let out: BTreeSet<Name> = s.held_out.union(&new).cloned().collect();
    let domains: BTreeSet<&Name> = out.iter().filter_map(|r| s.topology.replicas.get(r).map(|r| &r.region)).collect();
    if domains.len() > 1 {
        return refuse("A2", format!("that would hold replicas of {} regions out at once", domains.len()));
    }
    for component in s.topology.components.values().filter(|c| !c.replicas.is_disjoint(&new)) {
        let share = component.replicas.intersection(&out).count() as f64 / component.replicas.len() as f64;
        if share > s.policy.removed_max {
            return refuse("A2", format!("{:.0} % of {} would be out", share * 100.0, component.name));
        }
    }
    let recent: BTreeSet<&Name> =
        s.removals.iter().filter(|r| s.now.since(r.at) < s.policy.removal_window).map(|r| &r.replica).collect();
    let removed = new.iter().chain(recent).collect::<BTreeSet<_>>().len() as f64 / s.topology.replicas.len() as f64;
    if removed > s.policy.removed_within_window.max(largest_domain(s.topology)) {
        return refuse(
            "A2",
            format!("{:.0} % would be removed within {} s", removed * 100.0, s.policy.removal_window.as_secs()),
        );
    }
    Ok(())
}

fn largest_domain(topology: &Topology) -> f64 {
    let sizes = topology.regions().into_iter().map(|region| topology.in_region(&region).count());
    let largest = sizes.max().unwrap_or(0) as f64;
    // Half of the service is never one domain's right, however few domains there are.
    (largest / topology.replicas.len().max(1) as f64).min(0.5)
}

/// A1: what remains must carry the load within what it has proven to carry.
fn a1_capacity(remedy: &Remedy, s: &Situation<'_>) -> Result<(), Refusal> {
    let new = removes(remedy);
    if new.is_empty() {
        return Ok(());
    }
    let out: BTreeSet<Name> = s.held_out.union(&new).cloned().collect();
    let mut load: BTreeMap<&Name, f64> = BTreeMap::new();
    for component in s.topology.components.values() {
        let left: Vec<&Name> = component.replicas.iter().filter(|r| !out.contains(*r) && !s.bad.contains(*r)).collect();
        if left.is_empty() && !component.replicas.is_disjoint(&new) {
            return refuse("A1", format!("nobody healthy would be left for {}", component.name));
        }
        let each = s.demand.get(&component.name).copied().unwrap_or(0.0) / left.len().max(1) as f64;
        for replica in left {
            *load.entry(replica).or_default() += each;
        }
    }
    for (replica, load) in load {
        let proven = s.topology.replicas.get(replica).and_then(|r| r.proven_per_second);
        let Some(proven) = proven else {
            return refuse("A1", format!("what {replica} can carry has never been proven"));
        };
        if load > s.policy.load_max * proven {
            return refuse(
                "A1",
                format!("{replica} would get {load:.0} requests a second of the {proven:.0} it has proven"),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "guards_tests.rs"]
mod tests;
