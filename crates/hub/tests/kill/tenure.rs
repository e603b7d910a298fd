//! Whose log it is, with hubs as processes. One that is put back from a backup: its hub renews what is in force above the plans
//! that the edge has left (A6). One that a successor has taken over while its hub was stopped: that hub answers with no plan
//! any more, and ends (A7, F3). And one that cannot write, for somebody was stopped with the lock in their hand.

use crate::holder::Holder;
use crate::hub::Hub;
use crate::life::{PATIENCE, unfinished, until_carried_out};
use crate::receiver::Receiver;
use downbeat_core::incident::{Book, Event, Record};
use downbeat_core::model::TrafficPlan;
use downbeat_hub::log::{EventLog, LogReader};
use reqwest::{Client, StatusCode};
use serde_json::json;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// An edge, as far as it matters here: it takes whatever is after its own plan.
struct Edge {
    client: Client,
    seq: u64,
    plan: TrafficPlan,
    taken: Vec<u64>,
}

impl Edge {
    fn new() -> Self {
        Self { client: Client::new(), seq: 0, plan: TrafficPlan::default(), taken: vec![] }
    }

    /// Sends a roll-up; the plan of the answer, or how it was answered otherwise.
    async fn tell(&mut self, hub: SocketAddr) -> Result<Option<TrafficPlan>, Option<StatusCode>> {
        self.seq += 1;
        let body = json!({"edge": "edge", "boot": 1, "seq": self.seq, "plan_epoch": self.plan.epoch});
        let answer = self.client.post(format!("http://{hub}/v1/rollups")).json(&body).send().await.map_err(|_| None)?;
        match answer.status() {
            StatusCode::NO_CONTENT => Ok(None),
            StatusCode::OK => Ok(answer.json().await.ok()),
            other => Err(Some(other)),
        }
    }

    async fn follow(&mut self, hub: SocketAddr) {
        for _ in 0..3 {
            let plan = self.tell(hub).await.expect("the hub answers").filter(|plan| plan.is_after(self.plan.epoch));
            if let Some(plan) = plan {
                self.taken.push(plan.epoch);
                self.plan = plan;
            }
        }
    }
}

/// A log with a remedy in force, under an epoch that an earlier build has counted.
fn remember(data: &Path) {
    let mut log = EventLog::open(data, |_| Ok(())).expect("opens");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let at = downbeat_core::model::Moment::default() + now.saturating_sub(Duration::from_secs(60));
    log.append(at, &unfinished(&Book::default())).expect("written");
}

async fn undo(hub: SocketAddr) {
    let request = Client::new().post(format!("http://{hub}/v1/remedies/1.1/undo")).header("x-downbeat-operator", "ann");
    let answer = request.json(&json!({})).send().await.expect("answered");
    assert!(answer.status().is_success(), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a6_a_log_that_was_put_back_is_renewed_above_what_edges_have() {
    let home = tempfile::tempdir().expect("a directory");
    let (data, copy) = (home.path().join("data"), home.path().join("copy.db"));
    let (receiver, mut edge) = (Receiver::start().await, Edge::new());
    remember(&data);
    fs::copy(data.join("hub.db"), &copy).expect("a backup");
    let mut hub = Hub::start(&data, &receiver.url_of(0));
    let address = tokio::task::block_in_place(|| hub.ready());
    edge.follow(address).await;
    undo(address).await;
    edge.follow(address).await;
    let lost = edge.plan.epoch;
    assert_eq!(edge.taken, [1, lost]);

    hub.kill();
    for file in ["hub.db-wal", "hub.db-shm", "hub.mark"] {
        fs::remove_file(data.join(file)).expect("removed");
    }
    fs::copy(&copy, data.join("hub.db")).expect("put back");
    let mut hub = Hub::start(&data, &receiver.url_of(1));
    let address = tokio::task::block_in_place(|| hub.ready());
    edge.follow(address).await;
    let mut renewed = Vec::new();
    let keep = |record: &Record| {
        if let Event::PlanRenewed { named, plan, .. } = &record.event {
            renewed.push((*named, plan.clone()));
        }
        Ok(())
    };
    LogReader::new(&data).replay(keep).expect("a sound log");
    assert_eq!(renewed, [(lost, edge.plan.clone())], "once, and the edge has it");
    assert!(edge.taken == [1, lost, edge.plan.epoch] && edge.plan.is_after(lost), "{:?}", edge.taken);
    hub.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a7_a_hub_that_wakes_up_behind_its_successor_answers_with_no_plan_and_ends() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let receiver = Receiver::start().await;
    remember(&data);
    let mut first = Hub::start(&data, &receiver.url_of(0));
    let address = tokio::task::block_in_place(|| first.ready());
    let before = Edge::new().tell(address).await.expect("answered").expect("a plan");
    assert_eq!(before.epoch, 1);

    // At rest, so that it is not stopped with SQLite's own lock in its hand, which would keep its successor from writing.
    until_carried_out(&data).await;
    first.signal("STOP");
    let opened = EventLog::open(&data, |_| Ok(()));
    let said = opened.expect_err("a stopped hub still has its lock").to_string();
    assert!(said.contains("in use") && said.contains("which is stopped"), "{said}");
    // As on a shared folder whose locks were forgotten.
    fs::remove_file(data.join("hub.lock")).expect("removed");
    let mut second = Hub::start(&data, &receiver.url_of(1));
    let successor = tokio::task::block_in_place(|| second.ready());
    undo(successor).await;

    // It stands in the socket of the first when that one wakes up.
    let waiting = tokio::spawn(async move { Edge::new().tell(address).await });
    first.signal("CONT");
    let answered = waiting.await.expect("no panic");
    assert!(matches!(answered, Err(None | Some(StatusCode::SERVICE_UNAVAILABLE))), "{answered:?}");
    let words = tokio::task::block_in_place(|| first.ended());
    assert!(words.contains("the driver ended by itself"), "{words}");

    let after = Edge::new().tell(successor).await.expect("the successor goes on").expect("a plan");
    assert!(after.is_after(before.epoch) && after.is_idle(), "{after:?}");
    second.kill();
    LogReader::new(&data).verify().expect("one hub has written it");
}

/// What a hub says of itself, once it says what is looked for.
async fn health(hub: SocketAddr, says: impl Fn(StatusCode, &str) -> bool) -> String {
    let (client, started) = (Client::new(), Instant::now());
    loop {
        let answer = client.get(format!("http://{hub}/healthz")).send().await.expect("it answers");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        if says(status, &text) {
            return text;
        }
        assert!(started.elapsed() < PATIENCE, "after {} s: {status}: {text}", PATIENCE.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whoever was stopped in the middle of a write keeps all others from writing, and nothing takes that away but its end. So the
/// hub says who it is, and goes on by itself as soon as it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hub_that_may_not_write_says_who_was_stopped_with_the_lock_and_goes_on_after_it() {
    let home = tempfile::tempdir().expect("a directory");
    let data = home.path().join("data");
    let receiver = Receiver::start().await;
    remember(&data);
    let mut hub = Hub::start(&data, &receiver.url_of(0));
    let address = tokio::task::block_in_place(|| hub.ready());
    until_carried_out(&data).await;

    let mut holder = Holder::start(&data);
    tokio::task::block_in_place(|| holder.ready());
    holder.signal("STOP");
    let hold = || Client::new().post(format!("http://{address}/v1/automation/hold")).send();
    let refused = hold().await.expect("answered");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let stopped = format!("process {}, which is stopped", holder.id());
    let told =
        health(address, |status, text| status == StatusCode::SERVICE_UNAVAILABLE && text.contains(&stopped)).await;
    assert!(told.contains("hub.db is locked by"), "{told}");
    let console = Client::new().get(format!("http://{address}/")).send().await.expect("answered");
    assert!(console.text().await.expect("text").contains(&stopped), "the console says so too");

    holder.kill();
    health(address, |status, _| status == StatusCode::OK).await;
    assert!(hold().await.expect("answered").status().is_success());
    hub.kill();
    LogReader::new(&data).verify().expect("a sound log");
}
