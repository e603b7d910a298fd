//! Work on the service that is announced: what it is, what it touches, from when until when.

use super::{Moment, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Names a maintenance for its whole life: 1, 2, 3, … in the order in which they were scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaintenanceId(pub u64);

impl fmt::Display for MaintenanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What is announced of a maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// One line.
    pub title: String,
    /// What is worked on.
    pub components: BTreeSet<Name>,
    /// From when on.
    pub start: Moment,
    /// Until when.
    pub end: Moment,
}
