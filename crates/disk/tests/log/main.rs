//! The hub's log on a disk that fails: invariants D1, D2 and D3, at every operation.

mod corruption;
mod faults;
mod power;
mod script;
