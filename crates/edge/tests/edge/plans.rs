//! Traffic plans: taken, refused, kept over a restart.

use crate::client::read;
use crate::hub::Hub;
use crate::replica::Script;
use crate::rig::{Rig, name, settings};
use crate::secure::{client, secure};
use downbeat_core::model::{Strength, TrafficPlan, Weight};
use downbeat_edge::HubLink;
use rustls::pki_types::ServerName;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n";

fn sound() -> Script {
    Script::serving(b"sound")
}

fn weights(epoch: u64, shares: &[(&str, u32)]) -> TrafficPlan {
    let weight = |(replica, percent): &(&str, u32)| Weight {
        replica: name(replica),
        component: None,
        share: Strength::percent(*percent),
    };
    TrafficPlan { epoch, weights: shares.iter().map(weight).collect(), ..TrafficPlan::default() }
}

async fn rig(hub: &Hub, scripts: Vec<Script>) -> (Rig, Vec<crate::replica::Replica>) {
    let link = hub.link();
    Rig::with(scripts, |settings| {
        settings.hub = link;
        settings.replicas.iter_mut().for_each(|r| r.weight = 100);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_moves_the_traffic_and_outlives_the_hub() {
    let hub = Hub::start(weights(7, &[("r1", 0)])).await;
    let (rig, replicas) = rig(&hub, vec![sound(), sound()]).await;
    rig.until("the plan", |state| state["plan_epoch"] == 7).await;
    hub.until("the epoch", |rollups| rollups.iter().any(|r| r.plan_epoch == 7)).await;
    for _ in 0..20 {
        rig.get("/a").await;
    }
    assert_eq!((replicas[0].seen().len(), replicas[1].seen().len()), (0, 20));

    hub.die();
    let addresses: Vec<_> = replicas.iter().map(|r| r.address).collect();
    let Rig { edge, folder } = rig;
    edge.stop().await;
    let mut again = settings(&folder, &addresses);
    again.hub = Some(HubLink { url: format!("http://{}", crate::rig::nobody()), token: None });
    let rig = Rig::start(folder, again).await;
    assert_eq!(rig.state().await["plan_epoch"], 7, "in force at once, without a hub");
    assert_eq!(rig.get("/a").await.status, 200);
    assert_eq!(replicas[0].seen().len(), 0);
}

/// C7: a hub of another release is followed as far as this edge understands it, and what was kept is read again.
#[tokio::test(flavor = "multi_thread")]
async fn plans_of_hubs_of_other_releases_are_followed() {
    let later = r#"{"epoch":7,"weights":[{"replica":"r1","share":0,"reason":"a later hub gives one"}],"limits":[],
        "sheds":[],"pins":[],"mirrors":[{"from":"r1","to":"r2"}],"signed_by":"somebody"}"#;
    let earlier = r#"{"epoch":7,"weights":[{"replica":"r1","share":0}]}"#;
    for said in [later, earlier] {
        let hub = Hub::saying((7, said.into())).await;
        let (rig, replicas) = rig(&hub, vec![sound(), sound()]).await;
        rig.until("the plan", |state| state["plan_epoch"] == 7).await;
        for _ in 0..10 {
            assert_eq!(rig.get("/a").await.status, 200);
        }
        assert_eq!((replicas[0].seen().len(), replicas[1].seen().len()), (0, 10), "{said}");
        hub.until("roll-ups as before", |rollups| rollups.iter().any(|r| r.plan_epoch == 7)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_gives_way_to_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("plan.json"), b"{\"epoch\":").expect("writable");
    let older = serde_json::to_vec(&weights(3, &[("r1", 50)])).expect("a plan is JSON");
    std::fs::write(folder.path().join("plan.1.json"), older).expect("writable");
    let replica = crate::replica::Replica::start(sound()).await;
    let settings = settings(&folder, &[replica.address]);
    let rig = Rig::start(folder, settings).await;
    assert_eq!(rig.state().await["plan_epoch"], 3);
    assert_eq!(rig.get("/a").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_stops_nothing() {
    let hub = Hub::start(weights(4, &[("r1", 50)])).await;
    let link = hub.link();
    let (rig, _) = Rig::with(vec![sound(), sound()], |settings| {
        let file = settings.data.join("file");
        std::fs::write(&file, "").expect("writable");
        (settings.data, settings.hub) = (file, link);
    })
    .await;
    rig.until("the plan", |state| state["plan_epoch"] == 4).await;
    assert_eq!(rig.get("/a").await.status, 200);
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let metrics = rig.admin("GET /metrics", "").await;
        if String::from_utf8_lossy(&metrics.body).contains("downbeat_edge_write_failures_total 1") {
            break;
        }
        assert!(Instant::now() < deadline, "the failure is counted");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_and_old_plans_change_nothing() {
    let hub = Hub::start(weights(5, &[("r1", 40)])).await;
    let (rig, _) = rig(&hub, vec![sound(), sound()]).await;
    rig.until("the plan", |state| state["plan_epoch"] == 5).await;
    hub.set_plan(weights(6, &[("r1", 0), ("r2", 0)]));
    let refused = |epoch: u64, says: &'static str| {
        move |rollups: &[downbeat_core::model::RollUp]| {
            rollups.iter().any(|r| r.plan_refused.as_ref().is_some_and(|(e, why)| *e == epoch && why.contains(says)))
        }
    };
    hub.until("the refusal", refused(6, "without a single replica")).await;
    hub.set_plan(weights(4, &[("r1", 0)]));
    let so_far = hub.until("another answer", |_| true).await.len();
    hub.until("two more answers", |rollups| rollups.len() >= so_far + 3).await;
    let state = rig.state().await;
    assert_eq!(
        (&state["plan_epoch"], &state["replicas"][0]["components"]["playback"]["share"]),
        (&5.into(), &0.4.into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_empties_the_well_for_the_failing_is_vetoed() {
    let hub = Hub::start(TrafficPlan::default()).await;
    let (rig, replicas) = rig(&hub, vec![sound(), sound()]).await;
    replicas[0].change(|script| script.health = 500);
    rig.until("the suspect", |state| state["replicas"][0]["checks"] == "suspect").await;
    hub.set_plan(weights(1, &[("r2", 0)]));
    hub.until("the veto", |rollups| {
        rollups.iter().any(|r| r.plan_refused.as_ref().is_some_and(|(_, why)| why.contains("sees failing")))
    })
    .await;
    assert_eq!(rig.state().await["plan_epoch"], 0);
    // Once the evidence is gone, the same plan is fine.
    replicas[0].change(|script| script.health = 200);
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_kept_in_the_long_run() {
    let hub = Hub::start(weights(1, &[("r1", 10)])).await;
    let (rig, replicas) = rig(&hub, vec![sound(), sound()]).await;
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
    for _ in 0..1_000 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    // One eleventh, 91 of 1,000; five standard deviations are 45.
    let share = replicas[0].seen().len();
    assert!((46..=136).contains(&share), "{share}");
}

#[tokio::test(flavor = "multi_thread")]
async fn starting_where_somebody_listens_names_the_address() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound");
    for threads in [1, 2] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings(&folder, &[address]);
        (settings.listen, settings.threads) = (address, threads);
        let error = downbeat_edge::start(settings).await.expect_err("taken").to_string();
        assert!(error.contains(&address.to_string()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_lets_bodies_go_on_for_a_while() {
    let body = crate::rig::music(100_000);
    let slow = Script { pace: (10_000, Duration::from_millis(50)), ..Script::serving(&body) };
    let (rig, replicas) = Rig::with(vec![slow], |s| (s.drain, s.threads) = (Duration::from_secs(10), 2)).await;
    let address = rig.address();
    let download = tokio::spawn(async move { crate::client::get(address, "/a").await });
    while replicas[0].seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.edge.stop().await;
    assert!(download.await.expect("no panic").body == body);
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_had_just_connected_when_the_edge_stopped_is_served() {
    let mut files = Vec::new();
    let (rig, _) = Rig::with(vec![sound()], |settings| {
        files = secure(settings, &[&["a.example"]]);
        settings.drain = Duration::from_secs(20);
    })
    .await;
    let (address, tls_address) = (rig.address(), rig.tls_address());
    let mut plain = TcpStream::connect(address).await.expect("the edge listens");
    let secured = TcpStream::connect(tls_address).await.expect("the edge listens");
    rig.until("two connections", |state| state["connections"] == 2).await;
    let stopped = tokio::spawn(rig.edge.stop());
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    // Neither has said a word so far.
    plain.write_all(REQUEST).await.expect("the edge reads");
    let config = client(&files, &[&rustls::version::TLS13], &[]);
    let name = ServerName::try_from("a.example").expect("a name");
    let mut secured = TlsConnector::from(config).connect(name, secured).await.expect("a handshake");
    secured.write_all(REQUEST).await.expect("the edge reads");
    for answer in [read(&mut plain).await, read(&mut secured).await] {
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.head);
    }
    stopped.await.expect("no panic");
}
