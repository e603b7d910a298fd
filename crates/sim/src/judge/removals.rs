//! What automation takes out of the traffic (A1, A2, A4, A5), held against what the hub was told and what is true.

use super::Judge;
use downbeat_core::model::{Dimension, Moment, Name, Remedy, Route, Slice, TrafficPlan};
use std::collections::{BTreeMap, BTreeSet};

/// A replica that has been dead or hung for so many seconds is known to be.
const KNOWN_DEAD: u64 = 10;

impl Judge {
    /// A plan is in force: whom does it take out that was in before?
    pub(super) fn note_removals(&mut self, at: Moment, plan: &TrafficPlan) {
        for replica in plan.removed().difference(&self.plan.removed()) {
            self.removals.push_back((at, replica.clone()));
        }
        while self.removals.len() > 200 {
            self.removals.pop_front();
        }
        self.plan = plan.clone();
    }

    pub(super) fn removal(&mut self, at: Moment, remedy: &Remedy, plan: &TrafficPlan) {
        self.capacity(at, remedy, plan);
        self.share_at_once(at, remedy);
        self.panic(at, remedy);
        self.agreement(at, remedy);
    }

    /// A1: what remains has proven that it carries the load.
    fn capacity(&mut self, at: Moment, remedy: &Remedy, plan: &TrafficPlan) {
        let out = plan.removed();
        if let Some((replica, load, proven)) = self.load_after(at, &out) {
            let what = format!("remedy {}: {replica} would get {load:.0} of the {proven:.0} it has proven", remedy.id);
            self.find("A1", what);
        }
    }

    /// The load after a removal, computed from what edges told, not from what the hub made of it.
    fn load_after(&self, at: Moment, out: &BTreeSet<Name>) -> Option<(Name, f64, f64)> {
        let demand = self.told.demand(at);
        let topology = &self.policy.topology;
        let mut load: BTreeMap<&Name, f64> = BTreeMap::new();
        for component in topology.components.values() {
            let left: Vec<&Name> = component.replicas.iter().filter(|r| !out.contains(*r)).collect();
            let each = demand.get(&component.name).copied().unwrap_or(0.0) / left.len().max(1) as f64;
            for replica in left {
                *load.entry(replica).or_default() += each;
            }
        }
        let over = |(replica, load): (&Name, f64)| {
            let proven = topology.replicas.get(replica)?.proven_per_second?;
            (load > self.policy.act.load_max * proven + 1e-6).then(|| (replica.clone(), load, proven))
        };
        load.into_iter().find_map(over)
    }

    /// A2: not too much within a short time, summed over all causes.
    fn share_at_once(&mut self, at: Moment, remedy: &Remedy) {
        let window = self.policy.act.removal_window;
        let gone: BTreeSet<&Name> =
            self.removals.iter().filter(|(then, _)| at.since(*then) < window).map(|(_, replica)| replica).collect();
        let topology = &self.policy.topology;
        let all = topology.replicas.len().max(1) as f64;
        let largest = topology.regions().iter().map(|region| topology.in_region(region).count()).max().unwrap_or(0);
        let most = self.policy.act.removed_within_window.max((largest as f64 / all).min(0.5));
        let share = gone.len() as f64 / all;
        let is_new = self.removals.back().is_some_and(|(then, _)| *then == at);
        if is_new && share > most + 1e-9 {
            let what = format!("remedy {} makes it {:.0} % within {} s", remedy.id, share * 100.0, window.as_secs());
            self.find("A2", what);
        }
    }

    /// A4: when most replicas look bad, to whoever looks or in truth, nobody is taken out any more.
    fn panic(&mut self, at: Moment, remedy: &Remedy) {
        let looks = self.told.share_bad(at);
        for (share, how) in [(looks, "look bad"), (self.share_dead(), "are dead")] {
            if share > self.policy.act.panic_share {
                self.find("A4", format!("remedy {} removes more while {:.0} % {how}", remedy.id, share * 100.0));
            }
        }
    }

    /// The share of the replicas that are known to be dead.
    fn share_dead(&self) -> f64 {
        self.known_dead().count() as f64 / self.dead_for.len().max(1) as f64
    }

    pub(super) fn known_dead(&self) -> impl Iterator<Item = &Name> {
        self.dead_for.iter().filter(|(_, seconds)| **seconds >= KNOWN_DEAD).map(|(replica, _)| replica)
    }

    /// True when an incident that goes on is about this replica.
    pub(super) fn is_told_of(&self, replica: &Name) -> bool {
        let about = self.incidents.values().filter(|track| !track.is_over).flat_map(|track| &track.about);
        let is_placed = |slice: &&Slice| slice.get(Dimension::Replica).or(slice.get(Dimension::Region)).is_some();
        about.filter(is_placed).any(|slice| self.policy.topology.replicas_of(slice).contains(replica))
    }

    /// A5: at least two classes of evidence told of anything bad, for as long as evidence lives, and two thirds of the edges of
    /// one of the targets.
    fn agreement(&mut self, at: Moment, remedy: &Remedy) {
        if let Route::Away { replicas, .. } = &remedy.route {
            let (seeing, live) = self.told.accusers(at, replicas);
            if 3 * seeing < 2 * live {
                self.find("A5", format!("remedy {} removes what {seeing} of {live} edges see ailing", remedy.id));
            }
        }
        let classes = self.told.classes();
        if classes.len() < 2 {
            self.find("A5", format!("remedy {} removes on the word of {classes:?} alone", remedy.id));
        }
    }
}
