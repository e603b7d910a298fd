//! The page that says why something was not done, and where to go on.

use super::shell::Shell;
use crate::doors::CommandError;
use crate::faces::answer;
use crate::view::Snapshot;
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::incident::CommandRefused;

#[derive(Template)]
#[template(path = "console/refused.html")]
struct RefusedPage {
    shell: Shell,
    why: String,
}

/// Says why.
pub(super) fn page(snapshot: &Snapshot, status: StatusCode, why: &str) -> Response {
    answer::page(status, &RefusedPage { shell: Shell::of(snapshot), why: why.to_owned() })
}

/// There is no such incident.
pub(super) fn no_incident(snapshot: &Snapshot, id: u64) -> Response {
    page(snapshot, StatusCode::NOT_FOUND, &format!("There is no incident {id}."))
}

/// A command had no effect.
pub(super) fn command(snapshot: &Snapshot, error: &CommandError) -> Response {
    page(snapshot, status(error), &format!("Nothing was done: {error}."))
}

const fn status(error: &CommandError) -> StatusCode {
    match error {
        CommandError::Refused(
            CommandRefused::NoIncident(_) | CommandRefused::NoRemedy(_) | CommandRefused::NoMaintenance(_),
        ) => StatusCode::NOT_FOUND,
        CommandError::Refused(CommandRefused::Text(_) | CommandRefused::Field { .. }) => StatusCode::BAD_REQUEST,
        CommandError::Refused(_) => StatusCode::CONFLICT,
        CommandError::NotWritten(_) | CommandError::Busy | CommandError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        CommandError::Late => StatusCode::GATEWAY_TIMEOUT,
    }
}
