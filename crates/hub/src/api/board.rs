//! The live picture as JSON.

use crate::doors::Doors;
use crate::view::Snapshot;
use axum::Json;
use axum::extract::State;
use downbeat_core::confirm::{ProbeLine, ProbeState};
use downbeat_core::incident::{Cell, Pulse, ReplicaLine};
use downbeat_core::model::{Moment, Name, TrafficPlan};
use downbeat_core::signal::{ActiveSessions, Strangers};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Serialize)]
pub(super) struct BoardView {
    at_ms: Moment,
    /// When an edge was last heard.
    heard_at_ms: Option<Moment>,
    /// What is wrong with the hub itself.
    trouble: Option<String>,
    /// Who holds the automation back.
    held_by: Option<Name>,
    plan: TrafficPlan,
    components: BTreeMap<Name, &'static str>,
    cells: Vec<CellView>,
    replicas: Vec<ReplicaView>,
    probes: BTreeMap<Name, ProbeView>,
    /// Vantage points that cannot look at all, and why.
    blind: BTreeMap<Name, String>,
    /// The last two minutes by the second, oldest first.
    pulses: Vec<PulseView>,
    /// By edge: what it tells of and nobody has configured here.
    strangers: BTreeMap<Name, StrangersView>,
    /// The one network whose clients suffer, while others are well; `null` where there is none.
    alone: Option<AloneView>,
    /// Sessions that are active now; `null` where no edge knows sessions.
    sessions: Option<SessionsView>,
}

#[derive(Debug, Serialize)]
struct AloneView {
    /// Its autonomous system, where a table is given, else itself.
    network: String,
    components: BTreeSet<Name>,
    failed: u64,
    requests: u64,
    requests_of_others: u64,
}

#[derive(Debug, Serialize)]
struct SessionsView {
    all: u64,
    components: BTreeMap<Name, u64>,
}

#[derive(Debug, Serialize)]
struct StrangersView {
    rows_passed_over: u64,
    names: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct CellView {
    component: Name,
    region: Name,
    condition: &'static str,
    per_second: f64,
    failed: f64,
    slow: f64,
    first_byte_ms: f64,
}

#[derive(Debug, Serialize)]
struct ReplicaView {
    name: Name,
    region: Name,
    version: Option<Name>,
    condition: &'static str,
    ejected: bool,
    share: f64,
    in_flight: u64,
    per_second: f64,
}

#[derive(Debug, Serialize)]
struct ProbeView {
    /// `null` while nobody could look.
    passed: Option<bool>,
    said: String,
}

#[derive(Debug, Serialize)]
struct PulseView {
    at_ms: Moment,
    requests: u64,
    failed: u64,
    attempts: u64,
    failed_attempts: u64,
    reports: u64,
}

/// `GET /v1/board`: how everything is now.
pub(super) async fn board(State(doors): State<Doors>) -> Json<BoardView> {
    Json(BoardView::of(&doors.snapshots.borrow()))
}

impl BoardView {
    fn of(snapshot: &Snapshot) -> Self {
        let board = &snapshot.board;
        let probe = |(name, line): (&Name, &ProbeLine)| (name.clone(), ProbeView::of(line));
        Self {
            at_ms: board.at,
            heard_at_ms: board.heard_at,
            trouble: snapshot.trouble.clone(),
            held_by: snapshot.book.held_by.clone(),
            plan: snapshot.book.plan.clone(),
            components: board.components.iter().map(|(name, c)| (name.clone(), c.word())).collect(),
            cells: board.cells.iter().map(CellView::of).collect(),
            replicas: board.replicas.iter().map(ReplicaView::of).collect(),
            probes: board.probes.iter().map(probe).collect(),
            blind: board.blind.clone(),
            pulses: board.pulses.iter().map(PulseView::of).collect(),
            alone: board.alone.as_ref().map(|it| AloneView {
                network: snapshot.settings.reports.networks.title_of(&it.owner),
                components: it.components.clone(),
                failed: it.failed,
                requests: it.requests,
                requests_of_others: it.others,
            }),
            sessions: board.sessions.as_ref().map(SessionsView::of),
            strangers: board.strangers.iter().map(|(edge, s)| (edge.clone(), StrangersView::of(s))).collect(),
        }
    }
}

impl SessionsView {
    fn of(active: &ActiveSessions) -> Self {
        Self { all: active.all, components: active.components.clone() }
    }
}

impl ProbeView {
    fn of(line: &ProbeLine) -> Self {
        let passed = match line.state {
            ProbeState::Passed => Some(true),
            ProbeState::Failed => Some(false),
            ProbeState::Unknown => None,
        };
        Self { passed, said: line.said.clone() }
    }
}

impl CellView {
    fn of(((component, region), cell): (&(Name, Name), &Cell)) -> Self {
        Self {
            component: component.clone(),
            region: region.clone(),
            condition: cell.condition.word(),
            per_second: cell.per_second,
            failed: cell.failed,
            slow: cell.slow,
            first_byte_ms: cell.first_byte_ms,
        }
    }
}

impl ReplicaView {
    fn of(line: &ReplicaLine) -> Self {
        Self {
            name: line.name.clone(),
            region: line.region.clone(),
            version: line.version.clone(),
            condition: line.condition.word(),
            ejected: line.ejected,
            share: line.share.as_ratio(),
            in_flight: line.in_flight,
            per_second: line.per_second,
        }
    }
}

impl StrangersView {
    fn of(strangers: &Strangers) -> Self {
        Self { rows_passed_over: strangers.rows, names: strangers.names.clone() }
    }
}

impl PulseView {
    fn of(pulse: &Pulse) -> Self {
        Self {
            at_ms: pulse.at,
            requests: pulse.requests,
            failed: pulse.failed,
            attempts: pulse.attempts,
            failed_attempts: pulse.failed_attempts,
            reports: pulse.reports,
        }
    }
}
