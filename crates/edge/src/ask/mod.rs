//! Asking replicas: connections, single attempts, races of several, and the rescue of a broken body.

pub(crate) mod attempt;
pub(crate) mod call;
pub(crate) mod fault;
pub(crate) mod line;
pub(crate) mod pipe;
pub(crate) mod pool;
pub(crate) mod race;
pub(crate) mod rescue;
pub(crate) mod resume;
pub(crate) mod straggler;
