//! `/subscribers`: how many there are, the newest, and the forms that enter and erase one. None of them needs a script.

use super::shell::Shell;
use super::{Private, refused};
use crate::doors::Doors;
use crate::faces::answer;
use crate::faces::tone::Tone;
use crate::http::origin::refuse_strangers;
use crate::subscribers::{Address, ChannelKind, Counts, StoreError, Subscriber, Wish};
use askama::Template;
use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::middleware::{from_fn, map_response};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use downbeat_core::model::Name;
use downbeat_core::tell::subscription::Choice;
use serde::Deserialize;

/// Where it leads back to.
const PAGE: &str = "/subscribers";
/// Lines of one page.
const LINES: usize = 100;

#[derive(Template)]
#[template(path = "console/subscribers.html")]
struct SubscribersPage {
    shell: Shell,
    counts: Counts,
    lines: Vec<Subscriber>,
    /// Names and titles, dearest first.
    components: Vec<(Name, String)>,
}

impl SubscribersPage {
    /// Where the next page begins.
    fn next(&self) -> Option<i64> {
        self.lines.last().filter(|_| self.lines.len() == LINES).map(|last| last.id)
    }

    /// Those whose addresses a person can write down.
    fn kinds(&self) -> impl Iterator<Item = ChannelKind> {
        ChannelKind::ALL.into_iter().filter(|kind| *kind != ChannelKind::Push)
    }
}

/// The routes, to be put behind the gate.
pub(crate) fn subscriber_routes(doors: Doors) -> Router {
    Router::new()
        .route("/subscribers", get(page).post(add))
        .route("/subscribers/{id}/erase", post(erase))
        .layer(from_fn(refuse_strangers))
        .layer(map_response(answer::guard::<Private>))
        .with_state(doors)
}

#[derive(Debug, Deserialize)]
struct Part {
    #[serde(default)]
    after: i64,
}

async fn page(State(doors): State<Doors>, Query(part): Query<Part>) -> Response {
    let read = async {
        Ok::<_, StoreError>((doors.subscribers.list(part.after, LINES).await?, doors.subscribers.counts().await?))
    };
    match read.await {
        Ok((lines, counts)) => {
            let snapshot = doors.snapshots.borrow().clone();
            let mut components: Vec<_> = snapshot.settings.policy.topology.components.values().collect();
            components.sort_by_key(|component| component.priority);
            let components = components.into_iter().map(|it| (it.name.clone(), it.title.clone())).collect();
            answer::page(StatusCode::OK, &SubscribersPage { shell: Shell::of(&snapshot), counts, lines, components })
        }
        Err(error) => refuse(&doors, StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

/// `POST /subscribers`: one that the operator answers for.
async fn add(State(doors): State<Doors>, Form(fields): Form<Vec<(String, String)>>) -> Response {
    let field = |wanted: &str| fields.iter().find(|(key, _)| key == wanted).map_or("", |(_, value)| value.as_str());
    let Ok(kind) = field("channel").parse::<ChannelKind>() else {
        return refuse(&doors, StatusCode::BAD_REQUEST, "choose a channel");
    };
    let address = match Address::read(kind, field("address")) {
        Ok(address) => address,
        Err(error) => return refuse(&doors, StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let ticked = fields.iter().filter(|(key, _)| key == "component").filter_map(|(_, value)| Name::new(value).ok());
    let added = doors.subscribers.add(doors.clock.now(), vec![Wish::new(address, Choice(ticked.collect()))]).await;
    back(&doors, added.map(drop))
}

/// `POST /subscribers/{id}/erase`
async fn erase(State(doors): State<Doors>, Path(id): Path<i64>) -> Response {
    let erased = doors.subscribers.erase(id).await;
    back(&doors, erased.map(drop))
}

fn back(doors: &Doors, done: Result<(), StoreError>) -> Response {
    match done {
        Ok(()) => Redirect::to(PAGE).into_response(),
        Err(error) => refuse(doors, StatusCode::SERVICE_UNAVAILABLE, &error.to_string()),
    }
}

fn refuse(doors: &Doors, status: StatusCode, why: &str) -> Response {
    let snapshot = doors.snapshots.borrow().clone();
    refused::page(&snapshot, status, &format!("Nothing was done: {why}."))
}
