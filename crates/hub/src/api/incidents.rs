//! Incidents: the list, one with everything, and its review.

use super::views::{IncidentLine, IncidentView};
use super::{incident_id, of_incident};
use crate::doors::Doors;
use crate::http::problem::Problem;
use crate::text::utc;
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use downbeat_core::learn;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

/// Lines of a list unless asked for fewer or more.
const LINES: usize = 100;
/// Most lines of a list: the book keeps no more incidents at hand.
const LINES_MAX: usize = 1_000;
/// Largest review that is handed out; what people added beyond is cut.
const REVIEW_MAX: u64 = 1024 * 1024;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    /// At most so many.
    limit: Option<usize>,
    /// Only those that are open.
    #[serde(default)]
    open: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    incidents: Vec<IncidentLine>,
}

/// `GET /v1/incidents`: newest first; `?open=true`, `?limit=N`.
pub(super) async fn list(
    State(doors): State<Doors>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(wanted) = wanted.map_err(|refused| Problem::malformed(refused.body_text()))?;
    let snapshot = doors.snapshots.borrow();
    let newest_first = snapshot.book.incidents.values().rev();
    let incidents = newest_first
        .filter(|incident| !wanted.open || incident.state.is_open())
        .take(wanted.limit.unwrap_or(LINES).min(LINES_MAX))
        .map(IncidentLine::of)
        .collect();
    Ok(Json(List { incidents }))
}

/// `GET /v1/incidents/{id}`: everything that belongs to it.
pub(super) async fn show(
    State(doors): State<Doors>,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Json<IncidentView>, Problem> {
    let id = incident_id(path)?;
    let (settings, board) = {
        let snapshot = doors.snapshots.borrow();
        (snapshot.settings.clone(), snapshot.board.clone())
    };
    of_incident(&doors, id, |incident| IncidentView::of(incident, &settings.policy.topology, &board)).map(Json)
}

/// `GET /v1/incidents/{id}/review`: the file, as people may have edited it; a draft while there is none.
pub(super) async fn review(
    State(doors): State<Doors>,
    path: Result<Path<u64>, PathRejection>,
) -> Result<Response, Problem> {
    let id = incident_id(path)?;
    let settings = doors.snapshots.borrow().settings.clone();
    let draw = |incident: &_| learn::review(incident, &settings.policy, utc);
    let (file, draft) = of_incident(&doors, id, |incident| (incident.review.clone(), draw(incident)))?;
    let text = match file {
        Some(file) => read(&settings.data.join(&file)).await.unwrap_or(draft),
        None => draft,
    };
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// `None` for a file that is gone or no text: then the draft is as good as it gets.
async fn read(path: &std::path::Path) -> Option<String> {
    let file = tokio::fs::File::open(path).await.ok()?;
    let mut text = Vec::new();
    file.take(REVIEW_MAX).read_to_end(&mut text).await.ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}
