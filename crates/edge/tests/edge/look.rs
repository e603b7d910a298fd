//! A closer look (decision 23): a replica that begins to do badly is checked in quick succession, and the hub hears sooner.

use crate::hub::Hub;
use crate::replica::{Head, Replica, Script};
use crate::rig::Rig;
use downbeat_core::model::{RollUp, TrafficPlan};
use std::time::Duration;

/// Checks in one look, and no others while a test lasts but the first.
const CHECKS: u64 = 20;

async fn rig(hub: &Hub) -> (Rig, Vec<Replica>) {
    let link = hub.link();
    Rig::with(vec![Script::serving(b"sound"), Script::serving(b"sound")], |settings| {
        settings.hub = link;
        settings.health.every = Duration::from_secs(600);
        settings.replicas.iter_mut().for_each(|replica| replica.weight = 100);
    })
    .await
}

/// Checks of the first replica that ended, and those of them that failed.
fn checks(rollups: &[RollUp]) -> (u64, u64) {
    let rows = rollups.iter().flat_map(|rollup| &rollup.replicas).filter(|row| row.replica.as_str() == "r1");
    rows.fold((0, 0), |(all, failed), row| (all + row.checks.total, failed + row.checks.failed()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_fails_its_clients_is_looked_at_once() {
    let hub = Hub::start(TrafficPlan::default()).await;
    let (rig, replicas) = rig(&hub).await;
    hub.until("the first checks", |rollups| checks(rollups).0 == 1).await;
    replicas[0].change(|script| (script.head, script.health) = (Head::Status(500), 500));
    for _ in 0..30 {
        assert_eq!(rig.get("/a").await.status, 200, "the other replica serves");
    }
    let told = hub.until("a look at it", |rollups| checks(rollups).1 == CHECKS).await;
    let shortest = told.iter().map(|rollup| rollup.span_ms).min();
    assert!(shortest.is_some_and(|ms| ms < 900), "the hub was told in between: {told:#?}");
    // It stays as it is, which is no news.
    let so_far = told.len();
    let told = hub.until("some more", |rollups| rollups.len() >= so_far + 8).await;
    assert_eq!(checks(&told), (1 + CHECKS, CHECKS));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_failure_is_no_reason_to_look() {
    let hub = Hub::start(TrafficPlan::default()).await;
    let (rig, replicas) = rig(&hub).await;
    hub.until("the first checks", |rollups| checks(rollups).0 == 1).await;
    replicas[0].change(|script| script.head = Head::Status(500));
    // Whoever was never asked is tried soon.
    while replicas[0].seen().is_empty() {
        rig.get("/a").await;
    }
    replicas[0].change(|script| script.head = Head::Prompt);
    let told = hub.until("some seconds", |rollups| rollups.len() >= 4).await;
    assert_eq!(checks(&told), (1, 0));
}
