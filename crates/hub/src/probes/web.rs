//! The probes' HTTP client: a new connection each time, no redirects, no proxy, bounded bodies, and errors that
//! say on which side the fault lies.

use super::{Trouble, failure_of};
use downbeat_core::model::FailureKind;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout_at;

/// Why there is no HTTP client.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up an HTTP client")]
pub struct ClientError(#[from] reqwest::Error);

/// When a step has to be done.
pub(super) type Deadline = tokio::time::Instant;

/// An HTTP client for probes. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Web(Client);

impl Web {
    pub(super) fn new() -> Result<Self, ClientError> {
        let builder = Client::builder()
            .user_agent(concat!("downbeat/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .pool_max_idle_per_host(0)
            .dns_resolver(SystemNames);
        Ok(Self(builder.build()?))
    }

    pub(super) fn client(&self) -> &Client {
        &self.0
    }
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn head(request: RequestBuilder, deadline: Deadline) -> Result<Response, Trouble> {
    match timeout_at(deadline, request.send()).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(trouble(&error)),
        Err(_) => Err(Trouble::theirs(FailureKind::Late, "no answer in time")),
    }
}

/// Reads a body up to so many bytes; what is beyond stays unread.
pub(super) async fn body(mut response: Response, most: usize, deadline: Deadline) -> Result<Vec<u8>, Trouble> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunk(&mut response, deadline).await? {
        let room = most - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if bytes.len() == most {
            break;
        }
    }
    Ok(bytes)
}

/// The next piece of a body; `None` at its end.
pub(super) async fn chunk(response: &mut Response, deadline: Deadline) -> Result<Option<bytes::Bytes>, Trouble> {
    match timeout_at(deadline, response.chunk()).await {
        Ok(Ok(chunk)) => Ok(chunk),
        Ok(Err(error)) => Err(trouble(&error)),
        Err(_) => Err(Trouble::theirs(FailureKind::Stalled, "the body stopped coming")),
    }
}

/// A deadline so far from now.
pub(super) fn within(span: Duration) -> Deadline {
    tokio::time::Instant::now() + span
}

fn trouble(error: &reqwest::Error) -> Trouble {
    let detail = chain(error);
    if error.is_builder() {
        return Trouble::Ours(detail);
    }
    let unclear = if error.is_timeout() { FailureKind::Late } else { FailureKind::Reset };
    let known = causes(error).find_map(|cause| verdict(cause, &detail));
    known.unwrap_or_else(|| Trouble::theirs(unclear, detail))
}

/// What one error in the chain says; `None` when it says nothing.
fn verdict(cause: &(dyn Error + 'static), detail: &str) -> Option<Trouble> {
    if cause.is::<Unresolved>() {
        return Some(Trouble::theirs(FailureKind::Unresolved, detail));
    }
    let io = cause.downcast_ref::<std::io::Error>();
    // rustls' errors come wrapped into one of a socket.
    let tls = io.and_then(|io| io.get_ref()).and_then(|inner| inner.downcast_ref()).or(cause.downcast_ref());
    match (tls, io) {
        (Some(rustls::Error::InvalidCertificate(_)), _) => Some(Trouble::theirs(FailureKind::Certificate, detail)),
        (_, Some(io)) => Some(match failure_of(io) {
            Some(failure) => Trouble::theirs(failure, detail),
            None => Trouble::Ours(detail.into()),
        }),
        (_, None) => None,
    }
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn chain(error: &reqwest::Error) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}

/// The system's names, with an error of their own, so that a name that does not resolve can be told from an
/// address that does not answer.
#[derive(Debug)]
struct SystemNames;

#[derive(Debug, thiserror::Error)]
#[error("{host} does not resolve")]
struct Unresolved {
    host: String,
    source: std::io::Error,
}

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await.map(Iterator::collect::<Vec<_>>);
            let addresses = found.map_err(|source| Unresolved { host, source })?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
