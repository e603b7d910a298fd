//! Who gets a request: regions, keys, clients that stay, and what one bad replica of three costs.

use crate::client::{get, send_from};
use crate::hub::Hub;
use crate::replica::{Head, Replica, Script};
use crate::rig::{Rig, name};
use downbeat_core::model::{Strength, TrafficPlan, Weight};
use downbeat_edge::{Balance, EdgeSettings, HashKey, WEIGHT};
use std::collections::BTreeMap;
use std::time::Duration;

fn sound() -> Script {
    Script::serving(b"sound")
}

fn with_head(head: Head) -> Script {
    Script { head, ..sound() }
}

/// Checks that never fail, so that only the requests speak, and equal weights.
fn equal(settings: &mut EdgeSettings) {
    settings.health.every = Duration::from_secs(3_600);
    settings.replicas.iter_mut().for_each(|r| r.weight = WEIGHT);
}

/// How often each replica was asked for each path.
fn asked(replicas: &[Replica]) -> BTreeMap<String, Vec<usize>> {
    let mut asked: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, replica) in replicas.iter().enumerate() {
        for request in replica.seen() {
            let path = request.split(' ').nth(1).expect("a request line").to_owned();
            asked.entry(path).or_insert_with(|| vec![0; replicas.len()])[i] += 1;
        }
    }
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn the_own_region_comes_first_and_a_dead_one_does_not_swallow_both_attempts() {
    let (rig, replicas) = Rig::with(vec![sound(), sound(), sound(), sound()], |settings| {
        equal(settings);
        settings.region = Some(name("eu"));
        settings.replicas[2].region = name("us");
        settings.replicas[3].region = name("us");
    })
    .await;
    for _ in 0..40 {
        assert_eq!(rig.get("/a").await.status, 200);
    }
    let seen = |i: usize| replicas[i].seen().len();
    assert_eq!((seen(0) + seen(1), seen(2) + seen(3)), (40, 0));
    replicas[..2].iter().for_each(|r| r.change(|script| script.head = Head::Hang));
    for _ in 0..5 {
        assert_eq!(rig.get("/b").await.status, 200);
    }
    assert_eq!(seen(2) + seen(3), 5, "each second attempt went to the other region");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_without_seats_overflows() {
    let (rig, replicas) = Rig::with(vec![with_head(Head::Hang), sound()], |settings| {
        equal(settings);
        settings.region = Some(name("eu"));
        settings.replicas[0].max_in_flight = 4;
        settings.replicas[1].region = name("us");
        // No second attempts: only the first choice speaks.
        settings.retry.extra = 0;
        settings.retry.first_byte = Duration::from_secs(5);
    })
    .await;
    let address = rig.address();
    let burst: Vec<_> = (0..30).map(|_| tokio::spawn(async move { get(address, "/a").await.status })).collect();
    let mut served = 0;
    for status in burst {
        served += usize::from(status.await.expect("no panic") == 200);
    }
    assert_eq!((served, replicas[1].seen().len()), (26, 26), "four seats at home, the others went abroad");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_stays_with_its_replica_while_that_is_well() {
    let (rig, replicas) = Rig::with(vec![sound(), sound(), sound()], |settings| {
        equal(settings);
        settings.components[0].balance = Balance::Hash(HashKey::Path);
    })
    .await;
    for _ in 0..3 {
        for path in 0..20 {
            assert_eq!(rig.get(&format!("/{path}?n")).await.status, 200);
        }
    }
    let asked = asked(&replicas);
    assert!(asked.values().all(|by| by.iter().filter(|n| **n > 0).count() == 1), "{asked:?}");
    assert!((0..3).all(|i| asked.values().any(|by| by[i] > 0)), "all of them have some: {asked:?}");
    replicas[0].change(|script| script.head = Head::Status(500));
    for path in 0..20 {
        assert_eq!(rig.get(&format!("/{path}?n")).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_stays_with_a_canary_or_away_from_it() {
    let share = Weight { replica: name("r1"), component: None, share: Strength::percent(30) };
    let hub = Hub::start(TrafficPlan { epoch: 1, weights: vec![share], ..TrafficPlan::default() }).await;
    let link = hub.link();
    let (rig, replicas) = Rig::with(vec![sound(), sound()], |settings| {
        equal(settings);
        settings.hub = link;
    })
    .await;
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
    for _ in 0..5 {
        for client in 1..=100 {
            let request = format!("GET /{client} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            let answer = send_from(&format!("127.5.{client}.1"), rig.address(), &request).await;
            assert_eq!(answer.status, 200);
        }
    }
    let asked = asked(&replicas);
    let stayed = asked.values().filter(|by| by.contains(&0)).count();
    assert!(stayed >= 85, "{stayed} of 100 clients went one way five times: {asked:?}");
    // 0.3 of 1.3 parts of 500 requests are 115.
    let canary = replicas[0].seen().len();
    assert!((95..=135).contains(&canary), "{canary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn h4_h5_one_bad_replica_of_three_costs_no_request_and_no_third_attempt() {
    for head in [Head::Hang, Head::Hangup, Head::Garbage, Head::Status(500), Head::Status(503)] {
        let (rig, replicas) = Rig::with(vec![with_head(head), sound(), sound()], equal).await;
        for i in 0..60 {
            assert_eq!(rig.get(&format!("/{i}")).await.status, 200, "{head:?}, request {i}");
        }
        let asked = asked(&replicas);
        assert!(asked.values().all(|by| by.iter().sum::<usize>() <= 2), "{head:?}: {asked:?}");
        assert!(!replicas[0].seen().is_empty(), "{head:?}: it was asked at first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_far_slower_than_its_peers_is_left_alone_for_a_while() {
    let (rig, _) = Rig::with(vec![sound(), sound(), sound()], |settings| {
        equal(settings);
        // Nothing is overtaken: only the latency speaks.
        settings.hedge.after_min = Duration::from_secs(10);
        settings.hedge.after_max = Duration::from_secs(10);
    })
    .await;
    let fault = r#"[{"name":"slow","slice":"replica=r1","effect":{"effect":"delay","ms":400},"ttl_ms":60000}]"#;
    assert_eq!(rig.admin("PUT /v1/faults", fault).await.status, 200);
    let address = rig.address();
    let burst: Vec<_> = (0..120).map(|_| tokio::spawn(async move { get(address, "/a").await.status })).collect();
    rig.until("the ejection", |state| state["replicas"][0]["components"]["playback"]["standing"] == "suspect").await;
    for status in burst {
        assert_eq!(status.await.expect("no panic"), 200);
    }
}
