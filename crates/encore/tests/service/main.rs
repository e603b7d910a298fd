//! The service as its clients and operators meet it: real sockets, real files, and where it matters real processes.

mod accounts;
mod defects;
mod hostile;
mod library;
mod media;
mod overload;
mod player;
mod playlists;
mod process;
mod support;
