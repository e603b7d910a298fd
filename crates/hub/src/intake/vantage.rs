//! What other vantage points see: the results of the same probes, run from elsewhere.
//!
//! A result counts for what the hub's own configuration says of the probe of its name: where it looks is not the teller's
//! choice, and neither is a name for the hub itself.

use crate::doors::SignalDoor;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use crate::settings::HubSettings;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use downbeat_core::model::{Name, ProbeOutcome, ProbeResult, Signal, Slice};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Two thousand results with a sentence each.
const BODY_MAX: usize = 1024 * 1024;
/// Results of one request: all probes of a large configuration at once.
const RESULTS_MAX: usize = 2_000;
/// Letters of what is said for people.
const DETAIL_MAX: usize = 500;
/// How the hub calls itself as a vantage point.
pub(crate) const OWN_VANTAGE: &str = "hub";

/// Where results go, and what may be told of.
#[derive(Clone)]
struct Desk {
    signals: SignalDoor,
    slices: Arc<BTreeMap<Name, Slice>>,
}

/// The route, to be put behind the gate.
pub(super) fn routes(signals: SignalDoor, settings: &HubSettings) -> Router {
    let slices = settings.probes.iter().map(|probe| (probe.name.clone(), probe.slice.clone())).collect();
    Router::new()
        .route("/v1/probes", post(take_results))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(Desk { signals, slices: Arc::new(slices) })
}

/// `POST /v1/probes`: 204 when all were taken; else those that could be were, and the first that could not is named.
async fn take_results(
    State(desk): State<Desk>,
    FromJson(results): FromJson<Vec<ProbeResult>>,
) -> Result<StatusCode, Problem> {
    if results.len() > RESULTS_MAX {
        return Err(Problem::too_large(format!("at most {RESULTS_MAX} results at once, not {}", results.len())));
    }
    let taken = join_all(results.into_iter().map(|result| desk.take(result))).await;
    taken.into_iter().collect::<Result<Vec<()>, Problem>>().map(|_| StatusCode::NO_CONTENT)
}

impl Desk {
    async fn take(&self, result: ProbeResult) -> Result<(), Problem> {
        let Some(slice) = self.slices.get(&result.probe) else {
            return Err(Problem::senseless(format!("probe {} is not configured here", result.probe)));
        };
        if result.vantage.as_str() == OWN_VANTAGE {
            return Err(Problem::senseless(format!("{OWN_VANTAGE} is the hub's own name as a vantage point")));
        }
        let result = ProbeResult { slice: slice.clone(), outcome: shortened(result.outcome), ..result };
        self.signals.send(Signal::Probe(result)).await.map_err(|error| Problem::unavailable(error.to_string()))
    }
}

fn shortened(outcome: ProbeOutcome) -> ProbeOutcome {
    let short = |detail: String| detail.chars().take(DETAIL_MAX).collect();
    match outcome {
        ProbeOutcome::Failed { failure, detail, component } => {
            ProbeOutcome::Failed { failure, detail: short(detail), component }
        }
        ProbeOutcome::Unknown { detail } => ProbeOutcome::Unknown { detail: short(detail) },
        passed @ ProbeOutcome::Passed { .. } => passed,
    }
}
