//! The load of one life: changes, operators' verbs and roll-ups, and what of it was acknowledged.

use serde_json::json;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Public words of one life at most: each is an effect, and the log should not consist of them.
const WORDS_MAX: usize = 4;
/// Between roll-ups of the one edge.
const ROLL_UP_EVERY: Duration = Duration::from_millis(25);

/// What a hub said it has done. Each by a mark that is found again in the log.
pub(crate) type Acknowledged = Arc<Mutex<BTreeSet<String>>>;

/// What one life is asked to do.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) life: usize,
    pub(crate) hub: SocketAddr,
    pub(crate) client: reqwest::Client,
    /// The newest incident, to be acknowledged and spoken of.
    pub(crate) incident: u64,
    /// One to be ended, if it is time for one.
    pub(crate) ending: Option<u64>,
    pub(crate) acknowledged: Acknowledged,
}

impl Load {
    /// Goes on until it is dropped; with the hub gone it only finds closed doors.
    pub(crate) async fn run(self) {
        tokio::join!(self.changes(), self.verbs(), self.roll_ups());
    }

    async fn changes(&self) {
        for n in 0.. {
            let id = format!("change-{}-{n}", self.life);
            let body =
                json!({"id": id, "kind": "config", "slice": "region=eu", "to": format!("v{n}"), "summary": "load"});
            if !self.post("/v1/changes", "deployer", &body).await {
                return;
            }
            self.note(id);
        }
    }

    async fn verbs(&self) {
        if let Some(incident) = self.ending {
            let who = format!("end-{}", self.life);
            if self.post(&format!("/v1/incidents/{incident}/resolve"), &who, &json!({})).await {
                self.note(who);
            }
        }
        for n in 0.. {
            let who = format!("ack-{}-{n}", self.life);
            if self.post(&format!("/v1/incidents/{}/ack", self.incident), &who, &json!({})).await {
                self.note(who);
            }
            let text = format!("word-{}-{n}", self.life);
            let says = n < WORDS_MAX;
            if says && self.post(&format!("/v1/incidents/{}/post", self.incident), "ann", &json!({"text": text})).await
            {
                self.note(text);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn roll_ups(&self) {
        for seq in 1.. {
            let rows: Vec<_> = ["eu-1", "us-1", "ap-1"]
                .map(|replica| json!({"component": "playback", "replica": replica, "tally": {"total": 20}}))
                .into();
            let body = json!({"edge": "edge", "boot": self.life, "seq": seq, "upstream": rows});
            self.post("/v1/rollups", "edge", &body).await;
            tokio::time::sleep(ROLL_UP_EVERY).await;
        }
    }

    /// True when the hub said that it is done.
    async fn post(&self, path: &str, who: &str, body: &serde_json::Value) -> bool {
        let request = self.client.post(format!("http://{}{path}", self.hub)).header("x-downbeat-operator", who);
        request.json(body).send().await.is_ok_and(|answer| answer.status().is_success())
    }

    fn note(&self, mark: String) {
        self.acknowledged.lock().expect("no panic in between").insert(mark);
    }
}
