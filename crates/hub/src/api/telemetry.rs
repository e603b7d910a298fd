//! Telemetry as JSON: how components did, looking back.

use crate::doors::Doors;
use crate::http::problem::Problem;
use crate::telemetry::{Point, Step, TelemetryReader, Wanted};
use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use downbeat_core::model::{Moment, Name};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// 1, 10 or 60.
    #[serde(default = "minute")]
    step_s: u64,
    component: Option<Name>,
    region: Option<Name>,
    #[serde(default)]
    since_ms: Moment,
    limit: Option<usize>,
}

fn minute() -> u64 {
    60
}

#[derive(Debug, Serialize)]
pub(super) struct Points {
    step_s: u64,
    points: Vec<Point>,
}

/// `GET /v1/telemetry?step_s=10&component=web&since_ms=…`: points, oldest first, at most 10,000.
pub(super) async fn points(
    State(doors): State<Doors>,
    question: Result<Query<Question>, QueryRejection>,
) -> Result<Json<Points>, Problem> {
    let Query(question) = question.map_err(|refused| Problem::malformed(refused.body_text()))?;
    let Some(step) = Step::of(question.step_s) else {
        return Err(Problem::senseless(format!("step_s is 1, 10 or 60, not {}", question.step_s)));
    };
    let reader = TelemetryReader::new(&doors.snapshots.borrow().settings.data);
    let Question { step_s, component, region, since_ms: since, limit } = question;
    let wanted = Wanted { step, component, region, since, limit: limit.unwrap_or(usize::MAX) };
    let read = tokio::task::spawn_blocking(move || reader.points(&wanted)).await;
    let points = read.map_err(|error| Problem::unavailable(error.to_string()))?;
    let points = points.map_err(|error| Problem::unavailable(error.to_string()))?;
    Ok(Json(Points { step_s, points }))
}
