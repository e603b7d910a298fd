//! As much of the hub's interface as the conductor needs: changes in, incidents and the audit out.

use crate::http::{Ask, CallError, Caller};
use crate::score::{BudgetScore, hundredths};
use downbeat_core::incident::{Event, Outcome, Record};
use downbeat_core::model::{Audience, Change, Hypothesis, Indicator, Moment, Name, RemedyKind, Urgency};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

/// The hub answers within so long, or not at all.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Deserialize)]
struct List {
    incidents: Vec<Line>,
}

/// An incident in the list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Line {
    pub(crate) id: u64,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) confirmed_at_ms: Option<Moment>,
    pub(crate) mitigated_at_ms: Option<Moment>,
}

impl Line {
    /// True while somebody or something still has to act.
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.state.as_str(), "resolved" | "reviewed" | "dismissed" | "merged")
    }

    /// True when nothing more will come of it.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.state.as_str(), "reviewed" | "dismissed" | "merged")
    }
}

/// Everything of an incident that a scorecard shows.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: u64,
    pub(crate) state: String,
    pub(crate) suspected_at_ms: Moment,
    pub(crate) confirmed_at_ms: Option<Moment>,
    pub(crate) public_word_at_ms: Option<Moment>,
    pub(crate) mitigated_at_ms: Option<Moment>,
    pub(crate) restored_at_ms: Option<Moment>,
    pub(crate) resolved_at_ms: Option<Moment>,
    pub(crate) hypotheses: Vec<Hypothesis>,
    pub(crate) remedies: Vec<RemedyLine>,
    pub(crate) notices: Vec<NoticeLine>,
    pub(crate) review: Option<String>,
    pub(crate) timeline: Vec<TimelineLine>,
}

/// A remedy of an incident.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct RemedyLine {
    pub(crate) kind: RemedyKind,
    pub(crate) components: BTreeSet<Name>,
    pub(crate) stage: String,
    pub(crate) started_at_ms: Option<Moment>,
}

impl RemedyLine {
    /// True when it was judged to have helped; one that made room for the next had helped before.
    pub(crate) fn helped(&self) -> bool {
        matches!(self.stage.as_str(), "kept" | "lifting" | "lifted" | "superseded")
    }
}

/// A message about an incident.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct NoticeLine {
    pub(crate) audience: Audience,
    pub(crate) stage: String,
    pub(crate) sent: BTreeMap<String, Sent>,
}

/// What a channel said to a message.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct Sent {
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// A line of an incident's timeline.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct TimelineLine {
    pub(crate) headline: String,
    #[serde(flatten)]
    pub(crate) record: Record,
}

impl Case {
    /// The ranking of causes whenever its head changed, with the time.
    pub(crate) fn rankings(&self) -> impl Iterator<Item = (Moment, &[Hypothesis])> {
        self.timeline.iter().filter_map(|line| match &line.record.event {
            Event::Diagnosed { hypotheses, .. } => Some((line.record.at, hypotheses.as_slice())),
            _ => None,
        })
    }
}

/// An error budget, as far as a scorecard shows it.
#[derive(Debug, Deserialize)]
struct BudgetLine {
    component: Name,
    indicator: Indicator,
    objective: f64,
    burn_rates: Vec<BurnLine>,
    alert: Option<AlertLine>,
}

#[derive(Debug, Deserialize)]
struct BurnLine {
    rate: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct AlertLine {
    urgency: Urgency,
}

impl From<BudgetLine> for BudgetScore {
    fn from(line: BudgetLine) -> Self {
        Self {
            component: line.component,
            indicator: line.indicator,
            objective: line.objective,
            // The longest window comes last, and no drill is longer.
            burn: line.burn_rates.last().and_then(|burn| burn.rate).map(hundredths),
            alert: line.alert.map(|alert| alert.urgency),
        }
    }
}

#[derive(Debug, Deserialize)]
struct Audit {
    violations: Vec<serde_json::Value>,
}

/// Talks to the hub; each call is on a connection of its own, since the hub may be another process meanwhile.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hub(SocketAddr);

impl Hub {
    pub(crate) const fn at(console: SocketAddr) -> Self {
        Self(console)
    }

    fn caller(self) -> Caller {
        Caller::new(self.0, PATIENCE)
    }

    /// Tells it that somebody changed the service.
    pub(crate) async fn tell(self, change: &Change) -> Result<(), CallError> {
        let body = serde_json::to_value(change).map_err(CallError::Json)?;
        let answer = self.caller().ask(&Ask::post("/v1/changes", &body)).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(CallError::Refused("POST /v1/changes".to_owned(), answer.status)),
        }
    }

    /// All incidents, newest first.
    pub(crate) async fn incidents(self) -> Result<Vec<Line>, CallError> {
        let list: List = self.caller().json(&Ask::get("/v1/incidents")).await?;
        Ok(list.incidents)
    }

    /// One incident with everything.
    pub(crate) async fn case(self, id: u64) -> Result<Case, CallError> {
        self.caller().json(&Ask::get(format!("/v1/incidents/{id}"))).await
    }

    /// How the error budgets stand.
    pub(crate) async fn budgets(self) -> Result<Vec<BudgetScore>, CallError> {
        let lines: Vec<BudgetLine> = self.caller().json(&Ask::get("/v1/budgets")).await?;
        Ok(lines.into_iter().map(BudgetScore::from).collect())
    }

    /// How many guards were violated, by the hub's own audit of its log.
    pub(crate) async fn violations(self) -> Result<Vec<String>, CallError> {
        let audit: Audit = self.caller().json(&Ask::get("/v1/audit")).await?;
        Ok(audit.violations.iter().map(ToString::to_string).collect())
    }
}
