//! The service as configured, checked once, with small numbers for names so that the data path compares numbers.

use crate::change::settings::{CACHED_BODIES_MIN, ComponentSettings, EdgeSettings, HubLink, ReplicaSettings};
use crate::choose::hash::hash;
use crate::choose::route::{Router, covers};
use downbeat_core::model::{Name, NameError};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// A component, as its place in the settings of one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId(pub(crate) usize);

/// A replica, as its place in the settings of one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub(crate) usize);

/// A feature, as its place in the settings of its component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeatureNumber(pub(crate) usize);

/// A region, as an index into the list of those that replicas are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RegionId(pub(crate) usize);

/// The checked configuration of what is served by whom.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) components: Vec<ComponentSite>,
    pub(crate) replicas: Vec<ReplicaSite>,
    pub(crate) router: Router,
    /// How many classes of components there are, by their priorities.
    pub(crate) classes: u32,
    /// The region of this edge, when any replica is there.
    pub(crate) home: Option<RegionId>,
    pub(crate) hub: Option<SocketAddr>,
}

/// A component and who serves it.
#[derive(Debug)]
pub(crate) struct ComponentSite {
    pub(crate) settings: ComponentSettings,
    /// In the order of the configuration.
    pub(crate) replicas: Vec<ReplicaId>,
    /// How dear it is among all: 0 is given up last.
    pub(crate) class: u32,
    /// By feature and path: without a slash at its end.
    prefixes: Vec<Vec<String>>,
}

impl ComponentSite {
    /// The feature that a request belongs to, if it belongs to one.
    pub(crate) fn feature(&self, path: &[u8]) -> Option<FeatureNumber> {
        self.prefixes.iter().position(|paths| paths.iter().any(|prefix| covers(prefix, path))).map(FeatureNumber)
    }

    /// A feature by its name.
    pub(crate) fn feature_named(&self, name: &Name) -> Option<FeatureNumber> {
        self.settings.features.iter().position(|feature| feature.name == *name).map(FeatureNumber)
    }
}

/// A replica and where it is reached.
#[derive(Debug)]
pub(crate) struct ReplicaSite {
    pub(crate) settings: ReplicaSettings,
    pub(crate) region: RegionId,
    /// The hash of its name, by which clients and keys find it again.
    pub(crate) salt: u64,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// Where a replica is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// At an address.
    Address(IpAddr),
    /// Wherever a name leads.
    Named(Name),
}

/// Why a configuration cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// Nobody to serve clients.
    #[error("the edge needs at least one thread")]
    Threads,
    /// A name was given twice.
    #[error("{kind} {name} is configured twice")]
    Twice {
        /// Of what kind.
        kind: &'static str,
        /// Which name.
        name: Name,
    },
    /// A component names a replica that there is not.
    #[error("component {component} is served by {replica}, which is not configured")]
    Replica {
        /// Which component.
        component: Name,
        /// Which replica.
        replica: Name,
    },
    /// A component has nobody to serve it.
    #[error("component {0} has no replicas")]
    Unserved(Name),
    /// A route leads to a component that there is not.
    #[error("the route {prefix} leads to component {component}, which is not configured")]
    Route {
        /// Its prefix.
        prefix: String,
        /// Which component.
        component: Name,
    },
    /// A prefix that no request can have.
    #[error("the route prefix {0:?} does not start with a slash")]
    Prefix(String),
    /// What is kept out is answered as an error, so that nobody takes the answer for what they asked for.
    #[error("feature {feature} is answered with status {status}, which is not from 400 to 599")]
    Status {
        /// Which feature.
        feature: Name,
        /// Which status.
        status: u16,
    },
    /// An address that is none.
    #[error("{0:?} is not of the form http://HOST:PORT")]
    Url(String),
    /// A host that cannot be a name.
    #[error("the host in {url:?}: {source}")]
    Host {
        /// The whole address.
        url: String,
        /// What is wrong with the host.
        source: NameError,
    },
    /// The hub is reached by address, so that no name server can cut an edge off from it.
    #[error("the hub's address {0:?} is not of the form http://IP:PORT")]
    Hub(String),
    /// The stored answers have too little memory.
    #[error("the cache has no room for {CACHED_BODIES_MIN} bodies of component {0}")]
    CacheRoom(Name),
    /// The health path is none.
    #[error("the health path {0:?} does not start with a slash, or has blanks")]
    HealthPath(String),
}

fn check_caches(settings: &EdgeSettings) -> Result<(), SettingsFault> {
    let longest = |c: &ComponentSettings| c.cache.as_ref().map_or(0, |cache| cache.body_bytes);
    let crowded = |c: &&ComponentSettings| longest(c).saturating_mul(CACHED_BODIES_MIN) > settings.cache_bytes;
    let component = settings.components.iter().find(crowded);
    component.map_or(Ok(()), |component| Err(SettingsFault::CacheRoom(component.name.clone())))
}

impl Site {
    /// Checks the settings.
    ///
    /// # Errors
    /// The first [`SettingsFault`].
    pub(crate) fn of(settings: &EdgeSettings) -> Result<Self, SettingsFault> {
        if settings.threads == 0 {
            return Err(SettingsFault::Threads);
        }
        check_path(&settings.health.path)?;
        unique("replica", settings.replicas.iter().map(|r| &r.name))?;
        unique("component", settings.components.iter().map(|c| &c.name))?;
        check_caches(settings)?;
        let regions: BTreeSet<&Name> = settings.replicas.iter().map(|r| &r.region).collect();
        let region = |name: &Name| regions.iter().position(|r| *r == name).map(RegionId);
        let replicas = (settings.replicas.iter())
            .map(|r| replica_site(r, region(&r.region).unwrap_or(RegionId(0))))
            .collect::<Result<Vec<_>, _>>()?;
        let priorities: BTreeSet<u8> = settings.components.iter().map(|c| c.priority).collect();
        let components = (settings.components.iter())
            .map(|c| component_site(c, &replicas, &priorities))
            .collect::<Result<Vec<_>, _>>()?;
        let names: Vec<Name> = settings.components.iter().map(|c| c.name.clone()).collect();
        let router = Router::of(&settings.routes, &names)?;
        let hub = settings.hub.as_ref().map(hub_address).transpose()?;
        let home = settings.region.as_ref().and_then(region);
        // At most 256 priorities.
        let classes = priorities.len() as u32;
        Ok(Self { components, replicas, router, classes, home, hub })
    }

    pub(crate) fn component(&self, id: ComponentId) -> &ComponentSite {
        &self.components[id.0]
    }

    pub(crate) fn replica(&self, id: ReplicaId) -> &ReplicaSite {
        &self.replicas[id.0]
    }

    pub(crate) fn component_ids(&self) -> impl Iterator<Item = ComponentId> + use<> {
        (0..self.components.len()).map(ComponentId)
    }

    pub(crate) fn replica_ids(&self) -> impl Iterator<Item = ReplicaId> + use<> {
        (0..self.replicas.len()).map(ReplicaId)
    }

    /// Who serves what, by name: what a traffic plan is checked against.
    pub(crate) fn serving(&self) -> BTreeMap<Name, BTreeSet<Name>> {
        let names = |c: &ComponentSite| c.replicas.iter().map(|r| self.replica(*r).settings.name.clone()).collect();
        self.components.iter().map(|c| (c.settings.name.clone(), names(c))).collect()
    }

    /// The host names there are, each with its replicas.
    pub(crate) fn hosts(&self) -> BTreeMap<Name, Vec<ReplicaId>> {
        let mut hosts: BTreeMap<Name, Vec<ReplicaId>> = BTreeMap::new();
        for id in self.replica_ids() {
            if let Host::Named(name) = &self.replica(id).host {
                hosts.entry(name.clone()).or_default().push(id);
            }
        }
        hosts
    }

    /// The region of some replicas, when they are all in one.
    pub(crate) fn common_region(&self, replicas: &[ReplicaId]) -> Option<Name> {
        let regions: BTreeSet<&Name> = replicas.iter().map(|r| &self.replica(*r).settings.region).collect();
        if regions.len() == 1 { regions.first().map(|r| (*r).clone()) } else { None }
    }
}

impl ReplicaSite {
    /// `HOST:PORT` for the `Host` field of checks.
    pub(crate) fn authority(&self) -> String {
        match &self.host {
            Host::Address(ip) => SocketAddr::new(*ip, self.port).to_string(),
            Host::Named(name) => format!("{name}:{}", self.port),
        }
    }
}

fn unique<'a>(kind: &'static str, names: impl Iterator<Item = &'a Name>) -> Result<(), SettingsFault> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(SettingsFault::Twice { kind, name: name.clone() });
        }
    }
    Ok(())
}

fn check_path(path: &str) -> Result<(), SettingsFault> {
    let honest = path.starts_with('/') && path.bytes().all(|b| (0x21..=0x7e).contains(&b));
    if honest { Ok(()) } else { Err(SettingsFault::HealthPath(path.into())) }
}

fn component_site(
    settings: &ComponentSettings,
    replicas: &[ReplicaSite],
    priorities: &BTreeSet<u8>,
) -> Result<ComponentSite, SettingsFault> {
    let find = |name: &Name| {
        let at = replicas.iter().position(|r| r.settings.name == *name).map(ReplicaId);
        let fault = || SettingsFault::Replica { component: settings.name.clone(), replica: name.clone() };
        at.ok_or_else(fault)
    };
    unique("replica", settings.replicas.iter())?;
    let ids = settings.replicas.iter().map(find).collect::<Result<Vec<_>, _>>()?;
    if ids.is_empty() {
        return Err(SettingsFault::Unserved(settings.name.clone()));
    }
    // At most 256 priorities.
    let class = priorities.range(..settings.priority).count() as u32;
    Ok(ComponentSite { settings: settings.clone(), replicas: ids, class, prefixes: prefixes_of(settings)? })
}

fn prefixes_of(settings: &ComponentSettings) -> Result<Vec<Vec<String>>, SettingsFault> {
    unique("feature", settings.features.iter().map(|feature| &feature.name))?;
    let prefixes = settings.features.iter().flat_map(|feature| &feature.prefixes);
    if let Some(prefix) = prefixes.into_iter().find(|prefix| !prefix.starts_with('/')) {
        return Err(SettingsFault::Prefix(prefix.clone()));
    }
    if let Some(feature) = settings.features.iter().find(|feature| !(400..=599).contains(&feature.status)) {
        return Err(SettingsFault::Status { feature: feature.name.clone(), status: feature.status });
    }
    let whole = |prefix: &String| prefix.trim_end_matches('/').to_owned();
    Ok(settings.features.iter().map(|feature| feature.prefixes.iter().map(whole).collect()).collect())
}

fn replica_site(settings: &ReplicaSettings, region: RegionId) -> Result<ReplicaSite, SettingsFault> {
    let (host, port) = split_url(&settings.url)?;
    let host = match host.parse() {
        Ok(ip) => Host::Address(ip),
        Err(_) => {
            Host::Named(Name::new(&host).map_err(|source| SettingsFault::Host { url: settings.url.clone(), source })?)
        }
    };
    let salt = hash(settings.name.as_str().as_bytes());
    Ok(ReplicaSite { settings: settings.clone(), region, salt, host, port })
}

fn split_url(url: &str) -> Result<(String, u16), SettingsFault> {
    let fault = || SettingsFault::Url(url.into());
    let rest = url.strip_prefix("http://").ok_or_else(fault)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !port.contains(']') => (host, port.parse().map_err(|_| fault())?),
        _ => (authority, 80),
    };
    if host.is_empty() || host.contains(['/', '?', '#', '@']) {
        return Err(fault());
    }
    Ok((host.trim_start_matches('[').trim_end_matches(']').to_owned(), port))
}

fn hub_address(hub: &HubLink) -> Result<SocketAddr, SettingsFault> {
    let fault = || SettingsFault::Hub(hub.url.clone());
    let (host, port) = split_url(&hub.url).map_err(|_| fault())?;
    let ip: IpAddr = host.parse().map_err(|_| fault())?;
    Ok(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_replicas() {
        let table = [
            ("http://10.0.0.1:9001", Some(("10.0.0.1", 9001))),
            ("http://10.0.0.1:9001/", Some(("10.0.0.1", 9001))),
            ("http://[::1]:9001", Some(("::1", 9001))),
            ("http://[::1]", Some(("::1", 80))),
            ("http://eu.example", Some(("eu.example", 80))),
            ("https://eu.example", None),
            ("http://", None),
            ("http://eu:port", None),
            ("http://eu/path", None),
            ("http://user@eu", None),
            ("eu:1", None),
        ];
        for (url, expected) in table {
            assert_eq!(split_url(url).ok(), expected.map(|(h, p)| (h.to_owned(), p)), "{url}");
        }
    }
}
