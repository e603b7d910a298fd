//! A whole service with its outages in virtual time, from a seed, around the production decisions.
//!
//! Edges are the edge's own policy, the hub is the core's own desk; the service, its users, the network, the disks and the
//! people are simulated around them. A world runs some thousand times faster than real time, and the same seed gives
//! the same world to the last event. Whatever must always hold is looked at on every event by a judge who knows the
//! truth; afterwards the world runs once more without automation, to see whether automation did any harm.

mod apart;
mod campaign;
mod dice;
mod fault;
mod harm;
mod judge;
mod marks;
#[cfg(feature = "mutations")]
mod mutants;
mod ordeal;
mod plan;
mod run;
pub mod script;
mod service;
mod shape;
mod show;
mod shrink;
pub mod span;
mod strains;
mod time;
mod world;

pub use campaign::{Extent, Failure, Tally, campaign};
pub use dice::Dice;
pub use judge::Violation;
pub use marks::{Marks, REQUIRED};
#[cfg(feature = "mutations")]
pub use mutants::{Hunt, hunt};
pub use show::{Kept, show, show_throws};
