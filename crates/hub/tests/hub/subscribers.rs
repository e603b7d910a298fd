//! Subscribers against real receivers: who is told what, in which shape, once, over failures and restarts.

use crate::receiver::{Answer, Received, Receiver};
use crate::rig::{eventually, name, settings};
use downbeat_core::incident::Command;
use downbeat_core::model::{Appointment, MaintenanceId, Moment};
use downbeat_core::tell::subscription::Choice;
use downbeat_hub::settings::{ChannelKind, HubSettings};
use downbeat_hub::subscribers::{Address, Subscriber, Wish};
use downbeat_hub::{HubHandle, start};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::path::Path;
use std::time::Duration;

/// Settings under which receivers on this machine can be reached by whoever subscribed.
fn near(data: &Path) -> HubSettings {
    HubSettings { outbound_allow: vec!["127.0.0.0/8".parse().expect("a range")], ..settings(data) }
}

async fn subscribe(hub: &HubHandle, kind: ChannelKind, url: &str, chosen: &[&str]) -> i64 {
    let doors = hub.doors();
    let address = Address::read(kind, url).expect("an address");
    let choice = Choice(chosen.iter().map(|text| name(text)).collect());
    doors.subscribers.add(doors.clock.now(), vec![Wish::new(address.clone(), choice)]).await.expect("added");
    doors.subscribers.find(address).await.expect("looked").expect("there")
}

async fn subscriber(hub: &HubHandle, id: i64) -> Subscriber {
    hub.doors().subscribers.list(id - 1, 1).await.expect("listed").remove(0)
}

/// The first public word of a maintenance of playback.
async fn announce(hub: &HubHandle) {
    let start = hub.doors().clock.now() + Duration::from_secs(3_600);
    let end: Moment = start + Duration::from_secs(3_600);
    let appointment =
        Appointment { title: "New <b>database</b>".into(), components: [name("playback")].into(), start, end };
    obey(hub, Command::Schedule(appointment, "Playback may stop for a minute. @everyone".into())).await;
}

/// Its last.
async fn call_off(hub: &HubHandle) {
    obey(hub, Command::Cancel(MaintenanceId(1), "The parts are late.".into())).await;
}

async fn obey(hub: &HubHandle, command: Command) {
    hub.doors().commands.send(name("anna"), command).await.expect("obeyed");
}

fn of_path(receiver: &Receiver, path: &str) -> Vec<Received> {
    receiver.received().into_iter().filter(|received| received.path == path).collect()
}

async fn first(receiver: &Receiver, path: &str) -> Received {
    eventually(path, || of_path(receiver, path).into_iter().next()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_concerned_is_told_once_in_the_shape_of_their_channel() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(near(data.path())).await.expect("the hub starts");
    let at = |path: &str| format!("{}{path}", receiver.url);
    let hook = subscribe(&hub, ChannelKind::Webhook, &at("/hook"), &["playback"]).await;
    for kind in [ChannelKind::Slack, ChannelKind::Discord, ChannelKind::Mattermost, ChannelKind::Teams] {
        subscribe(&hub, kind, &at(&format!("/{kind}")), &[]).await;
    }
    subscribe(&hub, ChannelKind::Webhook, &at("/other"), &["nothing-here"]).await;
    announce(&hub).await;

    let told = first(&receiver, "/hook").await;
    let hook = subscriber(&hub, hook).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(hook.secret.as_ref().expect("a secret").as_bytes()).expect("any key");
    mac.update(&told.body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told.header("x-downbeat-signature"), format!("sha256={hex}"));
    assert_eq!(told.header("idempotency-key"), format!("maintenance-1.1-{}", hook.id));
    let payload = told.json();
    assert_eq!(payload["meta"]["unsubscribe"], format!("http://status.example/subscription/{}", hook.token));
    assert_eq!(
        (&payload["incident"]["id"], &payload["incident"]["status"]),
        (&"maintenance-1".into(), &"scheduled".into())
    );
    assert_eq!(payload["incident"]["incident_updates"][0]["body"], "Playback may stop for a minute. @everyone");
    assert_eq!(payload["page"]["status_indicator"], "none");

    let slack = first(&receiver, "/slack").await.json();
    assert_eq!(slack["blocks"][0]["text"]["text"], "Scheduled: New <b>database</b>");
    assert_eq!(first(&receiver, "/discord").await.json()["embeds"][0]["title"], "Scheduled: New <b>database</b>");
    assert!(first(&receiver, "/mattermost").await.json()["attachments"][0]["text"].is_string());
    assert_eq!(first(&receiver, "/teams").await.json()["type"], "message");

    // Who heard "began" hears "over", whatever they choose in between.
    hub.doors().subscribers.choose(hook.token, Choice([name("nothing-here")].into()), None).await.expect("chosen");
    call_off(&hub).await;
    for path in ["/hook", "/slack", "/discord", "/mattermost", "/teams"] {
        eventually(path, || (of_path(&receiver, path).len() == 2).then_some(())).await;
    }
    assert!(of_path(&receiver, "/other").is_empty());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_changes_a_component_is_followed_by_the_change_for_webhooks_alone() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(near(data.path())).await.expect("the hub starts");
    let at = |path: &str| format!("{}{path}", receiver.url);
    let hook = subscribe(&hub, ChannelKind::Webhook, &at("/hook"), &["playback"]).await;
    subscribe(&hub, ChannelKind::Slack, &at("/slack"), &[]).await;
    let start = hub.doors().clock.now();
    let (title, end) = ("New database".into(), start + Duration::from_secs(3_600));
    let work = Appointment { title, components: [name("playback")].into(), start, end };
    obey(&hub, Command::Schedule(work, "Playback stops for a minute.".into())).await;

    let key = |received: &Received| received.header("idempotency-key").to_owned();
    let change = format!("maintenance-1.2-{hook}-playback");
    let came = |key_of: &str| of_path(&receiver, "/hook").into_iter().find(|received| key(received) == key_of);
    let told = eventually("the change", || came(&change)).await;
    let payload = told.json();
    let update = &payload["component_update"];
    assert_eq!((&update["component_id"], &update["id"]), (&"playback".into(), &"maintenance-1.2-playback".into()));
    assert_eq!((&update["old_status"], &update["new_status"]), (&"operational".into(), &"under_maintenance".into()));
    assert_eq!(
        (&payload["component"]["name"], &payload["component"]["status"]),
        (&"Playback".into(), &update["new_status"])
    );
    assert!(
        payload["incident"].is_null()
            && payload["meta"]["unsubscribe"].is_string()
            && payload["page"]["id"].is_string()
    );
    let hook = subscriber(&hub, hook).await;
    let mut mac = Hmac::<Sha256>::new_from_slice(hook.secret.as_ref().expect("a secret").as_bytes()).expect("any key");
    mac.update(&told.body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(told.header("x-downbeat-signature"), format!("sha256={hex}"));

    obey(&hub, Command::Finish(MaintenanceId(1))).await;
    let over = format!("maintenance-1.3-{}-playback", hook.id);
    let back = eventually("the way back", || came(&over)).await.json();
    assert_eq!(back["component_update"]["new_status"], "operational");
    let keys: Vec<String> = of_path(&receiver, "/hook").iter().map(key).collect();
    let word = |count: u32| format!("maintenance-1.{count}-{}", hook.id);
    assert_eq!(keys, [word(1), word(2), change, word(3), over], "each once, the story before its change");
    eventually("the words for people", || (of_path(&receiver, "/slack").len() == 3).then_some(())).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_answers_nothing_holds_nobody_else_up() {
    let data = tempfile::tempdir().expect("a directory");
    let (silent, taking) = (Receiver::start(&[Answer::Never; 100]).await, Receiver::start(&[]).await);
    let hub = start(near(data.path())).await.expect("the hub starts");
    for n in 0..50 {
        subscribe(&hub, ChannelKind::Webhook, &format!("{}/{n}", silent.url), &[]).await;
    }
    subscribe(&hub, ChannelKind::Webhook, &format!("{}/taking", taking.url), &[]).await;
    announce(&hub).await;
    first(&taking, "/taking").await;
    assert_eq!(hub.doors().subscribers.counts().await.expect("counted").troubled, 0, "before the first time-out");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_taken_goes_on_after_a_restart_under_its_key() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[Answer::With(503), Answer::Never]).await;
    let hub = start(near(data.path())).await.expect("the hub starts");
    let (a, b) = (format!("{}/a", receiver.url), format!("{}/b", receiver.url));
    let first_one = subscribe(&hub, ChannelKind::Webhook, &a, &[]).await;
    subscribe(&hub, ChannelKind::Webhook, &b, &[]).await;
    announce(&hub).await;
    eventually("the first attempts", || (receiver.received().len() >= 2).then_some(())).await;
    hub.stop().await;

    let hub = start(near(data.path())).await.expect("the hub starts again");
    let taken = |path: &str| of_path(&receiver, path).len();
    eventually("the second attempts", || (taken("/a") == 2 && taken("/b") == 2).then_some(())).await;
    let keys = [of_path(&receiver, "/a"), of_path(&receiver, "/b")].concat();
    let own = format!("maintenance-1.1-{first_one}");
    assert_eq!(keys.iter().filter(|received| received.header("idempotency-key") == own).count(), 2);
    call_off(&hub).await;
    eventually("the end", || (taken("/a") == 3 && taken("/b") == 3).then_some(())).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_lead_the_hub_nowhere_inside() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let id = subscribe(&hub, ChannelKind::Webhook, &format!("{}/inside", receiver.url), &[]).await;
    announce(&hub).await;
    let mut waited = 0;
    let trouble = loop {
        if let Some(trouble) = subscriber(&hub, id).await.trouble {
            break trouble;
        }
        waited += 1;
        assert!(waited < 6_000, "it was never refused");
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert!(trouble.contains("[outbound] allow"), "{trouble}");
    assert!(receiver.received().is_empty());
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_left_hears_nothing_more() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(near(data.path())).await.expect("the hub starts");
    let gone = subscribe(&hub, ChannelKind::Webhook, &format!("{}/gone", receiver.url), &[]).await;
    subscribe(&hub, ChannelKind::Webhook, &format!("{}/stays", receiver.url), &[]).await;
    announce(&hub).await;
    first(&receiver, "/gone").await;
    assert!(hub.doors().subscribers.erase(gone).await.expect("erased"));
    call_off(&hub).await;
    eventually("the end", || (of_path(&receiver, "/stays").len() == 2).then_some(())).await;
    assert_eq!(of_path(&receiver, "/gone").len(), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_asked_first_and_told_nothing_before_they_confirm() {
    let data = tempfile::tempdir().expect("a directory");
    let receiver = Receiver::start(&[]).await;
    let hub = start(near(data.path())).await.expect("the hub starts");
    let (subscribers, clock) = (hub.doors().subscribers.clone(), hub.doors().clock);
    let address = Address::read(ChannelKind::Webhook, &format!("{}/hook", receiver.url)).expect("an address");
    subscribers.ask(clock.now(), Wish::new(address.clone(), Choice::default())).await.expect("asked");
    let question = first(&receiver, "/hook").await.json();
    let link = question["meta"]["confirm"].as_str().expect("a link").to_owned();
    announce(&hub).await;
    // Who confirms within the very millisecond in which a word is said counts as there, and hears it.
    let said = clock.now();
    eventually("the next millisecond", || (clock.now() > said).then_some(())).await;
    let token = link.rsplit('/').next().expect("a token").to_owned();
    subscribers.confirm(clock.now(), token).await.expect("confirmed");
    call_off(&hub).await;
    eventually("the word after it", || (of_path(&receiver, "/hook").len() == 2).then_some(())).await;
    assert_eq!(
        of_path(&receiver, "/hook")[1].json()["incident"]["status"],
        "completed",
        "Statuspage has no other word"
    );
    hub.stop().await;
}
