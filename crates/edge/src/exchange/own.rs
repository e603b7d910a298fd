//! Answers that the edge gives itself.

use crate::codec::{AnswerHead, AnswerLength, Fields, Method, Persistence, Trailers};
use crate::door::outbox::Behind;
use crate::exchange::downstream::Downstream;
use bytes::Bytes;
use std::io;
use std::time::Duration;

/// A whole answer of our own.
#[derive(Debug, Clone)]
pub(crate) struct OwnAnswer {
    head: AnswerHead,
    body: Bytes,
}

impl OwnAnswer {
    /// A document.
    pub(crate) fn new(status: u16, content_type: &str, body: Bytes) -> Self {
        Self::with(status, content_type, None, body)
    }

    /// Says as JSON what is wrong; `retry_after` in seconds.
    pub(crate) fn error(status: u16, error: &str, retry_after: Option<u64>) -> Self {
        let body = serde_json::json!({ "status": status, "error": error }).to_string();
        Self::with(status, "application/json", retry_after, body.into())
    }

    fn with(status: u16, content_type: &str, retry_after: Option<u64>, body: Bytes) -> Self {
        let seconds = retry_after.map(|seconds| seconds.to_string());
        let fields = [("Server", "downbeat"), ("Content-Type", content_type), ("Cache-Control", "no-store")];
        let fields = fields.into_iter().chain(seconds.as_deref().map(|seconds| ("Retry-After", seconds)));
        let fields = Fields::from_pairs(fields.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let length = AnswerLength::Known(body.len() as u64);
        Self { head: AnswerHead { status, fields, length, persistence: Persistence::Close }, body }
    }

    /// An answer that is at hand, body and all.
    pub(crate) const fn at_hand(head: AnswerHead, body: Bytes) -> Self {
        Self { head, body }
    }

    /// The same as the answer to a method: HEAD gets no body.
    pub(crate) fn to(self, method: &Method) -> Self {
        if *method != Method::Head {
            return self;
        }
        let length = AnswerLength::Bodiless { would_be: Some(self.body.len() as u64) };
        Self { head: AnswerHead { length, ..self.head }, body: Bytes::new() }
    }

    /// Sends all of it.
    ///
    /// # Errors
    /// When the client has gone, or takes nothing for as long as `patience`.
    pub(crate) async fn send(
        &self,
        client: &mut impl Downstream,
        then: Persistence,
        patience: Duration,
    ) -> io::Result<()> {
        client.begin(&self.head, then);
        client.piece(self.body.clone());
        client.end(Trailers::default());
        while client.backlog() > 0 {
            client.send(patience, Behind::Nothing).await?;
        }
        Ok(())
    }
}
