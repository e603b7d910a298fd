//! Error budgets of a running hub: what burns is told wherever somebody looks, and outlives the hub.

use crate::receiver::{Answer, Receiver};
use crate::rig::{eventually, name, roll_up, settings};
use downbeat_core::model::{
    Audience, BudgetId, ClientRow, ComponentRow, FailureKind, Indicator, LatencyObjective, Objective, Objectives,
    RollUp, Signal, Sketch, Tally,
};
use downbeat_hub::settings::{Dialect, WebhookSettings};
use downbeat_hub::{HubHandle, start};
use serde_json::Value;
use std::path::Path;

fn share(percent: f64) -> Objective {
    Objective::percent(percent).expect("a good objective")
}

fn id(indicator: Indicator) -> BudgetId {
    BudgetId { component: name("playback"), indicator }
}

/// A hub that promises 99.9 % of playback.
async fn hub(data: &Path) -> HubHandle {
    let mut settings = settings(data);
    settings.policy.objectives = [(name("playback"), share(99.9).into())].into();
    start(settings).await.expect("the hub starts")
}

async fn get(hub: &HubHandle, path: &str) -> String {
    let answer = reqwest::get(format!("http://{}{path}", hub.console_address())).await.expect("answered");
    answer.text().await.expect("text")
}

async fn budget(hub: &HubHandle) -> Value {
    let all: Value = serde_json::from_str(&get(hub, "/v1/budgets").await).expect("JSON");
    assert_eq!(all.as_array().map(Vec::len), Some(1), "one component is promised: {all}");
    all[0].clone()
}

/// So many of a hundred thousand requests for playback failed within a second.
fn failed(failed: u64) -> Signal {
    let clients = vec![ClientRow {
        component: name("playback"),
        network: name("other"),
        tally: Tally { total: 100_000, slow: 0, failures: [(FailureKind::Status, failed)].into() },
        withheld: 0,
        retried: 0,
        resumed: 0,
        bytes: 0,
    }];
    Signal::RollUp(RollUp { clients, ..roll_up(1, 0) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_burns_is_told_wherever_somebody_looks() {
    let data = tempfile::tempdir().expect("a folder");
    let hub = hub(data.path()).await;
    assert_eq!(budget(&hub).await["alert"], Value::Null);
    hub.doors().signals.send(failed(2_000)).await.expect("taken");
    let mut snapshots = hub.doors().snapshots.clone();
    let burns = |it: &downbeat_hub::view::Snapshot| it.board.budgets[&id(Indicator::Success)].burning.is_some();
    snapshots.wait_for(burns).await.expect("the hub runs");
    let told = budget(&hub).await;
    assert_eq!((&told["component"], &told["objective"]), (&"playback".into(), &99.9.into()));
    assert_eq!((&told["indicator"], told.get("below_ms")), (&"success".into(), None));
    assert_eq!((&told["alert"]["urgency"], &told["alert"]["long_s"]), (&"page".into(), &3_600.into()));
    let rate = told["alert"]["rate"].as_f64().expect("a rate");
    assert!((rate - 20.0).abs() < 1e-6, "2 % failed of 0.1 % allowed: {rate}");
    let metrics = get(&hub, "/metrics").await;
    for line in [
        "downbeat_error_budget_alert{component=\"playback\",indicator=\"success\",urgency=\"page\"} 1",
        "downbeat_error_budget_alert{component=\"playback\",indicator=\"success\",urgency=\"ticket\"} 0",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
    let value = |start: &str| -> Option<f64> { metrics.lines().find_map(|it| it.strip_prefix(start))?.parse().ok() };
    let left = value("downbeat_error_budget_left{component=\"playback\",indicator=\"success\"} ");
    assert!(left.is_some_and(|left| (left + 19.0).abs() < 1e-6), "{left:?}");
    let burn =
        value("downbeat_error_budget_burn_rate{component=\"playback\",indicator=\"success\",window_seconds=\"300\"} ");
    assert!(burn.is_some_and(|burn| (burn - 20.0).abs() < 1e-6), "{burn:?}");
    let page = get(&hub, "/").await;
    assert!(page.contains("Error budgets") && page.contains("Burns fast"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_answers_use_up_a_budget_of_their_own_and_the_bound_is_told_as_it_is_counted() {
    let data = tempfile::tempdir().expect("a folder");
    let mut settings = settings(data.path());
    let latency = LatencyObjective::new(std::time::Duration::from_millis(300), share(90.0));
    settings.policy.objectives = [(name("playback"), Objectives { success: None, latency })].into();
    let hub = start(settings).await.expect("the hub starts");
    let mut first_byte = Sketch::default();
    first_byte.count_times(9_000, 900);
    // Above what is promised, and within the bucket that holds it: nobody knows, so it is not held against the service.
    first_byte.count_times(305_000, 20);
    first_byte.count_times(900_000, 80);
    let components = vec![ComponentRow { component: name("playback"), first_byte }];
    hub.doors().signals.send(Signal::RollUp(RollUp { components, ..roll_up(1, 0) })).await.expect("taken");
    let mut snapshots = hub.doors().snapshots.clone();
    let is_used = |it: &downbeat_hub::view::Snapshot| it.board.budgets[&id(Indicator::Latency)].left < 1.0;
    snapshots.wait_for(is_used).await.expect("the hub runs");
    let told = budget(&hub).await;
    assert_eq!((&told["indicator"], &told["objective"]), (&"latency".into(), &90.0.into()));
    assert_eq!((&told["below_ms"], &told["late_from_ms"]), (&300.0.into(), &311.296.into()));
    let left = told["left"].as_f64().expect("a share");
    assert!((left - 0.2).abs() < 1e-6, "8 % were late of 10 % allowed: {left}");
    let page = get(&hub, "/").await;
    assert!(page.contains("90 % within 300 ms") && page.contains("late from 311 ms on"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_starts_again_knows_what_was_used() {
    let data = tempfile::tempdir().expect("a folder");
    // The file is made by the first hub; what it would have written at the end of a minute is written here.
    hub(data.path()).await.stop().await;
    let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let minute = i64::try_from(since_1970.as_secs() / 60).expect("it fits") - 1;
    let file = rusqlite::Connection::open(data.path().join("telemetry.db")).expect("opens");
    let row = ("playback", minute % (30 * 24 * 60), minute, 100_000, 50);
    file.execute("INSERT INTO served VALUES (?1, ?2, ?3, ?4, ?5)", row).expect("written");
    drop(file);
    let hub = hub(data.path()).await;
    let left = budget(&hub).await["left"].as_f64().expect("a share");
    assert!((left - 0.5).abs() < 1e-6, "half of what is allowed was used: {left}");
    hub.stop().await;
}

fn webhook(channel: &str, audience: Audience, receiver: &Receiver) -> WebhookSettings {
    let (name, url) = (name(channel), format!("{}/{channel}", receiver.url));
    WebhookSettings { name, audience, url, secret: None, dialect: Dialect::Downbeat }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_burns_slowly_reaches_the_team_once_and_calls_nobody() {
    let data = tempfile::tempdir().expect("a folder");
    let receiver = Receiver::start(&[Answer::With(503)]).await;
    let mut settings = settings(data.path());
    settings.policy.objectives = [(name("playback"), share(99.9).into())].into();
    settings.webhooks = vec![webhook("pager", Audience::OnCall, &receiver), webhook("chat", Audience::Team, &receiver)];
    let hub = start(settings.clone()).await.expect("the hub starts");
    // One and a half times as fast as it may, which is within what is usual for a healthy service.
    hub.doors().signals.send(failed(150)).await.expect("taken");
    let told = |hub: &HubHandle| {
        let book = hub.doors().snapshots.borrow().book.clone();
        book.matters.values().any(|case| !case.told.is_empty()).then_some(())
    };
    eventually("the ticket", || told(&hub)).await;
    hub.stop().await;
    let hub = start(settings).await.expect("the hub starts again");
    hub.doors().signals.send(failed(150)).await.expect("taken");
    let mut snapshots = hub.doors().snapshots.clone();
    let burns = |it: &downbeat_hub::view::Snapshot| it.board.budgets[&id(Indicator::Success)].burning.is_some();
    snapshots.wait_for(burns).await.expect("the hub runs");
    let second = snapshots.borrow().now.as_millis() / 1_000;
    // It has looked at what the team has to know once more.
    snapshots.wait_for(|it| it.now.as_millis() / 1_000 > second + 1).await.expect("the hub runs");
    let received = receiver.received();
    let heard: Vec<(&str, &str)> = received.iter().map(|it| (it.path.as_str(), it.header("idempotency-key"))).collect();
    let ticket = ("/chat", "matter-1.begun");
    assert_eq!(heard, [ticket, ticket], "refused once, taken once, under one key");
    let message = received[1].json();
    assert_eq!(
        (&message["kind"], &message["urgency"], &message["stage"], &message["audience"]),
        (&"burn".into(), &"ticket".into(), &"begun".into(), &"team".into())
    );
    assert_eq!(message["title"], "Playback uses up its error budget");
    assert_eq!(message["url"], "http://console.example/");
    let matters: Value = serde_json::from_str(&get(&hub, "/v1/matters").await).expect("JSON");
    let matter = &matters["matters"][0];
    assert_eq!((&matter["about"]["kind"], &matter["ended_at_ms"]), (&"burn".into(), &Value::Null));
    assert_eq!(matter["told"], serde_json::json!([{"stage": "begun", "channel": "chat", "outcome": "done"}]));
    assert!(get(&hub, "/").await.contains("Playback uses up its error budget"));
    assert_eq!(hub.doors().snapshots.borrow().book.incidents.len(), 0);
    hub.stop().await;
}
