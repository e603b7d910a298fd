//! Subscribers for operators: who they are, enter those that one answers for, erase those that want to be.

use super::verbs::Done;
use crate::doors::Doors;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use crate::subscribers::{Address, ChannelKind, Counts, LIST_MAX, StoreError, Subscriber, Wish};
use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use downbeat_core::model::{Language, Moment, Name};
use downbeat_core::tell::subscription::Choice;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most subscribers that are entered by one request.
const ADDED_MAX: usize = 10_000;

/// Which part of the list is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    /// Those that follow upon this number.
    #[serde(default)]
    after: i64,
    /// At most so many.
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
pub(super) struct List {
    subscribers: Vec<SubscriberView>,
    counts: CountsView,
}

#[derive(Debug, Serialize)]
struct CountsView {
    confirmed: u64,
    unconfirmed: u64,
    troubled: u64,
    messages_waiting: u64,
}

/// Without the token: who has that acts for them.
#[derive(Debug, Serialize)]
struct SubscriberView {
    id: i64,
    channel: ChannelKind,
    address: String,
    /// All of them when empty.
    components: BTreeSet<Name>,
    /// The page's own when it is none.
    language: Option<Language>,
    created_at_ms: Moment,
    confirmed_at_ms: Option<Moment>,
    trouble: Option<String>,
}

impl From<Subscriber> for SubscriberView {
    fn from(it: Subscriber) -> Self {
        Self {
            id: it.id,
            channel: it.kind,
            address: it.address,
            components: it.choice.0,
            language: it.language,
            created_at_ms: it.created_at,
            confirmed_at_ms: it.confirmed_at,
            trouble: it.trouble,
        }
    }
}

impl From<Counts> for CountsView {
    fn from(Counts { confirmed, unconfirmed, troubled, waiting }: Counts) -> Self {
        Self { confirmed, unconfirmed, troubled, messages_waiting: waiting }
    }
}

/// `GET /v1/subscribers?after=…&limit=…`: in the order in which they came, 1,000 at most.
pub(super) async fn list(
    State(doors): State<Doors>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Json<List>, Problem> {
    let Query(Part { after, limit }) = part.map_err(|refused| Problem::malformed(refused.body_text()))?;
    let subscribers = doors.subscribers.list(after, limit.unwrap_or(LIST_MAX)).await.map_err(unavailable)?;
    let counts = doors.subscribers.counts().await.map_err(unavailable)?;
    Ok(Json(List { subscribers: subscribers.into_iter().map(Into::into).collect(), counts: counts.into() }))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entries {
    subscribers: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    channel: String,
    address: String,
    #[serde(default)]
    components: BTreeSet<Name>,
    #[serde(default)]
    language: Option<Language>,
}

/// How many came that were not there.
#[derive(Debug, Serialize)]
pub(super) struct Added {
    new: usize,
}

/// `POST /v1/subscribers`: all of them or none, without asking them first: whoever enters them answers for that.
pub(super) async fn add(
    State(doors): State<Doors>,
    FromJson(entries): FromJson<Entries>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    if entries.subscribers.len() > ADDED_MAX {
        return Err(Problem::too_large(format!("at most {ADDED_MAX} subscribers at once")));
    }
    let read = |(n, entry)| read(&doors, entry).map_err(|why| Problem::senseless(format!("subscribers[{n}]: {why}")));
    let some: Vec<_> = entries.subscribers.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    let new = doors.subscribers.add(doors.clock.now(), some).await.map_err(unavailable)?;
    Ok((StatusCode::CREATED, Json(Added { new })))
}

fn read(doors: &Doors, entry: Entry) -> Result<Wish, String> {
    let kind: ChannelKind = entry.channel.parse().map_err(|error: crate::subscribers::NoChannel| error.to_string())?;
    let address = Address::read(kind, &entry.address).map_err(|error| error.to_string())?;
    let snapshot = doors.snapshots.borrow();
    let policy = &snapshot.settings.policy;
    let known = &policy.topology.components;
    if let Some(stranger) = entry.components.iter().find(|name| !known.contains_key(*name)) {
        return Err(format!("there is no component {stranger}"));
    }
    if let Some(stranger) = entry.language.filter(|language| !policy.tell.languages().contains(language)) {
        return Err(format!("the status page is not in {stranger}: [status_page] languages says what it is in"));
    }
    Ok(Wish { address, choice: Choice(entry.components), language: entry.language })
}

/// `DELETE /v1/subscribers/{id}`: erased, with all that was on its way to them.
pub(super) async fn erase(State(doors): State<Doors>, path: Result<Path<i64>, PathRejection>) -> Done {
    let Path(id) = path.map_err(|_| Problem::absent("a subscriber's id is a number"))?;
    match doors.subscribers.erase(id).await.map_err(unavailable)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::absent(format!("there is no subscriber {id}"))),
    }
}

fn unavailable(error: StoreError) -> Problem {
    let why = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    Problem::unavailable(format!("{error}{why}"))
}
