//! A client behind whose back the answer to it is stored.

use crate::cache::Cache;
use crate::cache::date::Now;
use crate::cache::filling::Filling;
use crate::codec::{AnswerHead, Persistence, Trailers};
use crate::door::caller::Caller;
use crate::door::outbox::Behind;
use crate::exchange::downstream::{BodyTerms, BodyTrouble, Downstream};
use bytes::Bytes;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;

/// Passes an answer on as it is, and stores it when it has come whole.
pub(crate) struct Recorder<'a, D> {
    client: &'a mut D,
    cache: &'a Cache,
    filling: Option<Filling>,
}

impl<'a, D> Recorder<'a, D> {
    pub(crate) fn new(client: &'a mut D, cache: &'a Cache, filling: Option<Filling>) -> Self {
        Self { client, cache, filling }
    }
}

impl<D: Downstream> Downstream for Recorder<'_, D> {
    fn caller(&self) -> Caller {
        self.client.caller()
    }

    async fn invite_body(&mut self) -> io::Result<()> {
        self.client.invite_body().await
    }

    async fn next_piece(&mut self, terms: BodyTerms) -> Result<Option<Bytes>, BodyTrouble> {
        self.client.next_piece(terms).await
    }

    fn trailers(&mut self) -> Trailers {
        self.client.trailers()
    }

    fn begin(&mut self, head: &AnswerHead, then: Persistence) {
        self.client.begin(head, then);
    }

    fn piece(&mut self, data: Bytes) {
        self.filling = self.filling.take().and_then(|filling| filling.piece(&data, self.cache));
        self.client.piece(data);
    }

    /// What is stored has no trailers (RFC 9111, 3, lets a cache drop them): a cached body has a length, not chunks.
    fn end(&mut self, trailers: Trailers) {
        if let Some(filling) = self.filling.take() {
            filling.store(self.cache, Now::read());
        }
        self.client.end(trailers);
    }

    fn backlog(&self) -> usize {
        self.client.backlog()
    }

    fn bare(&self) -> Option<&TcpStream> {
        // What goes past this process cannot be stored.
        if self.filling.is_none() { self.client.bare() } else { None }
    }

    async fn send(&mut self, patience: Duration, behind: Behind) -> io::Result<()> {
        self.client.send(patience, behind).await
    }
}
