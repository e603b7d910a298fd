//! What the edge says of itself: counts, roll-ups, metrics, events, the admin door.

pub(crate) mod access;
pub(crate) mod admin;
pub(crate) mod count;
pub(crate) mod events;
pub(crate) mod formats;
pub(crate) mod hub;
pub(crate) mod metrics;
pub(crate) mod process;
pub(crate) mod report;
pub(crate) mod sessions;
pub(crate) mod tally;
