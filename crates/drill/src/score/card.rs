//! The scorecard's shape, as it is printed: one JSON object, times in seconds from the fault, null for what did
//! not happen.

use crate::story::CauseExpected;
use downbeat_core::model::{CauseKind, Indicator, Name, RemedyKind, Slice, Urgency};
use serde::Serialize;
use std::collections::BTreeSet;

/// A drill in figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scorecard {
    /// The story.
    pub drill: String,
    /// `live`: with real processes. `sim`: in virtual time.
    pub mode: &'static str,
    /// Seed of the crowd.
    pub seed: u64,
    /// How many listened.
    pub listeners: usize,
    /// From the fault to the end.
    pub duration_s: f64,
    /// What the listeners did not hear.
    pub silence_s: Silence,
    /// What the crowd got, and what the edge did for it.
    pub requests: Requests,
    /// First suspicion.
    pub suspected_s: Option<f64>,
    /// Confirmed.
    pub confirmed_s: Option<f64>,
    /// On the status page.
    pub public_word_s: Option<f64>,
    /// The right cause ranked first.
    pub cause_s: Option<f64>,
    /// Users served again.
    pub mitigated_s: Option<f64>,
    /// All traffic back where it belongs.
    pub restored_s: Option<f64>,
    /// Over.
    pub resolved_s: Option<f64>,
    /// The cause ranked first in the end.
    pub cause: Option<CauseScore>,
    /// Confirmed incidents.
    pub incidents: usize,
    /// Those among them that the story does not explain.
    pub false_incidents: usize,
    /// Calls to whoever is on call.
    pub pages: usize,
    /// What was done.
    pub remedies: Vec<RemedyScore>,
    /// What should never have been done.
    pub guards_violated: usize,
    /// What the error budgets of the components came to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub budgets: Vec<BudgetScore>,
    /// The review's file, relative to the hub's data.
    pub review: Option<String>,
    /// True when everything was as expected.
    pub passed: bool,
    /// What was not, in words.
    pub failed_expectations: Vec<String>,
    /// In the simulated world: the same story while Downbeat only watches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doing_nothing: Option<Nothing>,
}

/// What the same outage costs, over the same time, when nobody does anything.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Nothing {
    /// What the listeners do not hear.
    pub silence_s: Silence,
    /// What users get.
    pub requests: Requests,
}

impl Nothing {
    /// What users lose: requests, and a second of silence counts as one.
    pub fn lost(&self) -> f64 {
        self.requests.failed as f64 + self.silence_s.total
    }
}

/// What was not heard, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Silence {
    /// All listeners together.
    pub total: f64,
    /// The one who fared worst.
    pub max: f64,
    /// How many heard any.
    pub listeners: usize,
}

/// Requests between the fault and the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Of the crowd; attackers are not counted.
    pub total: u64,
    /// Those that did not get what they wanted.
    pub failed: u64,
    /// Those that the edge tried more than once.
    pub retried: u64,
    /// Bodies that the edge continued on another replica.
    pub resumed: u64,
}

/// The cause ranked first in the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CauseScore {
    /// Its kind.
    pub kind: CauseKind,
    /// Where it sits.
    #[serde(rename = "where")]
    pub place: Slice,
    /// The rank of the expected one, from 1; null when it is not in the list.
    pub rank: Option<usize>,
    /// The expected one.
    pub expected: Option<CauseExpected>,
}

/// A remedy that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemedyScore {
    /// What was done.
    pub kind: RemedyKind,
    /// True when it was judged to have helped.
    pub helped: bool,
    /// The components whose traffic it changed.
    pub components: BTreeSet<Name>,
}

/// An error budget of a component, at the end.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BudgetScore {
    /// Of which component.
    pub component: Name,
    /// What is counted.
    pub indicator: Indicator,
    /// Percent that are promised.
    pub objective: f64,
    /// How many times as fast as it may it was used up since the world began; null where nobody asked for anything.
    pub burn: Option<f64>,
    /// The rule that fires.
    pub alert: Option<Urgency>,
}
