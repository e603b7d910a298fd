//! Between edges and the hub: a roll-up each second, and the plan as its answer, over a line that may lose, double and delay.

use crate::shape::GRAIN;
use crate::world::edge::State;
use crate::world::{Happening, World};
use downbeat_core::model::{FailureKind, LookupRow, RollUp, Signal, Tally, TrafficPlan};
use downbeat_edge::policy::PlanOutcome;
use std::sync::Arc;
use std::time::Duration;

/// From one roll-up to the next.
const EVERY: Duration = Duration::from_secs(1);
/// One way between an edge and the hub.
const WAY: Duration = Duration::from_millis(3);

impl World {
    /// An edge looks at its replicas, and tells the hub of the last second.
    pub(crate) fn edge_ticks(&mut self, edge: usize) {
        if self.edges[edge].state == State::Gone {
            return;
        }
        self.queue.plan(self.now + EVERY, Happening::EdgeTicks(edge));
        if !self.edges[edge].is_up() {
            return;
        }
        self.check_replicas(edge);
        let now = self.instant();
        let mut roll_up = self.edges[edge].policy.roll_up(now);
        self.add_lookups(edge, &mut roll_up);
        self.post(edge, |roll_up| Happening::HubGets(edge, Box::new(roll_up)), roll_up);
    }

    fn check_replicas(&mut self, edge: usize) {
        let now = self.instant();
        for replica in 0..self.shape.replicas.len() {
            let region = self.shape.replicas[replica].region;
            let outcome = if self.lines.reaches(edge, region) {
                self.service.check(replica)
            } else {
                Err(FailureKind::Unreachable)
            };
            let policy = &mut self.edges[edge].policy;
            policy.check_ended(self.ids.replicas[replica], outcome.map(|()| 200), now);
            if outcome.is_ok() {
                policy.version_told(self.ids.replicas[replica], &self.service.replica(replica).version);
            }
        }
    }

    /// The edge holds the last good addresses of a name that does not resolve.
    fn add_lookups(&self, edge: usize, roll_up: &mut RollUp) {
        let _ = edge;
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
