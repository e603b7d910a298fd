//! What is done: which remedy answers a cause ([`propose()`]), what is never done ([`guards`]), what the edges are told
//! ([`plan()`]), and whether it helped ([`effect()`]).

pub mod guards;
mod plan;
mod propose;
mod relief;

pub use plan::{InForce, plan};
pub use propose::{Means, propose};
pub use relief::{Effect, effect, healed, most_clients_fail, step_failed, targets};
