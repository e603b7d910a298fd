//! The hub from outside: real sockets, real processes, real files; all on this machine.

mod arming;
mod authority;
mod budgets;
mod conditions;
mod console;
mod journeys;
mod kill;
mod maintenance;
mod metrics;
mod ourselves;
mod outbound;
mod outbox;
mod probes;
mod protocols;
mod pushing;
mod receiver;
mod reporting;
mod rig;
mod secure;
#[path = "../shared/service.rs"]
mod service;
mod serving;
mod streams;
mod subscribers;
mod subscribing;
mod vantage;
mod voices;
mod watcher;
mod words;
