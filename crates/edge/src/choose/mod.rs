//! Which component, which replica, and how often: decisions on data, with `now` given.

pub(crate) mod balance;
pub(crate) mod budget;
pub(crate) mod dice;
pub(crate) mod health;
pub(crate) mod pace;
pub(crate) mod route;
