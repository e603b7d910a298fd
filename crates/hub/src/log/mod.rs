//! The append-only log of events, and the only memory of the hub: everything else is its fold.

mod chain;
mod days;
mod fault;
mod holder;
mod mark;
mod opening;
mod reader;
mod replay;
mod room;
mod schema;
mod snapshot;
#[cfg(test)]
mod snapshot_tests;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use chain::{Hash, HashError};
pub use fault::{AppendError, OpenError, ReplayError};
pub use holder::{Holder, Standing};
pub use reader::{LogReader, PAGE_MAX, ReadError, SnapshotSeen, Verified};
pub use replay::Head;
pub use snapshot::{SnapshotFault, Snapshots};
pub use store::EventLog;
pub(crate) use writer::LogWriter;
