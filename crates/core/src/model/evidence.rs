//! Evidence in bits, and findings: a detector's answer.

use super::{Failures, Moment, Slice};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The base-2 logarithm of an e-value against "this slice is healthy"; bits of independent sources add.
///
/// Under health the chance of ever exceeding b bits is at most 2^-b (Ville's inequality).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bits(pub f64);

impl std::ops::Add for Bits {
    type Output = Bits;

    fn add(self, other: Bits) -> Bits {
        Bits(self.0 + other.0)
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} bits", self.0)
    }
}

/// When something went wrong that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// The end of the first batch with a failure.
    pub from: Moment,
    /// That of the last one.
    pub to: Moment,
    /// In how many separate seconds.
    pub seconds: u32,
}

/// Independent kinds of sources. Within one, evidence does not add; across them, it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceClass {
    /// The edge's own traffic.
    Edge,
    /// Probes and active checks.
    Probe,
    /// Users.
    Report,
    /// Figures judged by their own past: how many ask for something, and what others measure.
    Metric,
}

impl SourceClass {
    /// True for those who see requests and checks fail themselves. What people say can be forged, and so can a crowd that is
    /// judged by its past: neither believes anything without them (decision 26).
    pub const fn sees_itself(self) -> bool {
        matches!(self, Self::Edge | Self::Probe)
    }

    /// For people and for the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Probe => "probe",
            Self::Report => "report",
            Self::Metric => "metrics",
        }
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Share of attempts at replicas that failed.
    Attempts,
    /// Share of attempts at replicas whose first byte was slow.
    Slowness,
    /// Share of clients' requests that failed in the end.
    Requests,
    /// Share of clients' requests whose credentials were refused.
    Denials,
    /// Share of probes and checks that failed.
    Checks,
    /// Share of look-ups that failed.
    Lookups,
    /// Users' reports, against their usual number.
    Reports,
    /// Share of clients' requests that failed, against what the component's objective allows.
    Budget,
    /// Share of answers that began too late for the client, against what the component's latency objective allows.
    LatencyBudget,
    /// Share of clients' requests that were answered later than in the worst hour of the last week.
    Lateness,
    /// Clients' requests, fewer than are usual at this time of day.
    Traffic,
    /// A figure of somebody else's that is off its usual.
    Figure,
}

impl Measure {
    /// A figure of a finding, for people: a share in percent, what is counted over a time as such.
    pub fn figure(self, value: f64) -> String {
        match self {
            Self::Reports => format!("{value:.2} a second"),
            Self::Traffic => format!("{value:.0} a minute"),
            Self::Figure if value.abs() >= 100.0 || value == 0.0 => format!("{value:.0}"),
            Self::Figure => format!("{value:.3}"),
            _ => format!("{:.2} %", value * 100.0),
        }
    }

    /// For people: what the numbers of a finding count.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Attempts => "failed attempts at replicas",
            Self::Slowness => "slow answers of replicas",
            Self::Requests => "failed requests of clients",
            Self::Denials => "refused credentials",
            Self::Checks => "failed probes",
            Self::Lookups => "failed name look-ups",
            Self::Reports => "users' reports",
            Self::Budget => "failures against the error budget",
            Self::LatencyBudget => "late answers against the latency budget",
            Self::Lateness => "answers later than in a usual week",
            Self::Traffic => "requests missing",
            Self::Figure => "a figure off its usual",
        }
    }
}

/// A detector's answer: this slice is abnormal since T, expected E, saw O, with so much evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Whose evidence it is.
    pub class: SourceClass,
    /// What was counted.
    pub measure: Measure,
    /// What it is about.
    pub slice: Slice,
    /// Estimated start of the abnormality.
    pub since: Moment,
    /// When it was found.
    pub at: Moment,
    /// The share (or count) expected of a healthy slice.
    pub expected: f64,
    /// The share (or count) seen since the start.
    pub observed: f64,
    /// How many were seen since the start, bad ones included.
    pub total: u64,
    /// The bad ones by kind.
    pub kinds: Failures,
    /// How strongly it speaks against health.
    pub bits: Bits,
    /// Which figure it is, where a slice has any number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

impl Finding {
    /// For people: what was found.
    pub fn title(&self) -> String {
        self.of.as_ref().map_or_else(|| self.measure.title().to_owned(), |of| format!("{of} off its usual"))
    }
}
