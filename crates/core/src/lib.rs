//! Every decision of Downbeat, and nothing else.
//!
//! Nothing in this crate opens a file or a socket, starts a task, reads a clock or throws dice: it is told
//! `now` and data, and answers with data. So every outage can be replayed from its log to the same decisions.
//! The folders stand in the order of an outage; each stage knows [`model`] and no other stage, and
//! `incident` strings them together.

pub mod act;
pub mod confirm;
pub mod detect;
pub mod diagnose;
pub mod fault;
pub mod incident;
pub mod learn;
pub mod model;
pub mod signal;
pub mod tell;
