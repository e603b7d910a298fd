//! What edges do (A3, A6, A13, B5, C1).

use super::Judge;
use crate::shape::GRAIN;
use crate::time::Time;
use downbeat_core::model::{Name, TrafficPlan};

/// Extra attempts over ten seconds, as a share of the requests (B5): a fifth while one replica alone is the trouble, and
/// what is forced for a request that would wait for a silent one.
const EXTRA_SHARE: f64 = 0.3;
/// And so many besides, at each edge.
const EXTRA_FLOOR: f64 = 30.0;

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
        if after != before {
            self.find("C1", format!("edge {edge} had plan {before} and starts with plan {after}"));
        }
    }

    /// A replica was asked (B5).
    pub(crate) fn attempted(&mut self, now: Time, component: usize, times: u32, first: bool) {
        self.now = now;
        let window = &mut self.attempts[component];
        let second = now.as_secs();
        if window.back().is_none_or(|(at, ..)| *at < second) {
            window.push_back((second, 0, 0));
        }
        while window.front().is_some_and(|(at, ..)| at + 10 < second) {
            window.pop_front();
        }
        if let Some((_, requests, extra)) = window.back_mut() {
            *(if first { requests } else { extra }) += times;
        }
    }

    /// B5: extra attempts within their budget.
    pub(super) fn budget(&mut self, edges: usize) {
        for component in 0..self.attempts.len() {
            let window = &self.attempts[component];
            let sum = window.iter().fold((0_u32, 0_u32), |(r, e), (_, requests, extra)| (r + requests, e + extra));
            let most = EXTRA_SHARE * f64::from(sum.0) + (EXTRA_FLOOR + f64::from(GRAIN)) * edges as f64;
            if f64::from(sum.1) > most {
                self.find("B5", format!("{} extra attempts on {} requests, {most:.0} allowed", sum.1, sum.0));
            }
        }
    }
}
