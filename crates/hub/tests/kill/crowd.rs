//! A public word on its way to many, the hub killed in the middle again and again (E1, E2): at the end everybody has heard it,
//! whoever heard it twice by the same key, and nobody has heard "over" before "began".

use crate::hub::Hub;
use crate::life::PATIENCE;
use crate::receiver::Receiver;
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Who is told: several pages of a lane, and several batches of outcomes.
const SUBSCRIBERS: usize = 1_500;
/// Kills of each word.
const KILLS: usize = 4;
/// What one kill leaves in doubt at most: two batches of 128 outcomes, and what is under way in the one lane.
const IN_DOUBT: usize = 2 * 128 + 32;

/// A hub that is told something by its API.
struct Told {
    client: Client,
    at: SocketAddr,
}

impl Told {
    async fn post(&self, path: &str, body: &Value) {
        let request = self.client.post(format!("http://{}{path}", self.at)).header("x-downbeat-operator", "ann");
        let answer = request.json(body).send().await.expect("answered");
        let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
        assert!(status.is_success(), "{path}: {status} {text}");
    }
}

/// The keys that came, oldest first, by subscriber.
fn heard(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut heard: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for received in receiver.received() {
        heard.entry(received.channel).or_default().push(received.key);
    }
    heard
}

/// How many have heard a word.
fn count(receiver: &Receiver, word: &str) -> usize {
    heard(receiver).values().filter(|keys| keys.iter().any(|key| key.starts_with(word))).count()
}

async fn until_heard(receiver: &Receiver, word: &str, by: usize) -> usize {
    let started = Instant::now();
    loop {
        let now = count(receiver, word);
        if now >= by {
            return now;
        }
        assert!(started.elapsed() < PATIENCE, "{now} of {by} have heard {word}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Kills the hub while a word is on its way, at even steps of it, and starts it anew each time.
async fn kill_while_telling(mut hub: Hub, data: &std::path::Path, receiver: &Receiver, word: &str) -> Hub {
    for kill in 1..=KILLS {
        until_heard(receiver, word, SUBSCRIBERS * kill / (KILLS + 1)).await;
        hub.kill();
        let have = count(receiver, word);
        assert!(have < SUBSCRIBERS, "kill {kill} came too late: {word} was over");
        hub = Hub::start(data, &receiver.url_of(0));
        tokio::task::block_in_place(|| hub.ready());
    }
    until_heard(receiver, word, SUBSCRIBERS).await;
    hub
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hub_killed_while_it_tells_tells_everybody_in_order_and_repeats_by_the_same_key() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let receiver = Receiver::start().await;
    let mut hub = Hub::start(&data, &receiver.url_of(0));
    let told = |at| Told { client: Client::new(), at };
    let first = told(tokio::task::block_in_place(|| hub.ready()));
    let entry = |n: usize| json!({"channel": "webhook", "address": receiver.url_of(0) + &format!("/subscriber-{n}")});
    first.post("/v1/subscribers", &json!({"subscribers": (0..SUBSCRIBERS).map(entry).collect::<Vec<_>>()})).await;
    let in_hours = |hours: i64| (Timestamp::now() + SignedDuration::from_hours(hours)).to_string();
    let work = json!({"title": "New disks", "components": ["playback"], "text": "Playback may pause.",
        "start": in_hours(24), "end": in_hours(25)});
    first.post("/v1/maintenances", &work).await;
    hub = kill_while_telling(hub, &data, &receiver, "maintenance-1.1-").await;
    // This one listens elsewhere than the first did.
    hub.kill();
    let mut hub = Hub::start(&data, &receiver.url_of(0));
    let last = told(tokio::task::block_in_place(|| hub.ready()));
    last.post("/v1/maintenances/1/cancel", &json!({"text": "The parts are late."})).await;
    hub = kill_while_telling(hub, &data, &receiver, "maintenance-1.2-").await;
    hub.kill();

    let mut repeats = 0;
    let heard = heard(&receiver);
    for (who, keys) in heard.iter().filter(|(who, _)| who.starts_with("subscriber-")) {
        let mut words = keys.clone();
        words.dedup();
        let ([began, over], id) = (&words[..], keys[0].rsplit('-').next().expect("a key ends with who hears it"))
        else {
            panic!("{who} heard {keys:?}");
        };
        assert_eq!((began, over), (&format!("maintenance-1.1-{id}"), &format!("maintenance-1.2-{id}")), "{who}");
        repeats += keys.len() - 2;
    }
    assert_eq!(heard.keys().filter(|who| who.starts_with("subscriber-")).count(), SUBSCRIBERS);
    assert!(repeats <= (2 * KILLS + 1) * IN_DOUBT, "{repeats} repeats are more than the kills leave in doubt");
    eprintln!("{} kills while telling {SUBSCRIBERS} twice: {repeats} repeats, each by its key", 2 * KILLS + 1);
}
