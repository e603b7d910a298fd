//! What the team has to know beside incidents: a band for each matter that goes on, on top of the console.

use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use crate::view::Snapshot;
use downbeat_core::incident::MatterCase;
use downbeat_core::model::Matter;

/// One matter that goes on.
#[derive(Debug)]
pub(super) struct Band {
    pub(super) tone: Tone,
    /// What kind of message it is: "Ticket".
    pub(super) kind: &'static str,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) since: Stamp,
    /// The incident that it is about.
    pub(super) incident: Option<u64>,
}

impl Band {
    /// All that go on, oldest first.
    pub(super) fn all(snapshot: &Snapshot) -> Vec<Self> {
        snapshot.book.open_matters().map(Self::of).collect()
    }

    fn of(case: &MatterCase) -> Self {
        Self {
            tone: match case.matter {
                Matter::Burn { .. } => Tone::Warn,
            },
            kind: case.matter.title(),
            title: case.title.clone(),
            body: case.body.clone(),
            since: Stamp(case.since),
            incident: case.incident().map(|id| id.0),
        }
    }
}
