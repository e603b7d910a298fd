//! A matter: something that those who run the service have to know, and that is no outage of it.
//!
//! It is told once when it begins and once when it is over, to the channels of the team (decision 28). Nobody is called for it,
//! unless Downbeat could no longer call anybody.

use super::{BudgetId, IncidentId, Moment, Name};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a matter for its whole life: 1, 2, 3, … in the order in which they began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MatterId(pub u64);

impl fmt::Display for MatterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How soon somebody has to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Urgency {
    /// Now: somebody is called.
    Page,
    /// Within days: a message that wakes nobody.
    Ticket,
}

impl Urgency {
    /// The word in the API, in messages and in `/metrics`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

/// What it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Matter {
    /// An error budget burns slowly: the rule that asks for a ticket fires.
    Burn {
        /// Which budget.
        budget: BudgetId,
    },
    /// The public has to hear something soon.
    WordDue {
        /// Of which incident.
        incident: IncidentId,
        /// So many words were said.
        said: u32,
    },
    /// The public should have heard something by now.
    WordOverdue {
        /// Of which incident.
        incident: IncidentId,
        /// So many words were said.
        said: u32,
    },
    /// About ourselves: a vantage point cannot look, or is not heard.
    Blind {
        /// Which one.
        vantage: Name,
    },
    /// About ourselves: no edge is heard.
    Deaf,
    /// About ourselves: the hub did not get to its work.
    Late,
}

impl Matter {
    /// The word in the API and in messages.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Burn { .. } => "burn",
            Self::WordDue { .. } => "word_due",
            Self::WordOverdue { .. } => "word_overdue",
            Self::Blind { .. } => "blind",
            Self::Deaf => "deaf",
            Self::Late => "late",
        }
    }

    /// For people: what kind of message it is.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Burn { .. } => "Ticket",
            Self::WordDue { .. } | Self::WordOverdue { .. } => "Reminder",
            Self::Blind { .. } | Self::Deaf | Self::Late => "About ourselves",
        }
    }

    /// True when it says what Downbeat itself cannot see or do: the service may be well or not.
    pub const fn is_about_ourselves(&self) -> bool {
        match self {
            Self::Burn { .. } | Self::WordDue { .. } | Self::WordOverdue { .. } => false,
            Self::Blind { .. } | Self::Deaf | Self::Late => true,
        }
    }
}

/// Which of the two messages about a matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It began.
    Begun,
    /// It is over.
    Over,
}

impl Phase {
    /// The word in messages.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Over => "over",
        }
    }
}

/// Names a memo for its whole life; also the key by which receivers drop repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemoId {
    /// The matter it speaks of.
    pub matter: MatterId,
    /// Which of its messages.
    pub phase: Phase,
}

impl fmt::Display for MemoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "matter-{}.{}", self.matter, self.phase.word())
    }
}

/// One message about a matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memo {
    /// Its name.
    pub id: MemoId,
    /// What it is about.
    pub matter: Matter,
    /// How soon somebody has to look.
    pub urgency: Urgency,
    /// Since when it has been so.
    pub since: Moment,
    /// When it was written.
    pub at: Moment,
    /// One line.
    pub title: String,
    /// A few sentences of plain text.
    pub body: String,
    /// Where a reader finds more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<IncidentId>,
}
