//! The pager's outbox: one incident, a page on two channels, a restart at the actuator, and a hub that dies between any two
//! steps while the disk refuses writes and answers get lost.
//!
//! Stands for the order of writing and doing of the desk, which is asked itself: `incident::Desk`, `Engine` and `Book`
//! (`crates/core/src/incident/desk.rs`, `engine.rs`, `book.rs`) decide what is written and what is due, down to the words of
//! the page. The hub's shell around it (`crates/hub/src/driver`, `crates/hub/src/outbox`) is what is modelled: an effect
//! becomes a task; a task sends, and sends again under the same key when no answer comes; its outcome goes to the desk.
//!
//! Left out: time (an effect is retried as often as the bounds let answers get lost, a pause ends when the disk recovers),
//! signals (the incident is confirmed and its remedy started by a log that is there already), the public word and the
//! review, which go the same way, and a torn batch (a transaction is whole).

mod properties;
mod scene;
mod world;

pub use properties::*;
pub use world::{Item, Left, Mark, Stage, Step, World};

/// How the shell is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Design {
    /// As the product is.
    AsBuilt,
    /// A page goes out before it is in the log.
    SendsBeforeWriting,
    /// What ended and is not written yet is begun again.
    ForgetsWhatIsInFlight,
    /// What a dead hub had not finished, its successor does not know.
    ForgetsTheOutbox,
    /// After a start the same page has another key.
    ForgetsKeys,
    /// What was due when somebody acknowledged goes out all the same.
    CallsAfterAck,
}

/// Bounds of a run.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// So many times the hub dies.
    pub deaths: u8,
    /// So many times the disk refuses a write.
    pub refusals: u8,
    /// So many times an answer gets lost.
    pub losses: u8,
    /// So many times a receiver does not want a message.
    pub rejections: u8,
    /// Whether somebody acknowledges the incident at some time.
    pub ack: bool,
}

/// The outbox in a design, within bounds.
#[derive(Debug, Clone, Copy)]
pub struct Outbox {
    /// How it is built.
    pub design: Design,
    /// How far it is looked at.
    pub bounds: Bounds,
}

#[cfg(test)]
mod tests;
