//! How clients come in: connections are accepted, requests taken off them, answers put on them.

pub(crate) mod arrival;
pub(crate) mod caller;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod front;
pub(crate) mod http2;
pub(crate) mod network;
pub(crate) mod outbox;
pub(crate) mod tls;
pub(crate) mod wire;
