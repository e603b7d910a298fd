//! An edge of the world: the production policy, and what stands around it until it dies or is taken away.

use crate::shape::{Feature, GRAIN, NETWORKS, Shape};
use crate::time::Time;
use crate::world::requests::Key;
use downbeat_core::model::Name;
use downbeat_edge::policy::{ComponentId, EdgePolicy, Network, ReplicaId, Waiter};
use downbeat_edge::{
    Balance, ComponentSettings, EdgeSettings, FeatureSettings, MAX_IN_FLIGHT, ReplicaSettings, SLOW, WEIGHT,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

/// A process that lets clients in.
#[derive(Debug)]
pub(crate) struct Edge {
    pub(crate) name: Name,
    pub(crate) policy: EdgePolicy,
    pub(crate) state: State,
    /// Whoever waits for a seat.
    pub(crate) waiting: Vec<(Key, Waiter)>,
    /// Nobody may take more away here, whatever the hub says.
    pub(crate) held: bool,
    /// Its line to the hub.
    pub(crate) line: Line,
    /// When it last checked all replicas and looked all names up.
    pub(crate) checked: Option<Time>,
    /// When it last told the hub what it saw.
    pub(crate) told: Option<Time>,
}

/// Whether a process is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    /// It comes back.
    Down,
    /// It does not.
    Gone,
}

/// What happens to messages between an edge and the hub.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    pub(crate) cut: bool,
    /// Share of the messages that is lost, doubled, or late, from 0 to 1.
    pub(crate) garbled: f64,
}

/// The identifiers under which all edges know components and replicas.
#[derive(Debug)]
pub(crate) struct Ids {
    pub(crate) components: Vec<ComponentId>,
    pub(crate) replicas: Vec<ReplicaId>,
    pub(crate) networks: Vec<Network>,
    /// Where attacks come from.
    pub(crate) attacker: Network,
}

impl Edge {
    pub(crate) fn new(shape: &Shape, number: usize, seed: u64, base: Instant) -> Self {
        let name = shape.edges[number].0.clone();
        let policy = EdgePolicy::new(settings(shape, number), seed ^ (number as u64 + 11), Time::ZERO.instant(base))
            .expect("the settings drawn here do not contradict themselves");
        let line = Line { cut: false, garbled: 0.0 };
        Self { name, policy, state: State::Up, waiting: Vec::new(), held: false, line, checked: None, told: None }
    }

    /// The process starts again.
    pub(crate) fn restarted(self, now: Instant) -> Self {
        Self { policy: self.policy.restart(now), state: State::Up, waiting: Vec::new(), ..self }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.state == State::Up
    }
}

impl Ids {
    /// The same at every edge, for all have the same settings.
    pub(crate) fn of(shape: &Shape, policy: &EdgePolicy) -> Self {
        let known = "every edge serves all of the world";
        Self {
            components: shape.components.iter().map(|c| policy.component(c).expect(known)).collect(),
            replicas: shape.replicas.iter().map(|r| policy.replica(&r.name).expect(known)).collect(),
            networks: (0..NETWORKS).map(|n| Network::of(IpAddr::V4(Ipv4Addr::new(10, 0, n as u8, 1)))).collect(),
            attacker: Network::of(IpAddr::V4(Ipv4Addr::new(66, 6, 0, 1))),
        }
    }
}

fn settings(shape: &Shape, number: usize) -> EdgeSettings {
    let (name, region) = shape.edges[number].clone();
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut settings = EdgeSettings::new(name, nowhere, std::path::PathBuf::new());
    settings.region = region.map(|region| shape.regions[region].clone());
    settings.retry.connect = crate::service::CONNECT_TIMEOUT;
    settings.retry.first_byte = crate::service::ANSWER_TIMEOUT;
    settings.health.every = Duration::from_secs(1);
    for place in &shape.replicas {
        settings.replicas.push(ReplicaSettings {
            name: place.name.clone(),
            region: shape.regions[place.region].clone(),
            version: None,
            url: "http://127.0.0.1:9".into(),
            weight: WEIGHT,
            max_in_flight: MAX_IN_FLIGHT.min(64 * GRAIN),
        });
    }
    for (priority, component) in (0_u8..).zip(&shape.components) {
        settings.components.push(ComponentSettings {
            name: component.clone(),
            priority,
            slow: SLOW,
            replicas: shape.replicas.iter().map(|place| place.name.clone()).collect(),
            balance: Balance::LeastLoaded,
            per_second: None,
            network_per_second: None,
            cache: None,
            features: shape.features[usize::from(priority)].iter().map(feature).collect(),
        });
    }
    settings
}

fn feature(feature: &Feature) -> FeatureSettings {
    let prefixes = vec![format!("/{}", feature.name)];
    FeatureSettings { name: feature.name.clone(), prefixes, status: 503, retry_after: Duration::from_secs(30) }
}
