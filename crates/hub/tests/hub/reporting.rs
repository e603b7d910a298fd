//! The public form: what counts, what is answered, what is refused.

use crate::rig::{eventually, remember, settings, story};
use downbeat_core::model::Audience;
use downbeat_hub::{HubHandle, start};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use serde_json::{Value, json};

async fn report(hub: &HubHandle, form: &str, accept: &str) -> Response {
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let request = client.post(format!("http://{}/report", hub.status_address())).header("accept", accept);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    request.send().await.expect("answered")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_counts_once_and_is_answered_honestly() {
    let data = tempfile::tempdir().expect("a directory");
    let word = story::notice(1, Audience::Public);
    remember(data.path(), &[story::suspected(), story::confirmed(), word]);
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let answer = report(&hub, "category=no-sound&component=", "text/html").await;
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/reported");

    let answer = report(&hub, "category=no-sound&component=playback", "application/json").await;
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["counted"], false, "the same network, the same category, the same minute");
    let known = json!({"incident": 1, "title": "Playback failing in eu", "since": "1970-01-01T00:00:01.000Z"});
    assert_eq!(answer["known"], known);

    let one_report = || {
        let pulses = &hub.doors().snapshots.borrow().board.pulses;
        (pulses.iter().map(|pulse| pulse.reports).sum::<u64>() == 1).then_some(())
    };
    eventually("one counted report on the board", one_report).await;
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_can_be_reported() {
    let data = tempfile::tempdir().expect("a directory");
    let hub = start(settings(data.path())).await.expect("the hub starts");
    let large = format!("category={}", "x".repeat(5_000));
    for (form, status) in [
        ("category=weather", 422),
        ("category=no-sound&component=search", 422),
        ("category=%3Cb%3E", 400),
        ("category=", 400),
        ("component=playback", 400),
        ("", 400),
        (large.as_str(), 413),
    ] {
        let answer = report(&hub, form, "text/html").await;
        assert_eq!(answer.status(), status, "{form:.40}");
    }
    hub.stop().await;
}
