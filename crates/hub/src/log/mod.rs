//! The append-only log of events, and the only memory of the hub: everything else is its fold.

mod chain;
mod days;
mod fault;
mod reader;
mod replay;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod writer;

pub use chain::Hash;
pub use fault::{AppendError, OpenError, ReplayError};
pub use reader::{LogReader, PAGE_MAX, ReadError};
pub use replay::{Head, Replay};
pub use store::EventLog;
pub(crate) use writer::LogWriter;
