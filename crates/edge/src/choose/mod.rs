//! Which component, which replica, and how often: decisions on data, with `now` given.

pub(crate) mod balance;
pub(crate) mod budget;
pub(crate) mod canary;
pub(crate) mod dice;
pub(crate) mod gaps;
pub(crate) mod hash;
pub(crate) mod health;
pub(crate) mod keyed;
pub(crate) mod link;
pub(crate) mod look;
pub(crate) mod pace;
pub(crate) mod route;
pub(crate) mod sticky;
pub(crate) mod tap;
pub(crate) mod tries;
