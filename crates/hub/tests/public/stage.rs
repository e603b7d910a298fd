//! Both faces of a hub that only remembers its story, on ports of their own.

use crate::view::Snapshot;
use downbeat_core::incident::{Command, Record};
use downbeat_core::model::{Moment, Name};
use downbeat_hub::clock::HubClock;
use downbeat_hub::doors::CommandError;
use downbeat_hub::faces::{Desk, console_routes, status_routes};
use downbeat_hub::log::ReadError;
use downbeat_hub::reports::ReportDesk;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;

#[derive(Clone)]
struct Told(Arc<watch::Sender<Snapshot>>);

impl Desk for Told {
    fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.0.subscribe()
    }

    fn reports(&self) -> ReportDesk {
        ReportDesk::alone(&self.0.borrow().settings, HubClock::start(Moment::default()))
    }

    async fn command(&self, _: Name, _: Command) -> Result<(), CommandError> {
        Ok(())
    }

    fn records_after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        let book = Arc::clone(&self.0.borrow().book);
        let records = book.incidents.values().flat_map(|incident| incident.timeline.iter().cloned());
        Ok(records.filter(|record| record.seq > seq).take(most).collect())
    }
}

/// A told story as others find it.
pub(crate) struct Stage {
    /// The status page's address.
    pub(crate) status: String,
    /// The console's.
    pub(crate) console: String,
    data: TempDir,
}

impl Stage {
    /// Tells a story until the test ends. Its page knows its own address.
    pub(crate) async fn of(mut snapshot: Snapshot) -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let [(status, status_at), (console, console_at)] = [listener().await, listener().await];
        let settings = Arc::make_mut(&mut snapshot.settings);
        settings.data = data.path().to_owned();
        settings.status_url.clone_from(&status_at);
        let told = Told(Arc::new(watch::Sender::new(snapshot)));
        let routes = [(status, status_routes(told.clone())), (console, console_routes(told))];
        for (listener, routes) in routes {
            tokio::spawn(async move { axum::serve(listener, routes).await });
        }
        Self { status: status_at, console: console_at, data }
    }

    /// Where the hub keeps its files.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }
}

/// A free port with its address.
pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    (listener, format!("http://{address}"))
}
