//! One stored answer: what of it is kept, what a 304 changes about it, and how it goes out again.

use crate::cache::date::{self, Now};
use crate::cache::policy::Terms;
use crate::codec::{AnswerHead, AnswerLength, Field, Fields, Persistence};
use bytes::Bytes;
use std::time::Instant;

/// Memory that a field needs besides its bytes.
const FIELD_BYTES: usize = 32;
/// Memory that a stored answer needs besides its fields and its body.
const ANSWER_BYTES: usize = 256;

/// A stored answer.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
    pub(crate) terms: Terms,
    /// The fields of the request that `Vary` names, as they were.
    selecting: Box<[Selecting]>,
}

#[derive(Debug)]
struct Selecting {
    name: Box<str>,
    value: Option<Box<[u8]>>,
}

impl Stored {
    /// What is kept of an answer. `body` is kept as it is, so it has to lie in memory of its own.
    pub(crate) fn of(request: &Fields, status: u16, fields: &Fields, body: Bytes, terms: Terms, now: Now) -> Self {
        let kept = fields.end_to_end().filter(is_kept).map(|f| (f.name, f.value));
        // An answer without a date gets one (RFC 9110, 6.6.1).
        let today = fields.get("date").is_none().then(|| date::format(now.wall));
        let dated = today.iter().map(|today| (&b"Date"[..], today.as_bytes()));
        let kept = Fields::from_pairs(kept.chain(dated));
        let selecting = selecting(request, &kept);
        Self { status, fields: kept, body, terms, selecting }
    }

    /// True when it is the answer that the origin chose for a request with such fields (RFC 9111, 4.1).
    pub(crate) fn suits(&self, request: &Fields) -> bool {
        self.selecting.iter().all(|s| normal(request, &s.name) == s.value)
    }

    /// Its fields as a 304 leaves them (RFC 9111, 3.2), still with the age that the 304 tells.
    pub(crate) fn merged(&self, update: &Fields) -> Fields {
        let news = || update.end_to_end().filter(|f| f.is("age") || (is_kept(f) && is_updated(f)));
        // A date that is not told anew is today's.
        let replaced = |old: &Field<'_>| old.is("date") || news().any(|new| new.name.eq_ignore_ascii_case(old.name));
        let old = self.fields.iter().filter(|f| !replaced(f));
        Fields::from_pairs(old.chain(news()).map(|f| (f.name, f.value)))
    }

    /// Its head as it goes out, with `more` fields, for this part of the body.
    pub(crate) fn head(&self, status: u16, length: AnswerLength, more: &[(&str, String)], now: Instant) -> AnswerHead {
        let age = self.terms.age(now).as_secs().to_string();
        // The note on what was done stands among `more`.
        let own = self.fields.iter().filter(|f| !f.is("cache-status"));
        let own = own.map(|f| (f.name, f.value)).chain([(&b"Age"[..], age.as_bytes())]);
        let more = more.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        AnswerHead { status, fields: Fields::from_pairs(own.chain(more)), length, persistence: Persistence::Keep }
    }

    /// Memory that it needs; the block of fields may have grown to twice its length.
    pub(crate) fn cost(&self) -> usize {
        let fields: usize = self.fields.iter().map(|f| FIELD_BYTES + 2 * (f.name.len() + f.value.len())).sum();
        let selecting = |s: &Selecting| FIELD_BYTES + s.name.len() + s.value.as_ref().map_or(0, |v| v.len());
        ANSWER_BYTES + fields + self.body.len() + self.selecting.iter().map(selecting).sum::<usize>()
    }
}

/// True for what is stored of the fields that go on: nothing that spoke of a proxy, and no age, which is counted here
/// (RFC 9111, 3.1).
fn is_kept(field: &Field<'_>) -> bool {
    !field.is("age") && !field.is("proxy-authentication-info")
}

/// True for what a 304 may change: not how the stored body is to be read (RFC 9111, 3.2).
fn is_updated(field: &Field<'_>) -> bool {
    const OF_THE_BODY: [&str; 5] = ["content-encoding", "content-range", "content-md5", "content-digest", "etag"];
    !OF_THE_BODY.iter().any(|name| field.is(name))
}

fn selecting(request: &Fields, answer: &Fields) -> Box<[Selecting]> {
    let mut names: Vec<Box<str>> = Vec::new();
    for value in answer.all("vary") {
        for name in value.split(|b| *b == b',').map(<[u8]>::trim_ascii) {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase().into_boxed_str();
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names.into_iter().map(|name| Selecting { value: normal(request, &name), name }).collect()
}

/// All values of a field as one, without the blanks that mean nothing.
fn normal(request: &Fields, name: &str) -> Option<Box<[u8]>> {
    let mut joined: Option<Vec<u8>> = None;
    for value in request.all(name) {
        for item in crate::cache::directives::items(value) {
            let joined = joined.get_or_insert_default();
            if !joined.is_empty() {
                joined.push(b',');
            }
            joined.extend_from_slice(item);
        }
        joined.get_or_insert_default();
    }
    joined.map(Vec::into_boxed_slice)
}
