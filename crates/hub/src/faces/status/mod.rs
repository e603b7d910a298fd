//! The public status page: drawn anew when the picture changes, served from memory, kept on disk.
//!
//! Nothing in it needs the hub but the pages of who reports: whoever serves `{data}/status` serves the whole page,
//! with the stamp of when it was measured (invariant C5).

mod api;
mod archive;
mod badge;
mod calendar;
mod entry;
mod feed;
mod history;
mod maintenance;
mod months;
mod pages;
mod past;
mod payload;
mod phrases;
mod picture;
mod report;
pub(super) mod reports;
mod shelf;
mod shown;
mod site;
mod told;

pub(crate) use phrases::{Phrases, fill};
pub(crate) use shelf::{Shelf, ShelfError};
pub(super) use site::Kind;
pub(crate) use site::{File, Site};

use super::answer::{self, Door};
use super::claim::Claims;
use super::desk::Desk;
use crate::http::server::Front;
use crate::outbound::{Outbound, Web};
use crate::s3::Bucket;
use crate::view::Snapshot;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri};
use axum::response::Response;
use axum::routing::get;
pub(crate) use payload::ComponentChange;
pub(crate) use picture::Picture;
use shown::Shown;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Between two drawings: readers need no more, and a busy driver publishes four times a second.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// The status page's routes. Draws at once, and again whenever the snapshots change, until their sender is gone.
///
/// Has to be called within a tokio runtime.
pub fn status_routes<D: Desk>(desk: D) -> Router {
    status_face(desk).0
}

/// The routes, and the window beside them: what lies in memory is given out there without a look at the routes.
pub(crate) fn status_face<D: Desk>(desk: D) -> (Router, Window) {
    let snapshots = desk.snapshots();
    let first = Drawn::of(&snapshots.borrow(), None);
    let settings = Arc::clone(&snapshots.borrow().settings);
    let shelf = Shelf::at(settings.data.join("status"));
    let (sender, drawn) = watch::channel(Arc::new(first));
    if let Some(copy) = &settings.page.copy {
        let outbound = Outbound::new(settings.outbound_allow.clone(), &settings.policy.topology);
        match Web::new(outbound) {
            Ok(web) => {
                drop(tokio::spawn(keep_copying(drawn.clone(), Bucket::new(copy.bucket.clone(), web), copy.every)))
            }
            Err(error) => tracing::warn!(%error, "the status page has no copy in a bucket"),
        }
    }
    tokio::spawn(keep_drawing(snapshots, sender, shelf));
    let reporting = report::routes(drawn.clone(), &desk);
    let window = Window(drawn);
    let routes = Router::new()
        .route("/", get(file))
        .route("/{*path}", get(file))
        .with_state(window.clone())
        .merge(reporting)
        .layer(axum::middleware::map_response(answer::guard::<Public>));
    (routes, window)
}

/// Gives out what was drawn last. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Window(watch::Receiver<Arc<Drawn>>);

impl Front for Window {
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        // What is escaped is read by the routes.
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if reads { self.0.borrow().shown.answer(uri.path(), headers) } else { None }
    }
}

/// A bucket that did not take the page is tried again after so long.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// The page of that name, in any language.
const EMBED: &str = "embed";
/// For the one page that is made for frames of others: it has no form.
const FRAMED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors *",
);

/// What may do what on the public page.
struct Public;

impl Door for Public {
    const CSP: &'static str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
                               connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    const CACHE: &'static str = "public, max-age=5";
}

/// A picture with the site drawn from it, on disk and at the door.
#[derive(Debug)]
struct Drawn {
    picture: Picture,
    site: Site,
    shown: Shown,
}

impl Drawn {
    /// The first drawing has none before it.
    fn of(snapshot: &Snapshot, before: Option<&Self>) -> Self {
        let picture = match before {
            Some(before) => Picture::of(snapshot, &before.picture.claims),
            None => Picture::of(snapshot, &Claims::new()),
        };
        let site_before = before.map(|drawn| &drawn.site);
        let site =
            Site::draw(&picture, site_before).expect("templates and shapes write to memory, which does not fail");
        let shown = match before {
            Some(before) => Shown::of(&site, &before.shown),
            None => Shown::of(&site, &Shown::default()),
        };
        Self { picture, site, shown }
    }
}

/// Draws and shelves until the snapshots end.
async fn keep_drawing(mut snapshots: watch::Receiver<Snapshot>, drawn: watch::Sender<Arc<Drawn>>, mut shelf: Shelf) {
    let mut healthy = true;
    loop {
        let newest = Arc::clone(&drawn.borrow());
        let (back, shelved) = put(shelf, newest).await;
        shelf = back;
        if let (true, Err(error)) = (healthy, &shelved) {
            tracing::warn!(error = error.as_str(), "the status page cannot be kept on disk");
        }
        healthy = shelved.is_ok();
        tokio::time::sleep(DRAW_EVERY).await;
        if snapshots.changed().await.is_err() {
            return;
        }
        let (snapshot, before) = (snapshots.borrow_and_update().clone(), Arc::clone(&drawn.borrow()));
        // Off the runtime's threads: a large service's page takes some time.
        let next = tokio::task::spawn_blocking(move || Drawn::of(&snapshot, Some(&before))).await;
        drawn.send_replace(Arc::new(next.expect("drawing does not panic")));
    }
}

/// Keeps the copy in a bucket: what was said is there at once, what was only measured after `every`.
async fn keep_copying(mut drawn: watch::Receiver<Arc<Drawn>>, mut bucket: Bucket, every: Duration) {
    let mut healthy = true;
    loop {
        let newest = Arc::clone(&drawn.borrow_and_update());
        let copied = bucket.put(&newest.site).await;
        if let (true, Err(error)) = (healthy, &copied) {
            tracing::warn!(%error, "the status page's copy in the bucket is old");
        }
        healthy = copied.is_ok();
        let due = Instant::now() + if healthy { every } else { every.min(TRY_AGAIN) };
        loop {
            match timeout_at(due, drawn.changed()).await {
                Err(_) => break,
                Ok(Err(_)) => return,
                Ok(Ok(())) if healthy && drawn.borrow_and_update().picture.says_otherwise(&newest.picture) => break,
                Ok(Ok(())) => {}
            }
        }
    }
}

/// Shelves off the runtime's threads; a disk may hang.
async fn put(mut shelf: Shelf, drawn: Arc<Drawn>) -> (Shelf, Result<(), String>) {
    let work = tokio::task::spawn_blocking(move || {
        let result = shelf.put(&drawn.site).map_err(|error| error.to_string());
        (shelf, result)
    });
    work.await.expect("writing files does not panic")
}

async fn file(State(Window(drawn)): State<Window>, path: Option<Path<String>>, headers: HeaderMap) -> Response {
    let (path, shown) = (path.map(|Path(path)| path).unwrap_or_default(), &drawn.borrow().shown);
    shown.answer(&path, &headers).unwrap_or_else(|| shown.not_found(&headers))
}

#[cfg(test)]
mod tests;
