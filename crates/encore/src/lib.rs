//! Encore is a small, real music-streaming service: accounts, playlists, search, and audio streamed from disk, with a
//! web player. It is the service that Downbeat protects in its demo, and it knows nothing of Downbeat.
//!
//! Several replicas share one data directory: immutable media named by their hash, a catalogue, one SQLite file, one
//! secret. Any replica can continue what another began, a download in mid-body included.
//!
//! | module | what it does |
//! |---|---|
//! | `cli` | arguments of `serve` and `prepare` |
//! | `prepare`, `catalogue`, `synth` | make the data directory: secret, media, accounts, catalogue |
//! | `store`, `gate`, `password`, `token` | state, and the bounded ways to it |
//! | `http` | what is answered to which request |
//! | `server` | one replica: listening, draining, stopping |
//! | `defect` | how a bad release misbehaves |

mod catalogue;
pub mod cli;
pub mod defect;
mod files;
mod gate;
mod http;
pub mod logs;
mod metrics;
mod password;
pub mod prepare;
mod secret;
pub mod server;
mod store;
mod synth;
mod token;
pub mod units;

pub use server::serve;
