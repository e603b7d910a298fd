//! Effects against real receivers: retries under one key, signatures, and repeats after a restart.

use crate::receiver::{Answer, Received, Receiver};
use crate::rig::{eventually, name, records, remember, settings, story};
use downbeat_core::incident::{Event, Outcome};
use downbeat_core::model::Audience;
use downbeat_hub::settings::{ActuatorSettings, Dialect, HubSettings, WebhookSettings};
use downbeat_hub::{HubHandle, start};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::path::Path;
use std::time::Duration;

fn webhook(channel: &str, url: &str, secret: Option<&str>) -> WebhookSettings {
    let (name, secret) = (name(channel), secret.map(String::from));
    WebhookSettings {
        name,
        audience: Audience::OnCall,
        url: format!("{url}/{channel}"),
        secret,
        dialect: Dialect::Downbeat,
    }
}

/// An incident with a page and a public word that an earlier hub did not get to send.
async fn hub_with_unsent(data: &Path, settings: HubSettings) -> HubHandle {
    let (page, word) = (story::notice(1, Audience::OnCall), story::notice(2, Audience::Public));
    remember(data, &[story::suspected(), story::confirmed(), page, word]);
    start(settings).await.expect("the hub starts")
}

/// How a channel took the notices that went there.
fn sent(data: &Path, channel: &str) -> Vec<(u32, Outcome)> {
    let of_channel = |event| match event {
        Event::NoticeSent { notice, channel: there, outcome } if there == name(channel) => {
            Some((notice.count, outcome))
        }
        _ => None,
    };
    records(data).into_iter().filter_map(|record| of_channel(record.event)).collect()
}

async fn outcome_of_first(data: &Path, channel: &str) -> Outcome {
    let first = || sent(data, channel).into_iter().find(|(count, _)| *count == 1).map(|(_, outcome)| outcome);
    eventually(channel, first).await
}

fn of_notice(received: &[Received], key: &str) -> Vec<Received> {
    received.iter().filter(|r| r.header("idempotency-key") == key).cloned().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_tried_again_under_one_key_and_signed() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[Answer::With(503)]).await;
    let mut settings = settings(data.path());
    settings.webhooks = vec![webhook("pager", &receiver.url, Some("sesame"))];
    let hub = hub_with_unsent(data.path(), settings).await;
    assert_eq!(outcome_of_first(data.path(), "pager").await, Outcome::Done);

    let received = of_notice(&receiver.received(), "1.1");
    assert_eq!(received.len(), 2, "the refused attempt and the next one");
    assert_eq!(received[0].body, received[1].body);
    let mut mac = Hmac::<Sha256>::new_from_slice(b"sesame").expect("any key");
    mac.update(&received[1].body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(received[1].header("x-downbeat-signature"), format!("sha256={hex}"));
    assert_eq!((received[1].path.as_str(), received[1].header("content-type")), ("/pager", "application/json"));
    let message = received[1].json();
    assert_eq!(
        (&message["id"], &message["audience"], &message["stage"]),
        (&"1.1".into(), &"on_call".into(), &"investigating".into())
    );
    assert_eq!(message["url"], "http://console.example/incidents/1");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_good_is_final_and_holds_nobody_else_up() {
    let data = tempfile::tempdir().expect("a directory");
    let (refusing, silent, taking) = (
        Receiver::start(&[Answer::With(410)]).await,
        Receiver::start(&[Answer::Never; 9]).await,
        Receiver::start(&[]).await,
    );
    let mut settings = settings(data.path());
    settings.webhooks = vec![
        webhook("a-silent", &silent.url, None),
        webhook("b-refusing", &refusing.url, None),
        webhook("c-taking", &taking.url, None),
    ];
    let hub = hub_with_unsent(data.path(), settings).await;
    assert_eq!(outcome_of_first(data.path(), "c-taking").await, Outcome::Done);
    let refused = outcome_of_first(data.path(), "b-refusing").await;
    assert!(matches!(&refused, Outcome::Failed { why } if why.contains("410")), "{refused:?}");
    assert_eq!(of_notice(&refusing.received(), "1.1").len(), 1);
    assert_eq!(outcome_of_first(data.path(), "log").await, Outcome::Done);
    let public = || sent(data.path(), "status-page").into_iter().find(|(count, _)| *count == 2);
    assert_eq!(eventually("the public word", public).await.1, Outcome::Done);
    assert!(sent(data.path(), "a-silent").is_empty(), "nobody knows yet");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_under_way_at_the_end_is_repeated_under_its_key() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[Answer::Never]).await;
    let mut settings = settings(data.path());
    settings.webhooks = vec![webhook("pager", &receiver.url, None)];
    let hub = hub_with_unsent(data.path(), settings.clone()).await;
    eventually("the first attempt", || (!of_notice(&receiver.received(), "1.1").is_empty()).then_some(())).await;
    hub.stop().await;
    assert!(sent(data.path(), "pager").is_empty(), "in doubt, so not in the log");

    let hub = start(settings.clone()).await.expect("the hub starts again");
    assert_eq!(outcome_of_first(data.path(), "pager").await, Outcome::Done);
    hub.stop().await;
    let hub = start(settings).await.expect("and again");
    hub.stop().await;
    assert_eq!(of_notice(&receiver.received(), "1.1").len(), 2, "once in doubt, once for sure, never again");
    assert_eq!(sent(data.path(), "pager").iter().filter(|(count, _)| *count == 1).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_actuator_is_asked_once_with_the_remedys_key() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let mut settings = settings(data.path());
    let url = format!("{}/actuate", receiver.url);
    settings.actuator = Some(ActuatorSettings::Http { url, timeout: Duration::from_secs(30) });
    let [proposed, started] = story::restart();
    remember(data.path(), &[story::suspected(), story::confirmed(), proposed, started]);
    let hub = start(settings).await.expect("the hub starts");
    let ended = || {
        records(data.path()).into_iter().find_map(|record| match record.event {
            Event::ActuationEnded { outcome, .. } => Some(outcome),
            _ => None,
        })
    };
    assert_eq!(eventually("the outcome", ended).await, Outcome::Done);
    hub.stop().await;
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    assert_eq!((received[0].path.as_str(), received[0].header("idempotency-key")), ("/actuate", "1.1"));
    assert_eq!(received[0].json(), serde_json::json!({"actuation": "restart", "replica": "eu-1"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_incident_gets_its_review() {
    let data = tempfile::tempdir().expect("a directory");
    remember(data.path(), &[story::suspected(), story::confirmed(), story::resolved()]);
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let reviewed = || {
        records(data.path()).into_iter().find_map(|record| match record.event {
            Event::Reviewed { path, .. } => Some(path),
            _ => None,
        })
    };
    let path = eventually("the review", reviewed).await;
    assert!(path.starts_with("reviews/20") && path.ends_with("-playback-failing-in-eu-1.md"), "{path}");
    let text = std::fs::read_to_string(data.path().join(&path)).expect("the file is there");
    assert!(text.contains("Playback failing in eu"), "{text}");
    let url = format!("http://{}/v1/incidents/1/review", hub.console_address());
    let answer = reqwest::get(&url).await.expect("answered");
    assert_eq!(answer.headers()["content-type"], "text/markdown; charset=utf-8");
    assert_eq!(answer.text().await.expect("text"), text);
    hub.stop().await;
}
