//! The edge: the reverse proxy that keeps traffic flowing through faults.
//!
//! It routes requests to components, chooses a replica for each, retries and hedges within a budget, and brings a body
//! whose replica dies in mid-stream to its end from another one. It obeys the hub's traffic plan, goes on with the last
//! good one when the hub is gone, and tells the hub once a second what it saw.
//!
//! The rooms stand in the order of a request's way: `door` (clients), `admit` (who is let in), `exchange` (one request
//! and its answer), `cache` (answers kept), `choose` (which replica, how often), `ask` (replicas). `codec` reads and writes HTTP without I/O;
//! `tell` says what was seen, `change` takes in what changes, `run` has the threads: each serves with a current-thread
//! runtime, a listener and replica connections of its own; one more does what is not urgent. What decides takes `now`
//! and data and returns data: all of `codec`, `choose` and `admit`, `ask::resume`, and of `run` what all threads know together.
//! `policy` asks those decisions for a world in virtual time.

mod admit;
mod ask;
mod cache;
mod change;
mod choose;
mod codec;
mod door;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod policy;
mod run;
mod tell;

pub use change::archive::{Advice, Archive, Beginning, Written};
pub use change::hold::HoldFile;
pub use change::names::ResolverError;
pub use change::settings::{
    AccessLogSettings, Balance, CACHE_BYTES, CACHED_BODIES_MIN, CacheSettings, CertificateFiles, ClientWord,
    ComponentSettings, DRAIN, EdgeSettings, FeatureSettings, HashKey, HealthSettings, HedgeSettings, HubLink,
    IN_FLIGHT_FLOOR, Identity, LimitSettings, LogTarget, MAX_IN_FLIGHT, ProxyProtocol, ProxySettings, QueryWord,
    RESOLVE_EVERY, Repeatable, ReplicaSettings, ResumeSettings, RetrySettings, RouteRule, SLOW, SessionMark, TRIAL,
    TlsSettings, WEIGHT,
};
pub use change::site::SettingsFault;
pub use codec::TraceFields;
pub use door::certificates::{CertificateFault, CertificateProblem, CertificateSummary, check_certificate};
pub use door::tls::TlsFault;
pub use run::reload::{Loaded, Origin, ReloadError, Source};
pub use run::start::{EdgeHandle, Launch, Listeners, StartError, rehearse, start};
pub use run::upgrade::{UpgradeRequest, Upgrades, upgrades};
pub use tell::access::AccessLogError;
