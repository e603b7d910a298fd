//! `/`: the service at a glance, the incidents that are open, what changed, what probes say.

use super::arming::Lapse;
use super::budgets::BudgetLine;
use super::chart::Chart;
use super::matters::Band;
use super::public::ClockLine;
use super::remedies::kind_title;
use super::shell::Shell;
use crate::faces::claim;
use crate::faces::feature::{self, FeatureLine};
use crate::faces::stamp::{Stamp, span};
use crate::faces::tone::{Tone, condition_title, percent, rate};
use crate::settings::BreakerSettings;
use crate::view::Snapshot;
use askama::Template;
use downbeat_core::confirm::{ProbeLine, ProbeState};
use downbeat_core::incident::{Cell, Condition, Incident, MaintenancePhase, ReplicaLine};
use downbeat_core::model::{Change, Component, Name};

/// Lines shown of changes and of finished incidents.
const LINES_MAX: usize = 8;

/// The whole page.
#[derive(Template)]
#[template(path = "console/index.html")]
pub(super) struct HomePage {
    pub(super) shell: Shell,
    pub(super) home: Home,
}

/// The part that is fetched anew when something changes.
#[derive(Template)]
#[template(path = "console/_home.html")]
pub(super) struct HomeFragment {
    pub(super) shell: Shell,
    pub(super) home: Home,
}

/// What stands on it.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) regions: Vec<Name>,
    pub(super) rows: Vec<Row>,
    pub(super) replicas: Vec<Replica>,
    pub(super) features: Vec<Features>,
    pub(super) chart: Chart,
    pub(super) open: Vec<Card>,
    pub(super) recent: Vec<Card>,
    pub(super) changes: Vec<(Stamp, Change)>,
    pub(super) probes: Vec<Probe>,
    /// Vantage points that cannot look, and why.
    pub(super) blind: Vec<(Name, String)>,
    /// Announced work that goes on: its title and until when.
    pub(super) works: Vec<(String, Stamp)>,
    pub(super) breaker: Option<BreakerSettings>,
    pub(super) silent: Option<String>,
    /// What the team has to know beside incidents.
    pub(super) matters: Vec<Band>,
    pub(super) lapses: Vec<Lapse>,
    pub(super) budgets: Vec<BudgetLine>,
}

/// One component.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) title: String,
    pub(super) overall: Face,
    /// In the order of the regions; `None` where it has no replica.
    pub(super) cells: Vec<Option<Square>>,
}

/// The features of one component.
#[derive(Debug)]
pub(super) struct Features {
    pub(super) component: Name,
    pub(super) title: String,
    pub(super) lines: Vec<FeatureLine>,
}

/// A condition, ready to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Face(Condition);

impl Face {
    pub(super) fn tone(self) -> Tone {
        self.0.into()
    }

    pub(super) const fn word(self) -> &'static str {
        condition_title(self.0)
    }
}

/// One component in one region.
#[derive(Debug)]
pub(super) struct Square {
    pub(super) face: Face,
    pub(super) per_second: String,
    pub(super) failed: String,
    pub(super) first_byte: String,
}

/// One replica.
#[derive(Debug)]
pub(super) struct Replica {
    pub(super) line: ReplicaLine,
    pub(super) face: Face,
    /// Its share of its usual traffic, in percent.
    pub(super) share: f64,
    pub(super) per_second: String,
}

/// One incident in short.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) id: u64,
    pub(super) title: String,
    pub(super) state: &'static str,
    pub(super) tone: Tone,
    pub(super) since: Stamp,
    pub(super) lasted: String,
    pub(super) place: String,
    pub(super) cause: Option<String>,
    pub(super) doing: Vec<String>,
    pub(super) acked_by: Option<Name>,
    /// How long the public waits for a word.
    pub(super) clock: Option<ClockLine>,
}

/// One probe.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) name: Name,
    pub(super) tone: Tone,
    pub(super) word: &'static str,
    pub(super) said: String,
}

impl Home {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let topology = &snapshot.settings.policy.topology;
        let regions: Vec<Name> = topology.regions().into_iter().collect();
        let mut components: Vec<&Component> = topology.components.values().collect();
        components.sort_by_key(|component| component.priority);
        let finished = snapshot.book.incidents.values().rev().filter(|i| !i.state.is_open());
        Self {
            features: components.iter().filter_map(|component| Features::of(snapshot, component)).collect(),
            rows: components.into_iter().map(|component| Row::of(snapshot, component, &regions)).collect(),
            regions,
            replicas: snapshot.board.replicas.iter().map(Replica::of).collect(),
            chart: Chart::of(&snapshot.board.pulses, snapshot.now),
            open: snapshot.book.open().map(|incident| Card::of(snapshot, incident)).collect(),
            recent: finished.take(LINES_MAX).map(|incident| Card::of(snapshot, incident)).collect(),
            changes: changes(snapshot),
            probes: snapshot.board.probes.iter().map(Probe::of).collect(),
            blind: snapshot.board.blind.iter().map(|(name, why)| (name.clone(), why.clone())).collect(),
            works: works(snapshot),
            breaker: snapshot.settings.breaker.clone(),
            silent: silence(snapshot),
            matters: Band::about_the_service(snapshot),
            lapses: Lapse::all(snapshot),
            budgets: BudgetLine::all(snapshot),
        }
    }
}

/// How long no edge was heard, when that is too long.
fn silence(snapshot: &Snapshot) -> Option<String> {
    if claim::is_fresh(&snapshot.board, &snapshot.settings.policy, snapshot.now) {
        return None;
    }
    let since = snapshot.board.heard_at.map(|at| span(snapshot.now.since(at)));
    Some(since.map_or_else(|| "No edge was heard yet.".into(), |since| format!("No edge was heard for {since}.")))
}

fn works(snapshot: &Snapshot) -> Vec<(String, Stamp)> {
    let open = snapshot.book.open_maintenances();
    let on = open.into_iter().filter(|it| it.phase == MaintenancePhase::InProgress);
    on.map(|it| (it.appointment.title.clone(), Stamp(it.appointment.end))).collect()
}

fn changes(snapshot: &Snapshot) -> Vec<(Stamp, Change)> {
    snapshot.book.changes.iter().rev().take(LINES_MAX).map(|(at, change)| (Stamp(*at), change.clone())).collect()
}

impl Row {
    fn of(snapshot: &Snapshot, component: &Component, regions: &[Name]) -> Self {
        let cell = |region: &Name| snapshot.board.cells.get(&(component.name.clone(), region.clone()));
        Self {
            title: component.title.clone(),
            overall: Face(claim::measured(&snapshot.board, &snapshot.settings.policy, &component.name)),
            cells: regions.iter().map(|region| cell(region).map(Square::of)).collect(),
        }
    }
}

impl Features {
    /// Nothing for a component that has none.
    fn of(snapshot: &Snapshot, component: &Component) -> Option<Self> {
        let lines = feature::lines(&snapshot.book, component);
        let (name, title) = (component.name.clone(), component.title.clone());
        (!lines.is_empty()).then_some(Self { component: name, title, lines })
    }
}

impl Square {
    fn of(cell: &Cell) -> Self {
        Self {
            face: Face(cell.condition),
            per_second: rate(cell.per_second),
            failed: percent(cell.failed),
            first_byte: rate(cell.first_byte_ms),
        }
    }
}

impl Replica {
    fn of(line: &ReplicaLine) -> Self {
        Self {
            face: Face(line.condition),
            share: 100.0 * line.share.as_ratio(),
            per_second: rate(line.per_second),
            line: line.clone(),
        }
    }
}

impl Card {
    fn of(snapshot: &Snapshot, incident: &Incident) -> Self {
        let end =
            incident.resolved_at.unwrap_or(if incident.state.is_open() { snapshot.now } else { incident.state_since });
        Self {
            id: incident.id.0,
            title: incident.title.clone(),
            state: incident.state.word(),
            tone: incident.state.into(),
            since: Stamp(incident.since),
            lasted: span(end.since(incident.since)),
            place: incident.slice.to_string(),
            cause: incident.cause().map(|h| format!("{}, {} ({})", h.kind.title(), h.slice, percent(h.posterior))),
            doing: incident.in_force().map(|r| format!("{} {}", kind_title(r.remedy.kind), r.remedy.slice)).collect(),
            acked_by: incident.acked_by.clone(),
            clock: ClockLine::of(snapshot, incident.id),
        }
    }
}

impl Probe {
    fn of((name, line): (&Name, &ProbeLine)) -> Self {
        let (tone, word) = match line.state {
            ProbeState::Passed => (Tone::Good, "Passed"),
            ProbeState::Failed => (Tone::Bad, "Failed"),
            ProbeState::Unknown => (Tone::Unknown, "Unknown"),
        };
        Self { name: name.clone(), tone, word, said: line.said.clone() }
    }
}
