//! The components as they are configured: what programs find each by.

use crate::doors::Doors;
use axum::Json;
use axum::extract::State;
use downbeat_core::model::Name;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct List {
    components: Vec<ComponentView>,
}

#[derive(Debug, Serialize)]
struct ComponentView {
    name: Name,
    title: String,
    group: Option<String>,
    /// In Statuspage's API, where that is not its name.
    statuspage_id: Option<Name>,
}

/// `GET /v1/components`: all of them, by name.
pub(super) async fn list(State(doors): State<Doors>) -> Json<List> {
    let snapshot = doors.snapshots.borrow();
    let (topology, page) = (&snapshot.settings.policy.topology, &snapshot.settings.page);
    let components = topology.components.values().map(|it| ComponentView {
        name: it.name.clone(),
        title: it.title.clone(),
        group: page.groups.get(&it.name).cloned(),
        statuspage_id: page.ids.get(&it.name).cloned(),
    });
    Json(List { components: components.collect() })
}
