//! Features that a plan keeps out: who is turned away and how, how it is counted, and how everything comes in again.

use crate::hub::Hub;
use crate::replica::Script;
use crate::rig::{Rig, name, settings};
use downbeat_core::model::{FailureKind, Feature, FeatureId, RollUp, Shed, Strength, TrafficPlan};
use downbeat_edge::{EdgeSettings, FeatureSettings, HubLink};
use std::time::{Duration, Instant};

const RADIO: &str = "/radio/1";

fn configure(settings: &mut EdgeSettings) {
    let feature = |feature: &str, prefix: &str, status| FeatureSettings {
        name: name(feature),
        prefixes: vec![prefix.into()],
        status,
        retry_after: Duration::from_secs(30),
    };
    settings.components[0].features = vec![feature("radio", "/radio/", 503), feature("charts", "/charts", 429)];
}

fn row(feature: &str, percent: u32, ttl_ms: u64) -> Feature {
    let (component, feature) = (name("playback"), name(feature));
    Feature { component, feature, admitted: Strength::percent(percent), ttl_ms }
}

fn plan(epoch: u64, features: Vec<Feature>) -> TrafficPlan {
    TrafficPlan { epoch, features, ..TrafficPlan::default() }
}

async fn rig(plan: TrafficPlan) -> (Rig, Hub) {
    let hub = Hub::start(plan).await;
    let link = hub.link();
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        settings.hub = link;
        configure(settings);
    })
    .await;
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
    (rig, hub)
}

async fn until_status(rig: &Rig, path: &str, wanted: u16) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while rig.get(path).await.status != wanted {
        assert!(Instant::now() < deadline, "{path} is never answered with {wanted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_is_answered_as_configured_and_the_rest_is_served() {
    let (rig, hub) = rig(plan(1, vec![row("radio", 0, 600_000), row("charts", 25, 600_000)])).await;
    let answer = rig.get(RADIO).await;
    let after: u64 = answer.header("retry-after").and_then(|v| v.parse().ok()).expect("Retry-After");
    assert_eq!(answer.status, 503);
    assert!((31..=35).contains(&after), "{after}: those turned away together do not come back together");
    for path in ["/radio", "/radio/", "/radio/1?x=/a"] {
        assert_eq!(rig.get(path).await.status, 503, "{path}");
    }
    for path in ["/", "/radios", "/a/radio/1", "/track?path=/radio/"] {
        assert_eq!(rig.get(path).await.status, 200, "{path}");
    }
    let mut served = 0;
    for _ in 0..20 {
        match rig.get("/charts").await.status {
            200 => served += 1,
            429 => {}
            other => panic!("status {other}"),
        }
    }
    assert_eq!(served, 5, "a quarter");
    let sum = |of: fn(&downbeat_core::model::ClientRow) -> u64| {
        move |rollups: &[RollUp]| rollups.iter().flat_map(|r| &r.clients).map(of).sum::<u64>()
    };
    let (withheld, shed) = (sum(|row| row.withheld), sum(|row| row.tally.failures.of(FailureKind::Shed)));
    let told = hub.until("those turned away", |rollups| withheld(rollups) == 19).await;
    assert_eq!(shed(&told), 19, "an earlier hub reads them as shed");
    let counted: u64 = told.iter().flat_map(|r| &r.clients).map(|row| row.counted().owed().failed()).sum();
    assert_eq!(counted, 0, "and this one as no failures of the service");
    let metrics = String::from_utf8(rig.admin("GET /metrics", "").await.body).expect("text");
    for line in [
        r#"downbeat_edge_withheld_requests_total{component="playback",feature="radio"} 4"#,
        r#"downbeat_edge_withheld_requests_total{component="playback",feature="charts"} 15"#,
        r#"downbeat_edge_feature_admitted_ratio{component="playback",feature="charts"} 0.25"#,
        r#"downbeat_edge_requests_total{component="playback",outcome="withheld"} 19"#,
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_out_takes_nothing_from_what_a_shed_admits() {
    let shed = Shed { component: name("playback"), admitted: Strength::percent(50), ttl_ms: 60_000, of: None };
    let (rig, _hub) = rig(TrafficPlan { sheds: vec![shed], ..plan(1, vec![row("radio", 0, 600_000)]) }).await;
    let mut served = 0;
    for _ in 0..20 {
        assert_eq!(rig.get(RADIO).await.status, 503);
        served += u32::from(rig.get("/track").await.status == 200);
    }
    assert_eq!(served, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_shed_leaves_over_is_for_features_and_all_of_it_when_the_shed_has_lapsed() {
    let shed = Shed { component: name("playback"), admitted: Strength::percent(50), ttl_ms: 5_000, of: Some(40) };
    let leftovers = vec![FeatureId { component: name("playback"), feature: name("radio") }];
    let rows = plan(1, vec![row("radio", 0, 600_000), row("charts", 0, 600_000)]);
    let (rig, _hub) = rig(TrafficPlan { sheds: vec![shed], leftovers, ..rows }).await;
    // Nobody else asks.
    until_status(&rig, RADIO, 200).await;
    assert_eq!(rig.get("/charts").await.status, 429, "what a person has switched off gets nothing of it");
    let lapsed = Instant::now() + Duration::from_secs(20);
    let mut turned_away = 0;
    // The shed admits 20 a second and leaves half of them over at most.
    while turned_away < 20 {
        turned_away += u32::from(rig.get(RADIO).await.status == 503);
        assert!(Instant::now() < lapsed, "{turned_away} of all were turned away");
    }
    let mut served_in_a_row = 0;
    while served_in_a_row < 50 {
        served_in_a_row = if rig.get(RADIO).await.status == 200 { served_in_a_row + 1 } else { 0 };
        assert!(Instant::now() < lapsed, "the shed never lapses");
    }
}

/// A9: a row outlives its time while a hub speaks for it, and no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_feature_is_out_as_long_as_a_hub_says_so() {
    let (rig, hub) = rig(plan(1, vec![row("radio", 0, 3_000)])).await;
    let out_since = Instant::now();
    while out_since.elapsed() < Duration::from_secs(6) {
        assert_eq!(rig.get(RADIO).await.status, 503, "after {:?}", out_since.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    hub.die();
    until_status(&rig, RADIO, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_that_starts_again_lets_everything_in_until_the_hub_has_spoken() {
    let hub = Hub::start(plan(1, vec![row("radio", 0, 600_000)])).await;
    let link = hub.link();
    let (rig, replicas) = Rig::with(vec![Script::serving(b"sound")], |settings| {
        settings.hub = link;
        configure(settings);
    })
    .await;
    until_status(&rig, RADIO, 503).await;
    hub.until("the epoch", |rollups| rollups.iter().any(|r| r.plan_epoch == 1)).await;
    let Rig { edge, folder } = rig;
    edge.stop().await;
    let again = |folder: &_, link| {
        let mut again = settings(folder, &[replicas[0].address]);
        configure(&mut again);
        again.hub = link;
        again
    };
    let alone = again(&folder, Some(HubLink { url: format!("http://{}", crate::rig::nobody()), token: None }));
    let rig = Rig::start(folder, alone).await;
    assert_eq!(rig.state().await["plan_epoch"], 1);
    assert_eq!(rig.get(RADIO).await.status, 200);
    let Rig { edge, folder } = rig;
    edge.stop().await;
    let settings = again(&folder, hub.link());
    let rig = Rig::start(folder, settings).await;
    until_status(&rig, RADIO, 503).await;
}

/// C7: an edge that has no such feature serves its requests like any other.
#[tokio::test(flavor = "multi_thread")]
async fn rows_on_features_that_are_not_configured_say_nothing() {
    let hub = Hub::start(plan(1, vec![row("podcasts", 0, 600_000), row("radio", 0, 600_000)])).await;
    let link = hub.link();
    let (rig, _) = Rig::with(vec![Script::serving(b"sound")], |settings| settings.hub = link).await;
    rig.until("the plan", |state| state["plan_epoch"] == 1).await;
    assert_eq!(rig.get(RADIO).await.status, 200);
}
