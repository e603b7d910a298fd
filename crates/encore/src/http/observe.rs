//! What happens to every request and every answer, whatever it is about.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, BodyDataStream, HttpBody, to_bytes},
    extract::{Request, State},
    http::{HeaderValue, Method, Response, StatusCode, Uri, header},
    middleware::Next,
    response::IntoResponse,
};
use bytes::Bytes;
use futures_util::Stream;

use super::{Shared, answer::ApiError};
use crate::metrics::Component;

/// An answer's head is there by then, or a 503 is: a client that sends its body drop by drop holds nothing for long.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// What is logged when nobody waited for the answer; a number of nginx's that no standard uses otherwise.
const CLIENT_GONE: u16 = 499;

/// Longer texts are no error messages.
const MESSAGE_BYTES_MAX: usize = 4096;

/// Longer paths are cut in the log.
const LOGGED_PATH_CHARS: usize = 200;

/// Counts the request, has it answered, and signs, counts and logs the answer.
pub(super) async fn observe(State(app): State<Shared>, request: Request, next: Next) -> Response<Body> {
    let entry = Entry::new(&app, request.method(), request.uri());
    app.defects.request_received();
    delay(&app, entry.component).await;
    let answer = tokio::time::timeout(HEAD_TIMEOUT, next.run(request)).await;
    let answer = answer.unwrap_or_else(|_| ApiError::TimedOut.into_response());
    let mut answer = in_json(answer).await;
    sign(&app, &mut answer);
    app.metrics.answered(entry.component, answer.status(), entry.received.elapsed());
    entry.attach(answer)
}

/// The defect "slow": everything but the probes of operators is late.
async fn delay(app: &Shared, component: Component) {
    if let (Some(delay), false) = (app.defects.delay(), component == Component::Health) {
        tokio::time::sleep(delay).await;
    }
}

/// Errors of the HTTP layer come as plain text; ours are JSON, so theirs become JSON too.
async fn in_json(answer: Response<Body>) -> Response<Body> {
    let status = answer.status();
    let plain = answer.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"text/"));
    if !(status.is_client_error() || status.is_server_error()) || !plain || !has_body(&answer) {
        return answer;
    }
    let text = to_bytes(answer.into_body(), MESSAGE_BYTES_MAX).await.unwrap_or_default();
    ApiError::Other(status, String::from_utf8_lossy(&text).into_owned()).into_response()
}

fn has_body(answer: &Response<Body>) -> bool {
    answer.body().size_hint().exact() != Some(0)
}

/// Says who answered.
fn sign(app: &Shared, answer: &mut Response<Body>) {
    let identity = &app.identity;
    let headers = answer.headers_mut();
    for (name, value) in [
        ("x-encore-region", &identity.region),
        ("x-encore-replica", &identity.replica),
        ("x-encore-version", &identity.version),
    ] {
        let value = HeaderValue::from_str(value).expect("names were checked on the command line");
        headers.insert(name, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// A line of the access log, written when the answer's body has been sent or given up.
struct Entry {
    app: Shared,
    component: Component,
    method: Method,
    path: String,
    received: Instant,
    status: StatusCode,
    bytes: u64,
}

impl Entry {
    /// The query is not kept: it may hold a token.
    fn new(app: &Shared, method: &Method, uri: &Uri) -> Self {
        Self {
            app: Shared::clone(app),
            component: Component::of(uri.path()),
            method: method.clone(),
            path: uri.path().chars().take(LOGGED_PATH_CHARS).collect(),
            received: Instant::now(),
            status: StatusCode::from_u16(CLIENT_GONE).expect("a number that a status may have"),
            bytes: 0,
        }
    }

    /// Ties the line to the answer. A body of known length is logged as it leaves; a stream when it ends.
    fn attach(mut self, answer: Response<Body>) -> Response<Body> {
        self.status = answer.status();
        match answer.body().size_hint().exact() {
            Some(bytes) if self.method != Method::HEAD => {
                self.bytes = bytes;
                answer
            }
            Some(_) => answer,
            None => answer.map(|body| Body::from_stream(Logged { body: body.into_data_stream(), entry: self })),
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let identity = &self.app.identity;
        let (method, status) = (self.method.as_str(), self.status.as_u16());
        let duration_ms = self.received.elapsed().as_micros() as f64 / 1e3;
        let Self { path, bytes, .. } = self;
        let (replica, version) = (&identity.replica, &identity.version);
        // Probes come every second and say the same; they are logged for whoever looks for them.
        if self.component == Component::Health {
            tracing::debug!(event = "request", method, path, status, duration_ms, bytes, replica, version);
        } else {
            tracing::info!(event = "request", method, path, status, duration_ms, bytes, replica, version);
        }
    }
}

/// A streamed body that counts what it sends.
struct Logged {
    body: BodyDataStream,
    entry: Entry,
}

impl Stream for Logged {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.body).poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.entry.bytes += chunk.len() as u64;
        }
        polled
    }
}
