//! What operators do: each verb becomes a command, and answers 204 when it is done.

use super::incident_id;
use crate::doors::Doors;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use downbeat_core::incident::Command;
use downbeat_core::model::{IncidentId, Name, RemedyId};
use serde::Deserialize;

type Done = Result<StatusCode, Problem>;
type IdPath = Result<Path<u64>, PathRejection>;

/// Who acts: `x-downbeat-operator`, or just "operator".
#[derive(Debug)]
pub(super) struct Operator(Name);

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let said = parts.headers.get("x-downbeat-operator").map(|value| value.to_str().unwrap_or_default());
        let name = Name::new(said.unwrap_or("operator"));
        name.map(Self).map_err(|error| Problem::malformed(format!("x-downbeat-operator: {error}")))
    }
}

/// `POST /v1/incidents/{id}/ack`
pub(super) async fn ack(State(doors): State<Doors>, Operator(who): Operator, path: IdPath) -> Done {
    obey(&doors, who, Command::Ack(incident_id(path)?)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saying {
    text: String,
}

/// `POST /v1/incidents/{id}/post`: `{"text": …}`, to be said in public.
pub(super) async fn say(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(saying): FromJson<Saying>,
) -> Done {
    obey(&doors, who, Command::Post(incident_id(path)?, saying.text)).await
}

/// `POST /v1/incidents/{id}/resolve`
pub(super) async fn resolve(State(doors): State<Doors>, Operator(who): Operator, path: IdPath) -> Done {
    obey(&doors, who, Command::Resolve(incident_id(path)?)).await
}

/// `POST /v1/incidents/{id}/take-over`: automation only proposes from now on.
pub(super) async fn take_over(State(doors): State<Doors>, Operator(who): Operator, path: IdPath) -> Done {
    obey(&doors, who, Command::TakeOver(incident_id(path)?)).await
}

/// `POST /v1/incidents/{id}/hand-back`
pub(super) async fn hand_back(State(doors): State<Doors>, Operator(who): Operator, path: IdPath) -> Done {
    obey(&doors, who, Command::HandBack(incident_id(path)?)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reason {
    why: String,
}

/// `POST /v1/incidents/{id}/reopen`: `{"why": …}`
pub(super) async fn reopen(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(reason): FromJson<Reason>,
) -> Done {
    obey(&doors, who, Command::Reopen(incident_id(path)?, reason.why)).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whole {
    into: u64,
}

/// `POST /v1/incidents/{id}/merge`: `{"into": 3}`; it ends, and the other goes on.
pub(super) async fn merge(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(whole): FromJson<Whole>,
) -> Done {
    obey(&doors, who, Command::Merge(incident_id(path)?, IncidentId(whole.into))).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    component: Name,
}

/// `POST /v1/incidents/{id}/split`: `{"component": …}` gets an incident of its own.
pub(super) async fn split(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(part): FromJson<Part>,
) -> Done {
    obey(&doors, who, Command::Split(incident_id(path)?, part.component)).await
}

/// `POST /v1/remedies/{id}/approve`
pub(super) async fn approve(State(doors): State<Doors>, Operator(who): Operator, Path(id): Path<String>) -> Done {
    obey(&doors, who, Command::Approve(remedy_id(&id)?)).await
}

/// `POST /v1/remedies/{id}/undo`
pub(super) async fn undo(State(doors): State<Doors>, Operator(who): Operator, Path(id): Path<String>) -> Done {
    obey(&doors, who, Command::Undo(remedy_id(&id)?)).await
}

/// `POST /v1/automation/hold`: nothing new is started until released (invariant A13).
pub(super) async fn hold(State(doors): State<Doors>, Operator(who): Operator) -> Done {
    obey(&doors, who, Command::Hold).await
}

/// `POST /v1/automation/release`
pub(super) async fn release(State(doors): State<Doors>, Operator(who): Operator) -> Done {
    obey(&doors, who, Command::Release).await
}

fn remedy_id(text: &str) -> Result<RemedyId, Problem> {
    text.parse().map_err(|why: String| Problem::absent(why))
}

async fn obey(doors: &Doors, who: Name, command: Command) -> Done {
    doors.commands.send(who, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
