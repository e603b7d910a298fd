//! Requests of probes: bounded bodies, deadlines, and errors that say on which side the fault lies.

use super::certificate::in_words;
use super::{Trouble, failure_of};
use crate::outbound::{LookUpError, Refusal, causes};
use downbeat_core::model::FailureKind;
use reqwest::{RequestBuilder, Response};
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout_at;

/// When a step has to be done.
pub(super) type Deadline = tokio::time::Instant;

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Ours(refusal.to_string())
    }
}

impl From<LookUpError> for Trouble {
    fn from(error: LookUpError) -> Self {
        match &error {
            LookUpError::Unresolved { source, .. } => {
                Self::theirs(FailureKind::Unresolved, format!("{error}: {source}"))
            }
            LookUpError::Forbidden(forbidden) => Self::Ours(forbidden.to_string()),
        }
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
    match cause.downcast_ref() {
        Some(LookUpError::Unresolved { .. }) => return Some(Trouble::theirs(FailureKind::Unresolved, detail)),
        Some(LookUpError::Forbidden(forbidden)) => return Some(Trouble::Ours(forbidden.to_string())),
        None => {}
    }
    match (tls(cause), cause.downcast_ref::<std::io::Error>()) {
        (Some(doubt @ rustls::Error::InvalidCertificate(_)), _) => {
            Some(Trouble::theirs(FailureKind::Certificate, in_words(doubt)))
        }
        (_, Some(io)) => Some(match failure_of(io) {
            Some(failure) => Trouble::theirs(failure, detail),
            None => Trouble::Ours(detail.into()),
        }),
        (_, None) => None,
    }
}

/// What rustls says. Its errors come wrapped into one of a socket, and that into another, neither of which names it as its cause.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let inner = || error.downcast_ref::<std::io::Error>()?.get_ref();
    error.downcast_ref().or_else(|| tls(inner()?))
}

fn chain(error: &reqwest::Error) -> String {
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}
