//! Small answers, kept and served again without asking any replica.
//!
//! `policy` says what may be stored and used again, out of `directives` and `date`; `stored` is one answer, `validate`
//! compares it with what clients have, `ranges` takes parts out of it, `present` is what goes out; `store` holds all of
//! them in bounded memory, `filling` brings them in, and `coalesce` lets one request of many ask; `note` says what was
//! done. Nothing here reads from or writes to a socket.
//! Source: RFC 9111 (shared caches), RFC 5861 (stale answers), RFC 8246 (immutable), RFC 9211 (Cache-Status).

pub(crate) mod coalesce;
pub(crate) mod date;
pub(crate) mod directives;
pub(crate) mod filling;
pub(crate) mod note;
pub(crate) mod policy;
pub(crate) mod present;
#[cfg(test)]
mod properties;
pub(crate) mod ranges;
#[cfg(test)]
mod rulings;
pub(crate) mod store;
pub(crate) mod stored;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod validate;

use crate::cache::coalesce::Flights;
use crate::cache::filling::Shelf;
use crate::cache::note::Outcomes;
use crate::cache::policy::{Times, judge};
use crate::cache::store::{Key, Store};
use crate::cache::stored::Stored;
use crate::change::settings::CacheSettings;
use crate::change::site::ComponentId;
use crate::codec::{Fields, RequestHead, Scheme};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For so long the requests for an address go on side by side, after an answer that was of no use to others.
const APART: Duration = Duration::from_secs(10);

/// What all threads of an edge share.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) store: Store,
    pub(crate) flights: Arc<Flights>,
    /// One for each component.
    outcomes: Vec<Outcomes>,
}

impl Cache {
    /// An empty cache of so many bytes.
    pub(crate) fn new(bytes: usize, components: usize) -> Self {
        let outcomes = (0..components).map(|_| Outcomes::default()).collect();
        Self { store: Store::new(bytes), flights: Arc::default(), outcomes }
    }

    /// What the cache did for a component.
    pub(crate) fn outcomes(&self, component: ComponentId) -> &Outcomes {
        &self.outcomes[component.0]
    }

    /// Where the answer to a request belongs.
    pub(crate) fn shelf(&self, component: ComponentId, scheme: Scheme, request: &RequestHead) -> Shelf {
        let key = Key::of(component, scheme, request);
        Shelf { stamp: self.store.stamp(&key), key, request: request.fields.clone() }
    }

    /// A stored answer as a 304 leaves it (RFC 9111, 4.3.4).
    pub(crate) fn freshen(
        &self,
        request: &RequestHead,
        rules: &CacheSettings,
        shelf: &Shelf,
        stored: &Stored,
        update: &Fields,
        times: Times,
    ) -> Arc<Stored> {
        let fields = stored.merged(update);
        let terms = judge(request, stored.status, &fields, rules, times);
        let (body, now) = (stored.body.clone(), times.answered);
        let fresh = Stored::of(&shelf.request, stored.status, &fields, body, terms.unwrap_or(stored.terms), now);
        let fresh = Arc::new(fresh);
        match terms {
            Ok(_) => self.store.put(&shelf.key, &shelf.request, fresh.clone(), shelf.stamp),
            Err(_) => self.store.erase(&shelf.key),
        }
        fresh
    }

    /// Takes in that a request now has an answer that is not stored, so that nobody need wait for such a one.
    pub(crate) fn set_apart(&self, shelf: &Shelf, now: Instant) {
        self.store.set_apart(&shelf.key, &shelf.request, now + APART);
    }
}
