//! What the cache did for a request: for the client in `Cache-Status` (RFC 9211), for the operator as a count.

use crate::cache::stored::Stored;
use crate::codec::Fields;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// What the cache calls itself.
const NAME: &str = "downbeat";

/// What the cache did for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered out of the store, fresh.
    Hit,
    /// Answered out of the store, stale.
    Stale,
    /// Answered out of the store, once a replica had confirmed it.
    Revalidated,
    /// Answered with what another request had just fetched.
    Collapsed,
    /// Answered by a replica, for want of a stored answer.
    Miss,
    /// Answered by a replica, for the request asked for it.
    Bypass,
}

impl Outcome {
    /// All of them, in the order of their counts.
    pub(crate) const ALL: [Self; 6] =
        [Self::Hit, Self::Stale, Self::Revalidated, Self::Collapsed, Self::Miss, Self::Bypass];

    /// As a label.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Revalidated => "revalidated",
            Self::Collapsed => "collapsed",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// How often each was the outcome.
#[derive(Debug, Default)]
pub(crate) struct Outcomes([AtomicU64; Outcome::ALL.len()]);

impl Outcomes {
    pub(crate) fn count(&self, outcome: Outcome) {
        self.0[outcome as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, outcome: Outcome) -> u64 {
        self.0[outcome as usize].load(Ordering::Relaxed)
    }
}

/// Why a replica is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The cache is passed by.
    Bypass,
    /// The client wishes it.
    Request,
    /// Nothing is stored.
    UriMiss,
    /// Only answers to requests with other fields are stored.
    VaryMiss,
    /// What is stored is stale.
    Stale,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// Out of the store.
    Hit,
    /// With what a replica said.
    Forwarded { why: Why, then: Then },
}

/// What became of a request that was forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The answer is not stored.
    Passed,
    /// The answer is stored.
    Stored,
    /// Another request's answer served for this one as well.
    Collapsed,
    /// A replica confirmed what is stored.
    Confirmed,
    /// No replica gave a good answer, so the stale one stood in.
    StoodIn,
}

impl Note {
    /// The fields of a forwarded answer with the note on them.
    pub(crate) fn put_on(self, fields: &Fields) -> Fields {
        let status = self.status(fields, None, Instant::now());
        let others = fields.iter().filter(|f| !f.is("cache-status")).map(|f| (f.name, f.value));
        Fields::from_pairs(others.chain([(&b"Cache-Status"[..], status.as_bytes())]))
    }

    /// The value of `Cache-Status`, behind what caches nearer to the origin said.
    pub(crate) fn status(self, earlier: &Fields, stored: Option<&Stored>, now: Instant) -> String {
        let mut status = String::new();
        for value in earlier.all("cache-status") {
            status.push_str(&String::from_utf8_lossy(value));
            status.push_str(", ");
        }
        status.push_str(NAME);
        status.push_str(&self.to_string());
        if let (Self::Hit, Some(stored)) = (self, stored) {
            status.push_str(&format!("; ttl={}", stored.terms.seconds_left(now)));
        }
        status
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Forwarded { why, then } = self else { return f.write_str("; hit") };
        let why = match why {
            Why::Bypass => "bypass",
            Why::Request => "request",
            Why::UriMiss => "uri-miss",
            Why::VaryMiss => "vary-miss",
            Why::Stale => "stale",
        };
        let then = match then {
            Then::Passed => "",
            Then::Stored => "; stored",
            Then::Collapsed => "; collapsed",
            Then::Confirmed => "; fwd-status=304",
            Then::StoodIn => "; detail=stale-if-error",
        };
        write!(f, "; fwd={why}{then}")
    }
}
