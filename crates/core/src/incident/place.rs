//! Where an incident keeps to (decision 19): when its certain cause sits in one place, a replica or a region, and all that was
//! found in any place was found there. What ails elsewhere, and began later, is another outage, though it be on the same
//! component.
//!
//! But what then ails wherever anything is left is the crowd that the first outage moves, and belongs to it.

use super::book::Incident;
use super::engine::Engine;
use crate::model::{Dimension, Finding, IncidentId, Name, Slice, Topology};
use std::collections::BTreeSet;

/// A part of the topology that an incident can keep to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) replicas: BTreeSet<Name>,
    regions: BTreeSet<Name>,
}

/// The places that open incidents keep to, by themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Vec<(IncidentId, Place)>);

/// True for what was found in some place, not on the service as a whole.
pub(super) fn is_placed(slice: &Slice) -> bool {
    slice.get(Dimension::Replica).or(slice.get(Dimension::Region)).is_some()
}

/// What of an incident was found in some place.
fn placed(incident: &Incident) -> impl Iterator<Item = &Slice> {
    incident.findings.iter().map(|finding| &finding.slice).filter(|slice| is_placed(slice))
}

impl Place {
    fn of(slice: &Slice, topology: &Topology) -> Option<Self> {
        if !is_placed(slice) {
            return None;
        }
        let replicas = topology.replicas_of(slice);
        let regions = replicas.iter().filter_map(|name| Some(topology.replicas.get(name)?.region.clone())).collect();
        Some(Self { replicas, regions })
    }

    /// True when what was found in some place lies here, or may: that of a region in which the place is.
    pub(super) fn meets(&self, slice: &Slice) -> bool {
        match (slice.get(Dimension::Replica), slice.get(Dimension::Region)) {
            (Some(replica), _) => self.replicas.contains(replica),
            (None, Some(region)) => self.regions.contains(region),
            (None, None) => false,
        }
    }
}

impl Places {
    /// The place that an incident keeps to.
    pub(super) fn own(&self, incident: &Incident) -> Option<&Place> {
        self.0.iter().find(|(id, _)| *id == incident.id).map(|(_, place)| place)
    }

    /// The places of other incidents, of an incident that was found in other places only. What ails there is explained.
    pub(super) fn of_others<'a>(&'a self, incident: &'a Incident) -> impl Iterator<Item = &'a Place> {
        let others = self.0.iter().filter(|(id, _)| *id != incident.id).map(|(_, place)| place);
        let is_placed = placed(incident).next().is_some();
        others.filter(move |place| is_placed && !placed(incident).any(|slice| place.meets(slice)))
    }
}

impl Engine {
    /// The places that the open incidents keep to, after these findings.
    pub(super) fn places_kept_to(&self, findings: &[Finding]) -> Places {
        let ailing: BTreeSet<&Name> = findings.iter().filter_map(|f| f.slice.get(Dimension::Replica)).collect();
        let open = self.book.open().filter_map(|incident| Some((incident.id, self.place_of(incident, &ailing)?)));
        Places(open.collect())
    }

    fn place_of(&self, incident: &Incident, ailing: &BTreeSet<&Name>) -> Option<Place> {
        let place = Place::of(&self.certain(incident)?.slice, &self.policy.topology)?;
        let is_whole = placed(incident).all(|slice| place.meets(slice));
        let mut rest = self.policy.topology.replicas.keys().filter(|replica| !place.replicas.contains(*replica));
        // Of a crowd that has moved nobody else is spared; of a service of two replicas nobody can tell.
        let is_spared = rest.any(|replica| !ailing.contains(replica));
        (is_whole && is_spared).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Replica;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a good name")
    }

    #[test]
    fn a_place_meets_what_may_lie_in_it() {
        let replicas = ["eu-1", "eu-2", "us-1"].map(|it| {
            let replica =
                Replica { name: name(it), region: name(&it[..2]), host: None, version: None, proven_per_second: None };
            (replica.name.clone(), replica)
        });
        let topology = Topology { replicas: replicas.into(), ..Topology::default() };
        let slice = |dimension, it: &str| Slice::of(dimension, name(it));
        let region = |it| slice(Dimension::Region, it);
        let replica = |it| slice(Dimension::Replica, it);
        let meets = |place: &Slice, other: &Slice| Place::of(place, &topology).expect("a place").meets(other);
        assert!(meets(&region("eu"), &replica("eu-2")) && meets(&region("eu"), &region("eu")));
        assert!(meets(&replica("eu-1"), &region("eu")), "it may be that replica alone");
        assert!(meets(&replica("eu-1"), &replica("eu-1").with(Dimension::Component, name("login"))));
        assert!(!meets(&region("eu"), &replica("us-1")) && !meets(&region("eu"), &region("us")));
        assert!(!meets(&replica("eu-1"), &replica("eu-2")) && !meets(&replica("eu-1"), &region("us")));
        assert_eq!(Place::of(&slice(Dimension::Component, "login"), &topology), None);
        assert_eq!(Place::of(&Slice::everywhere(), &topology), None);
    }
}
