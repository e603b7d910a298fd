//! Counts by leaf: a small sorted table that is quick to add to another one with the same leaves.
//!
//! The sums over the last minute are asked for many times a second, over leaves that hardly change. In a tree each sum would
//! search for each name in each second; here two tables are walked side by side.

use super::Tally;

/// Tallies by key, in the order of the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Counts<K>(Vec<(K, Tally)>);

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord> Counts<K> {
    /// The tally of a key; an empty one when there was none.
    pub fn of(&mut self, key: K) -> &mut Tally {
        let place = match self.place(&key, 0) {
            Ok(place) => place,
            Err(place) => {
                self.0.insert(place, (key, Tally::default()));
                place
            }
        };
        &mut self.0[place].1
    }

    /// The tally of a key, if there is one.
    pub fn get(&self, key: &K) -> Option<&Tally> {
        self.place(key, 0).ok().map(|place| &self.0[place].1)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The tallies, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &Tally> {
        self.0.iter().map(|(_, tally)| tally)
    }

    /// Keys and tallies, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &Tally)> {
        self.0.iter().map(|(key, tally)| (key, tally))
    }

    /// Adds another table to this one.
    pub fn add(&mut self, other: &Counts<K>)
    where
        K: Clone,
    {
        let mut from = 0;
        for (key, tally) in &other.0 {
            // Most often the next of one is the next of the other.
            let next = self.0.get(from).filter(|(mine, _)| mine == key).map(|_| from);
            match next.map_or_else(|| self.place(key, from), Ok) {
                Ok(place) => {
                    self.0[place].1.add(tally);
                    from = place + 1;
                }
                Err(place) => {
                    self.0.insert(place, (key.clone(), tally.clone()));
                    from = place + 1;
                }
            }
        }
    }

    fn place(&self, key: &K, from: usize) -> Result<usize, usize> {
        self.0[from..].binary_search_by(|(mine, _)| mine.cmp(key)).map(|n| n + from).map_err(|n| n + from)
    }
}

impl<K> IntoIterator for Counts<K> {
    type Item = (K, Tally);
    type IntoIter = std::vec::IntoIter<(K, Tally)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_counts_like_a_tree(tables in prop::collection::vec(prop::collection::vec((0_u8..20, 1_u64..9), 0..12), 0..8)) {
            let (mut sum, mut tree) = (Counts::default(), BTreeMap::<u8, u64>::new());
            for table in tables {
                let mut counts = Counts::default();
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
