//! `/events`: tells open pages that something changed, at most once a second; they fetch what they show.

use super::{Console, refused};
use crate::faces::desk::Desk;
use crate::view::Snapshot;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Most pages kept live at once. Who finds no room has a page that does not move by itself.
const PAGES_MAX: usize = 64;
/// Between two words to a page.
const PACE: Duration = Duration::from_secs(1);

/// The source of the words. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Live {
    snapshots: watch::Receiver<Snapshot>,
    room: Arc<Semaphore>,
}

impl Live {
    pub(super) fn new(snapshots: watch::Receiver<Snapshot>) -> Self {
        Self { snapshots, room: Arc::new(Semaphore::new(PAGES_MAX)) }
    }
}

pub(super) async fn events<D: Desk>(State(console): State<Console<D>>) -> Response {
    match Arc::clone(&console.live.room).try_acquire_owned() {
        Ok(seat) => Sse::new(changes(console.live.snapshots, seat)).keep_alive(KeepAlive::default()).into_response(),
        Err(_) => refused::page(&console.snapshot(), StatusCode::SERVICE_UNAVAILABLE, "Too many pages are open."),
    }
}

/// Ends when the snapshots do; the seat is free again when the page goes.
fn changes(
    snapshots: watch::Receiver<Snapshot>,
    seat: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((snapshots, seat), |(mut snapshots, seat)| async move {
        snapshots.changed().await.ok()?;
        let version = snapshots.borrow_and_update().now.as_millis();
        tokio::time::sleep(PACE).await;
        let event = Event::default().event("changed").data(version.to_string());
        Some((Ok(event), (snapshots, seat)))
    })
}
