//! An HTTP receiver that remembers what came and answers as told.

use crate::rig::any_port;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// One request that came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// How the next request is answered.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    With(u16),
    /// Not at all.
    Never,
}

#[derive(Debug, Default)]
struct Book {
    received: Mutex<Vec<Received>>,
    answers: Mutex<VecDeque<Answer>>,
}

/// Listens until dropped; answers 200 when nothing else is told.
#[derive(Debug)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    book: Arc<Book>,
    server: AbortHandle,
}

impl Receiver {
    pub(crate) async fn start(answers: &[Answer]) -> Self {
        let book = Arc::new(Book { answers: Mutex::new(answers.iter().copied().collect()), ..Book::default() });
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let app = Router::new().fallback(take).with_state(Arc::clone(&book));
        let server = tokio::spawn(async move { axum::serve(listener, app).await }).abort_handle();
        Self { url, book, server }
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.book.received.lock().expect("no panic in between").clone()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(book): State<Arc<Book>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    book.received.lock().expect("no panic in between").push(Received { path: uri.path().into(), headers, body });
    let answer = book.answers.lock().expect("no panic in between").pop_front();
    match answer.unwrap_or(Answer::With(200)) {
        Answer::With(status) => StatusCode::from_u16(status).expect("a status"),
        Answer::Never => std::future::pending().await,
    }
}
