//! Matters as JSON: what the team was told beside incidents.

use crate::doors::Doors;
use axum::Json;
use axum::extract::State;
use downbeat_core::incident::{MatterCase, Outcome};
use downbeat_core::model::{IncidentId, Matter, MatterId, Moment, Name};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct List {
    matters: Vec<MatterView>,
}

#[derive(Debug, Serialize)]
struct MatterView {
    id: MatterId,
    /// What it is about: its `kind`, and what belongs to that.
    about: Matter,
    urgency: &'static str,
    title: String,
    body: String,
    /// The incident that it is about, when it is about one.
    incident: Option<IncidentId>,
    /// Since when it has been so.
    since_ms: Moment,
    /// When the team was told.
    began_at_ms: Moment,
    /// When it was over; `null` while it goes on.
    ended_at_ms: Option<Moment>,
    /// What was said then.
    ended: Option<String>,
    told: Vec<ToldView>,
}

#[derive(Debug, Serialize)]
struct ToldView {
    stage: &'static str,
    channel: Name,
    #[serde(flatten)]
    outcome: Outcome,
}

/// `GET /v1/matters`: newest first.
pub(super) async fn list(State(doors): State<Doors>) -> Json<List> {
    let snapshot = doors.snapshots.borrow();
    Json(List { matters: snapshot.book.matters.values().rev().map(MatterView::of).collect() })
}

impl MatterView {
    fn of(case: &MatterCase) -> Self {
        let told = case.told.iter().map(|told| ToldView {
            stage: told.phase.word(),
            channel: told.channel.clone(),
            outcome: told.outcome.clone(),
        });
        Self {
            id: case.id,
            about: case.matter.clone(),
            urgency: case.urgency.word(),
            title: case.title.clone(),
            body: case.body.clone(),
            incident: case.incident(),
            since_ms: case.since,
            began_at_ms: case.began_at,
            ended_at_ms: case.ended.as_ref().map(|(at, _)| *at),
            ended: case.ended.as_ref().and_then(|(_, body)| body.clone()),
            told: told.collect(),
        }
    }
}
