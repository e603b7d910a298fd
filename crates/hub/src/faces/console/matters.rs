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
    /// What Downbeat itself cannot see or do, oldest first: on top of every page.
    pub(super) fn about_ourselves(snapshot: &Snapshot) -> Vec<Self> {
        snapshot.book.open_matters().filter(|case| case.matter.is_about_ourselves()).map(Self::of).collect()
    }

    /// All else that goes on, oldest first.
    pub(super) fn about_the_service(snapshot: &Snapshot) -> Vec<Self> {
        snapshot.book.open_matters().filter(|case| !case.matter.is_about_ourselves()).map(Self::of).collect()
    }

    fn of(case: &MatterCase) -> Self {
        Self {
            tone: match case.matter {
                Matter::Burn { .. } | Matter::WordDue { .. } => Tone::Warn,
                Matter::WordOverdue { .. } => Tone::Bad,
                Matter::Blind { .. } | Matter::Deaf | Matter::Late => Tone::Unknown,
            },
            kind: case.matter.title(),
            title: case.title.clone(),
            body: case.body.clone(),
            since: Stamp(case.since),
            incident: case.incident().map(|id| id.0),
        }
    }
}
