//! What operators do: each verb becomes a command, and answers 204 when it is done.

use super::incident_id;
use crate::doors::Doors;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, post};
use downbeat_core::incident::{Command, Switch};
use downbeat_core::model::{FeatureId, IncidentId, Name, RemedyId};
use serde::Deserialize;

pub(super) type Done = Result<StatusCode, Problem>;
type IdPath = Result<Path<u64>, PathRejection>;

/// Who acts: `x-downbeat-operator`, or just "operator".
#[derive(Debug)]
pub(super) struct Operator(pub(super) Name);

impl<S: Sync> FromRequestParts<S> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let said = parts.headers.get("x-downbeat-operator").map(|value| value.to_str().unwrap_or_default());
        let name = Name::new(said.unwrap_or("operator"));
        name.map(Self).map_err(|error| Problem::malformed(format!("x-downbeat-operator: {error}")))
    }
}

/// What needs no word: `POST /v1/incidents/{id}/ack` and its like.
pub(super) fn on_incident(command: fn(IncidentId) -> Command) -> MethodRouter<Doors> {
    post(async move |State(doors): State<Doors>, Operator(who): Operator, path: IdPath| {
        obey(&doors, who, command(incident_id(path)?)).await
    })
}

/// `POST /v1/remedies/{id}/approve` and `undo`.
pub(super) fn on_remedy(command: fn(RemedyId) -> Command) -> MethodRouter<Doors> {
    post(async move |State(doors): State<Doors>, Operator(who): Operator, Path(id): Path<String>| {
        obey(&doors, who, command(remedy_id(&id)?)).await
    })
}

/// `POST /v1/features/off` and `on`: `{"component": …, "feature": …}`. None of its requests is admitted until it is switched
/// on; then all of them are, whatever a remedy kept out.
pub(super) fn on_feature(to: Switch) -> MethodRouter<Doors> {
    post(async move |State(doors): State<Doors>, Operator(who): Operator, FromJson(id): FromJson<FeatureId>| {
        obey(&doors, who, Command::Switch(id, to)).await
    })
}

/// `POST /v1/automation/hold`: nothing new is started until `release` (invariant A13).
pub(super) fn on_automation(command: Command) -> MethodRouter<Doors> {
    post(async move |State(doors): State<Doors>, Operator(who): Operator| obey(&doors, who, command).await)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saying {
    pub(super) text: String,
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

/// `POST /v1/incidents/{id}/draft/change`: `{"text": …}`, to be said in place of what waits.
pub(super) async fn change_draft(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(saying): FromJson<Saying>,
) -> Done {
    obey(&doors, who, Command::ChangeDraft(incident_id(path)?, saying.text)).await
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

fn remedy_id(text: &str) -> Result<RemedyId, Problem> {
    text.parse().map_err(|why: String| Problem::absent(why))
}

/// Hands a command in, and answers when all that follows from it is in the log.
pub(super) async fn obey(doors: &Doors, who: Name, command: Command) -> Done {
    doors.commands.send(who, command).await?;
    Ok(StatusCode::NO_CONTENT)
}
