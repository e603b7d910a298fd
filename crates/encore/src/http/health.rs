//! How the replica is: for balancers a yes or no, for dashboards numbers.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{Shared, answer::ApiError};
use crate::catalogue::media_folder;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    /// What is broken, if anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    region: &'a str,
    replica: &'a str,
    version: &'a str,
    uptime_s: f64,
}

/// `GET /healthz`: 200 if this replica can do its work, else 503. It looks at what it needs (database, media folder),
/// not at how busy it is: a busy replica is not a broken one.
pub(super) async fn health(State(app): State<Shared>) -> Response {
    let reason = trouble(&app).await;
    let health = Health {
        status: if reason.is_none() { "ok" } else { "unusable" },
        reason,
        region: &app.identity.region,
        replica: &app.identity.replica,
        version: &app.identity.version,
        uptime_s: app.started.elapsed().as_secs_f64(),
    };
    let status = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(health)).into_response()
}

async fn trouble(app: &Shared) -> Option<&'static str> {
    if let Err(error) = app.database.check().await {
        super::answer::internal(&error);
        return Some("database");
    }
    let folder = media_folder(&app.data);
    match tokio::fs::metadata(&folder).await {
        Ok(found) if found.is_dir() => None,
        _ => {
            tracing::error!(event = "library_missing", path = %folder.display());
            Some("library")
        }
    }
}

/// `GET /metrics`: OpenMetrics text.
pub(super) async fn metrics(State(app): State<Shared>) -> Result<Response, ApiError> {
    const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = app.metrics.text(app.database.waiting()).map_err(|error| super::answer::internal(&error))?;
    Ok(([(header::CONTENT_TYPE, KIND)], text).into_response())
}
