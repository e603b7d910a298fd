//! Adds up what edges tell, by component and region, until a step is over; and what clients of components with an objective
//! met, by the minute.

use super::{SERIES_MAX, Step};
use downbeat_core::detect::Met;
use downbeat_core::model::{LatencyObjective, Moment, Name, Policy, RollUp, Sketch, Topology};
use std::collections::BTreeMap;
use std::time::Duration;

/// A component in a region.
pub(super) type Series = (Name, Name);

/// What was counted of one series within one step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sum {
    pub(super) attempts: u64,
    pub(super) failed: u64,
    pub(super) slow: u64,
    /// Times to the first byte in microseconds.
    pub(super) first_byte: Sketch,
}

impl Sum {
    fn add(&mut self, other: &Sum) {
        self.attempts = self.attempts.saturating_add(other.attempts);
        self.failed = self.failed.saturating_add(other.failed);
        self.slow = self.slow.saturating_add(other.slow);
        self.first_byte.add(&other.first_byte);
    }
}

/// The sums of one step that is over.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) step: Step,
    /// The number of the step since 1970.
    pub(super) number: u64,
    pub(super) sums: BTreeMap<Series, Sum>,
    /// By component with an objective; only by the minute.
    pub(super) served: BTreeMap<Name, Met>,
    /// By component with a latency objective, and when an answer was late; only by the minute.
    pub(super) waited: BTreeMap<(Name, Duration), Met>,
}

/// The sums of the step that is going on.
#[derive(Debug)]
struct Going {
    step: Step,
    number: u64,
    sums: BTreeMap<Series, Sum>,
    served: BTreeMap<Name, Met>,
    waited: BTreeMap<(Name, Duration), Met>,
}

/// Gathers for all steps at once.
#[derive(Debug)]
pub(super) struct Gatherer {
    going: [Going; 3],
}

impl Default for Gatherer {
    fn default() -> Self {
        Self { going: Step::ALL.map(Going::new) }
    }
}

impl Gatherer {
    /// Adds a roll-up. Returns the steps that were over before it, finest first.
    pub(super) fn add(&mut self, now: Moment, roll_up: &RollUp, policy: &Policy) -> Vec<Batch> {
        let over = self.over(now);
        let told = of(roll_up, &policy.topology);
        for going in &mut self.going {
            if going.step == Step::Minute {
                going.serve(roll_up, policy);
            }
            for (series, sum) in &told {
                let has_room = going.sums.len() < SERIES_MAX || going.sums.contains_key(series);
                if has_room {
                    going.sums.entry(series.clone()).or_default().add(sum);
                }
            }
        }
        over
    }

    /// The steps that are over at `now`.
    pub(super) fn over(&mut self, now: Moment) -> Vec<Batch> {
        let end = |going: &mut Going| {
            let number = now.as_millis() / 1_000 / going.step.seconds();
            let before = std::mem::replace(&mut going.number, number);
            let is_over = before != number && !going.is_empty();
            is_over.then(|| Batch {
                step: going.step,
                number: before,
                sums: std::mem::take(&mut going.sums),
                served: std::mem::take(&mut going.served),
                waited: std::mem::take(&mut going.waited),
            })
        };
        self.going.iter_mut().filter_map(end).collect()
    }
}

impl Going {
    fn new(step: Step) -> Self {
        Self { step, number: 0, sums: BTreeMap::new(), served: BTreeMap::new(), waited: BTreeMap::new() }
    }

    fn is_empty(&self) -> bool {
        self.sums.is_empty() && self.served.is_empty() && self.waited.is_empty()
    }

    fn serve(&mut self, roll_up: &RollUp, policy: &Policy) {
        let promised = |component: &Name| policy.objectives.get(component).copied().unwrap_or_default();
        for row in roll_up.clients.iter().filter(|row| promised(&row.component).success.is_some()) {
            self.served.entry(row.component.clone()).or_default().add(Met::served(row));
        }
        for row in &roll_up.components {
            let Some(latency) = promised(&row.component).latency else { continue };
            let met = Met::waited(row, latency);
            if met.total > 0 {
                self.waited.entry(waited_key(&row.component, latency)).or_default().add(met);
            }
        }
    }
}

/// What was counted against another bound is of another promise.
fn waited_key(component: &Name, latency: LatencyObjective) -> (Name, Duration) {
    (component.clone(), latency.late_from())
}

fn of(roll_up: &RollUp, topology: &Topology) -> BTreeMap<Series, Sum> {
    let mut sums: BTreeMap<Series, Sum> = BTreeMap::new();
    for row in &roll_up.upstream {
        // Strangers are named on the board; they have no region here.
        let Some(replica) = topology.replicas.get(&row.replica) else { continue };
        if topology.components.contains_key(&row.component) {
            let sum = sums.entry((row.component.clone(), replica.region.clone())).or_default();
            sum.add(&Sum {
                attempts: row.tally.total,
                failed: row.tally.failed(),
                slow: row.tally.slow,
                first_byte: row.first_byte.clone(),
            });
        }
    }
    sums
}
