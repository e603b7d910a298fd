//! The edge on real sockets: in-test replicas that fail in every way, a fake hub, a fake name server.

mod admission;
mod client;
mod drills;
mod held;
mod hostile;
mod hub;
mod names;
mod plans;
mod reload;
mod replica;
mod resume;
mod retry;
mod rig;
mod telemetry;
mod tunnel;
