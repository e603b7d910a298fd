//! What is measured, one module each.

pub(crate) mod cost;
pub(crate) mod crowd;
pub(crate) mod failover;
pub(crate) mod fleet;
pub(crate) mod soak;
pub(crate) mod survival;
pub(crate) mod telemetry;
