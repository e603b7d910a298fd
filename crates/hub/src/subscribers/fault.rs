//! What can go wrong with the subscribers' store. Nothing else of the hub depends on it.

use crate::outbound::causes;
use std::path::PathBuf;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file, or the disk under it.
    #[error("cannot use {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It was written by a later release.
    #[error("{path} is of a later release (schema {found}, this build knows {known})")]
    Newer {
        /// Which file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The highest that is known.
        known: u32,
    },
    /// Another hub has opened it since: it tells, this one has to stop.
    #[error("the subscribers are another hub's now")]
    Overtaken,
    /// What is in it cannot be read.
    #[error("{path}: {what} is damaged")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Which of its values.
        what: &'static str,
    },
    /// The hub is ending.
    #[error("the hub is stopping")]
    Stopping,
}

impl StoreError {
    /// In one line, with what is behind it.
    pub(super) fn with_causes(&self) -> String {
        causes(self).map(ToString::to_string).collect::<Vec<_>>().join(": ")
    }
}
