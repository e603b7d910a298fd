//! Public words before they are said, and reminders of them, against real receivers.

use crate::receiver::Receiver;
use crate::rig::{eventually, name, remember, settings, story};
use downbeat_core::model::Audience;
use downbeat_hub::settings::{Dialect, HubSettings, WebhookSettings};
use downbeat_hub::{HubHandle, start};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The team, and a channel that everybody reads. A word is due an hour after a confirmation, and was due within two seconds.
fn told_settings(data: &Path, receiver: &Receiver) -> HubSettings {
    let hook = |channel: &str, audience| WebhookSettings {
        name: name(channel),
        audience,
        url: format!("{}/{channel}", receiver.url),
        secret: None,
        dialect: Dialect::Downbeat,
    };
    let webhooks = vec![hook("chat", Audience::Team), hook("crowd", Audience::Public)];
    let mut settings = HubSettings { webhooks, ..settings(data) };
    settings.policy.tell.first_word_after = Duration::from_secs(3_600);
    settings.policy.tell.first_word_within = Duration::from_secs(2);
    settings
}

async fn post(hub: &HubHandle, path: &str, body: Value) -> u16 {
    let url = format!("http://{}/v1/incidents/1/{path}", hub.console_address());
    let request = reqwest::Client::new().post(url).header("x-downbeat-operator", "anna").json(&body);
    request.send().await.expect("answered").status().as_u16()
}

async fn incident(hub: &HubHandle) -> Value {
    let url = format!("http://{}/v1/incidents/1", hub.console_address());
    let text = reqwest::get(url).await.expect("answered").text().await.expect("text");
    serde_json::from_str(&text).expect("JSON")
}

async fn until_heard(receiver: &Receiver, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let taken = || receiver.received().into_iter().filter(|it| it.path == path).map(|it| it.json()).find(&wanted);
    eventually(path, taken).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_changed_held_and_sent_and_the_team_is_reminded_meanwhile() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    remember(data.path(), &[story::suspected(), story::confirmed()]);
    let settings = told_settings(data.path(), &receiver);
    let hub = start(settings.clone()).await.expect("the hub starts");
    let reminder = until_heard(&receiver, "/chat", |it| it["kind"] == "word_overdue").await;
    assert_eq!((&reminder["urgency"], &reminder["stage"]), (&"ticket".into(), &"begun".into()));
    assert_eq!(reminder["url"], "http://console.example/incidents/1");
    let told = incident(&hub).await;
    assert_eq!((&told["draft"]["stage"], &told["word_clock"]["said"]), (&"investigating".into(), &0.into()));
    let due = told["word_clock"]["due_ms"].as_u64().zip(told["confirmed_at_ms"].as_u64());
    assert_eq!(due.map(|(due, confirmed)| due - confirmed), Some(2_000));
    assert!(told["draft"]["goes_at_ms"].is_u64());

    assert_eq!(post(&hub, "draft/change", json!({"text": "Some of you hear nothing."})).await, 204);
    assert_eq!(post(&hub, "draft/hold", json!({})).await, 204);
    assert_eq!(post(&hub, "draft/change", json!({"text": " "})).await, 422);
    hub.stop().await;
    let hub = start(settings).await.expect("it starts again");
    let told = incident(&hub).await;
    assert_eq!(
        told["draft"]["body"].as_str().zip(told["draft"]["by"].as_str()),
        Some(("Some of you hear nothing.", "anna"))
    );
    assert_eq!(told["draft"]["goes_at_ms"], Value::Null);
    assert!(receiver.received().iter().all(|it| it.path == "/chat"), "nothing was said in public");

    assert_eq!(post(&hub, "draft/send", json!({})).await, 204);
    let word = until_heard(&receiver, "/crowd", |it| it["stage"] == "investigating").await;
    assert_eq!(word["body"], "Some of you hear nothing.");
    assert_eq!(post(&hub, "draft/send", json!({})).await, 409);
    let told = incident(&hub).await;
    assert_eq!((&told["draft"], &told["word_clock"]["said"]), (&Value::Null, &1.into()));
    let over = || hub.doors().snapshots.borrow().book.open_matters().next().is_none().then_some(());
    eventually("the end of the reminder", over).await;
    let reminders = receiver.received().iter().filter(|it| it.path == "/chat").count();
    assert_eq!(reminders, 1, "one reminder, over a restart, and no word about its end");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_that_was_not_kept_is_called_late() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    remember(data.path(), &[story::suspected(), story::confirmed(), story::notice(1, Audience::Public)]);
    let mut settings = told_settings(data.path(), &receiver);
    settings.policy.tell.next_update = Duration::from_secs(30);
    let hub = start(settings).await.expect("the hub starts");
    let reminder = until_heard(&receiver, "/chat", |it| it["kind"] == "word_overdue").await;
    assert!(reminder["body"].as_str().is_some_and(|it| it.contains("promised in public is overdue")), "{reminder}");
    let page = format!("http://{}/incidents/1", hub.status_address());
    let page = reqwest::get(page).await.expect("answered").text().await.expect("text");
    assert!(page.contains("We are late; sorry.") && !page.contains("Next update by"), "{page}");
    hub.stop().await;
}
