//! What edges, deployers and vantage points tell, at the console's address: roll-ups, changes, results of probes, and users'
//! reports that another program collected. Answers come when all that follows is in the log.

mod vantage;

use crate::doors::{CommandError, Doors, SignalError};
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use crate::reports::{Shown, Taken, Whence, Word};
use crate::settings::HubSettings;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use downbeat_core::incident::Command;
use downbeat_core::model::{Change, Name, RollUp, Signal, TrafficPlan};
use downbeat_core::signal::SignalRefused;
use serde::Deserialize;
pub(crate) use vantage::OWN_VANTAGE;

/// A roll-up of the largest edge: some thousands of rows.
const BODY_MAX: usize = 1024 * 1024;
/// Changes of one request.
const CHANGES_MAX: usize = 100;

/// The routes, to be put behind the gate.
pub(crate) fn routes(doors: Doors, settings: &HubSettings) -> Router {
    let vantages = vantage::routes(doors.signals.clone(), settings);
    Router::new()
        .route("/v1/rollups", post(take_roll_up))
        .route("/v1/changes", post(take_changes))
        .route("/v1/plan", get(plan))
        .route("/v1/reports", post(take_report))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .with_state(doors)
        .merge(vantages)
}

/// `POST /v1/rollups`: 204, or the traffic plan when the edge has another one. A repeat is welcome and changes
/// nothing.
async fn take_roll_up(
    State(doors): State<Doors>,
    FromJson(mut roll_up): FromJson<RollUp>,
) -> Result<Response, Problem> {
    let epoch = roll_up.plan_epoch;
    roll_up.systems = doors.reports.systems_of(&roll_up);
    match doors.signals.send(Signal::RollUp(roll_up)).await {
        Ok(()) | Err(SignalError::Refused(SignalRefused::Repeat { .. })) => {}
        Err(SignalError::Refused(refused)) => return Err(Problem::senseless(refused.to_string())),
        Err(error) => return Err(Problem::unavailable(error.to_string())),
    }
    let plan = current_plan(&doors);
    if plan.epoch == epoch { Ok(StatusCode::NO_CONTENT.into_response()) } else { Ok(Json(plan).into_response()) }
}

/// One change or several.
#[derive(Debug)]
struct Changes(Vec<Change>);

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        // Through a value, so that what is wrong is said of the change and not of a choice of forms.
        let value = serde_json::Value::deserialize(deserializer)?;
        let list = if value.is_array() {
            serde_json::from_value(value)
        } else {
            serde_json::from_value(value).map(|one| vec![one])
        };
        list.map(Self).map_err(D::Error::custom)
    }
}

/// `POST /v1/changes`: 202 when all of them are in the log. One that was told before is not told again.
async fn take_changes(State(doors): State<Doors>, FromJson(changes): FromJson<Changes>) -> Result<StatusCode, Problem> {
    let Changes(changes) = changes;
    if changes.len() > CHANGES_MAX {
        return Err(Problem::too_large(format!("at most {CHANGES_MAX} changes at once, not {}", changes.len())));
    }
    let who = Name::new("deployer").expect("a constant good name");
    for change in changes {
        doors.commands.send(who.clone(), Command::Tell(change)).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// `GET /v1/plan`: the traffic plan in force.
async fn plan(State(doors): State<Doors>) -> Json<TrafficPlan> {
    Json(current_plan(&doors))
}

/// `POST /v1/reports`: a user's report as another program took it in, with the user's network.
async fn take_report(State(doors): State<Doors>, FromJson(report): FromJson<Collected>) -> Result<Response, Problem> {
    let word =
        Word { category: report.category, component: report.component, region: report.region, version: report.version };
    // Whoever has the token is believed in a burst too: the caps by network are the same.
    let shown = Shown::Vouched;
    match doors.reports.take(&word, &Whence::Network(report.network), shown) {
        Ok(Taken::Counted) => Ok(StatusCode::ACCEPTED.into_response()),
        Ok(Taken::HeardBefore | Taken::TooMany | Taken::ToBeShown) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(stranger) => Err(Problem::senseless(stranger.to_string())),
    }
}

/// A user's report in another program's words.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Collected {
    category: Name,
    #[serde(default)]
    component: Option<Name>,
    #[serde(default)]
    region: Option<Name>,
    #[serde(default)]
    version: Option<Name>,
    network: Name,
}

fn current_plan(doors: &Doors) -> TrafficPlan {
    doors.snapshots.borrow().book.plan.clone()
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        use downbeat_core::incident::CommandRefused as Refused;
        let detail = error.to_string();
        match error {
            CommandError::Refused(Refused::NoIncident(_) | Refused::NoRemedy(_) | Refused::NoMaintenance(_)) => {
                Self::absent(detail)
            }
            CommandError::Refused(
                Refused::Text(_) | Refused::Field { .. } | Refused::Stranger(_) | Refused::NothingTried(_),
            ) => Self::senseless(detail),
            CommandError::Refused(_) => Self::conflict(detail),
            CommandError::NotWritten(_) | CommandError::Busy | CommandError::Late | CommandError::Stopping => {
                Self::unavailable(detail)
            }
        }
    }
}
