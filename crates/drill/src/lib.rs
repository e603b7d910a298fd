//! Outage stories, lived through by real processes, with a scorecard.
//!
//! | module | is |
//! |---|---|
//! | [`story`] | what breaks when, and what has to come of it: the files `drills/*.md` |
//! | [`world`] | the processes: Encore in three regions, hub, edge |
//! | [`link`], [`names`] | the doors and the name server between them, which can be made to fail |
//! | [`listener`], [`crowd`] | the people: synthetic listeners who know their silence, and an open-loop crowd |
//! | [`scene`] | a world with people in it, and the hands that break and mend it |
//! | [`supervisor`] | carries the hub's orders out, each once; breaks things for the console |
//! | [`run`](fn@run), [`demo`](fn@demo) | one drill from its first process to its scorecard; all of it until Ctrl-C |
//! | [`simulate`](fn@simulate) | the same story in the simulated world, next to doing nothing |
//!
//! A live drill sees hub, edge and Encore from outside only, as their users see them; nothing of the product is linked
//! in for it but its words ([`downbeat_core`]).

mod conduct;
pub mod crowd;
mod demo;
mod dice;
mod encore_api;
mod error;
mod http;
mod hub;
pub mod link;
pub mod listener;
pub mod names;
pub mod place;
pub mod progress;
mod run;
pub mod scene;
mod score;
mod screen;
mod simulated;
pub mod story;
pub mod supervisor;
pub mod world;

pub use demo::{DemoOptions, demo};
pub use downbeat_sim::span;
pub use error::DrillError;
pub use run::{RunOptions, run};
pub use score::{BudgetScore, CauseScore, Nothing, RemedyScore, Requests, Scorecard, Silence};
pub use simulated::simulate;
pub use story::Story;
