//! What belongs to an incident: what touches the same part of the service, or began at about the same time. What another
//! incident keeps to is not its own, and what lies elsewhere is not when it keeps to a place itself (`place.rs`).
//!
//! Thousands of findings may be live at once, and most of them have one of a few shapes: a component on a replica, a region. For
//! each shape the incident's parts are cut down to what such a finding can contradict, which leaves few different ones.

use super::book::Incident;
use super::place::{Place, Places, is_placed};
use crate::model::{Finding, Moment, Shape, Slice};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

/// The parts of the service that one incident is about.
pub(super) struct Territory<'a> {
    incident: &'a Incident,
    /// What began then belongs to it, wherever it is.
    together: RangeInclusive<Moment>,
    place: Option<&'a Place>,
    others: Vec<&'a Place>,
    parts: Parts<'a>,
}

/// The slices that an incident touches, cut to the shapes that were asked for.
struct Parts<'a> {
    slices: Vec<&'a Slice>,
    cut: BTreeMap<Shape, BTreeSet<Slice>>,
}

impl<'a> Territory<'a> {
    pub(super) fn of(incident: &'a Incident, merge_within: Duration, places: &'a Places) -> Self {
        let cause = incident.cause().map(|c| &c.slice);
        let slices = incident.findings.iter().map(|f| &f.slice).chain(cause).chain([&incident.slice]);
        let parts = Parts { slices: slices.collect(), cut: BTreeMap::new() };
        Self {
            incident,
            together: incident.since.before(merge_within)..=incident.suspected_at + merge_within,
            place: places.own(incident),
            others: places.of_others(incident).collect(),
            parts,
        }
    }

    /// One outage is one incident, but for what somebody has told apart.
    pub(super) fn holds(&mut self, finding: &Finding) -> bool {
        if self.incident.told_apart(finding) {
            return false;
        }
        let is_placed = is_placed(&finding.slice);
        if is_placed && self.others.iter().any(|place| place.meets(&finding.slice)) {
            return false;
        }
        let is_elsewhere = is_placed && self.place.is_some_and(|place| !place.meets(&finding.slice));
        self.together.contains(&finding.since) || (!is_elsewhere && self.parts.touch(&finding.slice))
    }
}

impl Parts<'_> {
    /// True when one of them meets the slice.
    fn touch(&mut self, slice: &Slice) -> bool {
        let (slices, shape) = (&self.slices, slice.shape());
        let cut = self.cut.entry(shape).or_insert_with(|| slices.iter().map(|part| part.cut_to(shape)).collect());
        cut.iter().any(|part| part.covers(slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Dimension, Name};
    use proptest::prelude::*;

    fn slices() -> impl Strategy<Value = Slice> {
        prop::collection::vec((0_usize..6, 0_u8..3), 0..4).prop_map(|parts| {
            parts.into_iter().fold(Slice::everywhere(), |slice, (dimension, n)| {
                slice.with(Dimension::ALL[dimension], Name::new(&format!("n{n}")).expect("a good name"))
            })
        })
    }

    proptest! {
        #[test]
        fn to_touch_a_territory_is_to_meet_one_of_its_parts(
            parts in prop::collection::vec(slices(), 0..6), others in prop::collection::vec(slices(), 1..6)
        ) {
            let mut territory = Parts { slices: parts.iter().collect(), cut: BTreeMap::new() };
            for other in others {
                prop_assert_eq!(territory.touch(&other), parts.iter().any(|part| part.meets(&other)), "{}", other);
            }
        }
    }
}
