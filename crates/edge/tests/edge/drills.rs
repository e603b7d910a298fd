//! Faults made on purpose, through the admin endpoint.

use crate::client::{End, get};
use crate::replica::Script;
use crate::rig::{Rig, music};
use std::time::{Duration, Instant};

fn sound() -> Script {
    Script::serving(b"sound")
}

fn fault(slice: &str, effect: &str, ttl_ms: u64) -> String {
    format!(r#"[{{"name":"f","slice":"{slice}","effect":{{{effect}}},"ttl_ms":{ttl_ms}}}]"#)
}

const BLACKHOLE: &str = r#""effect":"blackhole""#;

#[tokio::test(flavor = "multi_thread")]
async fn a_blackhole_swallows_bodies_requests_and_checks() {
    let body = music(400_000);
    let slow = Script { pace: (10_000, Duration::from_millis(20)), ..Script::serving(&body) };
    let (rig, replicas) = Rig::new(vec![slow.clone(), slow]).await;
    let address = rig.address();
    let download = tokio::spawn(async move { get(address, "/song").await });
    while replicas[0].seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(rig.admin("PUT /v1/faults", &fault("replica=r1", BLACKHOLE, 60_000)).await.status, 200);
    let answer = download.await.expect("no panic");
    assert!(answer.end == End::Whole && answer.body == body);
    assert_eq!(replicas[1].seen().len(), 1, "it went on there");
    rig.until("the check's verdict", |state| state["replicas"][0]["checks"] == "dead").await;
    assert_eq!(rig.get("/song").await.status, 200);
    assert_eq!(rig.admin("DELETE /v1/faults", "").await.status, 200);
    rig.until("the return", |state| state["replicas"][0]["checks"] == "fit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_delays_and_bandwidth_do_what_they_say() {
    let (rig, replicas) = Rig::new(vec![Script::serving(&music(50_000))]).await;
    let error = r#""effect":"error","status":503,"share":1.0"#;
    assert_eq!(rig.admin("PUT /v1/faults", &fault("component=playback", error, 60_000)).await.status, 200);
    assert_eq!(rig.get("/a").await.status, 503);
    assert!(replicas[0].seen().is_empty(), "instead of being sent");
    let delay = r#""effect":"delay","ms":400"#;
    rig.admin("PUT /v1/faults", &fault("region=eu", delay, 60_000)).await;
    let start = Instant::now();
    assert_eq!(rig.get("/a").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(400));
    let slow = r#""effect":"bandwidth","bytes_per_second":100000"#;
    rig.admin("PUT /v1/faults", &fault("everywhere", slow, 60_000)).await;
    let start = Instant::now();
    assert_eq!(rig.get("/a").await.body.len(), 50_000);
    assert!(start.elapsed() >= Duration::from_millis(350), "half a second's worth");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_ends_by_itself() {
    let (rig, _) = Rig::new(vec![sound()]).await;
    rig.admin("PUT /v1/faults", &fault("everywhere", BLACKHOLE, 600)).await;
    let start = Instant::now();
    assert_eq!(rig.get("/a").await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert_eq!(rig.admin("GET /v1/faults", "").await.body, b"[]");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_faults_and_faults_without_drills_are_refused() {
    let (rig, _) = Rig::new(vec![sound()]).await;
    for bad in ["", "{}", "[1]", &fault("planet=earth", BLACKHOLE, 1), &fault("everywhere", BLACKHOLE, 0)] {
        assert_eq!(rig.admin("PUT /v1/faults", bad).await.status, 422, "{bad}");
    }
    assert_eq!(rig.admin("POST /v1/faults", "[]").await.status, 405);
    assert_eq!(rig.admin("GET /v1/nothing", "").await.status, 404);
    assert_eq!(rig.admin("GET /healthz", "").await.body, b"ok\n");
    let (rig, _) = Rig::with(vec![sound()], |settings| settings.drills = false).await;
    assert_eq!(rig.admin("PUT /v1/faults", &fault("everywhere", BLACKHOLE, 600)).await.status, 403);
    assert_eq!(rig.get("/a").await.status, 200);
}
