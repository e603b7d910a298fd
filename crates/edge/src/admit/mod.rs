//! Who is let in: the traffic plan in force, limits and shares.

pub(crate) mod calm;
pub(crate) mod limit;
pub(crate) mod traffic;
