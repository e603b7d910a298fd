//! What was tried, and until when it lets automation act by itself (invariant A13).

use super::verbs::{Done, Operator, obey};
use crate::doors::Doors;
use crate::http::json::FromJson;
use crate::http::problem::Problem;
use crate::view::Snapshot;
use axum::Json;
use axum::extract::State;
use downbeat_core::incident::{Arming, Command, Tried};
use downbeat_core::model::{Moment, Name, RemedyKind};
use serde::{Deserialize, Serialize};

/// As much of a drill's scorecard as tells what it has tried; the rest is passed over.
#[derive(Debug, Deserialize)]
pub(super) struct Scorecard {
    drill: Name,
    passed: bool,
    /// `sim` for a drill in virtual time; what tells no mode was run for real.
    mode: Option<String>,
    remedies: Vec<TriedRemedy>,
}

#[derive(Debug, Deserialize)]
struct TriedRemedy {
    kind: RemedyKind,
    helped: bool,
    components: Vec<Name>,
}

impl Scorecard {
    fn tried(&self) -> Tried {
        let mut tried = Tried::new();
        for remedy in self.remedies.iter().filter(|remedy| remedy.helped) {
            for component in &remedy.components {
                tried.entry(component.clone()).or_default().insert(remedy.kind);
            }
        }
        tried
    }
}

/// `POST /v1/drills`: the scorecard of a drill that passed; what helped in it may act by itself for another while.
pub(super) async fn pass(
    State(doors): State<Doors>,
    Operator(who): Operator,
    FromJson(card): FromJson<Scorecard>,
) -> Done {
    if !card.passed {
        return Err(Problem::senseless(format!("drill {} did not pass: it renews nothing", card.drill)));
    }
    if card.mode.as_deref() == Some("sim") {
        let detail = format!("drill {} was run in virtual time, where nothing of yours is tried", card.drill);
        return Err(Problem::senseless(detail));
    }
    let tried = card.tried();
    obey(&doors, who, Command::PassDrill(card.drill, tried)).await
}

/// All that may act by itself, by component and kind.
#[derive(Debug, Serialize)]
pub(super) struct ArmingsView {
    armings: Vec<ArmingView>,
}

#[derive(Debug, Serialize)]
struct ArmingView {
    component: Name,
    kind: RemedyKind,
    state: &'static str,
    /// From when on it asks instead.
    until_ms: Moment,
}

/// `GET /v1/drills`
pub(super) async fn armings(State(doors): State<Doors>) -> Json<ArmingsView> {
    Json(ArmingsView::of(&doors.snapshots.borrow()))
}

impl ArmingsView {
    fn of(snapshot: &Snapshot) -> Self {
        let view = |arming: Arming| ArmingView {
            state: arming.state(snapshot.now).word(),
            component: arming.component,
            kind: arming.kind,
            until_ms: arming.until,
        };
        Self { armings: snapshot.armings().into_iter().map(view).collect() }
    }
}
