//! The spine: strings the stages together, from signal to lesson.

mod board;
mod book;
mod engine;
mod event;
mod headline;
mod state;

pub use board::{Board, Cell, Condition, Pulse, ReplicaLine};
pub use book::{Book, Channel, Effect, EffectId, Incident, Misfit, NoticeCase, RemedyCase, RemedyStage, Removal};
pub use engine::{Command, CommandRefused, Engine, SignalRefused};
pub use event::{Actor, Event, Outcome, Record, Verb, Verdict};
pub use state::{State, next};
