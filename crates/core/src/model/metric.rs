//! Figures of others that are judged by their own past: what they measure, and what a look at them brought.

use super::{Name, Slice};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// What a series measures: what its figures can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKind {
    /// How many, in a step: never negative.
    Count,
    /// A share, from 0 to 1.
    Ratio,
    /// A time: never negative.
    Latency,
    /// Anything else.
    Gauge,
}

impl FigureKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Count, Self::Ratio, Self::Latency, Self::Gauge];

    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Ratio => "ratio",
            Self::Latency => "latency",
            Self::Gauge => "gauge",
        }
    }

    /// Whether a figure can be one of this kind.
    pub fn admits(self, value: f64) -> bool {
        match self {
            Self::Count | Self::Latency => value >= 0.0,
            Self::Ratio => (0.0..=1.0).contains(&value),
            Self::Gauge => true,
        }
    }
}

/// Which way of being off is trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sense {
    /// More than usual.
    Up,
    /// Less than usual.
    Down,
    /// Either.
    Both,
}

impl Sense {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Up, Self::Down, Self::Both];

    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Both => "both",
        }
    }
}

/// What a new series knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColdStart {
    /// Nothing: it says nothing before it has learnt.
    Alone,
    /// What the sibling knows that it resembles, until it knows itself.
    FromSiblings,
}

/// A metric: one series or several, by labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// What of the service it is about.
    pub slice: Slice,
    /// What it measures.
    pub kind: FigureKind,
    /// Which way of being off is trouble.
    pub sense: Sense,
    /// How often it is looked at.
    pub every: Duration,
    /// Most series that are judged; the rest is counted.
    pub series_max: usize,
    /// What a new series knows.
    pub cold_start: ColdStart,
}

/// The labels of one series within a metric, as text: `{queue="mail"}`; empty for the only one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Labels(String);

impl Labels {
    /// Longest text that is kept whole.
    const MAX: usize = 200;

    /// Of such a text, without what does not print, and cut where it is too long.
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(Self::MAX).collect())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a look at a metric brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricLook {
    /// Which of those in the policy.
    pub metric: Name,
    /// What came.
    pub outcome: LookOutcome,
}

/// How a look ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum LookOutcome {
    /// Figures, each with its labels.
    Read {
        /// One for each series.
        figures: Vec<(Labels, f64)>,
        /// Series that were there besides, and were left out before they came here.
        left_out: u64,
    },
    /// It could not be looked at, or it was not there; says nothing about the service.
    Unknown {
        /// For people: why.
        why: String,
    },
}
