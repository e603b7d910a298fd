//! The hub: takes signals in, keeps the log, drives the engine, carries remedies out, tells people.

pub mod doors;
pub mod faces;
pub mod log;
pub mod reports;
pub mod settings;
pub mod view;
