//! A public word: what everybody reads of an incident or of announced work, with a key against repeats.

use crate::model::{IncidentId, Language, MaintenanceId, Moment, Name, Said};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// What public words are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoryId {
    /// An incident.
    Incident(IncidentId),
    /// Announced work.
    Maintenance(MaintenanceId),
}

impl fmt::Display for StoryId {
    /// As the public API names them: `3`, `maintenance-2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incident(id) => write!(f, "{id}"),
            Self::Maintenance(id) => write!(f, "maintenance-{id}"),
        }
    }
}

impl FromStr for StoryId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        match text.strip_prefix("maintenance-") {
            Some(number) => number.parse().map(|number| Self::Maintenance(MaintenanceId(number))),
            None => text.parse().map(|number| Self::Incident(IncidentId(number))),
        }
    }
}

/// Names a public word for its whole life: `3.1`, `maintenance-2.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct WordId {
    /// What it is about.
    pub story: StoryId,
    /// 1, 2, 3, … within the story, with gaps where others than the public were told something.
    pub count: u32,
}

impl fmt::Display for WordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.story, self.count)
    }
}

/// Whether a story goes on after a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequel {
    /// More is to come.
    Follows,
    /// It is over, unless it comes back.
    Over,
}

/// One public word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicWord {
    /// Its name.
    pub id: WordId,
    /// When it was said.
    pub at: Moment,
    /// Where the story stood: a word of Statuspage's API, such as `investigating` or `in_progress`.
    pub standing: &'static str,
    /// One line.
    pub title: String,
    /// A few sentences.
    pub body: String,
    /// The same in other languages, where the hub made the words itself.
    pub translations: BTreeMap<Language, Said>,
    /// What the story touches; everything when empty.
    pub components: BTreeSet<Name>,
    /// Whether more is to come.
    pub sequel: Sequel,
    /// Stories that became part of this one: who heard of them hears this.
    pub absorbed: Vec<StoryId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_named_as_the_public_api_names_them() {
        for (story, text) in
            [(StoryId::Incident(IncidentId(3)), "3"), (StoryId::Maintenance(MaintenanceId(2)), "maintenance-2")]
        {
            assert_eq!((story.to_string().as_str(), text.parse()), (text, Ok(story)));
        }
        assert!("maintenance-".parse::<StoryId>().is_err() && "x".parse::<StoryId>().is_err());
    }
}
