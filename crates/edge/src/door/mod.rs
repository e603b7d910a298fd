//! How clients come in: connections are accepted, requests taken off them, answers put on them.

pub(crate) mod caller;
pub(crate) mod client;
pub(crate) mod front;
pub(crate) mod network;
pub(crate) mod outbox;
