//! Outage stories, lived through by real processes, with a scorecard.

mod dice;
pub mod link;
pub mod listener;
pub mod names;
pub mod place;
pub mod span;
