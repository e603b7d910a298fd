//! What the faces need of a running hub, and no more: so a test or an example can stand in for it.

use crate::doors::{CommandError, Doors};
use crate::log::ReadError;
use crate::reports::ReportDesk;
use crate::view::Snapshot;
use downbeat_core::incident::{Command, Record};
use downbeat_core::model::Name;
use tokio::sync::watch;

/// A running hub, as its faces see it. Cheap to clone.
pub trait Desk: Clone + Send + Sync + 'static {
    /// The newest picture of everything.
    fn snapshots(&self) -> watch::Receiver<Snapshot>;

    /// Who takes users' reports in.
    fn reports(&self) -> ReportDesk;

    /// Hands an operator's command in.
    fn command(&self, who: Name, command: Command) -> impl Future<Output = Result<(), CommandError>> + Send;

    /// At most so many lines of the log that follow upon one, oldest first. May block on the disk.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn records_after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError>;
}

impl Desk for Doors {
    fn snapshots(&self) -> watch::Receiver<Snapshot> {
        self.snapshots.clone()
    }

    fn reports(&self) -> ReportDesk {
        self.reports.clone()
    }

    fn command(&self, who: Name, command: Command) -> impl Future<Output = Result<(), CommandError>> + Send {
        self.commands.send(who, command)
    }

    fn records_after(&self, seq: u64, most: usize) -> Result<Vec<Record>, ReadError> {
        self.log.after(seq, most)
    }
}
