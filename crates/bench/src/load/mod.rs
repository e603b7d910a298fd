//! Clients: `wrk`, which nobody here wrote, for what a request costs; our own where every single request is watched.

pub(crate) mod download;
pub(crate) mod h2load;
pub(crate) mod halfopen;
pub(crate) mod http;
pub(crate) mod steady;
pub(crate) mod tide;
pub(crate) mod wrk;
