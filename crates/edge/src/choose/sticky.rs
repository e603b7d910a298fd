//! Consistent hashing: the same key goes to the same replica, as long as that one is well and not overloaded.
//!
//! Weighted rendezvous hashing (Thaler and Ravishankar 1998; the weights after Schindelhauer and Schomaker 2005): each
//! replica scores `weight / −ln u`, `u` the hash of key and replica from 0 to 1, and the highest score wins. When a
//! replica goes, only its own keys move. With fewer than 50 replicas this is quicker than any ring, and needs no table.
//!
//! Loads are bounded (Mirrokni, Thorup, Zadimoghaddam 2016): a replica that has [`SLACK`] times its share of the
//! requests in flight is passed over, so a key that everybody wants is spread over as many replicas as it takes.

use crate::choose::hash::unit;

/// How many times its share of the requests in flight a replica may have. The paper's c; Vimeo and HAProxy use as much.
const SLACK: f64 = 1.25;

/// A replica that may be chosen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<Id> {
    pub(crate) id: Id,
    pub(crate) weight: f64,
    pub(crate) salt: u64,
    pub(crate) in_flight: u32,
}

/// The place of a key; `None` when there are no places.
pub(crate) fn place<Id: Copy>(key: u64, places: impl Iterator<Item = Place<Id>> + Clone) -> Option<Id> {
    let weights: f64 = places.clone().map(|p| p.weight).sum();
    let load: f64 = places.clone().map(|p| f64::from(p.in_flight)).sum::<f64>() + 1.0;
    let room = |p: &Place<Id>| f64::from(p.in_flight) < (SLACK * load * p.weight / weights).ceil();
    let score = |p: &Place<Id>| p.weight / -unit(key, p.salt).max(f64::MIN_POSITIVE).ln();
    let best = |a: &Place<Id>, b: &Place<Id>| score(a).total_cmp(&score(b));
    places.filter(room).max_by(best).map(|p| p.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choose::hash::{hash, mix};

    fn places(loads: &[u32]) -> Vec<Place<usize>> {
        let place = |(id, load): (usize, &u32)| Place { id, weight: 100.0, salt: mix(id as u64), in_flight: *load };
        loads.iter().enumerate().map(place).collect()
    }

    fn at(places: &[Place<usize>], key: u64) -> usize {
        place(hash(&key.to_be_bytes()), places.iter().copied()).expect("somebody has room")
    }

    #[test]
    fn keys_spread_by_weight_and_only_the_keys_of_one_that_goes_move() {
        let mut all = places(&[0; 4]);
        all[3].weight = 200.0;
        let before: Vec<usize> = (0..20_000).map(|key| at(&all, key)).collect();
        for (id, wanted) in [(0, 0.2), (1, 0.2), (2, 0.2), (3, 0.4)] {
            let share = before.iter().filter(|b| **b == id).count() as f64 / 20_000.0;
            assert!((share - wanted).abs() < 0.02, "{id}: {share}");
        }
        let rest: Vec<_> = all.iter().copied().filter(|p| p.id != 1).collect();
        for (key, before) in (0..20_000).zip(before) {
            assert!(before == 1 || at(&rest, key) == before, "key {key} moved without need");
        }
    }

    #[test]
    fn a_key_that_everybody_wants_is_spread() {
        let mut all = places(&[0; 4]);
        for _ in 0..400 {
            let id = at(&all, 7);
            all[id].in_flight += 1;
        }
        let most = all.iter().map(|p| p.in_flight).max();
        assert!(most.is_some_and(|most| most <= 126), "1.25 times the mean of 100: {all:?}");
    }
}
