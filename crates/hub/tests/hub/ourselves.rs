//! What the hub itself cannot see: a message when it begins and one when it is over, to real receivers, and nothing in public.

use crate::receiver::{Answer, Receiver};
use crate::rig::{any_port, eventually, name, roll_up, settings};
use downbeat_core::model::{Audience, Signal, Slice};
use downbeat_hub::settings::{Dialect, HubSettings, ProbeSettings, ProbeTask, WebhookSettings};
use downbeat_hub::{HubHandle, start};
use serde_json::Value;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;

/// Whoever is on call, and the team; what is silent for a second is missed.
fn told_settings(data: &Path, receiver: &Receiver) -> HubSettings {
    let hook = |channel: &str, audience| WebhookSettings {
        name: name(channel),
        audience,
        url: format!("{}/{channel}", receiver.url),
        secret: None,
        dialect: Dialect::Downbeat,
    };
    let webhooks = vec![hook("pager", Audience::OnCall), hook("chat", Audience::Team)];
    let mut settings = HubSettings { webhooks, ..settings(data) };
    settings.policy.confirm.silence_after = Duration::from_secs(1);
    settings
}

/// What a channel has taken: the ids of the messages.
fn heard(receiver: &Receiver, channel: &str) -> Vec<String> {
    let path = format!("/{channel}");
    let of_channel = receiver.received().into_iter().filter(|it| it.path == path);
    of_channel.map(|it| it.header("idempotency-key").to_owned()).collect()
}

async fn until_heard(receiver: &Receiver, message: &str) -> Value {
    let taken = || receiver.received().into_iter().find(|it| it.header("idempotency-key") == message);
    eventually(message, taken).await.json()
}

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    reqwest::get(format!("http://{address}{path}")).await.expect("answered").text().await.expect("text")
}

async fn nothing_is_said_in_public(hub: &HubHandle) {
    let status: Value = serde_json::from_str(&get(hub.status_address(), "/api/v2/status.json").await).expect("JSON");
    assert_eq!(status["status"]["indicator"], "none", "{status}");
    assert_eq!(hub.doors().snapshots.borrow().book.incidents.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_uplink_is_told_of_when_it_is_down_and_when_it_is_back() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let address = TcpListener::bind(any_port()).await.expect("a port").local_addr().expect("an address");
    let probe = |probe: &str| ProbeSettings {
        name: name(probe),
        slice: Slice::everywhere(),
        every: Duration::from_millis(100),
        timeout: Duration::from_secs(5),
        fail_after: NonZeroU32::MIN,
        task: ProbeTask::Tcp { address: address.to_string(), send: None, expect: None },
    };
    let settings = told_settings(data.path(), &receiver);
    let settings = HubSettings { probes: vec![probe("shop")], references: vec![probe("gateway")], ..settings };
    let hub = start(settings.clone()).await.expect("the hub starts");
    let message = until_heard(&receiver, "matter-1.begun").await;
    assert_eq!((&message["kind"], &message["urgency"]), (&"blind".into(), &"page".into()), "nobody else looks");
    assert_eq!(message["title"], "Vantage point hub cannot look");
    assert!(message["body"].as_str().is_some_and(|it| it.starts_with("Our own uplink is down")), "{message}");
    let page = get(hub.console_address(), "/log").await;
    assert!(page.contains("About ourselves: Vantage point hub cannot look"), "on top of every page");
    nothing_is_said_in_public(&hub).await;
    hub.stop().await;
    let hub = start(settings).await.expect("it starts again, as blind as before");
    let _open = TcpListener::bind(address).await.expect("the port is still free");
    let message = until_heard(&receiver, "matter-1.over").await;
    assert_eq!((&message["stage"], &message["body"]), (&"over".into(), &"It looks again.".into()));
    eventually("both", || (heard(&receiver, "chat").len() == 2 && heard(&receiver, "pager").len() == 2).then_some(()))
        .await;
    nothing_is_said_in_public(&hub).await;
    assert!(!get(hub.console_address(), "/log").await.contains("About ourselves"));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_hears_no_edge_any_more_says_so_once_over_restarts() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[Answer::With(503)]).await;
    let settings = told_settings(data.path(), &receiver);
    let hub = start(settings.clone()).await.expect("the hub starts");
    hub.doors().signals.send(Signal::RollUp(roll_up(1, 0))).await.expect("taken");
    until_heard(&receiver, "matter-1.begun").await;
    let both = |hub: &HubHandle, messages: usize| {
        let book = hub.doors().snapshots.borrow().book.clone();
        book.matters.values().any(|case| case.told.len() == 3 * messages).then_some(())
    };
    eventually("log, pager and chat", || both(&hub, 1)).await;
    hub.stop().await;
    let hub = start(settings).await.expect("it starts again");
    let signals = hub.doors().signals.clone();
    let edge = tokio::spawn(async move {
        for seq in 1.. {
            if signals.send(Signal::RollUp(roll_up(seq, 0))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    until_heard(&receiver, "matter-1.over").await;
    eventually("log, pager and chat", || both(&hub, 2)).await;
    for channel in ["pager", "chat"] {
        let mut ids = heard(&receiver, channel);
        ids.dedup();
        assert_eq!(ids, ["matter-1.begun", "matter-1.over"], "{channel}");
    }
    nothing_is_said_in_public(&hub).await;
    edge.abort();
    hub.stop().await;
}
