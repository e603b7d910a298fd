//! Where host names lead, looked up in the background; the data path never waits for a name server (invariant C4).
//!
//! A name that stops resolving changes nothing: the last good addresses are held. A name that leads elsewhere is
//! believed only when the server there proves to be the service. Names that the plan pins are not changed at all.

use crate::ask::line::Line;
use crate::change::scribe::Scribe;
use crate::change::site::ReplicaId;
use crate::run::checks::answers_as_service;
use crate::run::shared::Shared;
use crate::run::sync::locked;
use crate::tell::events;
use downbeat_core::model::{FailureKind, Name};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// A look-up later than this has failed.
const LOOKUP: Duration = Duration::from_secs(2);
/// Most addresses of one name.
const ADDRESSES_MAX: usize = 16;

/// Why no resolver could be made.
#[derive(Debug, thiserror::Error)]
#[error("set up the resolver: {source}")]
pub struct ResolverError {
    #[from]
    source: hickory_resolver::net::NetError,
}

/// A resolver that asks `server`, or as the system is configured. Nothing is cached: changes shall be seen.
pub(crate) fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, ResolverError> {
    let mut builder = match server {
        None => TokioResolver::builder_tokio()?,
        Some(server) => {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|c| c.port = server.port());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![config]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    (options.positive_max_ttl, options.negative_max_ttl) = (Some(Duration::ZERO), Some(Duration::ZERO));
    if server.is_some() {
        options.use_hosts_file = ResolveHosts::Never;
    }
    Ok(builder.build()?)
}

/// Looks one name up for ever.
pub(crate) async fn watch(shared: Arc<Shared>, scribe: Scribe, resolver: TokioResolver, host: Name) {
    let mut ticks = interval(shared.settings.resolve_every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let replicas = shared.site.hosts().remove(&host).unwrap_or_default();
    let mut watch = Watch { shared, scribe, host, replicas };
    loop {
        ticks.tick().await;
        let outcome = watch.look(&resolver).await;
        watch.note(outcome);
    }
}

struct Watch {
    shared: Arc<Shared>,
    scribe: Scribe,
    host: Name,
    replicas: Vec<ReplicaId>,
}

/// How a look-up ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// The name leads where the edge goes.
    Agreed,
    /// The plan pins the name, and it leads elsewhere by now.
    Pinned,
    /// The name's word is not taken.
    Doubted(FailureKind),
}

impl Watch {
    async fn look(&mut self, resolver: &TokioResolver) -> LookUp {
        let found = match timeout(LOOKUP, resolver.lookup_ip(self.host.as_str())).await {
            Ok(Ok(found)) => ordered(found.iter()),
            Ok(Err(_)) | Err(_) => Vec::new(),
        };
        let known = self.known();
        match found {
            found if found.is_empty() => LookUp::Doubted(FailureKind::Unresolved),
            found if found == known => LookUp::Agreed,
            _ if self.shared.traffic().is_pinned(&self.host) => LookUp::Pinned,
            // Nothing better is known at the first start, so there is nothing to protect.
            found if known.is_empty() || self.are_proven(&found, &known).await => self.adopt(&found),
            _ => LookUp::Doubted(FailureKind::Misdirected),
        }
    }

    fn known(&self) -> Vec<IpAddr> {
        known(&self.shared, &self.replicas)
    }

    /// True when every new address answers as every replica that is reached by this name.
    async fn are_proven(&self, found: &[IpAddr], known: &[IpAddr]) -> bool {
        for ip in found.iter().filter(|ip| !known.contains(ip)) {
            for replica in &self.replicas {
                let line = Line { shared: self.shared.clone(), component: None, replica: *replica };
                let address = SocketAddr::new(*ip, self.shared.site.replica(*replica).port);
                if !answers_as_service(&line, address).await {
                    return false;
                }
            }
        }
        true
    }

    fn adopt(&self, found: &[IpAddr]) -> LookUp {
        adopt(&self.shared, &self.replicas, found, Instant::now());
        events::addresses_adopted(&self.host, found);
        self.scribe.addresses(self.host.clone(), found.to_vec());
        LookUp::Agreed
    }

    fn note(&self, word: LookUp) {
        note(&self.shared, &self.host, &self.known(), word);
    }
}

/// Takes in how a look-up of a name ended that leads to these addresses so far.
pub(crate) fn note(shared: &Shared, host: &Name, known: &[IpAddr], word: LookUp) {
    let failure = match word {
        LookUp::Agreed | LookUp::Pinned => None,
        LookUp::Doubted(kind) => Some(kind),
    };
    let mut lookups = locked(&shared.lookups);
    let state = lookups.entry(host.clone()).or_default();
    state.tally.count(failure);
    let held = word != LookUp::Agreed && !known.is_empty();
    match (state.held, held, failure) {
        (false, true, Some(kind)) => events::addresses_held(host, kind),
        (true, false, _) => events::addresses_released(host),
        _ => {}
    }
    state.held = held;
}

/// Where some replicas of one name are reached so far.
pub(crate) fn known(shared: &Shared, replicas: &[ReplicaId]) -> Vec<IpAddr> {
    let first = replicas.first().map(|r| shared.addresses(*r));
    ordered(first.iter().flat_map(|a| a.iter().map(SocketAddr::ip)))
}

/// Sends some replicas' traffic to these addresses from now on.
pub(crate) fn adopt(shared: &Shared, replicas: &[ReplicaId], addresses: &[IpAddr], now: Instant) {
    for replica in replicas {
        let port = shared.site.replica(*replica).port;
        shared.adopt(*replica, addresses.iter().map(|ip| SocketAddr::new(*ip, port)).collect(), now);
    }
}

/// In one order, so that round robins of a name server are no change.
fn ordered(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = addresses.collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}
