//! The hub: takes signals in, keeps the log, drives the engine, carries remedies out, tells people.
//!
//! One task, the driver, owns the engine and the log; everything else knocks at its doors or reads the pictures
//! that it publishes.

mod api;
mod appointment;
mod base64;
mod chance;
mod channel;
pub mod clock;
pub mod doors;
mod driver;
pub mod export;
pub mod faces;
pub mod history;
mod http;
mod intake;
pub mod log;
mod metrics;
pub mod outbound;
pub mod outbox;
mod poll;
pub mod probes;
pub mod reports;
mod s3;
pub mod settings;
mod start;
pub mod subscribers;
pub mod telemetry;
mod text;
pub mod theme;
mod uptime;
pub mod view;
mod voices;
mod watcher;

pub use start::{HubHandle, StartError, start};
