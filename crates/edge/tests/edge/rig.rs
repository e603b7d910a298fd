//! An edge for tests, quick in everything, in front of some replicas.

use crate::client::{Answer, get, send};
use crate::replica::{Replica, Script};
use downbeat_core::model::Name;
use downbeat_edge::{Balance, ComponentSettings, EdgeHandle, EdgeSettings, ReplicaSettings, RouteRule, SLOW, start};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Nothing that a test waits for takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running edge.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) edge: EdgeHandle,
    pub(crate) folder: TempDir,
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

/// Bytes that tell where they belong: no two stretches of it are alike.
pub(crate) fn music(length: usize) -> Vec<u8> {
    let mut x = 0x2545_F491_4F6C_DD1D_u64;
    let mut step = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x
    };
    (0..length).map(|_| (step() >> 32) as u8).collect()
}

/// Settings of an edge for one component, `playback`, in front of these addresses. The first replica is asked first,
/// then the second, and so on: each has a thousand times the weight of the next.
pub(crate) fn settings(folder: &TempDir, replicas: &[SocketAddr]) -> EdgeSettings {
    let loopback: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let mut settings = EdgeSettings::new(name("edge-1"), loopback, folder.path().to_owned());
    settings.admin = Some(loopback);
    settings.drills = true;
    settings.health.path = "/healthz".into();
    settings.health.every = Duration::from_millis(100);
    settings.health.timeout = Duration::from_millis(500);
    settings.drain = Duration::from_millis(200);
    for (i, address) in replicas.iter().enumerate() {
        let power = 3_u32.saturating_sub(i as u32);
        settings.replicas.push(replica(&format!("r{}", i + 1), &format!("http://{address}"), 1000_u32.pow(power)));
    }
    let names: Vec<Name> = settings.replicas.iter().map(|r| r.name.clone()).collect();
    settings.components = vec![component("playback", &names)];
    settings.routes = vec![route("playback", "/")];
    settings
}

pub(crate) fn replica(label: &str, url: &str, weight: u32) -> ReplicaSettings {
    let (name, region) = (name(label), name("eu"));
    ReplicaSettings { name, region, version: None, url: url.into(), weight, max_in_flight: 64 }
}

pub(crate) fn component(label: &str, replicas: &[Name]) -> ComponentSettings {
    ComponentSettings {
        name: name(label),
        priority: 0,
        slow: SLOW,
        replicas: replicas.to_vec(),
        balance: Balance::LeastLoaded,
        per_second: None,
        network_per_second: None,
        cache: None,
        features: Vec::new(),
    }
}

pub(crate) fn route(component: &str, prefix: &str) -> RouteRule {
    RouteRule { component: name(component), host: None, prefix: prefix.into() }
}

impl Rig {
    /// An edge in front of replicas with these scripts.
    pub(crate) async fn new(scripts: Vec<Script>) -> (Self, Vec<Replica>) {
        Self::with(scripts, |_| {}).await
    }

    /// The same with some settings changed.
    pub(crate) async fn with(scripts: Vec<Script>, change: impl FnOnce(&mut EdgeSettings)) -> (Self, Vec<Replica>) {
        let mut replicas = Vec::new();
        for script in scripts {
            replicas.push(Replica::start(script).await);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let addresses: Vec<SocketAddr> = replicas.iter().map(|r| r.address).collect();
        let mut settings = settings(&folder, &addresses);
        change(&mut settings);
        (Self::start(folder, settings).await, replicas)
    }

    pub(crate) async fn start(folder: TempDir, settings: EdgeSettings) -> Self {
        Self { edge: start(settings).await.expect("an edge"), folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.edge.address()
    }

    /// Where clients come in over TLS.
    pub(crate) fn tls_address(&self) -> SocketAddr {
        self.edge.tls_address().expect("a listener for TLS")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        get(self.edge.address(), path).await
    }

    pub(crate) async fn send(&self, request: &str) -> Answer {
        send(self.edge.address(), request).await
    }

    /// Asks the admin endpoint.
    pub(crate) async fn admin(&self, request: &str, body: &str) -> Answer {
        let admin = self.edge.admin_address().expect("an admin endpoint");
        let length = body.len();
        let fields = format!("Host: admin\r\nConnection: close\r\nContent-Length: {length}");
        send(admin, &format!("{request} HTTP/1.1\r\n{fields}\r\n\r\n{body}")).await
    }

    /// The state of the edge as it tells it.
    pub(crate) async fn state(&self) -> serde_json::Value {
        serde_json::from_slice(&self.admin("GET /v1/state", "").await.body).expect("the state is JSON")
    }

    /// Waits until the state is as wanted.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&serde_json::Value) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let state = self.state().await;
            if wanted(&state) {
                return;
            }
            assert!(Instant::now() < deadline, "{what} did not come about: {state:#}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}
