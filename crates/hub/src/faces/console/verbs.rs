//! The operator's buttons: each is a form that becomes one command, and leads back to where it was pressed.

use super::{Console, refused};
use crate::faces::desk::Desk;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{MethodRouter, post};
use downbeat_core::incident::{Command, Switch};
use downbeat_core::model::{FeatureId, IncidentId, Name, RemedyId};
use serde::Deserialize;

/// Who acts when no proxy in front of the console says who it is.
const SOMEBODY: &str = "operator";

type Desked<D> = State<Console<D>>;

/// A public word.
#[derive(Debug, Deserialize)]
pub(super) struct Words {
    text: String,
}

/// A button that says all there is to say about an incident.
pub(super) fn on_incident<D: Desk>(command: fn(IncidentId) -> Command) -> MethodRouter<Console<D>> {
    post(async move |state: Desked<D>, Path(id): Path<u64>, headers: HeaderMap| {
        let id = IncidentId(id);
        carry_out(&state, &headers, command(id), &room(id)).await
    })
}

/// A button that says all there is to say about a remedy.
pub(super) fn on_remedy<D: Desk>(command: fn(RemedyId) -> Command) -> MethodRouter<Console<D>> {
    post(async move |state: Desked<D>, Path(id): Path<String>, headers: HeaderMap| match id.parse::<RemedyId>() {
        Ok(id) => carry_out(&state, &headers, command(id), &room(id.incident)).await,
        Err(why) => refused::page(&state.snapshot(), StatusCode::NOT_FOUND, &why),
    })
}

/// A button that is about a feature.
pub(super) fn on_feature<D: Desk>(to: Switch) -> MethodRouter<Console<D>> {
    post(async move |state: Desked<D>, headers: HeaderMap, Form(id): Form<FeatureId>| {
        carry_out(&state, &headers, Command::Switch(id, to), "/").await
    })
}

/// A button that is about the automation as a whole.
pub(super) fn on_automation<D: Desk>(command: Command) -> MethodRouter<Console<D>> {
    post(async move |state: Desked<D>, headers: HeaderMap| carry_out(&state, &headers, command, "/").await)
}

pub(super) async fn say<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(words): Form<Words>,
) -> Response {
    let id = IncidentId(id);
    carry_out(&state, &headers, Command::Post(id, words.text.trim().to_owned()), &room(id)).await
}

pub(super) async fn change_draft<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(words): Form<Words>,
) -> Response {
    let id = IncidentId(id);
    carry_out(&state, &headers, Command::ChangeDraft(id, words.text.trim().to_owned()), &room(id)).await
}

pub(super) async fn reopen<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(words): Form<Words>,
) -> Response {
    let id = IncidentId(id);
    carry_out(&state, &headers, Command::Reopen(id, words.text), &room(id)).await
}

/// Another incident.
#[derive(Debug, Deserialize)]
pub(super) struct Whole {
    into: u64,
}

pub(super) async fn merge<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(whole): Form<Whole>,
) -> Response {
    let into = IncidentId(whole.into);
    carry_out(&state, &headers, Command::Merge(IncidentId(id), into), &room(into)).await
}

/// A component of an incident.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    component: Name,
}

pub(super) async fn split<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(part): Form<Part>,
) -> Response {
    let id = IncidentId(id);
    carry_out(&state, &headers, Command::Split(id, part.component), &room(id)).await
}

/// Hands a command in, and leads back or says why not.
pub(super) async fn carry_out<D: Desk>(
    console: &Console<D>,
    headers: &HeaderMap,
    command: Command,
    back: &str,
) -> Response {
    match console.desk.command(who(headers), command).await {
        Ok(()) => Redirect::to(back).into_response(),
        Err(error) => refused::command(&console.snapshot(), &error),
    }
}

fn room(id: IncidentId) -> String {
    format!("/incidents/{id}")
}

/// The operator's name, from the proxy that knows it.
fn who(headers: &HeaderMap) -> Name {
    let told = headers.get("x-downbeat-operator").and_then(|value| value.to_str().ok());
    told.and_then(|name| Name::new(name).ok())
        .unwrap_or_else(|| Name::new(SOMEBODY).expect("the constant is a good name"))
}
