//! The hub: takes signals in, keeps the log, drives the engine, carries remedies out, tells people.

pub mod settings;
pub mod view;
