//! What came of a script, as far as a scorecard wants to know.

use super::ScriptError;
use crate::harm::Pair;
use crate::judge::Violation;
use crate::world::World;
use crate::world::hub::channels;
use downbeat_core::detect::BudgetReading;
use downbeat_core::incident::{Engine, Event, Incident};
use downbeat_core::model::{BudgetId, Moment, RemedyId, Topology};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What came of a script.
#[derive(Debug, Clone)]
pub struct Played {
    /// When the fault began, on the hub's clock.
    pub fault: Moment,
    /// From the fault to the end.
    pub duration: Duration,
    /// By listener: what was not heard since the fault.
    pub silence: Vec<Duration>,
    /// Requests since the fault.
    pub requests: Requests,
    /// Every incident with all that belongs to it, oldest first.
    pub incidents: Vec<Incident>,
    /// The service that was lived through it.
    pub topology: Topology,
    /// Orders to the actuator, repeats not counted.
    pub orders: usize,
    /// The error budgets at the end; none while the hub is away.
    pub budgets: BTreeMap<BudgetId, BudgetReading>,
    /// What should always hold, and did not.
    pub violations: Vec<Violation>,
}

/// Requests of users, those of players among them; attackers are not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    /// All that ended.
    pub total: u64,
    /// Those that did not get what they wanted.
    pub failed: u64,
    /// Those that an edge tried more than once.
    pub retried: u64,
}

impl Played {
    pub(super) fn of(mut world: World) -> Result<Self, ScriptError> {
        if let Some(error) = world.stage.broken.take() {
            return Err(error);
        }
        world.judge_log();
        let before = &world.stage.before;
        let silence = world.crowd.silence(world.now);
        let since =
            |(after, n): (Duration, usize)| after.saturating_sub(before.silence.get(n).copied().unwrap_or_default());
        let total = |toll: &crate::world::crowd::Toll| toll.served + toll.lost;
        // Read from the log, for the hub may be dead.
        let mut engine = Engine::new(world.hub.policy().clone(), channels());
        let followed = world.hub.disk.records.iter().all(|record| engine.apply(record).is_ok());
        let incidents = if followed { engine.book().incidents.values().cloned().collect() } else { Vec::new() };
        let now = world.hub.clock(world.now);
        let budgets = world.hub.desk.as_ref().map(|desk| desk.engine().board(now).budgets).unwrap_or_default();
        let asked = |event: &Event| match event {
            Event::ActuationEnded { remedy, .. } => Some(*remedy),
            _ => None,
        };
        let orders: BTreeSet<RemedyId> = world.hub.disk.records.iter().filter_map(|r| asked(&r.event)).collect();
        Ok(Self {
            fault: before.at.wall(),
            duration: world.now.since(before.at),
            silence: silence.into_iter().zip(0..).map(since).collect(),
            requests: Requests {
                total: total(&world.toll) - total(&before.toll),
                failed: world.toll.lost - before.toll.lost,
                retried: world.requests.retried - before.retried,
            },
            incidents,
            topology: world.hub.policy().topology.clone(),
            orders: orders.len(),
            budgets,
            violations: std::mem::take(&mut world.judge.found),
        })
    }

    /// What users lost: requests, and a second of silence counts as one.
    pub fn lost(&self) -> f64 {
        self.requests.failed as f64 + self.silence.iter().map(Duration::as_secs_f64).sum::<f64>()
    }

    /// A18: whether Downbeat took more from users than doing nothing would have.
    pub fn harm(&self, without: &Played) -> Option<Violation> {
        let asked = without.requests.total as f64;
        let pair = Pair { with: self.lost(), without: without.lost(), asked };
        (pair.is_suspicious()).then(|| Violation {
            invariant: "A18".into(),
            at_s: self.duration.as_secs(),
            what: pair.says(),
        })
    }
}
