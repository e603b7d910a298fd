//! The edge: the reverse proxy that keeps traffic flowing through faults.
//!
//! It routes requests to components, chooses a replica for each, retries and hedges within a budget, and brings a body
//! whose replica dies in mid-stream to its end from another one. It obeys the hub's traffic plan, goes on with the last
//! good one when the hub is gone, and tells the hub once a second what it saw.
//!
//! Each thread runs a current-thread runtime with its own listener and its own connections to replicas (`front`,
//! `exchange`, `race`, `relay`); one more thread does what is not urgent (`checks`, `names`, `report`, `admin`). What
//! decides takes `now` and data and returns data: `codec`, `route`, `balance`, `health`, `budget`, `pace`, `resume`, `limit`.

mod admin;
mod attempt;
mod balance;
mod budget;
mod call;
mod checks;
mod client;
mod codec;
mod dice;
mod events;
mod exchange;
mod fault;
mod front;
mod health;
mod limit;
mod line;
mod metrics;
mod names;
mod network;
mod outbox;
mod pace;
mod plan;
mod pool;
mod race;
mod relay;
mod report;
mod rescue;
mod resume;
mod route;
mod scribe;
mod settings;
mod shared;
mod site;
mod start;
mod store;
mod sync;
mod tally;
mod traffic;
mod upload;
mod worker;

pub use names::ResolverError;
pub use settings::{
    ComponentSettings, DRAIN, EdgeSettings, HealthSettings, HedgeSettings, HubLink, LimitSettings, MAX_IN_FLIGHT,
    RESOLVE_EVERY, Repeatable, ReplicaSettings, ResumeSettings, RetrySettings, RouteRule, SLOW, WEIGHT,
};
pub use site::SettingsFault;
pub use start::{EdgeHandle, StartError, start};
