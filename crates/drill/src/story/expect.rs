//! What has to come of a story.

use downbeat_core::model::{CauseKind, RemedyKind, Slice};
use serde::{Deserialize, Serialize};

/// The cause that has to be found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CauseExpected {
    /// Its kind.
    pub kind: CauseKind,
    /// Where it sits; what is found may be narrower.
    #[serde(rename = "where")]
    pub place: Slice,
}

/// What has to come of a story; what is not said is not looked at. Times in seconds from the fault.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The cause, ranked first, or among so many as `cause_rank` says.
    pub cause: Option<CauseExpected>,
    /// The worst rank that will do, from 1.
    #[serde(default = "first")]
    pub cause_rank: usize,
    /// Silence of all listeners together, at most.
    pub silence_s: Option<f64>,
    /// Confirmed by then.
    pub confirmed_s: Option<f64>,
    /// The public has heard by then.
    pub public_word_s: Option<f64>,
    /// So many confirmed incidents, no more and no fewer.
    pub incidents: usize,
    /// So many guards violated, at most.
    #[serde(default)]
    pub guards_violated: usize,
    /// Remedies of these kinds have helped.
    #[serde(default)]
    pub helped: Vec<RemedyKind>,
    /// So many orders to the actuator, no more and no fewer.
    pub actuations: Option<usize>,
    /// Everything has to be resolved at the end.
    #[serde(default)]
    pub resolved: bool,
    /// A review has to be written.
    #[serde(default)]
    pub review: bool,
    /// In the simulated world: of what doing nothing costs users, at least this share is saved, from 0 to 1.
    pub saves: Option<f64>,
}

const fn first() -> usize {
    1
}
