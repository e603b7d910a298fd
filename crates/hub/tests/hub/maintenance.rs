//! Announced work, from the operator's verb to the public page, over a restart.

use crate::rig::{eventually, settings};
use downbeat_hub::{HubHandle, start};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time so many seconds from now, as a program writes it.
fn in_seconds(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock of our time").as_millis();
    let ms = i64::try_from(now).expect("a clock of our time") + seconds * 1_000;
    jiff::Timestamp::from_millisecond(ms).expect("a time of our time").to_string()
}

fn work(end: &str) -> Value {
    json!({"title": "New disks", "components": ["playback"], "end": end, "text": "Playback **may** pause."})
}

async fn get(address: std::net::SocketAddr, path: &str) -> Value {
    let answer = Client::new().get(format!("http://{address}{path}")).send().await.expect("answered");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.json().await.expect("JSON")
}

/// Status and body.
async fn post(hub: &HubHandle, path: &str, body: &Value) -> (StatusCode, Value) {
    let request = Client::new().post(format!("http://{}{path}", hub.console_address())).json(body);
    let answer = request.header("x-downbeat-operator", "mira").send().await.expect("answered");
    let status = answer.status();
    (status, answer.json().await.unwrap_or(Value::Null))
}

/// Waits until the public page, which follows within a second, says so of the component.
async fn claimed(hub: &HubHandle, wanted: &str) {
    for _ in 0..600 {
        let components = get(hub.status_address(), "/api/v2/components.json").await;
        if components["components"][0]["status"] == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the component was never claimed to be {wanted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_announced_told_and_done_over_a_restart() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let end = in_seconds(3_600);
    assert_eq!(post(&hub, "/v1/maintenances", &work(&end)).await, (StatusCode::CREATED, json!({"id": 1})));
    let state = |hub: &HubHandle| {
        let snapshot = hub.doors().snapshots.borrow();
        snapshot.book.maintenances.values().next().map(|it| it.phase.word())
    };
    eventually("the beginning", || (state(&hub) == Some("in_progress")).then_some(())).await;
    claimed(&hub, "under_maintenance").await;
    hub.stop().await;

    let hub = start(settings(data.path())).await.expect("the hub starts again");
    let known = get(hub.console_address(), "/v1/maintenances/1").await;
    assert_eq!((&known["state"], &known["scheduled_by"]), (&json!("in_progress"), &json!("mira")));
    let later = json!({"text": "Half an hour more.", "end": in_seconds(5_400)});
    assert_eq!(post(&hub, "/v1/maintenances/1/update", &later).await.0, StatusCode::NO_CONTENT);
    assert_eq!(post(&hub, "/v1/maintenances/1/end", &json!({})).await.0, StatusCode::NO_CONTENT);
    claimed(&hub, "operational").await;
    let listed = get(hub.console_address(), "/v1/maintenances").await;
    let said: Vec<&str> = listed["maintenances"][0]["words"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|word| word["state"].as_str().expect("a word"))
        .collect();
    assert_eq!(said, ["scheduled", "in_progress", "in_progress", "completed"]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_announcements_are_refused_by_the_name_of_their_field() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let (end, past) = (in_seconds(3_600), in_seconds(-3_600));
    let with = |field: &str, value: Value| {
        let mut body = work(&end);
        body[field] = value;
        body
    };
    let table = [
        (with("title", json!("")), "title: "),
        (with("title", json!("x".repeat(201))), "title: "),
        (with("title", json!("a\u{0}b")), "title: "),
        (with("components", json!([])), "components: "),
        (with("components", json!(["<script>"])), "components: a name consists of"),
        (with("components", json!(["billing"])), "components: there is no component billing"),
        (with("start", json!("yesterday")), "start: \"yesterday\" is no time"),
        (with("start", json!(past)), "start: it was "),
        (with("start", json!(in_seconds(7_200))), "end: it has to be after the start"),
        (with("end", json!("2026-13-01T00:00Z")), "end: "),
        (with("end", json!(past)), "end: it has to be after the start"),
        (with("end", json!(in_seconds(100_000))), "end: at most 24 h"),
        (with("text", json!(" ")), "text: "),
        (with("text", json!("x".repeat(5_001))), "text: "),
    ];
    for (body, says) in table {
        let (status, problem) = post(&hub, "/v1/maintenances", &body).await;
        let detail = problem["detail"].as_str().unwrap_or_default();
        assert!(status == StatusCode::UNPROCESSABLE_ENTITY && detail.starts_with(says), "{says}: {status} {detail}");
    }
    assert_eq!(get(hub.console_address(), "/v1/maintenances").await["maintenances"], json!([]));
    hub.stop().await;
}
