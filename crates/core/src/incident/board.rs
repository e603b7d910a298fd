//! The live picture of the service: what the console draws and what the status page claims.

use crate::model::{Moment, Name, Strength};
use std::collections::BTreeMap;

/// How something is, as measured now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Condition {
    /// Nothing is known: no fresh signal. Never shown as down.
    #[default]
    Unknown,
    /// As usual.
    Healthy,
    /// Works, but not as usual.
    Degraded,
    /// Does not work.
    Down,
}

impl Condition {
    /// The word in the API and in class names.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// One component in one region over the last ten seconds, as the edges saw the replicas there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cell {
    /// How it is.
    pub condition: Condition,
    /// Attempts a second.
    pub per_second: f64,
    /// Share of failed attempts, 0 to 1.
    pub failed: f64,
    /// Share of slow answers, 0 to 1.
    pub slow: f64,
    /// Mean time to the first byte, in milliseconds.
    pub first_byte_ms: f64,
}

/// One replica, as last heard.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaLine {
    /// Which.
    pub name: Name,
    /// Where.
    pub region: Name,
    /// What it runs.
    pub version: Option<Name>,
    /// How it is.
    pub condition: Condition,
    /// True while an edge sends it nothing by itself.
    pub ejected: bool,
    /// Share of its usual traffic that the plan leaves it.
    pub share: Strength,
    /// Requests in flight.
    pub in_flight: u64,
    /// Attempts a second, over the last ten seconds.
    pub per_second: f64,
}

/// One second of the whole service, as clients saw it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pulse {
    /// When the second ended.
    pub at: Moment,
    /// Requests.
    pub requests: u64,
    /// Failed for the client.
    pub failed: u64,
    /// Failed attempts at replicas, most of which the client never saw.
    pub failed_attempts: u64,
    /// Attempts at replicas.
    pub attempts: u64,
    /// Users' reports.
    pub reports: u64,
}

/// The live picture of the service.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Board {
    /// When it was drawn.
    pub at: Moment,
    /// When an edge was last heard.
    pub heard_at: Option<Moment>,
    /// By component and region.
    pub cells: BTreeMap<(Name, Name), Cell>,
    /// How each component is for clients, over all regions.
    pub components: BTreeMap<Name, Condition>,
    /// In order of their names.
    pub replicas: Vec<ReplicaLine>,
    /// The last two minutes, oldest first.
    pub pulses: Vec<Pulse>,
    /// Probes: name, whether the last run passed, what it said.
    pub probes: BTreeMap<Name, (bool, String)>,
}
