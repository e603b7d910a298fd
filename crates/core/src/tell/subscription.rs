//! Which subscriber hears which public word.
//!
//! The rule in one sentence: whoever had confirmed when a word was said hears it if it touches what they chose, or if they
//! have heard of the same story before. So who heard "began" hears "over", whatever they have chosen in between.

use super::word::PublicWord;
use crate::model::{Moment, Name};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The components that somebody wants to hear of; all of them when empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Choice(pub BTreeSet<Name>);

impl Choice {
    /// True when a story that touches these components is one of theirs. A story that touches none by name touches all.
    pub fn concerns(&self, touched: &BTreeSet<Name>) -> bool {
        self.0.is_empty() || touched.is_empty() || self.0.iter().any(|name| touched.contains(name))
    }
}

/// What is asked of a subscriber when a word is to be told.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// When they said that the address is theirs.
    pub confirmed_at: Option<Moment>,
    /// What they chose.
    pub choice: &'a Choice,
    /// Whether they were told of the story, or of one that became part of it.
    pub has_heard: bool,
}

impl Listener<'_> {
    /// True when the word is for them.
    pub fn hears(&self, word: &PublicWord) -> bool {
        let was_there = self.confirmed_at.is_some_and(|at| at <= word.at);
        was_there && (self.has_heard || self.choice.concerns(&word.components))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IncidentId;
    use crate::tell::word::{Sequel, StoryId, WordId};

    fn names(names: &[&str]) -> BTreeSet<Name> {
        names.iter().map(|name| Name::new(name).expect("a good name")).collect()
    }

    #[test]
    fn who_hears_a_word() {
        let at = Moment::from_millis;
        let word = |touched: &[&str]| PublicWord {
            id: WordId { story: StoryId::Incident(IncidentId(3)), count: 1 },
            at: at(1_000),
            standing: "investigating",
            title: "Problems with Playback".into(),
            body: "We look into it.".into(),
            translations: Default::default(),
            components: names(touched),
            sequel: Sequel::Follows,
            absorbed: vec![],
        };
        let table = [
            (Some(500), &[][..], false, &["playback"][..], true),
            (Some(500), &["playback", "login"], false, &["playback"], true),
            (Some(500), &["login"], false, &["playback"], false),
            (Some(500), &["login"], false, &[], true),
            (Some(500), &["login"], true, &["playback"], true),
            (Some(1_000), &[], false, &["playback"], true),
            (Some(1_001), &[], false, &["playback"], false),
            (None, &[], false, &["playback"], false),
            (None, &[], true, &["playback"], false),
        ];
        for (confirmed, chosen, has_heard, touched, hears) in table {
            let choice = Choice(names(chosen));
            let listener = Listener { confirmed_at: confirmed.map(at), choice: &choice, has_heard };
            assert_eq!(listener.hears(&word(touched)), hears, "{confirmed:?} {chosen:?} {has_heard} {touched:?}");
        }
    }
}
