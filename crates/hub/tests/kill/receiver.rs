//! Takes messages and actuations, and remembers of each: which life sent it, to which channel, under which key.

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::sync::{Arc, Mutex};

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Received {
    pub(crate) channel: String,
    pub(crate) key: String,
    pub(crate) life: usize,
}

/// Listens for as long as the runtime lives.
#[derive(Debug, Clone)]
pub(crate) struct Receiver {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let received = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().route("/{life}/{channel}", post(take)).with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, received }
    }

    /// Where one life sends to.
    pub(crate) fn url_of(&self, life: usize) -> String {
        format!("{}/{life}", self.url)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().expect("no panic in between").clone()
    }
}

async fn take(
    State(received): State<Arc<Mutex<Vec<Received>>>>,
    Path((life, channel)): Path<(usize, String)>,
    headers: HeaderMap,
) -> StatusCode {
    let key = headers.get("idempotency-key").map_or("", |key| key.to_str().expect("text")).to_owned();
    received.lock().expect("no panic in between").push(Received { channel, key, life });
    StatusCode::OK
}
