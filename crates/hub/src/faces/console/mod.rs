//! The console: the operators' view, drawn on the server for each request, live where scripts run.
//!
//! Every page is a frame around a fragment; the script fetches the fragment anew when `/events` says that
//! something changed, and every button is a form that works without it.

mod arming;
mod breaker;
mod budgets;
mod chart;
mod evidence;
mod figures;
mod home;
mod live;
mod log;
mod maintenance;
mod matters;
mod public;
mod refused;
mod remedies;
mod reports;
mod review;
mod room;
mod shell;
mod steps;
mod subscribers;
mod verbs;

use super::answer::{self, Door};
use super::assets;
use super::desk::Desk;
use super::status::Kind;
use crate::http::origin::refuse_strangers;
use crate::view::Snapshot;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use downbeat_core::incident::{Command, Incident, Switch};
use downbeat_core::model::IncidentId;
use home::{Home, HomeFragment, HomePage};
use live::Live;
use room::{Room, RoomFragment, RoomPage};
use shell::Shell;
pub(crate) use subscribers::subscriber_routes;

/// Forms are small: a public word has 5,000 characters at most, and a maintenance may touch some thousand components.
const BODY_MAX: usize = 256 * 1024;

/// The console's routes. Wherever they are mounted, only the console's own pages press its buttons.
pub fn console_routes<D: Desk>(desk: D) -> Router {
    let console = Console { live: Live::new(desk.snapshots()), desk };
    Router::new()
        .merge(pages())
        .merge(fragments())
        .merge(buttons())
        .route("/events", get(live::events))
        .route("/console.css", get(async || answer::asset(Kind::Css, assets::CONSOLE_CSS)))
        .route("/console.js", get(async || answer::asset(Kind::Js, assets::CONSOLE_JS)))
        .route("/favicon.svg", get(async || answer::asset(Kind::Svg, assets::FAVICON)))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn(refuse_strangers))
        .layer(map_response(answer::guard::<Private>))
        .with_state(console)
}

fn pages<D: Desk>() -> Router<Console<D>> {
    Router::new()
        .route("/", get(home_page))
        .route("/log", get(log::page))
        .route("/maintenance", get(maintenance::page))
        .route("/reports", get(reports::page))
        .route("/figures", get(figures::page))
        .route("/incidents/{id}", get(room_page))
        .route("/incidents/{id}/review", get(review::page))
}

fn fragments<D: Desk>() -> Router<Console<D>> {
    Router::new()
        .route("/fragments/home", get(home_fragment))
        .route("/fragments/log", get(log::fragment))
        .route("/fragments/incidents/{id}", get(room_fragment))
}

fn buttons<D: Desk>() -> Router<Console<D>> {
    Router::new()
        .route("/incidents/{id}/ack", verbs::on_incident(Command::Ack))
        .route("/incidents/{id}/resolve", verbs::on_incident(Command::Resolve))
        .route("/incidents/{id}/post", post(verbs::say))
        .route("/incidents/{id}/draft/send", verbs::on_incident(Command::SendDraft))
        .route("/incidents/{id}/draft/hold", verbs::on_incident(Command::HoldDraft))
        .route("/incidents/{id}/draft/change", post(verbs::change_draft))
        .route("/incidents/{id}/take-over", verbs::on_incident(Command::TakeOver))
        .route("/incidents/{id}/hand-back", verbs::on_incident(Command::HandBack))
        .route("/incidents/{id}/reopen", post(verbs::reopen))
        .route("/incidents/{id}/merge", post(verbs::merge))
        .route("/incidents/{id}/split", post(verbs::split))
        .route("/remedies/{id}/approve", verbs::on_remedy(Command::Approve))
        .route("/remedies/{id}/undo", verbs::on_remedy(Command::Undo))
        .route("/features/off", verbs::on_feature(Switch::Off))
        .route("/features/on", verbs::on_feature(Switch::On))
        .route("/maintenance", post(maintenance::schedule))
        .route("/maintenance/{id}/update", post(maintenance::update))
        .route("/maintenance/{id}/cancel", post(maintenance::cancel))
        .route("/maintenance/{id}/end", post(maintenance::end))
        .route("/automation/hold", verbs::on_automation(Command::Hold))
        .route("/automation/release", verbs::on_automation(Command::Release))
        .route("/break/{name}", post(breaker::break_it))
        .route("/heal", post(breaker::heal))
}

/// What may do what on the console.
struct Private;

impl Door for Private {
    const CSP: &'static str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                               connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    const CACHE: &'static str = "no-store";
}

/// What every handler has.
#[derive(Debug, Clone)]
struct Console<D> {
    desk: D,
    live: Live,
}

impl<D: Desk> Console<D> {
    fn snapshot(&self) -> Snapshot {
        self.desk.snapshots().borrow().clone()
    }
}

async fn home_page<D: Desk>(State(console): State<Console<D>>) -> Response {
    let snapshot = console.snapshot();
    answer::page(StatusCode::OK, &HomePage { shell: Shell::of(&snapshot), home: Home::of(&snapshot) })
}

async fn home_fragment<D: Desk>(State(console): State<Console<D>>) -> Response {
    let snapshot = console.snapshot();
    answer::page(StatusCode::OK, &HomeFragment { shell: Shell::of(&snapshot), home: Home::of(&snapshot) })
}

async fn room_page<D: Desk>(State(console): State<Console<D>>, Path(id): Path<u64>) -> Response {
    let snapshot = console.snapshot();
    let Some(incident) = incident(&snapshot, id) else { return refused::no_incident(&snapshot, id) };
    let room = Room::of(&snapshot, incident);
    answer::page(StatusCode::OK, &RoomPage { shell: Shell::of(&snapshot), room })
}

async fn room_fragment<D: Desk>(State(console): State<Console<D>>, Path(id): Path<u64>) -> Response {
    let snapshot = console.snapshot();
    let Some(incident) = incident(&snapshot, id) else { return refused::no_incident(&snapshot, id) };
    let room = Room::of(&snapshot, incident);
    answer::page(StatusCode::OK, &RoomFragment { shell: Shell::of(&snapshot), room })
}

fn incident(snapshot: &Snapshot, id: u64) -> Option<&Incident> {
    snapshot.book.incidents.get(&IncidentId(id))
}

#[cfg(test)]
mod tests;
