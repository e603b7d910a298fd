//! The log by pages, as lines of JSON.

use crate::doors::Doors;
use crate::http::problem::Problem;
use crate::log::PAGE_MAX;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    /// Only what comes behind this record.
    #[serde(default)]
    after: u64,
    /// At most so many lines.
    limit: Option<usize>,
}

/// `GET /v1/log?after=SEQ`: the next records, one a line; none when there are none yet.
pub(super) async fn page(
    State(doors): State<Doors>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(Wanted { after, limit }) = wanted.map_err(|refused| Problem::malformed(refused.body_text()))?;
    let read = move || doors.log.after(after, limit.unwrap_or(PAGE_MAX));
    let unavailable = |error: &dyn std::error::Error| Problem::unavailable(error.to_string());
    let records = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?;
    let mut lines = Vec::new();
    for record in records.map_err(|error| unavailable(&error))? {
        serde_json::to_writer(&mut lines, &record).map_err(|error| unavailable(&error))?;
        lines.push(b'\n');
    }
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], lines).into_response())
}
