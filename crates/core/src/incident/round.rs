//! What the counts say about an incident in this round: gathered once for a decision, asked by several steps of it.

use super::book::Incident;
use super::engine::Engine;
use super::suspect::onset;
use crate::diagnose::{Contrast, Scene};
use crate::model::{Change, Moment, Name, Slice};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::time::Duration;

/// Counts come a second at a time.
const SECOND: Duration = Duration::from_secs(1);
/// After a relapse the ranking looks back so far: at the step that failed.
pub(super) const RELAPSE_WINDOW: Duration = Duration::from_secs(3);

/// The time from the onset, or after a relapse from the step that failed, until now.
pub(super) struct Round<'a> {
    engine: &'a Engine,
    /// Where its counts begin.
    pub(super) since: Moment,
    /// The end of the second that is counted into now.
    end: Moment,
    /// Each replica's leaf as last heard.
    pub(super) places: BTreeMap<Name, Slice>,
    changes: Vec<(Moment, Change)>,
    contrast: OnceCell<Contrast>,
}

impl<'a> Round<'a> {
    pub(super) fn of(engine: &'a Engine, incident: &Incident, now: Moment) -> Self {
        let since = match incident.relapsed_at {
            Some(relapsed) => relapsed.before(RELAPSE_WINDOW),
            None => match engine.findings_of(incident) {
                live if live.is_empty() => incident.since,
                live => onset(&live, now).min(incident.since),
            },
        };
        let changes = engine.book.changes.iter().cloned().collect();
        Self { engine, since, end: now + SECOND, places: engine.places(), changes, contrast: OnceCell::new() }
    }

    /// What fails and what does not.
    pub(super) fn contrast(&self) -> &Contrast {
        self.contrast.get_or_init(|| Contrast::new(&self.engine.ledger, self.since, self.end, &self.places))
    }

    /// What a ranking looks at.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            topology: &self.engine.policy.topology,
            ledger: &self.engine.ledger,
            places: &self.places,
            changes: &self.changes,
            since: self.since,
            now: self.end,
        }
    }
}
