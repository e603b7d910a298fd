//! The subscribers' file on a full disk (E1, E2): the words themselves go on, it is said loudly who does not hear them, nobody
//! who was entered is lost, and everybody hears once there is room, whoever heard it twice by the same key.

mod receiver;
#[path = "../../../hub/tests/shared/service.rs"]
mod service;

use downbeat_core::incident::Command;
use downbeat_core::model::{Appointment, MaintenanceId, Name, Policy};
use downbeat_core::tell::subscription::Choice;
use downbeat_disk::Disk;
use downbeat_hub::settings::{ChannelKind, HubSettings, PageSettings, SubscriberSettings};
use downbeat_hub::subscribers::{Address, Wish};
use downbeat_hub::{HubHandle, start};
use receiver::Receiver;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// The file, and its write-ahead log.
const FILES: &str = "subscribers.db";
/// Several batches of outcomes.
const SUBSCRIBERS: usize = 600;
/// How long what has to come is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

fn name(text: &str) -> Name {
    Name::new(text).expect("a good name")
}

fn settings(data: &Path) -> HubSettings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    HubSettings {
        data: data.into(),
        console: any,
        status: any,
        status_url: "http://status.example".into(),
        console_url: "http://console.example".into(),
        token: None,
        policy: Policy { topology: service::topology(&["eu", "us"]), ..Policy::default() },
        probes: Vec::new(),
        references: Vec::new(),
        outbound_allow: vec!["127.0.0.0/8".parse().expect("a range")],
        resolver: None,
        webhooks: Vec::new(),
        watcher: None,
        actuator: None,
        reports: Default::default(),
        feeds: Vec::new(),
        upstreams: Vec::new(),
        metrics: Vec::new(),
        categories: Vec::new(),
        page: PageSettings::default(),
        breaker: None,
        subscribers: SubscriberSettings::default(),
    }
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < PATIENCE, "it never came that {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn enter(hub: &HubHandle, receiver: &Receiver, some: std::ops::Range<usize>) -> bool {
    let entry = |n: usize| {
        let address = Address::read(ChannelKind::Webhook, &format!("{}/{n}", receiver.url)).expect("an address");
        Wish::new(address, Choice::default())
    };
    hub.doors().subscribers.add(hub.doors().clock.now(), some.map(entry).collect()).await.is_ok()
}

async fn announce(hub: &HubHandle) {
    let start = hub.doors().clock.now() + Duration::from_secs(3_600);
    let (title, end) = ("New disks".into(), start + Duration::from_secs(3_600));
    let work = Appointment { title, components: [name("playback")].into(), start, end };
    obey(hub, Command::Schedule(work, "Playback may pause.".into())).await;
}

async fn obey(hub: &HubHandle, command: Command) {
    hub.doors().commands.send(name("anna"), command).await.expect("the log takes it");
}

fn untold(hub: &HubHandle) -> Option<String> {
    hub.doors().snapshots.borrow().untold.clone()
}

/// What the public page says.
async fn page(hub: &HubHandle) -> String {
    receiver::get(hub.status_address(), "/api/v2/scheduled-maintenances.json").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_cannot_be_entered_is_on_the_page_and_told_when_there_is_room() {
    let data = tempfile::tempdir().expect("a directory");
    let disk = Disk::under(data.path());
    let receiver = Receiver::start().await;
    let hub = start(settings(data.path())).await.expect("the hub starts");
    assert!(enter(&hub, &receiver, 0..20).await);
    disk.fill(FILES);
    assert!(!enter(&hub, &receiver, 20..30).await, "what is not kept is not acknowledged");
    announce(&hub).await;
    until("it is said that subscribers do not hear it", || untold(&hub).is_some()).await;
    let why = untold(&hub).expect("it is said");
    assert!(why.contains("a public word is not told") && why.contains("full"), "{why}");
    while !page(&hub).await.contains("Playback may pause.") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(receiver.keys().is_empty());

    disk.clear();
    until("all who were entered have heard", || receiver.heard("maintenance-1.1-") == 20).await;
    until("all is well again", || untold(&hub).is_none()).await;
    assert_eq!(receiver.keys().len(), 20, "each once");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_while_a_word_is_told_stops_the_telling_and_loses_nobody() {
    let data = tempfile::tempdir().expect("a directory");
    let disk = Disk::under(data.path());
    let receiver = Receiver::start().await;
    let hub = start(settings(data.path())).await.expect("the hub starts");
    assert!(enter(&hub, &receiver, 0..SUBSCRIBERS).await);
    announce(&hub).await;
    until("some have heard", || receiver.heard("maintenance-1.1-") > 0).await;
    disk.fill(FILES);
    until("it is said that it stands still", || untold(&hub).is_some()).await;
    let why = untold(&hub).expect("it is said");
    assert!(why.contains("cannot be written down") && why.contains("full"), "{why}");
    assert!(receiver.heard("maintenance-1.1-") < SUBSCRIBERS, "who cannot be written down is not told");
    // The hub dies before there is room.
    hub.stop().await;
    disk.clear();

    let hub = start(settings(data.path())).await.expect("the hub starts again");
    until("all have heard", || receiver.heard("maintenance-1.1-") == SUBSCRIBERS).await;
    obey(&hub, Command::Cancel(MaintenanceId(1), "The parts are late.".into())).await;
    until("all have heard the end", || receiver.heard("maintenance-1.2-") == SUBSCRIBERS).await;
    hub.stop().await;
    let repeats = receiver.keys().len() - 2 * SUBSCRIBERS;
    assert!(repeats < SUBSCRIBERS, "{repeats} were told again");
}
