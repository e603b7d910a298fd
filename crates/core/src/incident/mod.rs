//! The spine: strings the stages together, from signal to lesson.

mod arming;
mod audit;
mod board;
mod book;
mod command;
mod cure;
mod desk;
mod digest;
mod engine;
mod event;
mod feature;
mod found;
mod headline;
mod kinship;
mod next;
mod pairs;
mod place;
mod restore;
mod round;
mod state;
mod suspect;
mod territory;
mod words;

pub use arming::{Arming, ArmingState, Trials, Tried};
pub use audit::{Auditor, Violation};
pub use board::{Board, Cell, Condition, Pulse, ReplicaLine};
pub use book::{Book, Effect, EffectId, FeatureCase, Incident, Misfit, NoticeCase, RemedyCase, RemedyStage, Removal};
pub use command::{Command, CommandRefused};
pub use desk::{Batch, Desk, Filed, Unwritten};
pub use digest::{Digest, DigestError};
pub use engine::Engine;
pub use event::{Actor, Channel, Event, Outcome, Record, Switch, Verb, Verdict};
pub use found::FoundRemedy;
pub use kinship::SplitFrom;
pub use state::{State, next};
