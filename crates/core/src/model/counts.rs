//! Counts by leaf: a small sorted table that is quick to add to another one with the same leaves.
//!
//! The sums over the last minute are asked for many times a second, over leaves that hardly change. So a table shares its
//! keys with the table of the second before, and two tables with the same keys are added line by line, without a look at
//! the names; others are walked side by side.

use super::Tally;
use std::sync::Arc;

/// Tallies by key, in the order of the keys.
#[derive(Debug, Clone)]
pub struct Counts<K> {
    keys: Arc<Vec<K>>,
    /// One for each key; `None` where nothing was counted.
    tallies: Vec<Option<Tally>>,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { keys: Arc::default(), tallies: Vec::new() }
    }
}

impl<K: PartialEq> PartialEq for Counts<K> {
    fn eq(&self, other: &Self) -> bool {
        self.lines().eq(other.lines())
    }
}

impl<K> Counts<K> {
    /// An empty table that has room for what this one counts, and shares its keys unless most of them are out of use.
    #[must_use]
    pub fn next(&self) -> Self {
        let used = self.tallies.iter().flatten().count();
        if 2 * used < self.keys.len() {
            return Self::default();
        }
        Self { keys: self.keys.clone(), tallies: vec![None; self.keys.len()] }
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.lines().map(|(key, _)| key)
    }

    /// The tallies, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Tally> {
        self.tallies.iter().flatten()
    }

    /// Keys and tallies, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Tally)> {
        self.lines()
    }

    fn lines(&self) -> impl Iterator<Item = (&K, &Tally)> {
        self.keys.iter().zip(&self.tallies).filter_map(|(key, tally)| tally.as_ref().map(|tally| (key, tally)))
    }
}

impl<K: Ord + Clone> Counts<K> {
    /// The tally of a key; an empty one when there was none.
    pub fn of(&mut self, key: K) -> &mut Tally {
        let place = match self.place(&key, 0) {
            Ok(place) => place,
            Err(place) => self.make_room(place, key),
        };
        self.tallies[place].get_or_insert_default()
    }

    /// The tally of a key, if there is one.
    pub fn get(&self, key: &K) -> Option<&Tally> {
        self.place(key, 0).ok().and_then(|place| self.tallies[place].as_ref())
    }

    /// Adds another table to this one.
    pub fn add(&mut self, other: &Counts<K>) {
        if self.keys.is_empty() {
            *self = other.clone();
        } else if Arc::ptr_eq(&self.keys, &other.keys) {
            self.tallies.iter_mut().zip(&other.tallies).for_each(|(mine, theirs)| add(mine, theirs.as_ref()));
        } else {
            self.walk(other);
        }
    }

    fn walk(&mut self, other: &Counts<K>) {
        let mut from = 0;
        for (key, tally) in other.lines() {
            // Most often the next of one is the next of the other.
            let next = self.keys.get(from).filter(|mine| *mine == key).map(|_| from);
            let place = match next.map_or_else(|| self.place(key, from), Ok) {
                Ok(place) => place,
                Err(place) => self.make_room(place, key.clone()),
            };
            add(&mut self.tallies[place], Some(tally));
            from = place + 1;
        }
    }

    fn make_room(&mut self, place: usize, key: K) -> usize {
        Arc::make_mut(&mut self.keys).insert(place, key);
        self.tallies.insert(place, None);
        place
    }

    fn place(&self, key: &K, from: usize) -> Result<usize, usize> {
        self.keys[from..].binary_search(key).map(|n| n + from).map_err(|n| n + from)
    }
}

fn add(mine: &mut Option<Tally>, theirs: Option<&Tally>) {
    match (mine, theirs) {
        (_, None) => {}
        (Some(mine), Some(theirs)) => mine.add(theirs),
        (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn keys_out_of_use_are_not_handed_on_for_ever() {
        let mut table = Counts::default();
        (0..100).for_each(|key| table.of(key).total += 1);
        let mut next = table.next();
        assert!(next == Counts::default() && Arc::ptr_eq(&next.keys, &table.keys));
        next.of(7).total += 1;
        assert!(next.next().keys.is_empty());
    }

    proptest! {
        #[test]
        fn it_counts_like_a_tree(tables in prop::collection::vec(prop::collection::vec((0_u8..20, 1_u64..9), 0..12), 0..8)) {
            let (mut sum, mut tree) = (Counts::default(), BTreeMap::<u8, u64>::new());
            let mut counts = Counts::default();
            for table in tables {
                counts = counts.next();
                for (key, n) in table {
                    counts.of(key).total += n;
                    *tree.entry(key).or_default() += n;
                }
                sum.add(&counts);
            }
            prop_assert!(sum.keys().eq(tree.keys()));
            prop_assert!(sum.iter().map(|(key, tally)| (*key, tally.total)).eq(tree.into_iter()));
        }
    }
}
