//! The audit: the hub reads its own log from outside and says where an invariant was broken.

use crate::doors::Doors;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::State;
use downbeat_core::incident::{Auditor, Violation};
use serde::Serialize;

/// The findings; none in a log that keeps all invariants.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    violations: Vec<Violation>,
}

/// `GET /v1/audit`: every violation in the whole log, in order.
pub(super) async fn report(State(doors): State<Doors>) -> Result<Json<Report>, Problem> {
    let settings = doors.snapshots.borrow().settings.clone();
    let read = move || {
        let mut auditor = Auditor::new(&settings.policy.topology, &settings.policy.act);
        doors.log.replay(|record| {
            auditor.read(record);
            Ok(())
        })?;
        Ok::<_, crate::log::ReadError>(auditor.violations())
    };
    let unavailable = |error: &dyn std::error::Error| Problem::unavailable(error.to_string());
    let violations = tokio::task::spawn_blocking(read).await.map_err(|error| unavailable(&error))?;
    Ok(Json(Report { violations: violations.map_err(|error| unavailable(&error))? }))
}
