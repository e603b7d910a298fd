//! What was tried and what was not, as a running hub tells it and takes it.

use crate::rig::{eventually, name, remember, settings};
use downbeat_core::incident::Event;
use downbeat_core::model::{Mode, RemedyKind};
use downbeat_hub::settings::HubSettings;
use downbeat_hub::{HubHandle, start};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// A hub that may divert by itself.
async fn hub(data: &Path, armed_for: Duration) -> HubHandle {
    let mut settings: HubSettings = settings(data);
    settings.policy.act.modes = [(RemedyKind::Divert, Mode::Auto)].into();
    settings.policy.act.armed_for = armed_for;
    start(settings).await.expect("the hub starts")
}

async fn get(hub: &HubHandle, path: &str) -> String {
    let answer = reqwest::get(format!("http://{}{path}", hub.console_address())).await.expect("answered");
    answer.text().await.expect("text")
}

async fn post(hub: &HubHandle, scorecard: Value) -> (u16, String) {
    let request = reqwest::Client::new().post(format!("http://{}/v1/drills", hub.console_address()));
    let answer = request.header("x-downbeat-operator", "anna").json(&scorecard).send().await.expect("answered");
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

fn scorecard(component: &str) -> Value {
    let remedies = json!([
        {"kind": "divert", "helped": true, "components": [component]},
        {"kind": "restart", "helped": false, "components": [component]},
    ]);
    json!({"drill": "region-lost", "mode": "live", "passed": true, "remedies": remedies, "silence_s": {"total": 0.0}})
}

async fn state(hub: &HubHandle) -> Value {
    let all: Value = serde_json::from_str(&get(hub, "/v1/drills").await).expect("JSON");
    assert_eq!(all["armings"].as_array().map(Vec::len), Some(1), "one component, one kind that acts by itself: {all}");
    all["armings"][0]["state"].clone()
}

/// Waits until the hub has written down what its configuration lets loose.
async fn armed(hub: &HubHandle) {
    let mut snapshots = hub.doors().snapshots.clone();
    let noted = |book: &downbeat_core::incident::Book| book.trials != Default::default();
    snapshots.wait_for(|snapshot| noted(&snapshot.book)).await.expect("the hub runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_passed_arms_for_another_while() {
    let data = tempfile::tempdir().expect("a folder");
    let started = Event::HubStarted { version: "0.0.9".into() };
    remember(data.path(), &[started, Event::Armed { kinds: [RemedyKind::Divert].into() }]);
    // What was armed a minute ago has lapsed by the rule of this hub.
    let hub = hub(data.path(), Duration::from_secs(50)).await;
    assert_eq!(state(&hub).await, "lapsed");
    assert!(get(&hub, "/healthz").await.starts_with("ok\narming: divert on playback lapsed at 20"));
    assert!(get(&hub, "/").await.contains("Divert on Playback"));

    assert_eq!(post(&hub, scorecard("playback")).await.0, 204);
    assert_eq!(state(&hub).await, "lapses_soon");
    assert!(get(&hub, "/healthz").await.contains("arming: divert on playback lapses at 20"));
    let metrics = get(&hub, "/metrics").await;
    let line = "downbeat_armed_until_seconds{component=\"playback\",kind=\"divert\"} ";
    let until = metrics.lines().find_map(|it| it.strip_prefix(line)).and_then(|it| it.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    assert!(until.is_some_and(|until| (now..=now + 51).contains(&until)), "{until:?} {now}");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_disarms_nobody() {
    let data = tempfile::tempdir().expect("a folder");
    remember(data.path(), &[Event::HubStarted { version: "0.0.9".into() }]);
    let hub = hub(data.path(), Duration::from_secs(30 * 86_400)).await;
    armed(&hub).await;
    assert_eq!(state(&hub).await, "armed");
    assert_eq!(get(&hub, "/healthz").await, "ok\n");
    hub.stop().await;
    let starts = crate::rig::records(data.path());
    let first = starts.iter().find(|record| matches!(record.event, Event::Armed { .. })).map(|record| record.seq);
    assert!(first.is_some_and(|seq| seq > 1), "written after the start of the hub that knows the rule");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_renews_nothing_is_refused() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = hub(data.path(), Duration::from_secs(86_400)).await;
    let failed = json!({"drill": "host", "passed": false, "remedies": []});
    let simulated = json!({"drill": "host", "mode": "sim", "passed": true, "remedies": []});
    let nothing = json!({"drill": "quiet", "passed": true, "remedies": []});
    let table = [
        (failed, 422, "did not pass"),
        (simulated, 422, "virtual time"),
        (nothing, 422, "tried nothing"),
        (scorecard("billing"), 422, "no component billing"),
        (json!({"drill": "host"}), 400, "passed"),
    ];
    for (card, status, says) in table {
        let (came, words) = post(&hub, card.clone()).await;
        assert!(came == status && words.contains(says), "{card}: {came} {words}");
    }
    let seen = eventually("the arming", || {
        let book = hub.doors().snapshots.borrow().book.clone();
        (book.trials != Default::default()).then_some(book)
    });
    let policy = hub.doors().snapshots.borrow().settings.policy.clone();
    let kinds: Vec<_> = seen.await.armings(&policy).into_iter().map(|arming| (arming.component, arming.kind)).collect();
    assert_eq!(kinds, [(name("playback"), RemedyKind::Divert)]);
    hub.stop().await;
}
