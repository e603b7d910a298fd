//! The edge on real sockets: in-test replicas that fail in every way, a fake hub, a fake name server.

mod admission;
mod client;
mod drills;
mod floods;
mod frames;
mod held;
mod hostile;
mod http2;
mod hub;
mod names;
mod outside;
mod plans;
mod proxy;
mod replica;
mod resume;
mod retry;
mod rig;
mod secure;
mod tls;
mod tunnel;
