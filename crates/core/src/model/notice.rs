//! A notice: one message for one audience.

use super::{IncidentId, Language, Said, Slice};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Names a notice for its whole life; also the key by which receivers drop repeats (invariant E2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoticeId {
    /// The incident it speaks of.
    pub incident: IncidentId,
    /// 1, 2, 3, … within the incident.
    pub count: u32,
}

impl fmt::Display for NoticeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.incident, self.count)
    }
}

/// Who is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody: the status page and its feeds.
    Public,
    /// Whoever is on call: a page.
    OnCall,
    /// Whoever runs the service, when they are at work: messages that wake nobody.
    Team,
}

/// Where the public story stands; the words of Statuspage's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// We know of it.
    Investigating,
    /// We know why.
    Identified,
    /// It works again and is watched.
    Monitoring,
    /// It is over.
    Resolved,
}

impl Stage {
    /// The word of Statuspage's API.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Investigating => "investigating",
            Self::Identified => "identified",
            Self::Monitoring => "monitoring",
            Self::Resolved => "resolved",
        }
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Investigating => "Investigating",
            Self::Identified => "Identified",
            Self::Monitoring => "Monitoring",
            Self::Resolved => "Resolved",
        }
    }
}

/// One message for one audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its name and its key against repeats.
    pub id: NoticeId,
    /// Who is told.
    pub audience: Audience,
    /// Where the story stands.
    pub stage: Stage,
    /// One line.
    pub title: String,
    /// A few sentences of plain text.
    pub body: String,
    /// The same in other languages, where the hub made the words itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub translations: BTreeMap<Language, Said>,
    /// What is affected.
    pub slice: Slice,
}

impl Notice {
    /// True when it calls somebody, rather than telling them that it is over.
    pub fn is_call(&self) -> bool {
        self.audience == Audience::OnCall && self.stage != Stage::Resolved
    }
}
