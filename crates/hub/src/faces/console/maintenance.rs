//! `/maintenance`: announced work, with the forms that schedule, change, cancel and end it. None of them needs a script.

use super::shell::Shell;
use super::{Console, refused, verbs};
use crate::appointment::Draft;
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use crate::view::Snapshot;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use downbeat_core::incident::{Command, Maintenance, MaintenancePhase};
use downbeat_core::model::{Appointment, Component, MaintenanceId, Name};

/// Where it leads back to.
const PAGE: &str = "/maintenance";
/// Lines shown of what is over.
const PAST_MAX: usize = 20;

type Desked<D> = State<Console<D>>;
/// A form's fields as they came; a field may be there several times.
type Fields = Form<Vec<(String, String)>>;

#[derive(Template)]
#[template(path = "console/maintenance.html")]
struct MaintenancePage {
    shell: Shell,
    /// Names and titles, dearest first.
    components: Vec<(Name, String)>,
    open: Vec<Work>,
    past: Vec<Work>,
}

/// One maintenance.
#[derive(Debug)]
struct Work {
    id: MaintenanceId,
    title: String,
    phase: MaintenancePhase,
    start: Stamp,
    end: Stamp,
    components: Vec<Name>,
    by: Name,
    word: String,
}

impl Work {
    fn of(it: &Maintenance) -> Self {
        Self {
            id: it.id,
            title: it.appointment.title.clone(),
            phase: it.phase,
            start: Stamp(it.appointment.start),
            end: Stamp(it.appointment.end),
            components: it.appointment.components.iter().cloned().collect(),
            by: it.scheduled_by.clone(),
            word: it.words.last().map(|word| word.body.clone()).unwrap_or_default(),
        }
    }

    /// True while it goes on.
    fn is_on(&self) -> bool {
        self.phase == MaintenancePhase::InProgress
    }

    fn tone(&self) -> Tone {
        match self.phase {
            MaintenancePhase::InProgress => Tone::Maintenance,
            MaintenancePhase::Completed => Tone::Good,
            MaintenancePhase::Scheduled | MaintenancePhase::Cancelled => Tone::Unknown,
        }
    }
}

impl MaintenancePage {
    fn of(snapshot: &Snapshot) -> Self {
        let mut components: Vec<&Component> = snapshot.settings.policy.topology.components.values().collect();
        components.sort_by_key(|component| component.priority);
        let over = snapshot.book.maintenances.values().rev().filter(|it| !it.phase.is_open());
        Self {
            shell: Shell::of(snapshot),
            components: components.into_iter().map(|it| (it.name.clone(), it.title.clone())).collect(),
            open: snapshot.book.open_maintenances().into_iter().map(Work::of).collect(),
            past: over.take(PAST_MAX).map(Work::of).collect(),
        }
    }
}

pub(super) async fn page<D: Desk>(State(console): Desked<D>) -> Response {
    answer::page(StatusCode::OK, &MaintenancePage::of(&console.snapshot()))
}

/// `POST /maintenance`: a new one.
pub(super) async fn schedule<D: Desk>(state: Desked<D>, headers: HeaderMap, Form(fields): Fields) -> Response {
    let command = |appointment| Command::Schedule(appointment, text(&fields));
    appoint(&state, &headers, &fields, None, command).await
}

/// `POST /maintenance/{id}/update`: a word about it, and what changes with it.
pub(super) async fn update<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(fields): Fields,
) -> Response {
    let (id, snapshot) = (MaintenanceId(id), state.snapshot());
    let Some(known) = snapshot.book.maintenances.get(&id) else {
        return refused::page(&snapshot, StatusCode::NOT_FOUND, &format!("There is no maintenance {id}."));
    };
    let command = |appointment| Command::ChangeAppointment(id, appointment, text(&fields));
    appoint(&state, &headers, &fields, Some(known.appointment.clone()), command).await
}

/// `POST /maintenance/{id}/cancel`
pub(super) async fn cancel<D: Desk>(
    state: Desked<D>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    Form(fields): Fields,
) -> Response {
    verbs::carry_out(&state, &headers, Command::Cancel(MaintenanceId(id), text(&fields)), PAGE).await
}

/// `POST /maintenance/{id}/end`
pub(super) async fn end<D: Desk>(state: Desked<D>, Path(id): Path<u64>, headers: HeaderMap) -> Response {
    verbs::carry_out(&state, &headers, Command::Finish(MaintenanceId(id)), PAGE).await
}

async fn appoint<D: Desk>(
    console: &Console<D>,
    headers: &HeaderMap,
    fields: &[(String, String)],
    before: Option<Appointment>,
    command: impl FnOnce(Appointment) -> Command,
) -> Response {
    let snapshot = console.snapshot();
    match draft(fields).appointment(snapshot.now, before) {
        Ok(appointment) => verbs::carry_out(console, headers, command(appointment), PAGE).await,
        Err(why) => refused::page(&snapshot, StatusCode::BAD_REQUEST, &format!("Nothing was done: {why}.")),
    }
}

/// What a form says; a field that was left empty says nothing.
fn draft(fields: &[(String, String)]) -> Draft {
    let one = |wanted: &str| field(fields, wanted).map(str::to_owned);
    let components: Vec<String> = all(fields, "component").map(str::to_owned).collect();
    Draft {
        title: one("title"),
        components: (!components.is_empty()).then_some(components),
        start: one("start"),
        end: one("end"),
    }
}

fn text(fields: &[(String, String)]) -> String {
    field(fields, "text").unwrap_or_default().to_owned()
}

fn field<'a>(fields: &'a [(String, String)], wanted: &'a str) -> Option<&'a str> {
    all(fields, wanted).next()
}

fn all<'a>(fields: &'a [(String, String)], wanted: &'a str) -> impl Iterator<Item = &'a str> {
    fields.iter().filter(move |(key, value)| key == wanted && !value.trim().is_empty()).map(|(_, value)| value.as_str())
}
