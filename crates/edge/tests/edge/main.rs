//! The edge on real sockets: in-test replicas that fail in every way, a fake hub, a fake name server.

mod admission;
mod choice;
mod client;
mod differential;
mod drills;
mod floods;
mod frames;
mod held;
mod hostile;
mod http2;
mod hub;
mod names;
mod once;
mod outside;
mod paths;
mod plans;
mod proxy;
mod replica;
mod resume;
mod retry;
mod reuse;
mod rig;
mod secure;
mod tls;
mod tunnel;
