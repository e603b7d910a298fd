//! Publishes one consistent picture: at once when the book or the trouble changed, else a few times a second.

use crate::history::Histories;
use crate::reports::ReportDesk;
use crate::settings::HubSettings;
use crate::subscribers::Subscribers;
use crate::uptime::Uptime;
use crate::view::Snapshot;
use downbeat_core::incident::{Book, Engine};
use downbeat_core::model::Moment;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Least time between pictures of an unchanged book.
const EVERY: Duration = Duration::from_millis(250);

/// Publishes snapshots to whoever holds a receiver.
#[derive(Debug)]
pub(crate) struct Publisher {
    snapshots: watch::Sender<Snapshot>,
    reports: ReportDesk,
    subscribers: Subscribers,
    histories: Histories,
}

impl Publisher {
    /// A publisher, and the receiver that all others are clones of.
    pub(crate) fn new(
        settings: Arc<HubSettings>,
        engine: &Engine,
        uptime: &Uptime,
        (reports, subscribers, histories): (ReportDesk, Subscribers, Histories),
    ) -> Self {
        let now = reports.now();
        let first = Snapshot {
            now,
            settings,
            book: Arc::new(engine.book().clone()),
            board: Arc::new(engine.board(now)),
            days: uptime.days(),
            reports: reports.picture(),
            history: histories.standing(engine.book()),
            trouble: None,
            untold: None,
        };
        Self { snapshots: watch::Sender::new(first), reports, subscribers, histories }
    }

    /// A receiver for a face.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.subscribe()
    }

    /// The book as it was last published.
    pub(crate) fn book(&self) -> Arc<Book> {
        Arc::clone(&self.snapshots.borrow().book)
    }

    /// Publishes when there is something new to see.
    pub(crate) fn publish(&self, now: Moment, engine: &Engine, uptime: &Uptime, trouble: Option<String>) {
        let (settings, last_book, is_due) = {
            let last = self.snapshots.borrow();
            let changed = last.book.last_seq != engine.book().last_seq || last.trouble != trouble;
            (Arc::clone(&last.settings), Arc::clone(&last.book), changed || now.since(last.now) >= EVERY)
        };
        if is_due {
            let (book, board) = (book(last_book, engine.book()), Arc::new(engine.board(now)));
            let (days, reports, untold) = (uptime.days(), self.reports.picture(), self.subscribers.trouble());
            let history = self.histories.standing(&book);
            let next = Snapshot { now, settings, book, board, days, reports, history, trouble, untold };
            self.snapshots.send_replace(next);
        }
    }
}

/// The last book again when nothing happened since: copying one is the dearest part of a picture.
fn book(last: Arc<Book>, now: &Book) -> Arc<Book> {
    if last.last_seq == now.last_seq { last } else { Arc::new(now.clone()) }
}
