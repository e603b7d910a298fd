//! Browsers as subscribers: the form that offers it, the message that proves the address, the end that a push service tells of.

use crate::receiver::{Answer, Received, Receiver};
use crate::rig::{eventually, name, settings};
use downbeat_core::incident::Command;
use downbeat_core::model::Appointment;
use downbeat_hub::settings::{ChannelKind, HubSettings, SubscriberSettings};
use downbeat_hub::{HubHandle, start};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use std::path::Path;
use std::time::Duration;

/// The keys of RFC 8291's example: a point on the curve, whose private half nobody needs here.
const P256DH: &str = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

fn open(data: &Path) -> HubSettings {
    let subscribers = SubscriberSettings { open_to: vec![ChannelKind::Push], mail: None };
    let outbound_allow = vec!["127.0.0.0/8".parse().expect("a range")];
    HubSettings { subscribers, outbound_allow, ..settings(data) }
}

async fn post(hub: &HubHandle, path: &str, form: &[(&str, &str)]) -> Response {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let fields: Vec<String> = form.iter().map(|(key, value)| format!("{key}={}", encode(value))).collect();
    let request = client.post(format!("http://{}{path}", hub.status_address()));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(fields.join("&"));
    request.send().await.expect("answered")
}

async fn get(hub: &HubHandle, path: &str) -> Response {
    reqwest::get(format!("http://{}{path}", hub.status_address())).await.expect("answered")
}

async fn subscribe(hub: &HubHandle, endpoint: &str, p256dh: &str) -> u16 {
    let wish =
        [("channel", "push"), ("address", endpoint), ("p256dh", p256dh), ("auth", AUTH), ("component", "playback")];
    post(hub, "/subscribe", &wish).await.status().as_u16()
}

async fn announce(hub: &HubHandle, title: &str) {
    let start = hub.doors().clock.now() + Duration::from_secs(3_600);
    let end = start + Duration::from_secs(3_600);
    let appointment = Appointment { title: title.into(), components: [name("playback")].into(), start, end };
    let order = Command::Schedule(appointment, "Playback may stop for a minute.".into());
    hub.doors().commands.send(name("anna"), order).await.expect("scheduled");
}

async fn nth(receiver: &Receiver, n: usize) -> Received {
    eventually("a message", || receiver.received().into_iter().nth(n)).await
}

/// The path of the only subscription.
async fn subscription(hub: &HubHandle) -> String {
    let all = hub.doors().subscribers.list(0, 10).await.expect("listed");
    format!("/subscription/{}", all[0].token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_is_told_until_its_service_says_that_it_has_gone() {
    let data = tempfile::tempdir().expect("a directory");
    let answers = [Answer::With(201), Answer::With(429), Answer::With(201), Answer::With(410)];
    let receiver = Receiver::start(&answers).await;
    let hub = start(open(data.path())).await.expect("the hub starts");
    let page = get(&hub, "/subscribe").await;
    let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(policy.contains("worker-src 'self'") && policy.contains("default-src 'none'"), "{policy}");
    let page = page.text().await.expect("text");
    let key = page.split("data-key=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a key").to_owned();
    assert!(
        page.contains("src=\"/push.js\"") && page.contains("<noscript>") && !page.contains("name=\"address\""),
        "{page}"
    );
    for path in ["/push.js", "/push-worker.js"] {
        let script = get(&hub, path).await;
        assert_eq!(
            (script.status().as_u16(), &script.headers()["content-type"]),
            (200, &"text/javascript; charset=utf-8".parse().expect("a value"))
        );
    }

    let endpoint = format!("{}/push/abc", receiver.url);
    assert_eq!(subscribe(&hub, &endpoint, P256DH).await, 303);
    let question = nth(&receiver, 0).await;
    assert_eq!((question.path.as_str(), question.header("content-encoding")), ("/push/abc", "aes128gcm"));
    assert!(question.header("authorization").ends_with(&format!(", k={key}")), "{:?}", question.headers);
    assert_eq!(
        (question.header("ttl"), question.header("urgency"), question.header("topic")),
        ("86400", "high", "confirm")
    );
    assert!(!question.body.windows(9).any(|part| part == b"subscribe"), "it is sealed");

    announce(&hub, "Before").await;
    let path = subscription(&hub).await;
    assert_eq!(post(&hub, &format!("{path}/confirm"), &[]).await.status(), 303);
    let page = get(&hub, &path).await.text().await.expect("text");
    assert!(page.contains("Your subscription") && !page.contains(&endpoint) && !page.contains(P256DH), "{page}");
    announce(&hub, "New disks").await;
    let told = nth(&receiver, 2).await;
    assert_eq!(
        (told.header("topic"), told.header("urgency")),
        ("maintenance-2", "normal"),
        "after a rest, and not the first one"
    );

    announce(&hub, "One more").await;
    nth(&receiver, 3).await;
    for _ in 0..6_000 {
        if hub.doors().subscribers.counts().await.expect("counted").confirmed == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(get(&hub, &path).await.status(), 404, "its address is erased");
    hub.stop().await;

    let hub = start(open(data.path())).await.expect("the hub starts again");
    assert!(get(&hub, "/subscribe").await.text().await.expect("text").contains(&key), "the key is the same for ever");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_leaves_by_what_only_it_has() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(open(data.path())).await.expect("the hub starts");
    let endpoint = format!("{}/push/abc", receiver.url);
    assert_eq!(subscribe(&hub, &endpoint, P256DH).await, 303);
    let count = async || hub.doors().subscribers.counts().await.expect("counted").unconfirmed;
    let leave = async |auth: &str| {
        let form = [("address", &*endpoint), ("p256dh", P256DH), ("auth", auth)];
        post(&hub, "/subscribe/leave", &form).await.status().as_u16()
    };
    assert_eq!((leave("AAAAAAAAAAAAAAAAAAAAAA").await, count().await), (204, 1), "nobody learns whether it was right");
    assert_eq!((leave("x").await, count().await), (422, 1));
    assert_eq!((leave(AUTH).await, count().await), (204, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_browser_is_not_asked() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(open(data.path())).await.expect("the hub starts");
    for (endpoint, p256dh, status) in [
        ("http://push.example/x", P256DH, 422),
        ("ftp://push.example/x", P256DH, 422),
        ("https://anna:x@push.example/x", P256DH, 422),
        ("https://push.example/x", "BCVx", 422),
        ("https://push.example/x", "", 422),
    ] {
        assert_eq!(subscribe(&hub, endpoint, p256dh).await, status, "{endpoint} {p256dh}");
    }
    let url = format!("http://{}/v1/subscribers", hub.console_address());
    let entry = serde_json::json!({"subscribers": [{"channel": "push", "address": "https://push.example/x"}]});
    let answer = Client::new().post(url).json(&entry).send().await.expect("answered");
    assert_eq!(answer.status(), 422);
    assert!(answer.text().await.expect("text").contains("a browser subscribes by itself"));
    let counts = hub.doors().subscribers.counts().await.expect("counted");
    assert_eq!((counts.confirmed, counts.unconfirmed), (0, 0));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_service_inside_is_not_reached() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(HubSettings { outbound_allow: vec![], ..open(data.path()) }).await.expect("the hub starts");
    assert_eq!(subscribe(&hub, &format!("{}/push/abc", receiver.url), P256DH).await, 303);
    let mut waited = 0;
    let trouble = loop {
        let all = hub.doors().subscribers.list(0, 10).await.expect("listed");
        if let Some(trouble) = all[0].trouble.clone() {
            break trouble;
        }
        waited += 1;
        assert!(waited < 6_000, "it was never refused");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(trouble.contains("[outbound] allow") && receiver.received().is_empty(), "{trouble}");
    hub.stop().await;
}
