//! The edge on real sockets: in-test replicas that fail in every way, a fake hub, a fake name server.

mod admission;
mod client;
mod differential;
mod drills;
mod held;
mod hostile;
mod hub;
mod names;
mod once;
mod paths;
mod plans;
mod replica;
mod resume;
mod retry;
mod reuse;
mod rig;
mod tunnel;
