//! Error budgets as JSON: what is promised, what is left, how fast it goes.

use crate::doors::Doors;
use axum::Json;
use axum::extract::State;
use downbeat_core::detect::{BudgetReading, Burning};
use downbeat_core::model::{BudgetId, LatencyObjective, Moment, Name, Promise};
use serde::Serialize;
use std::time::Duration;

#[derive(Debug, Serialize)]
pub(super) struct BudgetView {
    component: Name,
    /// What is counted: `success` or `latency`.
    indicator: &'static str,
    /// Percent of the requests of 30 days that have to be served well, or answered in time.
    objective: f64,
    /// What in time is; only of a latency objective.
    #[serde(flatten)]
    bound: Option<BoundView>,
    /// Share of the budget that is left, 1 for all of it; below 0 when more was used.
    left: f64,
    burn_rates: Vec<BurnView>,
    alert: Option<AlertView>,
}

#[derive(Debug, Serialize)]
struct BoundView {
    /// As it is promised.
    below_ms: f64,
    /// From here on an answer is counted as late: the end of the bucket, of those in which edges tell times, that holds the bound.
    late_from_ms: f64,
}

#[derive(Debug, Serialize)]
struct BurnView {
    window_s: u64,
    /// `null` while nobody asked for anything.
    rate: Option<f64>,
}

#[derive(Debug, Serialize)]
struct AlertView {
    urgency: &'static str,
    long_s: u64,
    short_s: u64,
    /// From this burn rate on.
    threshold: f64,
    rate: f64,
    since_ms: Moment,
}

/// `GET /v1/budgets`: one for each objective of a component, by its name.
pub(super) async fn budgets(State(doors): State<Doors>) -> Json<Vec<BudgetView>> {
    Json(doors.snapshots.borrow().board.budgets.iter().map(BudgetView::of).collect())
}

impl BudgetView {
    fn of((id, reading): (&BudgetId, &BudgetReading)) -> Self {
        Self {
            component: id.component.clone(),
            indicator: id.indicator.word(),
            objective: reading.promise.share().as_percent(),
            bound: match reading.promise {
                Promise::Success(_) => None,
                Promise::Latency(latency) => Some(BoundView::of(latency)),
            },
            left: reading.left,
            burn_rates: reading.burns.map(|(window, rate)| BurnView { window_s: window.as_secs(), rate }).into(),
            alert: reading.burning.map(AlertView::of),
        }
    }
}

impl BoundView {
    fn of(latency: LatencyObjective) -> Self {
        let ms = |bound: Duration| bound.as_micros() as f64 / 1_000.0;
        Self { below_ms: ms(latency.below()), late_from_ms: ms(latency.late_from()) }
    }
}

impl AlertView {
    fn of(burning: Burning) -> Self {
        let Burning { rule, burn, since, .. } = burning;
        Self {
            urgency: rule.urgency.word(),
            long_s: rule.long.as_secs(),
            short_s: rule.short.as_secs(),
            threshold: rule.burn,
            rate: burn,
            since_ms: since,
        }
    }
}
