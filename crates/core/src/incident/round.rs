//! What the counts say about an incident in this round: gathered once for a decision, asked by several steps of it.

use super::book::Incident;
use super::engine::Engine;
use super::suspect::onset;
use crate::diagnose::{Ailing, Contrast, Scene};
use crate::model::{Change, Moment, Name, Slice};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Each replica's leaf as last heard, but for those that another incident keeps to: what ails there speaks for and against
    /// nothing here.
    pub(super) places: BTreeMap<Name, Slice>,
    /// The replicas that other incidents keep to.
    others: BTreeSet<Name>,
    changes: Vec<(Moment, Change)>,
    ailing: Vec<Ailing>,
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
        let foreign = engine.kept_to.of_others(incident);
        let others: BTreeSet<Name> = foreign.flat_map(|place| place.replicas.iter().cloned()).collect();
        let mut places = engine.places();
        places.retain(|replica, _| !others.contains(replica));
        let ailing = engine.upstreams.ailing(now, &engine.policy);
        Self { engine, since, end: now + SECOND, places, others, changes, ailing, contrast: OnceCell::new() }
    }

    /// What fails and what does not.
    pub(super) fn contrast(&self) -> &Contrast {
        self.contrast.get_or_init(|| Contrast::new(&self.engine.ledger, self.since, self.end, &self.places))
    }

    /// The replicas with evidence against them, whatever incident they are of: to the guards all of them count.
    pub(super) fn bad_replicas(&self) -> BTreeSet<Name> {
        if self.others.is_empty() {
            return self.contrast().bad_replicas();
        }
        Contrast::new(&self.engine.ledger, self.since, self.end, &self.engine.places()).bad_replicas()
    }

    /// What a ranking looks at.
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            topology: &self.engine.policy.topology,
            ledger: &self.engine.ledger,
            places: &self.places,
            changes: &self.changes,
            ailing: &self.ailing,
            since: self.since,
            now: self.end,
        }
    }
}
