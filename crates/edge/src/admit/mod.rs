//! Who is let in: the traffic plan in force, limits and shares.

pub(crate) mod calm;
pub(crate) mod concurrency;
pub(crate) mod feature;
pub(crate) mod gate;
pub(crate) mod heavy;
pub(crate) mod limit;
pub(crate) mod ramp;
pub(crate) mod room;
pub(crate) mod traffic;
