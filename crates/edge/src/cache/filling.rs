//! An answer on its way into the store, while it is sent to the client that asked for it.

use crate::cache::Cache;
use crate::cache::coalesce::Flight;
use crate::cache::date::Now;
use crate::cache::policy::Terms;
use crate::cache::store::{Key, Stamp};
use crate::cache::stored::Stored;
use crate::codec::{AnswerHead, AnswerLength, Fields};
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use std::time::Instant;

/// Whom an answer is stored for: an address, and the fields of the request that got it.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) key: Key,
    pub(crate) stamp: Stamp,
    pub(crate) request: Fields,
}

/// An answer on its way into the store. Dropped before its end, nothing is stored, and whoever waits goes on alone.
#[derive(Debug)]
pub(crate) struct Filling {
    shelf: Shelf,
    status: u16,
    fields: Fields,
    terms: Terms,
    room: usize,
    body: BytesMut,
    is_certain: bool,
    _flight: Option<Flight>,
}

impl Filling {
    /// True when nothing yet says that the body cannot be stored, or is longer than `room`.
    pub(crate) const fn fits(head: &AnswerHead, room: u64) -> bool {
        match head.length {
            AnswerLength::Known(bytes) => bytes <= room,
            AnswerLength::Bodiless { .. } | AnswerLength::Chunked => true,
            // Whether a body that ends with its connection was cut is not to be told.
            AnswerLength::UntilClose => false,
        }
    }

    /// Begins with the head of an answer that fits.
    pub(crate) fn begin(shelf: Shelf, head: &AnswerHead, terms: Terms, room: u64, flight: Option<Flight>) -> Self {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let said = if let AnswerLength::Known(bytes) = head.length { bytes } else { 0 };
        let body = BytesMut::with_capacity(usize::try_from(said).unwrap_or(room).min(room));
        let is_certain = head.length != AnswerLength::Chunked;
        Self { shelf, status: head.status, fields: head.fields.clone(), terms, room, body, is_certain, _flight: flight }
    }

    /// True when the body is stored for certain once it has come: its length is known.
    pub(crate) const fn is_certain(&self) -> bool {
        self.is_certain
    }

    /// Takes the next piece; gives the whole up when it gets too long.
    pub(crate) fn piece(mut self, data: &Bytes, cache: &Cache) -> Option<Self> {
        if self.body.len() + data.len() > self.room {
            cache.set_apart(&self.shelf, Instant::now());
            return None;
        }
        self.body.extend_from_slice(data);
        Some(self)
    }

    /// The body is whole: stores the answer, and lets go whoever waits for it.
    pub(crate) fn store(self, cache: &Cache, now: Now) -> Arc<Stored> {
        let exact = self.body.capacity() == self.body.len();
        let body = if exact { self.body.freeze() } else { Bytes::copy_from_slice(&self.body) };
        let shelf = self.shelf;
        let stored = Arc::new(Stored::of(&shelf.request, self.status, &self.fields, body, self.terms, now));
        cache.store.put(&shelf.key, &shelf.request, stored.clone(), shelf.stamp);
        stored
    }
}
