//! Sheds and limits of a plan, and the caps on bodies and connections.

use crate::client::send_from;
use crate::hub::Hub;
use crate::replica::Script;
use crate::rig::{Rig, name};
use downbeat_core::model::{FailureKind, Limit, Shed, Strength, TrafficPlan};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const REQUEST: &str = "GET /a HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

async fn rig(plan: TrafficPlan) -> (Rig, Hub) {
    let hub = Hub::start(plan).await;
    let link = hub.link();
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| settings.hub = link).await;
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
    (rig, hub)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shed_admits_its_share_and_lapses() {
    let shed = Shed { component: name("playback"), admitted: Strength::percent(25), ttl_ms: 4_000, of: None };
    let (rig, hub) = rig(TrafficPlan { epoch: 1, sheds: vec![shed], ..TrafficPlan::default() }).await;
    let mut admitted = 0;
    for _ in 0..40 {
        let answer = rig.get("/a").await;
        match answer.status {
            200 => admitted += 1,
            503 => {
                let after: u64 = answer.header("retry-after").and_then(|v| v.parse().ok()).expect("Retry-After");
                assert!((1..=5).contains(&after));
            }
            other => panic!("status {other}"),
        }
    }
    assert_eq!(admitted, 10);
    let shed = |r: &downbeat_core::model::RollUp| {
        r.clients.iter().map(|c| c.tally.failures.of(FailureKind::Shed)).sum::<u64>()
    };
    hub.until("thirty sheds", |rollups| rollups.iter().map(shed).sum::<u64>() == 30).await;
    tokio::time::sleep(Duration::from_millis(4_000)).await;
    for _ in 0..8 {
        assert_eq!(rig.get("/a").await.status, 200, "it has lapsed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_hits_its_network_alone() {
    let limit = Limit { network: name("127.66.6.0/24"), component: None, per_second: 0 };
    let (rig, hub) = rig(TrafficPlan { epoch: 1, limits: vec![limit], ..TrafficPlan::default() }).await;
    for (from, status) in [("127.66.6.9", 429), ("127.66.7.9", 200), ("127.66.6.1", 429)] {
        let answer = send_from(from, rig.address(), REQUEST).await;
        assert_eq!(answer.status, status, "{from}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429);
    }
    let limited = |r: &downbeat_core::model::RollUp| {
        let rows = r.clients.iter().filter(|c| c.network == name("127.66.6.0/24"));
        rows.map(|c| c.tally.failures.of(FailureKind::Limited)).sum::<u64>()
    };
    hub.until("two limited", |rollups| rollups.iter().map(limited).sum::<u64>() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_capped_however_they_come() {
    let (rig, replicas) = Rig::with(vec![Script::serving(b"sound")], |s| s.limits.body_bytes = 100_000).await;
    let known = "POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 100001\r\n\r\n";
    assert_eq!(rig.send(known).await.status, 413);
    assert!(replicas[0].seen().is_empty());
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    let chunked = format!("POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(4));
    assert_eq!(rig.send(&chunked).await.status, 413);
    assert!(replicas[0].seen().is_empty(), "never whole, so never answered");
    let fine =
        format!("POST /a HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", chunk.repeat(3));
    assert_eq!(rig.send(&fine).await.status, 200);
    assert!(replicas[0].seen()[0].contains("Transfer-Encoding: chunked\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_a_word_gets_it() {
    let (rig, replicas) = Rig::new(vec![Script::serving(b"sound")]).await;
    let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
    let head = b"POST /a HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.expect("the edge reads");
    let mut word = [0; 25];
    stream.read_exact(&mut word).await.expect("a word");
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.expect("the edge reads");
    assert_eq!(crate::client::read(&mut stream).await.status, 200);
    assert!(!replicas[0].seen()[0].contains("Expect"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_told_so() {
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |s| s.limits.connections = 3).await;
    let mut kept = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(rig.address()).await.expect("the edge listens");
        stream.write_all(b"GET /a HTTP/1.1\r\nHost: test\r\n\r\n").await.expect("the edge reads");
        assert_eq!(crate::client::read(&mut stream).await.status, 200);
        kept.push(stream);
    }
    assert_eq!(rig.get("/a").await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_wait_for_a_seat_and_the_waiting_room_is_bounded() {
    // Three seconds for the whole body, and the seat is held until its end.
    let slow = Script { pace: (1, Duration::from_millis(600)), ..Script::serving(b"sound") };
    let (rig, replicas) = Rig::with(vec![slow], |settings| {
        settings.health.every = Duration::from_secs(3_600);
        settings.replicas[0].max_in_flight = 1;
        settings.limits.waiting = 2;
        settings.limits.waiting_within = Duration::from_secs(60);
    })
    .await;
    let address = rig.address();
    let ask = || tokio::spawn(async move { crate::client::get(address, "/a").await });
    let first = ask();
    rig.until("the first in flight", |state| state["replicas"][0]["in_flight"] == 1).await;
    replicas[0].change(|script| script.pace.1 = Duration::ZERO);
    let waiting = [ask(), ask()];
    rig.until("two waiting", |state| state["waiting"] == 2).await;
    let turned_away = rig.get("/a").await;
    assert_eq!((turned_away.status, turned_away.header("retry-after").is_some()), (503, true));
    assert_eq!(first.await.expect("no panic").status, 200);
    for answer in waiting {
        let answer = answer.await.expect("no panic");
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"sound"[..]));
    }
    let metrics = rig.admin("GET /metrics", "").await;
    let text = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(text.contains("downbeat_edge_waiting_room_full_total 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_and_is_not_for_ever() {
    let (rig, _) =
        Rig::with(vec![Script { head: crate::replica::Head::Hang, ..Script::serving(b"sound") }], |settings| {
            settings.health.every = Duration::from_secs(3_600);
            settings.replicas[0].max_in_flight = 1;
            settings.limits.waiting_within = Duration::from_millis(50);
            settings.retry.first_byte = Duration::from_secs(3);
        })
        .await;
    let address = rig.address();
    let first = tokio::spawn(async move { crate::client::get(address, "/a").await.status });
    rig.until("the first in flight", |state| state["replicas"][0]["in_flight"] == 1).await;
    assert_eq!(rig.get("/a").await.status, 503);
    assert_eq!(rig.state().await["waiting"], 0);
    assert_eq!(first.await.expect("no panic"), 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_limits_networks_and_routes() {
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        settings.components[0].network_per_second = Some(0);
        let open = crate::rig::component("open", &[name("r1")]);
        let shut =
            downbeat_edge::ComponentSettings { per_second: Some(0), ..crate::rig::component("shut", &[name("r1")]) };
        settings.components.extend([open, shut]);
        settings.routes.extend([crate::rig::route("open", "/open"), crate::rig::route("shut", "/shut")]);
    })
    .await;
    for (path, status) in [("/a", 429), ("/open", 200), ("/shut", 503)] {
        let answer = rig.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (status, status != 200), "{path}");
    }
}
