//! Incidents that become one, or two: what was known and done goes on under the other name.

use super::{Case, Judge, Track};
use downbeat_core::model::{IncidentId, Moment, Name, RemedyId, Route};

impl Judge {
    /// The incident that a remedy belongs to by now.
    pub(super) fn incident_of(&self, remedy: RemedyId) -> IncidentId {
        self.remedies.get(&remedy).map_or(remedy.incident, |case| case.incident)
    }

    /// Whoever was to be paged is paged for the one that goes on.
    pub(super) fn merged(&mut self, from: IncidentId, into: IncidentId) {
        let gone = self.incidents.remove(&from).unwrap_or_default();
        let track = self.incidents.entry(into).or_default();
        track.paged |= gone.paged && track.confirmed_at.is_none();
        track.since = track.since.min(gone.since);
        track.about.extend(gone.about);
        for (class, bits) in gone.bits {
            let height = track.bits.entry(class).or_default();
            *height = height.max(bits);
        }
        self.remedies.values_mut().filter(|case| case.incident == from).for_each(|case| case.incident = into);
    }

    /// Whoever splits knows of it, and needs no page.
    pub(super) fn split(&mut self, at: Moment, from: IncidentId, component: &Name, into: IncidentId) {
        let source = self.incidents.entry(from).or_default();
        let (since, bits) = (source.since, source.bits.clone());
        let confirmed_at = source.confirmed_at.map(|_| at);
        self.incidents.insert(into, Track { since, confirmed_at, acked: true, bits, ..Track::default() });
        let leaves = |case: &&mut Case| {
            let only = match &case.remedy.route {
                Route::Away { component, .. } | Route::Cap { component, .. } => component.as_ref(),
                Route::Admit { components, .. } => components.first().filter(|_| components.len() == 1),
                Route::Hold { .. } => None,
            };
            case.incident == from && only == Some(component)
        };
        self.remedies.values_mut().filter(leaves).for_each(|case| case.incident = into);
    }
}
