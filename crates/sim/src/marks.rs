//! Marks: "this was reached". A simulation that finds nothing has to show that it has been everywhere.

use std::collections::BTreeMap;

/// How often each mark was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(BTreeMap<String, u64>);

impl Marks {
    /// The mark was reached once more.
    pub(crate) fn reach(&mut self, mark: &str) {
        match self.0.get_mut(mark) {
            Some(times) => *times += 1,
            None => drop(self.0.insert(mark.to_owned(), 1)),
        }
    }

    /// Adds what another run has reached.
    pub fn add(&mut self, other: &Marks) {
        for (mark, times) in &other.0 {
            *self.0.entry(mark.clone()).or_default() += times;
        }
    }

    /// How often a mark was reached.
    pub fn times(&self, mark: &str) -> u64 {
        self.0.get(mark).copied().unwrap_or(0)
    }

    /// All marks reached, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(mark, times)| (mark.as_str(), *times))
    }
}

/// What a campaign has to have reached.
pub const REQUIRED: [&str; 0] = [];
