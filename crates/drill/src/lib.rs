//! Outage stories, lived through by real processes, with a scorecard.

pub mod crowd;
mod dice;
mod encore_api;
mod http;
pub mod link;
pub mod listener;
pub mod names;
pub mod place;
pub mod progress;
pub mod span;
pub mod story;
pub mod world;
