//! Announced work: the list, and the verbs with which people schedule, change, cancel and end it.

use super::verbs::{Done, Operator, Saying, obey};
use crate::appointment::Draft;
use crate::doors::Doors;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use downbeat_core::incident::{Command, Maintenance, MaintenanceWord};
use downbeat_core::model::{MaintenanceId, Moment, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

type IdPath = Result<Path<u64>, PathRejection>;

#[derive(Debug, Serialize)]
pub(super) struct List {
    maintenances: Vec<MaintenanceView>,
}

#[derive(Debug, Serialize)]
pub(super) struct MaintenanceView {
    id: MaintenanceId,
    title: String,
    components: BTreeSet<Name>,
    start_ms: Moment,
    end_ms: Moment,
    /// `scheduled`, `in_progress`, `completed` or `cancelled`.
    state: &'static str,
    scheduled_at_ms: Moment,
    scheduled_by: Name,
    began_at_ms: Option<Moment>,
    ended_at_ms: Option<Moment>,
    /// What was said, oldest first.
    words: Vec<WordView>,
}

#[derive(Debug, Serialize)]
struct WordView {
    at_ms: Moment,
    state: &'static str,
    text: String,
}

impl MaintenanceView {
    fn of(it: &Maintenance) -> Self {
        let word =
            |word: &MaintenanceWord| WordView { at_ms: word.at, state: word.phase.word(), text: word.body.clone() };
        Self {
            id: it.id,
            title: it.appointment.title.clone(),
            components: it.appointment.components.clone(),
            start_ms: it.appointment.start,
            end_ms: it.appointment.end,
            state: it.phase.word(),
            scheduled_at_ms: it.scheduled_at,
            scheduled_by: it.scheduled_by.clone(),
            began_at_ms: it.began_at,
            ended_at_ms: it.ended_at,
            words: it.words.iter().map(word).collect(),
        }
    }
}

/// `GET /v1/maintenances`: the newest first.
pub(super) async fn list(State(doors): State<Doors>) -> Json<List> {
    let snapshot = doors.snapshots.borrow();
    Json(List { maintenances: snapshot.book.maintenances.values().rev().map(MaintenanceView::of).collect() })
}

/// `GET /v1/maintenances/{id}`
pub(super) async fn show(State(doors): State<Doors>, path: IdPath) -> Result<Json<MaintenanceView>, Problem> {
    find(&doors, maintenance_id(path)?, MaintenanceView::of).map(Json)
}

/// What is announced; times are RFC 3339, or UTC without an offset. Without a `start` it starts now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Announcement {
    title: String,
    components: Vec<String>,
    start: Option<String>,
    end: String,
    text: String,
}

/// Which maintenance was scheduled.
#[derive(Debug, Serialize)]
pub(super) struct Scheduled {
    id: MaintenanceId,
}

/// `POST /v1/maintenances`: 201 and its number. A repeat of one that is scheduled already is that one.
pub(super) async fn schedule(
    State(doors): State<Doors>,
    Operator(who): Operator,
    FromJson(said): FromJson<Announcement>,
) -> Result<(StatusCode, Json<Scheduled>), Problem> {
    let Announcement { title, components, start, end, text } = said;
    let draft = Draft { title: Some(title), components: Some(components), start, end: Some(end) };
    let appointment = draft.appointment(doors.clock.now(), None).map_err(Problem::senseless)?;
    let wanted = appointment.clone();
    obey(&doors, who, Command::Schedule(appointment, text)).await?;
    let snapshot = doors.snapshots.borrow();
    let newest_first = snapshot.book.maintenances.values().rev();
    // The log has the title without the white space around it.
    let same = |it: &&Maintenance| {
        (it.appointment.start, it.appointment.end) == (wanted.start, wanted.end)
            && it.appointment.components == wanted.components
            && it.appointment.title == wanted.title.trim()
    };
    let scheduled = newest_first.filter(same).find(|it| it.phase.is_open()).map(|it| it.id);
    let id = scheduled.ok_or_else(|| Problem::conflict("it was scheduled, and changed at once by somebody else"))?;
    Ok((StatusCode::CREATED, Json(Scheduled { id })))
}

/// What changes, and the word that says so.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Correction {
    title: Option<String>,
    components: Option<Vec<String>>,
    start: Option<String>,
    end: Option<String>,
    text: String,
}

/// `POST /v1/maintenances/{id}/update`: `{"text": …}`, and what changes with it.
pub(super) async fn update(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(said): FromJson<Correction>,
) -> Done {
    let id = maintenance_id(path)?;
    let Correction { title, components, start, end, text } = said;
    let draft = Draft { title, components, start, end };
    let known = find(&doors, id, |it| it.appointment.clone())?;
    let appointment = draft.appointment(doors.clock.now(), Some(known)).map_err(Problem::senseless)?;
    obey(&doors, who, Command::ChangeAppointment(id, appointment, text)).await
}

/// `POST /v1/maintenances/{id}/cancel`: `{"text": …}`, before it has begun.
pub(super) async fn cancel(
    State(doors): State<Doors>,
    Operator(who): Operator,
    path: IdPath,
    FromJson(saying): FromJson<Saying>,
) -> Done {
    obey(&doors, who, Command::Cancel(maintenance_id(path)?, saying.text)).await
}

/// `POST /v1/maintenances/{id}/end`: it is done before its time.
pub(super) async fn end(State(doors): State<Doors>, Operator(who): Operator, path: IdPath) -> Done {
    obey(&doors, who, Command::Finish(maintenance_id(path)?)).await
}

fn maintenance_id(path: IdPath) -> Result<MaintenanceId, Problem> {
    path.map(|Path(id)| MaintenanceId(id)).map_err(|_| Problem::absent("a maintenance's id is a number"))
}

fn find<T>(doors: &Doors, id: MaintenanceId, draw: impl FnOnce(&Maintenance) -> T) -> Result<T, Problem> {
    let snapshot = doors.snapshots.borrow();
    let maintenance = snapshot.book.maintenances.get(&id);
    maintenance.map(draw).ok_or_else(|| Problem::absent(format!("there is no maintenance {id}")))
}
