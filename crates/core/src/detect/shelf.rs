//! Where the series stand: found by what they are about, and from a leaf by all its sides at once.
//!
//! Most observations come from leaves that were seen before, so the way from a leaf to its series is remembered: a second of
//! a whole service is a look-up a leaf, not a handful of new names.

use super::ratio::RatioTest;
use crate::model::{Dimension, Failures, Measure, Moment, Slice, SourceClass, Tally};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most series of client networks; the quietest goes first.
const NETWORKS_MAX: usize = 512;
/// Most leaves whose way is remembered; beyond, all ways are found anew.
const WAYS_MAX: usize = 16_384;

/// Names a series, or a leaf.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    // First, for findings of the same weight are told in the order of their slices.
    pub(super) slice: Slice,
    pub(super) class: SourceClass,
    pub(super) measure: Measure,
}

/// One series.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) measure: Measure,
    pub(super) test: RatioTest,
    /// When something last went wrong there.
    pub(super) fresh: Moment,
    pub(super) kinds: Failures,
    /// What came in this batch and is not tested yet; `None` when nothing did.
    pub(super) batch: Option<Tally>,
}

/// A place on the shelf.
pub(super) type Slot = usize;

/// All series.
#[derive(Debug, Clone, Default)]
pub(super) struct Shelf {
    slots: Vec<Series>,
    by_key: BTreeMap<Key, Slot>,
    /// Slots whose series is gone.
    free: Vec<Slot>,
    networks: usize,
    ways: BTreeMap<Key, Arc<[Slot]>>,
}

impl Shelf {
    /// The series of all sides of a leaf; those that are not there yet are made by `fresh`.
    pub(super) fn way(&mut self, leaf: &Key, fresh: impl Fn() -> Series) -> Arc<[Slot]> {
        if let Some(way) = self.ways.get(leaf) {
            return way.clone();
        }
        let key = |slice| Key { slice, ..leaf.clone() };
        let way: Arc<[Slot]> =
            sides(leaf.measure, &leaf.slice).into_iter().map(|s| self.slot(key(s), &fresh)).collect();
        if self.ways.len() >= WAYS_MAX {
            self.ways.clear();
        }
        self.ways.insert(leaf.clone(), way.clone());
        way
    }

    /// A series.
    pub(super) fn at(&mut self, slot: Slot) -> &mut Series {
        &mut self.slots[slot]
    }

    /// The series of this name.
    pub(super) fn get(&self, key: &Key) -> Option<&Series> {
        self.by_key.get(key).map(|slot| &self.slots[*slot])
    }

    /// All series in the order of their slices.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Series)> {
        self.by_key.iter().map(|(key, slot)| (key, &self.slots[*slot]))
    }

    /// The names of all series, and where they stand.
    pub(super) fn iter_slots(&self) -> impl Iterator<Item = (&Key, Slot)> {
        self.by_key.iter().map(|(key, slot)| (key, *slot))
    }

    /// All series, in any order.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut Series> {
        self.slots.iter_mut()
    }

    fn slot(&mut self, key: Key, fresh: &impl Fn() -> Series) -> Slot {
        if let Some(slot) = self.by_key.get(&key) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(fresh());
        } else {
            self.slots[slot] = fresh();
        }
        self.networks += usize::from(is_network(&key));
        self.by_key.insert(key, slot);
        slot
    }

    /// Takes the quietest series of networks away that are too many, and tells how many that were.
    pub(super) fn bound_networks(&mut self) -> u64 {
        let mut taken = 0;
        while self.networks > NETWORKS_MAX {
            let bits = |slot: &Slot| self.slots[*slot].test.reading().bits.0;
            let networks = self.by_key.iter().filter(|(key, _)| is_network(key));
            let quietest =
                networks.min_by(|a, b| bits(a.1).total_cmp(&bits(b.1))).map(|(key, slot)| (key.clone(), *slot));
            let Some((key, slot)) = quietest else { break };
            self.by_key.remove(&key);
            self.ways.retain(|_, way| !way.contains(&slot));
            self.free.push(slot);
            self.networks -= 1;
            taken += 1;
        }
        taken
    }
}

fn is_network(key: &Key) -> bool {
    key.slice.get(Dimension::Network).is_some()
}

/// The slices that an observation on a leaf counts for.
fn sides(measure: Measure, leaf: &Slice) -> Vec<Slice> {
    use Dimension::{Component, Network, Region, Replica, Version};
    let sets: &[&[Dimension]] = match measure {
        Measure::Attempts | Measure::Slowness => &[
            &[Replica],
            &[Region],
            &[Version],
            &[Component],
            &[Component, Region],
            &[Component, Replica],
            &[Component, Version],
        ],
        Measure::Requests => &[&[Component]],
        Measure::Denials => &[&[Component], &[Component, Network]],
        Measure::Checks => &[&[Replica], &[Region], &[Component, Region]],
        Measure::Lookups => &[&[Region]],
        Measure::Reports
        | Measure::Budget
        | Measure::LatencyBudget
        | Measure::Lateness
        | Measure::Traffic
        | Measure::Figure => &[],
    };
    let cut = |set: &[Dimension]| {
        set.iter().try_fold(Slice::everywhere(), |slice, d| leaf.get(*d).map(|name| slice.with(*d, name.clone())))
    };
    let cuts: Vec<Slice> = sets.iter().filter_map(|set| cut(set)).collect();
    if cuts.is_empty() { vec![leaf.clone()] } else { cuts }
}
