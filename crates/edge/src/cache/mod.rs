//! Small answers, kept and served again without asking any replica.
//!
//! `policy` says what may be stored and used again, out of `directives` and `date`; `stored` is one answer, `validate`
//! compares it with what clients have, `ranges` takes parts out of it; `store` holds all of them in bounded memory, and
//! `coalesce` lets one request of many ask. Nothing here reads from or writes to a socket.
//! Source: RFC 9111 (shared caches), RFC 5861 (stale answers), RFC 8246 (immutable), RFC 9211 (Cache-Status).

pub(crate) mod coalesce;
pub(crate) mod date;
pub(crate) mod directives;
pub(crate) mod policy;
pub(crate) mod ranges;
pub(crate) mod store;
pub(crate) mod stored;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod validate;
