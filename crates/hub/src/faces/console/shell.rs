//! What stands around every page of the console: the service, loud troubles, and who holds the automation.

use super::matters::Band;
use crate::faces::claim;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use crate::view::Snapshot;
use downbeat_core::model::Name;

/// What every page knows.
#[derive(Debug)]
pub(super) struct Shell {
    /// The service's name.
    pub(super) service: String,
    /// What is wrong with the hub itself.
    pub(super) trouble: Option<String>,
    /// Why subscribers hear nothing new.
    pub(super) untold: Option<String>,
    /// What Downbeat itself cannot see or do.
    pub(super) ourselves: Vec<Band>,
    /// Who holds the automation back.
    pub(super) held_by: Option<Name>,
    /// When the picture was taken.
    pub(super) now: Stamp,
    /// Where the public reads.
    pub(super) status_url: String,
    /// Incidents that are open.
    open: usize,
    fresh: bool,
}

impl Shell {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        Self {
            service: snapshot.settings.policy.topology.service.clone(),
            trouble: snapshot.trouble.clone(),
            untold: snapshot.untold.clone(),
            ourselves: Band::about_ourselves(snapshot),
            held_by: snapshot.book.held_by.clone(),
            now: Stamp(snapshot.now),
            status_url: snapshot.settings.status_url.clone(),
            open: snapshot.book.open().count(),
            fresh: claim::is_fresh(&snapshot.board, &snapshot.settings.policy, snapshot.now),
        }
    }

    /// All of it in one tone.
    pub(super) const fn tone(&self) -> Tone {
        match (self.open, self.fresh) {
            (0, true) => Tone::Good,
            (0, false) => Tone::Unknown,
            _ => Tone::Bad,
        }
    }

    /// All of it in a few words.
    pub(super) fn summary(&self) -> String {
        match (self.open, self.fresh) {
            (0, true) => "Playing".into(),
            (0, false) => "Not measured".into(),
            (1, _) => "1 open incident".into(),
            (open, _) => format!("{open} open incidents"),
        }
    }
}
