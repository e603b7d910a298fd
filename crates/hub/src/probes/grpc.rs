//! gRPC's own health check (`grpc.health.v1.Health/Check`): whether a server says that a service of it serves.
//!
//! Two messages of one field each need no code generator: the request is field 1, a string; the answer is field 1, an
//! enumeration in which 1 is `SERVING`.

use super::Trouble;
use super::connection::{Connection, Way};
use super::web::within;
use bytes::{BufMut, Bytes, BytesMut};
use downbeat_core::model::FailureKind;
use h2::client::handshake;
use reqwest::Url;
use reqwest::header::HeaderMap;
use std::time::Duration;
use tokio::time::timeout_at;

/// A health answer has two bytes and five in front; whatever is much longer is none.
const ANSWER_MAX: usize = 4 * 1024;
/// Longest name of a service that is asked for: its length still is one byte of the message.
pub const GRPC_SERVICE_MAX: usize = 127;

/// Asks a server for the health of a service; of itself when the service's name is empty.
pub(super) async fn probe(way: Way<'_>, url: &str, service: &str, timeout: Duration) -> Result<(), Trouble> {
    let deadline = within(timeout);
    let url = Url::parse(url).map_err(|error| Trouble::Ours(format!("{url:?} is no URL: {error}")))?;
    let stream = way.open(&url, b"h2", deadline).await?;
    let checked = timeout_at(deadline, check(stream, &url, service)).await;
    let late = || Err(Trouble::theirs(FailureKind::Late, format!("{url}: no health answer in time")));
    checked.unwrap_or_else(|_| late())
}

/// What a server answered.
struct Answer {
    /// The message, when one came.
    message: Option<Bytes>,
    /// `grpc-status` and `grpc-message`.
    status: Option<String>,
    words: String,
}

async fn check(stream: Box<dyn Connection>, url: &Url, service: &str) -> Result<(), Trouble> {
    let broken = |error: h2::Error| Trouble::theirs(FailureKind::Reset, format!("{url}: {error}"));
    let (mut requests, connection) = handshake(stream).await.map_err(broken)?;
    let answer = async {
        let request = request(url).map_err(|error| Trouble::Ours(format!("{url}: {error}")))?;
        let (response, mut body) = requests.send_request(request, false).map_err(broken)?;
        body.send_data(message(service), true).map_err(broken)?;
        read(response.await.map_err(broken)?, url).await
    };
    // The connection has to be driven while the answer is waited for; its own end before that is a broken one.
    tokio::select! {
        biased;
        answer = answer => judge(&answer?, url, service),
        ended = connection => Err(match ended {
            Err(error) => broken(error),
            Ok(()) => Trouble::theirs(FailureKind::Reset, format!("{url}: it hung up")),
        }),
    }
}

fn request(url: &Url) -> Result<http::Request<()>, http::Error> {
    let mut target = url.clone();
    target.set_path("/grpc.health.v1.Health/Check");
    http::Request::post(target.as_str()).header("content-type", "application/grpc").header("te", "trailers").body(())
}

/// The request, framed: no compression, its length, field 1.
fn message(service: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    let length = u8::try_from(service.len()).expect("the configuration knows the longest name");
    bytes.put_u8(0);
    bytes.put_u32(if length == 0 { 0 } else { 2 + u32::from(length) });
    if length > 0 {
        bytes.put_u8(0x0a);
        bytes.put_u8(length);
        bytes.put_slice(service.as_bytes());
    }
    bytes.freeze()
}

async fn read(response: http::Response<h2::RecvStream>, url: &Url) -> Result<Answer, Trouble> {
    let broken = |error: h2::Error| Trouble::theirs(FailureKind::Reset, format!("{url}: {error}"));
    let (head, mut body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        let failure = super::http::failure(head.status);
        return Err(Trouble::theirs(failure, format!("{url} answered {}, which is no gRPC", head.status.as_u16())));
    }
    let mut bytes = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(broken)?;
        bytes.extend_from_slice(&data[..data.len().min(ANSWER_MAX - bytes.len())]);
        body.flow_control().release_capacity(data.len()).map_err(broken)?;
        if bytes.len() == ANSWER_MAX {
            return Err(Trouble::theirs(FailureKind::Wrong, format!("{url}: that is no answer of a health check")));
        }
    }
    // An answer without a message has its status among the fields of its head.
    let trailers = body.trailers().await.map_err(broken)?.unwrap_or(head.headers);
    let field = |fields: &HeaderMap, name| fields.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let message = (bytes.len() >= 5).then(|| bytes.freeze().slice(5..));
    let words = field(&trailers, "grpc-message").unwrap_or_default();
    Ok(Answer { message, status: field(&trailers, "grpc-status"), words })
}

fn judge(answer: &Answer, url: &Url, service: &str) -> Result<(), Trouble> {
    let whose = if service.is_empty() { url.to_string() } else { format!("{service} at {url}") };
    let failed = |failure, what: String| Err(Trouble::theirs(failure, format!("{whose}: {what}")));
    match answer.status.as_deref() {
        Some("0") => {}
        Some("5") => return failed(FailureKind::Wrong, "the server knows no such service".into()),
        Some("12") => return failed(FailureKind::Wrong, "the server has no health check".into()),
        Some("7" | "16") => return failed(FailureKind::Denied, answer.words.clone()),
        Some(status) => return failed(FailureKind::Status, format!("gRPC status {status}: {}", answer.words)),
        None => return failed(FailureKind::Wrong, "an answer without a gRPC status".into()),
    }
    // Field 1 as a number; one that is left out is 0.
    match answer.message.as_deref() {
        Some([0x08, 1]) => Ok(()),
        Some([0x08, 2]) => failed(FailureKind::Status, "NOT_SERVING".into()),
        Some([] | [0x08, 0 | 3]) => failed(FailureKind::Wrong, "its health is not known".into()),
        _ => failed(FailureKind::Wrong, "that is no answer of a health check".into()),
    }
}
