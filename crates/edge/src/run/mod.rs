//! The threads: starting and stopping, what each has and what all share.

pub(crate) mod checks;
pub(crate) mod control;
pub(crate) mod experience;
pub(crate) mod extra;
pub(crate) mod generation;
pub(crate) mod keeper;
pub(crate) mod pick;
pub(crate) mod reload;
pub(crate) mod seat;
pub(crate) mod shared;
pub(crate) mod start;
pub(crate) mod sync;
pub(crate) mod timer;
pub(crate) mod upgrade;
pub(crate) mod waiting;
pub(crate) mod worker;
