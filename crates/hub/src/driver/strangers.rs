//! Says in the log whom edges tell of that nobody has configured here: once for each change, not once a second.

use downbeat_core::incident::Engine;
use downbeat_core::model::Name;
use std::collections::{BTreeMap, BTreeSet};

/// What was said last of each edge.
#[derive(Debug, Default)]
pub(super) struct StrangerLog(BTreeMap<Name, BTreeSet<String>>);

impl StrangerLog {
    /// Says whom an edge's last roll-up named in vain, unless that was said already.
    pub(super) fn note(&mut self, engine: &Engine, edge: &Name) {
        let Some(strangers) = engine.strangers(edge) else { return };
        if self.0.get(edge) == Some(&strangers.names) {
            return;
        }
        let (names, rows) = (&strangers.names, strangers.rows);
        if names.is_empty() {
            tracing::info!(%edge, rows_passed_over = rows, "edge tells of nobody unknown any more");
        } else {
            tracing::warn!(%edge, ?names, rows_passed_over = rows, "edge tells of what is not configured here");
        }
        self.0.insert(edge.clone(), names.clone());
    }
}
