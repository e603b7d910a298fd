//! What all of the hub's HTTP has in common: the server, who may come in, the reader's language, and how refusals are worded.

pub(crate) mod gate;
pub(crate) mod json;
pub(crate) mod language;
pub(crate) mod origin;
pub(crate) mod problem;
pub(crate) mod server;
