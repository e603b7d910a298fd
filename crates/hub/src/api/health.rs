//! How the hub itself is: for load balancers, for outside watchers, and for scrapers.

use crate::doors::Doors;
use crate::http::problem::Problem;
use crate::text::rfc3339;
use crate::view::Snapshot;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use downbeat_core::detect::BudgetReading;
use downbeat_core::incident::{Arming, ArmingState};
use downbeat_core::model::{BudgetId, Moment, Urgency};
use std::collections::BTreeMap;
use std::fmt::Write;

/// `GET /healthz`: 200 while the hub can decide and remember, else 503 with the reason. A line for each arming that lapses
/// within a week.
pub(super) async fn health(State(doors): State<Doors>) -> Result<String, Problem> {
    match doors.ailment() {
        Some(ailment) => Err(Problem::unavailable(ailment)),
        None => {
            let snapshot = doors.snapshots.borrow();
            Ok(snapshot.lapsing().iter().fold("ok\n".into(), |text, it| text + &lapse(it, snapshot.now)))
        }
    }
}

fn lapse(arming: &Arming, now: Moment) -> String {
    let verb = if arming.state(now) == ArmingState::Lapsed { "lapsed" } else { "lapses" };
    format!("arming: {} on {} {verb} at {}\n", arming.kind, arming.component, rfc3339(arming.until))
}

/// `GET /metrics`: the Prometheus text format.
pub(super) async fn metrics(State(doors): State<Doors>) -> Response {
    let text = text(&doors.snapshots.borrow());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

fn text(snapshot: &Snapshot) -> String {
    let book = &snapshot.book;
    let metrics = &snapshot.board.metrics;
    let unknown = metrics.iter().filter(|it| it.unknown.is_some()).count() as u64;
    let left_out = metrics.iter().map(|it| it.left_out).sum();
    let lines: [(&str, &str, &str, u64); 10] = [
        ("downbeat_log_records_total", "counter", "Records in the log.", book.last_seq),
        ("downbeat_incidents_open", "gauge", "Incidents that are not over.", book.open().count() as u64),
        ("downbeat_remedies_in_force", "gauge", "Remedies that shape traffic.", book.in_force().count() as u64),
        ("downbeat_effects_pending", "gauge", "Effects still to be carried out.", book.pending.len() as u64),
        ("downbeat_plan_epoch", "gauge", "Epoch of the traffic plan in force.", book.plan.epoch),
        ("downbeat_automation_held", "gauge", "1 while an operator holds it back.", book.held_by.is_some().into()),
        ("downbeat_vantages_blind", "gauge", "Vantage points that cannot look.", snapshot.board.blind.len() as u64),
        ("downbeat_metrics_unknown", "gauge", "Configured metrics that cannot be looked at.", unknown),
        ("downbeat_metric_series_left_out", "gauge", "Series of them that are too many to be judged.", left_out),
        ("downbeat_trouble", "gauge", "1 while the log cannot be written.", snapshot.trouble.is_some().into()),
    ];
    let text = lines.iter().fold(String::new(), |mut text, (name, kind, help, value)| {
        // Writing to a string does not fail.
        let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        text
    });
    text + &armed_until(&snapshot.armings()) + &budgets(&snapshot.board.budgets)
}

/// By component with an objective; nothing where none has one.
fn budgets(budgets: &BTreeMap<BudgetId, BudgetReading>) -> String {
    if budgets.is_empty() {
        return String::new();
    }
    let gauge = |name: &str, help: &str, lines: Vec<String>| {
        lines
            .iter()
            .fold(format!("# HELP {name} {help}\n# TYPE {name} gauge\n"), |text, line| text + name + line + "\n")
    };
    let of = |id: &BudgetId| format!("component=\"{}\",indicator=\"{}\"", id.component, id.indicator.word());
    let left = |(id, it): (&BudgetId, &BudgetReading)| format!("{{{}}} {}", of(id), it.left);
    let burns = |(id, it): (&BudgetId, &BudgetReading)| -> Vec<String> {
        let known = it.burns.iter().filter_map(|(window, burn)| Some((window.as_secs(), (*burn)?)));
        known.map(|(s, burn)| format!("{{{},window_seconds=\"{s}\"}} {burn}", of(id))).collect()
    };
    let alerts = |(id, it): (&BudgetId, &BudgetReading)| {
        let fires = |urgency| u8::from(it.burning.is_some_and(|burning| burning.rule.urgency == urgency));
        [Urgency::Page, Urgency::Ticket].map(|it| format!("{{{},urgency=\"{}\"}} {}", of(id), it.word(), fires(it)))
    };
    gauge(
        "downbeat_error_budget_left",
        "Share of the failures or late answers allowed in 30 days that is left; below 0 when there were more.",
        budgets.iter().map(left).collect(),
    ) + &gauge(
        "downbeat_error_budget_burn_rate",
        "How many times as fast as it may the budget is used up.",
        budgets.iter().flat_map(burns).collect(),
    ) + &gauge(
        "downbeat_error_budget_alert",
        "1 while a burn-rate rule of this urgency fires.",
        budgets.iter().flat_map(alerts).collect(),
    )
}

/// By component and kind, as a moment: alert on what is less than a week ahead.
fn armed_until(armings: &[Arming]) -> String {
    let name = "downbeat_armed_until_seconds";
    let head = format!(
        "# HELP {name} From when on what acts by itself asks, unless a drill of it passes.\n# TYPE {name} gauge\n"
    );
    armings.iter().fold(head, |mut text, arming| {
        let Arming { component, kind, until } = arming;
        let _ = writeln!(text, "{name}{{component=\"{component}\",kind=\"{kind}\"}} {}", until.as_millis() / 1_000);
        text
    })
}
