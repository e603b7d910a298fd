//! What edges do (A3, A6, A13, C1).

use super::Judge;
use downbeat_core::model::{Name, TrafficPlan};

impl Judge {
    /// An edge took a plan (A3, A6, A13).
    pub(crate) fn edge_took(&mut self, edge: usize, before: &TrafficPlan, plan: &TrafficPlan, held: bool) {
        if plan.epoch <= self.epochs[edge] {
            self.find("A6", format!("an edge went from plan {} to plan {}", self.epochs[edge], plan.epoch));
        }
        self.epochs[edge] = plan.epoch;
        if let Err(fault) = plan.check(&self.policy.topology.serving()) {
            self.find("A3", format!("an edge took a plan that it must not: {fault}"));
        }
        if held {
            let more: Vec<String> = plan.removed().difference(&before.removed()).map(Name::to_string).collect();
            if !more.is_empty() {
                self.find("A13", format!("an edge whose kill switch is on lets {} be removed", more.join(", ")));
            }
        }
    }

    /// An edge is back, with this plan (A6, C1).
    pub(crate) fn edge_restarted(&mut self, edge: usize, before: u64, after: u64) {
        self.forget_asked(edge);
        if after != before {
            self.find("C1", format!("edge {edge} had plan {before} and starts with plan {after}"));
        }
    }
}
