//! Outage stories, lived through by real processes, with a scorecard.

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
pub mod span;
pub mod story;
pub mod supervisor;
pub mod world;

pub use demo::{DemoOptions, demo};
pub use error::DrillError;
pub use run::{RunOptions, run};
pub use score::{CauseScore, RemedyScore, Requests, Scorecard, Silence};
pub use story::Story;
