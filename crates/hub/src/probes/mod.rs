//! The hub's own eyes: probes that walk up to the service as its users do, one file per kind.
//!
//! A probe that cannot run for a reason of ours (no sockets, no network, a broken resolver configuration) says
//! `Unknown`, which is no evidence against the service (invariant A15).

mod capture;
mod certificate;
mod condition;
mod connection;
mod cookies;
mod dns;
mod grpc;
mod heartbeat;
mod http;
mod icmp;
mod journey;
mod json_path;
mod schedule;
mod status;
mod streak;
mod stream;
mod tcp;
mod template;
mod tls;
mod trust;
mod uplink;
mod veil;
mod web;
mod websocket;

use crate::outbound::{ClientError, Outbound, Web};
use crate::settings::{ProbeSettings, ProbeTask, Trust};
pub use capture::Capture;
pub use condition::{Condition, ConditionError};
use connection::Way;
use cookies::Cookies;
use downbeat_core::model::{FailureKind, Heard, Name, ProbeKind, ProbeOutcome, ProbeResult};
pub use grpc::GRPC_SERVICE_MAX;
pub(crate) use heartbeat::{Heartbeats, routes as heartbeat_routes};
pub use schedule::keep_probing;
pub use status::{StatusError, StatusSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
pub use template::{is_value_name, value_names};
use trust::Judges;
pub use trust::authorities;

/// What all probes share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prober {
    web: Web,
    /// Whom DNS probes ask; the system's resolver when `None`.
    resolver: Option<SocketAddr>,
    vantage: Name,
    judges: Judges,
    heartbeats: Heartbeats,
}

/// How a probe that did not pass ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// The service did not do what it should.
    Theirs {
        failure: FailureKind,
        detail: String,
        /// The component of the step that failed, when there are several.
        component: Option<Name>,
    },
    /// We could not even ask.
    Ours(String),
}

impl Trouble {
    fn theirs(failure: FailureKind, detail: impl Into<String>) -> Self {
        Self::Theirs { failure, detail: detail.into(), component: None }
    }

    /// An error of a socket while connecting or talking.
    fn of_io(error: &std::io::Error, doing: &str) -> Self {
        let detail = format!("{doing}: {error}");
        match failure_of(error) {
            Some(failure) => Self::theirs(failure, detail),
            None => Self::Ours(detail),
        }
    }

    /// The same, with what it is about in front.
    fn named(self, what: &str) -> Self {
        match self {
            Self::Theirs { failure, detail, component } => {
                Self::Theirs { failure, detail: format!("{what}: {detail}"), component }
            }
            Self::Ours(detail) => Self::Ours(format!("{what}: {detail}")),
        }
    }
}

/// What an error of a socket says about the other side; `None` when it speaks about us.
fn failure_of(error: &std::io::Error) -> Option<FailureKind> {
    use std::io::ErrorKind as Kind;
    /// Too many open files, in the process and in the system: these have no `ErrorKind`.
    const OUT_OF_FILES: [i32; 2] = [24, 23];
    match error.kind() {
        Kind::NetworkDown | Kind::NetworkUnreachable | Kind::AddrNotAvailable => None,
        Kind::PermissionDenied | Kind::OutOfMemory => None,
        _ if error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code)) => None,
        Kind::ConnectionRefused => Some(FailureKind::Refused),
        Kind::TimedOut | Kind::HostUnreachable => Some(FailureKind::Unreachable),
        _ => Some(FailureKind::Reset),
    }
}

impl Prober {
    /// A prober that looks from here, as far as the policy lets it.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(vantage: Name, resolver: Option<SocketAddr>, outbound: Outbound) -> Result<Self, ClientError> {
        let (judges, heartbeats) = (Judges::default(), Heartbeats::default());
        Ok(Self { web: Web::new(outbound)?, resolver, vantage, judges, heartbeats })
    }

    /// The same, where these heartbeats are heard.
    pub(crate) fn hearing(self, heartbeats: Heartbeats) -> Self {
        Self { heartbeats, ..self }
    }

    /// Runs a probe once. Takes little longer than its timeout, whatever the other side does; a journey as long as its steps may
    /// take, a stream as long as it is listened to.
    pub async fn run(&self, probe: &ProbeSettings) -> ProbeResult {
        let started = Instant::now();
        let outcome = match self.perform(probe).await {
            Ok(heard) => ProbeOutcome::Passed { latency_ms: millis(started.elapsed()), heard },
            Err(Trouble::Theirs { failure, detail, component }) => ProbeOutcome::Failed { failure, detail, component },
            Err(Trouble::Ours(detail)) => ProbeOutcome::Unknown { detail },
        };
        ProbeResult {
            probe: probe.name.clone(),
            kind: kind(&probe.task),
            vantage: self.vantage.clone(),
            slice: probe.slice.clone(),
            outcome,
        }
    }

    fn way<'a>(&'a self, trust: &'a Trust) -> Way<'a> {
        Way { outbound: self.web.outbound(), judges: &self.judges, trust }
    }

    /// The client behind the HTTP probes.
    pub(crate) fn web(&self) -> &Web {
        &self.web
    }

    async fn perform(&self, probe: &ProbeSettings) -> Result<Option<Heard>, Trouble> {
        let timeout = probe.timeout;
        let looked = match &probe.task {
            ProbeTask::Journey(walk) => {
                let web = self.judges.web(&self.web, &walk.trust, timeout).await?;
                return journey::probe(&web, walk, timeout).await;
            }
            ProbeTask::Stream(task) => {
                let web = self.judges.web(&self.web, &task.trust, timeout).await?;
                return stream::probe(&web, task, &mut Cookies::default(), timeout).await.map(Some);
            }
            ProbeTask::Http(task) => {
                let web = self.judges.web(&self.web, &task.trust, timeout).await?;
                http::probe(&web, task, timeout).await
            }
            ProbeTask::Tcp { address, send, expect } => {
                tcp::probe(self.web.outbound(), address, (send.as_deref(), expect.as_deref()), timeout).await
            }
            ProbeTask::Dns(task) => dns::probe(self.resolver, task, timeout).await,
            ProbeTask::Tls(task) => tls::probe(self.web.outbound(), &self.judges, task, timeout).await,
            ProbeTask::Grpc { url, service, trust } => grpc::probe(self.way(trust), url, service, timeout).await,
            ProbeTask::WebSocket { url, send, expect, trust } => {
                websocket::probe(self.way(trust), url, (send.as_deref(), expect.as_deref()), timeout).await
            }
            ProbeTask::Icmp { host } => icmp::probe(self.web.outbound(), host, timeout).await,
            ProbeTask::Heartbeat { every, grace, .. } => {
                self.heartbeats.judge(&probe.name, (*every, *grace), Instant::now())
            }
        };
        looked.map(|()| None)
    }
}

fn kind(task: &ProbeTask) -> ProbeKind {
    match task {
        ProbeTask::Http(_) => ProbeKind::Http,
        ProbeTask::Tcp { .. } => ProbeKind::Tcp,
        ProbeTask::Dns(_) => ProbeKind::Dns,
        ProbeTask::Tls(_) => ProbeKind::Tls,
        ProbeTask::Journey(_) => ProbeKind::Journey,
        ProbeTask::Stream(_) => ProbeKind::Stream,
        ProbeTask::Heartbeat { .. } => ProbeKind::Heartbeat,
        ProbeTask::Grpc { .. } => ProbeKind::Grpc,
        ProbeTask::WebSocket { .. } => ProbeKind::WebSocket,
        ProbeTask::Icmp { .. } => ProbeKind::Icmp,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn our_own_trouble_is_no_evidence() {
        let table = [
            (Error::from(ErrorKind::ConnectionRefused), Some(FailureKind::Refused)),
            (Error::from(ErrorKind::ConnectionReset), Some(FailureKind::Reset)),
            (Error::from(ErrorKind::HostUnreachable), Some(FailureKind::Unreachable)),
            (Error::from(ErrorKind::TimedOut), Some(FailureKind::Unreachable)),
            (Error::from(ErrorKind::NetworkUnreachable), None),
            (Error::from(ErrorKind::AddrNotAvailable), None),
            (Error::from(ErrorKind::PermissionDenied), None),
            (Error::from_raw_os_error(24), None),
        ];
        for (error, expected) in table {
            assert_eq!(failure_of(&error), expected, "{error}");
        }
    }
}
