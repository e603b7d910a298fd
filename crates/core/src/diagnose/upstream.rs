//! What those say who run the services that ours depends on.
//!
//! It is no evidence that ours fails: they may ail without our noticing. It explains a failure of what needs them, when there is
//! one, and the verdict then names them instead of looking for a fault of ours.

use crate::model::{Moment, Name, Policy, UpstreamHealth, UpstreamWord};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What was said so long ago says nothing any more.
const FRESH: Duration = Duration::from_secs(3_600);

/// A service that ails, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ailing {
    /// Its name for people.
    pub title: String,
    /// What of ours needs it.
    pub components: BTreeSet<Name>,
    /// How it is.
    pub health: UpstreamHealth,
    /// What they call the trouble.
    pub said: String,
}

impl Ailing {
    /// The fact, for people.
    pub fn fact(&self) -> String {
        let word = if self.health == UpstreamHealth::Down { "is down" } else { "ails" };
        let said = if self.said.is_empty() { String::new() } else { format!(": {}", self.said) };
        format!("{} {word} by its own word{said}", self.title)
    }
}

/// What was said last of each service.
#[derive(Debug, Clone, Default)]
pub struct Upstreams(BTreeMap<Name, (UpstreamWord, Moment)>);

impl Upstreams {
    /// Takes a word in; true when it is of a service that is configured.
    pub fn hear(&mut self, now: Moment, word: &UpstreamWord, policy: &Policy) -> bool {
        let is_known = policy.upstreams.contains_key(&word.upstream);
        if is_known {
            self.0.insert(word.upstream.clone(), (word.clone(), now));
        }
        is_known
    }

    /// Those that ail now.
    pub fn ailing(&self, now: Moment, policy: &Policy) -> Vec<Ailing> {
        let fresh = self.0.values().filter(|(word, at)| now.since(*at) <= FRESH && word.health >= UpstreamHealth::Ails);
        let known = fresh.filter_map(|(word, _)| Some((word, policy.upstreams.get(&word.upstream)?)));
        known
            .map(|(word, upstream)| Ailing {
                title: upstream.title.clone(),
                components: upstream.components.clone(),
                health: word.health,
                said: word.said.clone(),
            })
            .collect()
    }
}
