//! The live picture of the service: what the console draws and what the status page claims.

use super::answers::Voices;
use super::book::Book;
use super::draft::{Draft, WordClock};
use super::state::State;
use crate::confirm::{Panel, ProbeLine};
use crate::detect::{BudgetReading, MetricReading, TrafficReading};
use crate::diagnose::{Ailing, Alone};
use crate::model::{BudgetId, Dimension, IncidentId, Ledger, Moment, Name, Policy, Strength, Tally, TrafficPlan};
use crate::signal::{ActiveSessions, Door, Strangers};
use std::collections::BTreeMap;
use std::time::Duration;

/// Cells and replicas show an average over so long.
const LATELY: Duration = Duration::from_secs(10);
/// A second that may still be counted into is left out.
const SECOND: Duration = Duration::from_secs(1);
/// Without news for so long nothing is known.
const FRESH: Duration = Duration::from_secs(30);
/// Who asks is counted over so long.
const MINUTE: Duration = Duration::from_secs(60);
/// The pulse goes back so far.
const PULSE: Duration = Duration::from_secs(120);
/// Above this share of failures something works, but not as usual.
const DEGRADED: f64 = 0.02;
/// Above this share it does not work.
const DOWN: f64 = 0.5;
/// Above this share of slow answers it does not work as usual.
const SLOW: f64 = 0.25;

/// How something is, as measured now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// Nothing is known: no fresh signal. Never shown as down.
    #[default]
    Unknown,
    /// As usual.
    Healthy,
    /// Works, but not as usual.
    Degraded,
    /// Does not work.
    Down,
}

impl Condition {
    /// The word in the API and in class names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// One component in one region over the last ten seconds, as the edges saw the replicas there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// How it is.
    pub condition: Condition,
    /// Attempts a second.
    pub per_second: f64,
    /// Share of failed attempts, 0 to 1.
    pub failed: f64,
    /// Share of slow answers, 0 to 1.
    pub slow: f64,
    /// Mean time to the first byte, in milliseconds.
    pub first_byte_ms: f64,
}

/// One replica, as last heard.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaLine {
    /// Which.
    pub name: Name,
    /// Where.
    pub region: Name,
    /// What it runs.
    pub version: Option<Name>,
    /// How it is.
    pub condition: Condition,
    /// True while an edge sends it nothing by itself.
    pub ejected: bool,
    /// Share of its usual traffic that the plan leaves it.
    pub share: Strength,
    /// Requests in flight.
    pub in_flight: u64,
    /// Attempts a second, over the last ten seconds.
    pub per_second: f64,
}

/// One second of the whole service, as clients saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pulse {
    /// When the second ended.
    pub at: Moment,
    /// Requests.
    pub requests: u64,
    /// Failed for the client; a refused password or a client limited on purpose is no failure of the service.
    pub failed: u64,
    /// Failed attempts at replicas, most of which the client never saw.
    pub failed_attempts: u64,
    /// Attempts at replicas.
    pub attempts: u64,
    /// Users' reports.
    pub reports: u64,
}

/// The live picture of the service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// When it was drawn.
    pub at: Moment,
    /// When an edge was last heard.
    pub heard_at: Option<Moment>,
    /// By component and region.
    pub cells: BTreeMap<(Name, Name), Cell>,
    /// How each component is for clients, over all regions.
    pub components: BTreeMap<Name, Condition>,
    /// In order of their names.
    pub replicas: Vec<ReplicaLine>,
    /// The last two minutes, oldest first.
    pub pulses: Vec<Pulse>,
    /// What the probes' results come to.
    pub probes: BTreeMap<Name, ProbeLine>,
    /// Vantage points that cannot look at all: in their own words, why.
    pub blind: BTreeMap<Name, String>,
    /// What edges tell of and nobody has configured here, by edge.
    pub strangers: BTreeMap<Name, Strangers>,
    /// How the error budgets stand; none where nothing is promised.
    pub budgets: BTreeMap<BudgetId, BudgetReading>,
    /// What those who reported say since the last step of an incident's way back; none where nobody answered.
    pub voices: BTreeMap<IncidentId, Voices>,
    /// Public words that are due and not said yet.
    pub drafts: BTreeMap<IncidentId, Draft>,
    /// Until when the public has to hear of which incident.
    pub word_clocks: BTreeMap<IncidentId, WordClock>,
    /// Services of others that ours depends on and that say that they ail.
    pub ailing: Vec<Ailing>,
    /// The one network whose clients suffer, while others are well and nothing of ours shows anything.
    pub alone: Option<Alone>,
    /// Clients' requests within the last minute by whose network they came from: an autonomous system where that is known.
    pub asked: BTreeMap<Name, u64>,
    /// Active sessions; `None` where no edge tells of them.
    pub sessions: Option<ActiveSessions>,
    /// How many ask for each component, and how late they are answered, against the usual.
    pub traffic: Vec<TrafficReading>,
    /// Figures of others, against the usual.
    pub metrics: Vec<MetricReading>,
}

/// Draws the live picture.
pub(super) fn draw(
    now: Moment,
    policy: &Policy,
    book: &Book,
    (ledger, door, panel): (&Ledger, &Door, &Panel),
) -> Board {
    let heard_at = door.edges.values().map(|edge| edge.heard_at).max();
    let fresh = heard_at.is_some_and(|at| now.since(at) < FRESH);
    let (from, to) = (now.before(LATELY + SECOND), now.before(SECOND));
    let seconds = ledger.within(from, to).count().max(1) as f64;
    let lately = Lately { policy, ledger, from, to, seconds, fresh };
    Board {
        at: now,
        heard_at,
        cells: lately.cells(&book.plan),
        components: lately.components(book),
        replicas: lately.replicas(book, door),
        pulses: pulses(ledger, now),
        probes: panel.lines().map(|(name, line)| (name.clone(), line.clone())).collect(),
        blind: panel.blind(now),
        strangers: door.strangers.clone(),
        budgets: BTreeMap::new(),
        voices: BTreeMap::new(),
        drafts: BTreeMap::new(),
        word_clocks: BTreeMap::new(),
        ailing: vec![],
        alone: Alone::find(ledger, &door.owners, now),
        asked: asked(ledger, door, now),
        sessions: door.sessions.active(now),
        traffic: vec![],
        metrics: vec![],
    }
}

/// Who asked, over the last minute.
fn asked(ledger: &Ledger, door: &Door, now: Moment) -> BTreeMap<Name, u64> {
    let mut sums: BTreeMap<Name, u64> = BTreeMap::new();
    for ((_, network), tally) in ledger.clients(now.before(MINUTE), now).iter() {
        *sums.entry(door.owners.get(network).unwrap_or(network).clone()).or_default() += tally.total;
    }
    sums
}

struct Lately<'a> {
    policy: &'a Policy,
    ledger: &'a Ledger,
    from: Moment,
    to: Moment,
    seconds: f64,
    fresh: bool,
}

impl Lately<'_> {
    fn cells(&self, plan: &TrafficPlan) -> BTreeMap<(Name, Name), Cell> {
        let mut sums: BTreeMap<(Name, Name), (Tally, u64)> = BTreeMap::new();
        for component in self.policy.topology.components.keys() {
            for region in self.policy.topology.regions() {
                sums.insert((component.clone(), region), (Tally::default(), 0));
            }
        }
        for second in self.ledger.within(self.from, self.to) {
            for ((component, replica), tally) in second.attempts.iter() {
                let Some(replica_info) = self.policy.topology.replicas.get(replica) else { continue };
                let sum = sums.entry((component.clone(), replica_info.region.clone())).or_default();
                sum.0.add(tally);
                sum.1 += second.first_byte_us.get(&(component.clone(), replica.clone())).copied().unwrap_or(0);
            }
        }
        let drawn = |(key, (tally, first_byte_us)): ((Name, Name), (Tally, u64))| {
            let mut cell = self.cell(&tally, first_byte_us);
            if tally.total == 0 && self.is_left(plan, &key.0, &key.1) {
                cell.condition = Condition::Unknown;
            }
            (key, cell)
        };
        sums.into_iter().map(drawn).collect()
    }

    /// True where the plan sends nothing: nobody can say how it is there, least of all that it works.
    fn is_left(&self, plan: &TrafficPlan, component: &Name, region: &Name) -> bool {
        self.policy.topology.in_region(region).all(|replica| plan.share(&replica.name, component) == Strength::NONE)
    }

    fn cell(&self, tally: &Tally, first_byte_us: u64) -> Cell {
        let answered = tally.total.saturating_sub(tally.failed()).max(1);
        Cell {
            condition: self.condition(tally),
            per_second: tally.total as f64 / self.seconds,
            failed: tally.failed() as f64 / tally.total.max(1) as f64,
            slow: tally.slow as f64 / tally.total.max(1) as f64,
            first_byte_ms: first_byte_us as f64 / answered as f64 / 1_000.0,
        }
    }

    /// Without traffic a part is as healthy as the edge that hears of it.
    fn condition(&self, tally: &Tally) -> Condition {
        let total = tally.total.max(1) as f64;
        match (tally.failed() as f64 / total, tally.slow as f64 / total) {
            _ if !self.fresh => Condition::Unknown,
            (failed, _) if failed > DOWN => Condition::Down,
            (failed, slow) if failed > DEGRADED || slow > SLOW => Condition::Degraded,
            _ => Condition::Healthy,
        }
    }

    /// What clients meet counts, and what is confirmed: within a confirmed incident a component is not healthy, and
    /// without one it is not down (J1).
    fn components(&self, book: &Book) -> BTreeMap<Name, Condition> {
        let mut met: BTreeMap<Name, Tally> = BTreeMap::new();
        for ((component, _), tally) in self.ledger.clients(self.from, self.to).iter() {
            met.entry(component.clone()).or_default().add(&tally.owed());
        }
        let confirmed = |component: &Name| {
            book.open().filter(|i| i.state == State::Confirmed).any(|i| {
                let slices = i.findings.iter().map(|f| &f.slice).chain([&i.slice]);
                slices.into_iter().any(|s| s.get(Dimension::Component).is_none_or(|c| c == component))
            })
        };
        let condition = |component: &Name| {
            let measured = self.condition(met.get(component).unwrap_or(&Tally::default()));
            match (measured, confirmed(component)) {
                (Condition::Healthy, true) | (Condition::Down, false) => Condition::Degraded,
                (measured, _) => measured,
            }
        };
        self.policy.topology.components.keys().map(|name| (name.clone(), condition(name))).collect()
    }

    fn replicas(&self, book: &Book, door: &Door) -> Vec<ReplicaLine> {
        let attempts = self.ledger.attempts(self.from, self.to);
        let checks = self.ledger.checks(self.from, self.to);
        let line = |replica: &crate::model::Replica| {
            let mut tally = Tally::default();
            attempts.iter().filter(|((_, r), _)| *r == replica.name).for_each(|(_, t)| tally.add(t));
            let tried = tally.total;
            checks.iter().filter(|((_, r), _)| *r == replica.name).for_each(|(_, t)| tally.add(t));
            let news = door.replicas.get(&replica.name).cloned().unwrap_or_default();
            let shares = self.policy.topology.components.keys().map(|c| book.plan.share(&replica.name, c));
            ReplicaLine {
                name: replica.name.clone(),
                region: replica.region.clone(),
                version: news.version.or_else(|| replica.version.clone()),
                condition: self.condition(&tally),
                ejected: news.ejected,
                share: shares.min().unwrap_or(Strength::FULL),
                in_flight: news.in_flight,
                per_second: tried as f64 / self.seconds,
            }
        };
        self.policy.topology.replicas.values().map(line).collect()
    }
}

fn pulses(ledger: &Ledger, now: Moment) -> Vec<Pulse> {
    let pulse = |second: &crate::model::Second| {
        let requests = second.clients.values().map(|t| t.total).sum();
        let failed = second.clients.values().map(|t| t.owed().failed()).sum();
        let attempts = second.attempts.values().map(|t| t.total).sum();
        let failed_attempts = second.attempts.values().map(Tally::failed).sum();
        Pulse { at: second.at, requests, failed, failed_attempts, attempts, reports: second.reports }
    };
    ledger.within(now.before(PULSE), now.before(SECOND)).map(pulse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Component, FailureKind, Priority, Replica, Weight};

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    /// A component in two regions, one replica each.
    fn policy() -> Policy {
        let mut policy = Policy::default();
        for region in ["eu", "us"] {
            let replica = Replica {
                name: name(region),
                region: name(region),
                version: None,
                host: None,
                proven_per_second: None,
            };
            policy.topology.replicas.insert(name(region), replica);
        }
        let replicas = [name("eu"), name("us")].into();
        let component =
            Component { name: name("web"), title: "Web".into(), priority: Priority(0), replicas, features: vec![] };
        policy.topology.components.insert(name("web"), component);
        policy
    }

    #[test]
    fn of_a_region_that_gets_no_traffic_nothing_is_known() {
        let (policy, ledger) = (policy(), Ledger::new(PULSE));
        let (from, to) = (Moment::from_millis(0), Moment::from_millis(10_000));
        let lately = Lately { policy: &policy, ledger: &ledger, from, to, seconds: 10.0, fresh: true };
        let weights = vec![Weight { replica: name("eu"), component: None, share: Strength::NONE }];
        let cells = lately.cells(&TrafficPlan { weights, ..TrafficPlan::default() });
        assert_eq!(cells[&(name("web"), name("eu"))].condition, Condition::Unknown);
        assert_eq!(cells[&(name("web"), name("us"))].condition, Condition::Healthy);
    }

    #[test]
    fn a_wrong_password_is_a_request_but_no_failure() {
        let key = (name("login"), name("10.0.0.0/24"));
        let mut ledger = Ledger::new(PULSE);
        let clients = &mut ledger.at(Moment::from_millis(500)).clients;
        let failures = [(FailureKind::Denied, 3), (FailureKind::Limited, 2), (FailureKind::Refused, 1)].into();
        *clients.of(key) = Tally { total: 10, slow: 0, failures };
        let pulses = pulses(&ledger, Moment::from_millis(5_000));
        let counts: Vec<(u64, u64)> = pulses.iter().map(|p| (p.requests, p.failed)).collect();
        assert_eq!(counts, [(10, 1)]);
    }
}
