//! Between edges and the hub: a roll-up each second, or sooner, and the plan as its answer, over a line that may lose, double and delay.

use crate::shape::GRAIN;
use crate::world::edge::State;
use crate::world::{Happening, World};
use downbeat_core::model::{FailureKind, LookupRow, RollUp, Signal, Tally, TrafficPlan};
use downbeat_edge::policy::{EdgePolicy, PlanOutcome};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// An edge looks so often whether there is anything to do.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// From one check of everybody to the next.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// One way between an edge and the hub.
const WAY: Duration = Duration::from_millis(3);

impl World {
    /// An edge checks its replicas, and tells the hub what it saw when that is due.
    pub(crate) fn edge_ticks(&mut self, edge: usize) {
        if self.edges[edge].state == State::Gone {
            return;
        }
        self.queue.plan(self.now + LOOK_EVERY, Happening::EdgeTicks(edge));
        if !self.edges[edge].is_up() {
            return;
        }
        let now = self.instant();
        if self.edges[edge].checked.is_none_or(|checked| self.now.since(checked) >= CHECK_EVERY) {
            self.edges[edge].checked = Some(self.now);
            for replica in 0..self.shape.replicas.len() {
                let outcome = self.check(edge, replica);
                self.edges[edge].policy.check_ended(self.ids.replicas[replica], outcome, now);
            }
        } else {
            self.check_quickly(edge, now);
        }
        let last = self.edges[edge].told;
        if last.is_none_or(|last| self.edges[edge].policy.roll_up_after(last.instant(self.base)) <= now) {
            self.edges[edge].told = Some(self.now);
            let mut roll_up = self.edges[edge].policy.roll_up(now);
            if self.edges[edge].checked > last {
                self.add_lookups(&mut roll_up);
            }
            self.post(edge, |roll_up| Happening::HubGets(edge, Box::new(roll_up)), roll_up);
        }
    }

    /// What a live edge checks one after the other between two looks is checked at once.
    fn check_quickly(&mut self, edge: usize, now: Instant) {
        for replica in 0..self.shape.replicas.len() {
            if self.edges[edge].policy.is_looked_at(self.ids.replicas[replica], now) {
                self.marks.reach("edge: looks more closely");
                let checks = LOOK_EVERY.as_millis() / EdgePolicy::QUICK_CHECKS.as_millis();
                for _ in 0..checks {
                    let outcome = self.check(edge, replica);
                    self.edges[edge].policy.quick_check_ended(self.ids.replicas[replica], outcome, now);
                }
            }
        }
    }

    /// One check of a replica: a good answer's status, or how it failed.
    fn check(&mut self, edge: usize, replica: usize) -> Result<u16, FailureKind> {
        let region = self.shape.replicas[replica].region;
        let outcome =
            if self.lines.reaches(edge, region) { self.service.check(replica) } else { Err(FailureKind::Unreachable) };
        if outcome.is_ok() {
            let version = &self.service.replica(replica).version;
            self.edges[edge].policy.version_told(self.ids.replicas[replica], version);
        }
        outcome.map(|()| 200)
    }

    /// The edge holds the last good addresses of a name that does not resolve.
    fn add_lookups(&self, roll_up: &mut RollUp) {
        for (region, fails) in self.outside.names_fail.iter().enumerate() {
            let failures = fails.iter().map(|kind| (*kind, 2)).collect();
            roll_up.lookups.push(LookupRow {
                host: self.shape.host(region),
                region: Some(self.shape.regions[region].clone()),
                tally: Tally { total: 2, slow: 0, failures },
                held: fails.is_some(),
            });
        }
    }

    fn post<T: Clone>(&mut self, edge: usize, into: impl Fn(T) -> Happening, what: T) {
        let line = self.edges[edge].line;
        if line.cut {
            return;
        }
        let dice = &mut self.people.dice;
        if line.garbled > 0.0 {
            if dice.chance(line.garbled) {
                self.marks.reach("line: a message is lost");
                return;
            }
            if dice.chance(line.garbled) {
                self.marks.reach("line: a message is doubled");
                let late = Duration::from_millis(dice.between(0, 4_000));
                self.queue.plan(self.now + WAY + late, into(what.clone()));
            }
            if dice.chance(line.garbled) {
                self.marks.reach("line: a message is late");
                let late = Duration::from_millis(dice.between(0, 4_000));
                self.queue.plan(self.now + WAY + late, into(what));
                return;
            }
        }
        self.queue.plan(self.now + WAY, into(what));
    }

    /// A roll-up reaches the hub, which answers with its plan.
    pub(crate) fn hub_gets(&mut self, edge: usize, roll_up: RollUp) {
        if self.hub.desk.is_none() {
            return;
        }
        let now = self.hub.clock(self.now);
        self.judge.heard(now, &roll_up);
        self.hub_hears(&Signal::RollUp(roll_up));
        if let Some(desk) = &self.hub.desk {
            let plan = Arc::new(desk.engine().book().plan.clone());
            self.post(edge, move |plan| Happening::EdgeGets(edge, plan), plan);
        }
    }

    /// A plan reaches an edge.
    pub(crate) fn edge_gets(&mut self, edge: usize, plan: &TrafficPlan) {
        if !self.edges[edge].is_up() {
            return;
        }
        let now = self.instant();
        let before = self.edges[edge].policy.plan();
        match self.edges[edge].policy.take_plan(&in_bundles(plan), now) {
            PlanOutcome::Applied => {
                self.marks.reach("edge: takes a plan");
                self.judge.edge_took(edge, &before, plan, self.edges[edge].held);
            }
            PlanOutcome::Stale => {}
            PlanOutcome::Refused(_) => self.marks.reach("edge: refuses a plan"),
        }
    }
}

/// The plan for an edge that counts bundles at its door, not requests.
fn in_bundles(plan: &TrafficPlan) -> TrafficPlan {
    let mut plan = plan.clone();
    for shed in &mut plan.sheds {
        shed.of = shed.of.map(|requests| requests / GRAIN);
    }
    plan
}
