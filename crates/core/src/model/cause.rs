//! Causes: the kinds there are, and a candidate with its place.

use super::{Name, Slice};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The sender's id of a change event.
pub type ChangeId = Name;

/// The kinds of cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// More is asked than can be served.
    Overload,
    /// A version that does not work.
    BadDeploy,
    /// A configuration that does not work.
    BadConfig,
    /// A region or network path that cannot be reached.
    Network,
    /// A name that does not resolve, or to the wrong place.
    Dns,
    /// Somebody else's service that this one needs.
    Dependency,
    /// Somebody who means harm.
    Attack,
    /// A machine or process that died or hangs.
    Host,
    /// None of these explains it well enough.
    Unknown,
}

impl CauseKind {
    /// The word in logs, scorecards and the API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::BadDeploy => "bad_deploy",
            Self::BadConfig => "bad_config",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Dependency => "dependency",
            Self::Attack => "attack",
            Self::Host => "host",
            Self::Unknown => "unknown",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Overload => "overload",
            Self::BadDeploy => "faulty deployment",
            Self::BadConfig => "faulty configuration",
            Self::Network => "network fault",
            Self::Dns => "name resolution fault",
            Self::Dependency => "fault of a dependency",
            Self::Attack => "attack",
            Self::Host => "failed host",
            Self::Unknown => "unknown cause",
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A candidate cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hypothesis {
    /// What kind of cause.
    pub kind: CauseKind,
    /// Where it sits.
    pub slice: Slice,
    /// The change that brought it, if one did.
    pub change: Option<ChangeId>,
    /// Probability among all candidates considered, 0 to 1.
    pub posterior: f64,
    /// For people: the facts that speak for it, one line each.
    pub because: Vec<String>,
    /// The name for people of somebody else's service that says itself that it ails, and that explains it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upstream: Option<String>,
}
