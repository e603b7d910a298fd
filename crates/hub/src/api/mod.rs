//! The operators' verbs as JSON, at the console's address: what is going on, what was done, and what to do.
//!
//! Reads come from the newest snapshot; writes go through the driver and answer 204 when all they lead to is in
//! the log and visible. Who acts is said by `x-downbeat-operator`. Times are milliseconds since 1970 (`_ms`).

mod audit;
mod board;
mod budgets;
mod components;
mod drills;
mod health;
mod histories;
mod incidents;
mod log;
mod maintenance;
mod matters;
mod subscribers;
mod telemetry;
mod verbs;
mod views;

use crate::doors::Doors;
use crate::history::FILE_MAX;
use crate::http::problem::Problem;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::routing::{delete, get, post, put};
use downbeat_core::incident::{Command, Incident, Switch};
use downbeat_core::model::IncidentId;

/// The routes, to be put behind the gate.
pub(crate) fn routes(doors: Doors) -> Router {
    Router::new()
        .route("/v1/incidents", get(incidents::list))
        .route("/v1/incidents/{id}", get(incidents::show))
        .route("/v1/incidents/{id}/review", get(incidents::review))
        .route("/v1/incidents/{id}/ack", verbs::on_incident(Command::Ack))
        .route("/v1/incidents/{id}/post", post(verbs::say))
        .route("/v1/incidents/{id}/draft/send", verbs::on_incident(Command::SendDraft))
        .route("/v1/incidents/{id}/draft/hold", verbs::on_incident(Command::HoldDraft))
        .route("/v1/incidents/{id}/draft/change", post(verbs::change_draft))
        .route("/v1/incidents/{id}/resolve", verbs::on_incident(Command::Resolve))
        .route("/v1/incidents/{id}/take-over", verbs::on_incident(Command::TakeOver))
        .route("/v1/incidents/{id}/hand-back", verbs::on_incident(Command::HandBack))
        .route("/v1/incidents/{id}/reopen", post(verbs::reopen))
        .route("/v1/incidents/{id}/merge", post(verbs::merge))
        .route("/v1/incidents/{id}/split", post(verbs::split))
        .route("/v1/remedies/{id}/approve", verbs::on_remedy(Command::Approve))
        .route("/v1/remedies/{id}/undo", verbs::on_remedy(Command::Undo))
        .route("/v1/features/off", verbs::on_feature(Switch::Off))
        .route("/v1/features/on", verbs::on_feature(Switch::On))
        .route("/v1/automation/hold", verbs::on_automation(Command::Hold))
        .route("/v1/automation/release", verbs::on_automation(Command::Release))
        .route("/v1/maintenances", get(maintenance::list).post(maintenance::schedule))
        .route("/v1/maintenances/{id}", get(maintenance::show))
        .route("/v1/maintenances/{id}/update", post(maintenance::update))
        .route("/v1/maintenances/{id}/cancel", post(maintenance::cancel))
        .route("/v1/maintenances/{id}/end", post(maintenance::end))
        .route("/v1/subscribers", get(subscribers::list).post(subscribers::add))
        .route("/v1/subscribers/{id}", delete(subscribers::erase))
        .route("/v1/components", get(components::list))
        .route("/v1/histories", get(histories::list))
        .route(
            "/v1/histories/{source}",
            put(histories::import).layer(DefaultBodyLimit::max(FILE_MAX)).delete(histories::remove),
        )
        .route("/v1/drills", get(drills::armings).post(drills::pass))
        .route("/v1/log", get(log::page))
        .route("/v1/audit", get(audit::report))
        .route("/v1/board", get(board::board))
        .route("/v1/budgets", get(budgets::budgets))
        .route("/v1/matters", get(matters::list))
        .route("/v1/telemetry", get(telemetry::points))
        .route("/metrics", get(health::metrics))
        .with_state(doors)
}

/// The one route that anybody may ask for.
pub(crate) fn open_routes(doors: Doors) -> Router {
    Router::new().route("/healthz", get(health::health)).with_state(doors)
}

/// The `{id}` of an incident in the address.
fn incident_id(path: Result<Path<u64>, PathRejection>) -> Result<IncidentId, Problem> {
    path.map(|Path(id)| IncidentId(id)).map_err(|_| Problem::absent("an incident's id is a number"))
}

/// Draws something of one incident.
fn of_incident<T>(doors: &Doors, id: IncidentId, draw: impl FnOnce(&Incident) -> T) -> Result<T, Problem> {
    let snapshot = doors.snapshots.borrow();
    let incident = snapshot.book.incidents.get(&id);
    incident.map(draw).ok_or_else(|| Problem::absent(format!("there is no incident {id}")))
}
