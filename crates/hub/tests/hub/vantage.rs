//! Several vantage points, heartbeats, and our own way out: against a running hub and real sockets.

use crate::probes::LONG;
use crate::rig::{any_port, eventually, name, settings};
use downbeat_core::confirm::ProbeState;
use downbeat_core::model::{Name, ProbeOutcome, ProbeResult, Slice, Topology};
use downbeat_hub::outbound::Outbound;
use downbeat_hub::probes::{Prober, keep_probing};
use downbeat_hub::settings::{HubSettings, ProbeSettings, ProbeTask};
use downbeat_hub::{HubHandle, start};
use reqwest::Client;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const OFTEN: Duration = Duration::from_millis(20);
const KEY: &str = "v3RyS4cretAndL0ng";

fn probe(probe: &str, every: Duration, task: ProbeTask) -> ProbeSettings {
    let (slice, fail_after) = (Slice::everywhere(), NonZeroU32::MIN);
    ProbeSettings { name: name(probe), slice, every, timeout: LONG, fail_after, task }
}

fn port(address: SocketAddr) -> ProbeTask {
    ProbeTask::Tcp { address: address.to_string(), send: None, expect: None }
}

/// An address that takes connections, and one that refuses them. The listener keeps the first one open.
async fn open_and_closed() -> (TcpListener, SocketAddr, SocketAddr) {
    let open = TcpListener::bind(any_port()).await.expect("a port");
    let closed = TcpListener::bind(any_port()).await.expect("a port").local_addr().expect("an address");
    let address = open.local_addr().expect("an address");
    (open, address, closed)
}

async fn tell(hub: &HubHandle, vantage: &str, probe: &str, outcome: Value) -> u16 {
    let mut result = json!({"probe": probe, "kind": "tcp", "vantage": vantage, "slice": "replica=of-another-hub"});
    result["outcome"] = outcome;
    let url = format!("http://{}/v1/probes", hub.console_address());
    Client::new().post(url).json(&json!([result])).send().await.expect("answered").status().as_u16()
}

fn line(hub: &HubHandle, probe: &str) -> Option<(ProbeState, String)> {
    let snapshot = hub.doors().snapshots.borrow();
    snapshot.board.probes.get(&name(probe)).map(|line| (line.state, line.said.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_counts_when_most_vantage_points_see_it() {
    let data = tempfile::tempdir().expect("a directory");
    let (_open, address, _) = open_and_closed().await;
    let probes = vec![probe("shop", OFTEN, port(address))];
    let hub = start(HubSettings { probes, ..settings(data.path()) }).await.expect("the hub starts");
    eventually("the hub's own look", || line(&hub, "shop").filter(|line| line.0 == ProbeState::Passed)).await;
    let failed = || json!({"outcome": "failed", "failure": "refused", "detail": "nobody there"});

    assert_eq!(tell(&hub, "oslo", "shop", failed()).await, 204);
    // The hub's own looks come in between: what matters is that one of two never makes it fail.
    let alone = || line(&hub, "shop").filter(|(_, said)| said.contains("seen by 1 of 2") || said.starts_with("passed"));
    assert_eq!(eventually("a word on it", alone).await.0, ProbeState::Passed);
    assert_eq!(tell(&hub, "rome", "shop", failed()).await, 204);
    eventually("two of three", || line(&hub, "shop").filter(|line| line.0 == ProbeState::Failed)).await;

    assert_eq!(tell(&hub, "rome", "search", failed()).await, 422, "a probe that is not configured here");
    assert_eq!(tell(&hub, "hub", "shop", failed()).await, 422, "the hub speaks for itself");
    assert_eq!(tell(&hub, "rome", "shop", json!({"outcome": "exploded"})).await, 400);

    let blind = json!({"outcome": "unknown", "detail": "our own uplink is down"});
    assert_eq!(tell(&hub, "rome", "shop", blind).await, 204);
    let named = || hub.doors().snapshots.borrow().board.blind.get(&name("rome")).cloned();
    assert_eq!(eventually("a word about the vantage point", named).await, "our own uplink is down");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_is_called_by_its_key_alone() {
    let data = tempfile::tempdir().expect("a directory");
    // Pictures are published four times a second: a beat that holds for less might never be seen.
    let (every, grace) = (Duration::from_millis(1_500), Duration::ZERO);
    let heartbeat = probe("backup", OFTEN, ProbeTask::Heartbeat { every, grace, key: KEY.into() });
    let token = Some("sesame".to_owned());
    let hub = start(HubSettings { probes: vec![heartbeat], token, ..settings(data.path()) }).await.expect("it starts");
    let call = async |key: &str| {
        let url = format!("http://{}/v1/heartbeats/{key}", hub.console_address());
        Client::new().post(url).send().await.expect("answered").status().as_u16()
    };
    let missed = eventually("a missed beat", || line(&hub, "backup").filter(|line| line.0 == ProbeState::Failed)).await;
    assert!(missed.1.contains("none came"), "{}", missed.1);
    assert_eq!(call("v3RyS4cretAndL0nG").await, 404);
    assert_eq!(call(KEY).await, 204, "the key is all that is asked for");
    eventually("a beat", || line(&hub, "backup").filter(|line| line.0 == ProbeState::Passed)).await;
    let missed = eventually("the next one missed", || line(&hub, "backup").filter(|line| line.0 == ProbeState::Failed));
    assert!(missed.await.1.contains("the last one came"));
    hub.stop().await;
}

/// What a vantage point with these probes and references says.
struct Watch(mpsc::Receiver<ProbeResult>);

impl Watch {
    fn start(probes: Vec<ProbeSettings>, references: Vec<ProbeSettings>) -> Self {
        let (results, came) = mpsc::channel(1);
        let outbound = Outbound::new(vec![], &Topology::default());
        let prober = Prober::new(name("oslo"), None, outbound).expect("a prober");
        tokio::spawn(keep_probing(prober, (probes, references), results));
        Self(came)
    }

    async fn next(&mut self) -> (Name, ProbeOutcome) {
        let result =
            tokio::time::timeout(crate::rig::PATIENCE, self.0.recv()).await.expect("in time").expect("a result");
        (result.probe, result.outcome)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_our_own_uplink_does_is_no_evidence() {
    let (_open, alive, dead) = open_and_closed().await;
    let lost = vec![probe("a", OFTEN, port(dead)), probe("b", OFTEN, port(dead))];
    let references = vec![probe("gateway", OFTEN, port(dead)), probe("mirror", OFTEN, port(dead))];
    let mut watch = Watch::start(lost.clone(), references);
    for _ in 0..4 {
        let (probe, outcome) = watch.next().await;
        let ProbeOutcome::Unknown { detail } = outcome else { panic!("{probe}: {outcome:?}") };
        assert!(detail.starts_with("our own uplink is down: no reference answers ("), "{detail}");
        assert!(detail.contains("gateway: ") && detail.contains("mirror: "), "{detail}");
    }
    // One reference that answers is enough: then it is the target.
    let references = vec![probe("gateway", OFTEN, port(dead)), probe("mirror", OFTEN, port(alive))];
    let mut watch = Watch::start(lost, references);
    assert!(matches!(watch.next().await.1, ProbeOutcome::Failed { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_may_have_to_fail_several_times() {
    let (rude, address, _) = open_and_closed().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    tokio::spawn(async move {
        while rude.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let task = ProbeTask::Tcp { address: address.to_string(), send: None, expect: Some("hello".into()) };
    let thrice = NonZeroU32::new(3).expect("above zero");
    let mut watch = Watch::start(vec![ProbeSettings { fail_after: thrice, ..probe("a", OFTEN, task) }], vec![]);
    assert!(matches!(watch.next().await.1, ProbeOutcome::Failed { .. }));
    assert!(calls.load(Ordering::SeqCst) >= 3, "the first two are not told");
}
