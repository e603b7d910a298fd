//! HTTP probes that ask more of an answer than its status: fields, text, JSON, redirects.

use crate::probes::{LONG, kind, run, serve};
use axum::Router;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use downbeat_core::model::{FailureKind, ProbeOutcome};
use downbeat_hub::settings::{HttpMethod, HttpTask, Payload, ProbeTask, StatusSet};

async fn service() -> String {
    let state = async || ([("content-type", "application/json")], r#"{"db":{"state":"up"},"queue":7}"#);
    let greet = async |headers: HeaderMap, body: String| -> Response {
        let key = headers.get("x-key").map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        (String::from_utf8(key).expect("text") + ":" + &body).into_response()
    };
    let app = Router::new()
        .route("/state", get(state))
        .route("/large", get(async || format!("[\"{}\"]", "x".repeat(1024 * 1024))))
        .route("/greet", post(greet))
        .route("/one", get(async || Redirect::to("/two")))
        .route("/two", get(async || Redirect::permanent("/state")))
        .route("/round", get(async || Redirect::to("/round")));
    serve(app).await
}

fn asking(url: String, conditions: &[&str]) -> HttpTask {
    HttpTask {
        expect: conditions.iter().map(|text| text.parse().expect("a condition")).collect(),
        ..HttpTask::get(url)
    }
}

async fn said(task: HttpTask) -> Option<(FailureKind, String)> {
    match run(ProbeTask::Http(task), LONG).await {
        ProbeOutcome::Passed { .. } => None,
        ProbeOutcome::Failed { failure, detail, .. } => Some((failure, detail)),
        ProbeOutcome::Unknown { detail } => panic!("unknown: {detail}"),
    }
}

#[tokio::test]
async fn conditions_are_asked_of_the_answer() {
    let root = service().await;
    let table = [
        (
            "/state",
            vec![r#"json $.db.state == "up""#, "json $.queue < 10", r#"header content-type contains "json""#],
            None,
        ),
        ("/state", vec!["json $.queue < 7"], Some("expected json $.queue < 7, but it is 7")),
        ("/state", vec![r#"body matches "\"queue\":[0-9]{2}""#], Some("but it is")),
        ("/state", vec!["header x-cache exists"], Some("but there is none")),
        ("/large", vec!["json $[0] exists"], Some("more than 1 MiB are not read as JSON")),
    ];
    for (path, conditions, expected) in table {
        let came = said(asking(format!("{root}{path}"), &conditions)).await;
        match (came, expected) {
            (None, None) => {}
            (Some((FailureKind::Wrong, detail)), Some(says)) => assert!(detail.contains(says), "{detail}"),
            (came, _) => panic!("{path} {conditions:?}: {came:?}"),
        }
    }
}

#[tokio::test]
async fn a_post_brings_its_fields_and_its_body() {
    let url = format!("{}/greet", service().await);
    let headers = vec![("x-key".into(), "k".into())];
    let task =
        HttpTask { method: HttpMethod::Post, headers, send: Some(Payload::Text("hello".into())), ..asking(url, &[]) };
    let task = HttpTask { expect: vec![r#"body == "k:hello""#.parse().expect("a condition")], ..task };
    assert_eq!(said(task).await, None);
}

#[tokio::test]
async fn redirects_are_counted() {
    let root = service().await;
    let status: StatusSet = "200".parse().expect("a set");
    let task = |path: &str, redirects| HttpTask {
        redirects,
        status: status.clone(),
        ..HttpTask::get(format!("{root}{path}"))
    };
    assert_eq!(said(task("/one", 2)).await, None);
    assert_eq!(kind(run(ProbeTask::Http(task("/one", 0)), LONG).await), Some(FailureKind::Wrong), "303 is not 200");
    for path in ["/one", "/round"] {
        let (kind, detail) = said(task(path, 1)).await.expect("a failure");
        assert!(kind == FailureKind::Wrong && detail.starts_with("more than 1 redirects"), "{detail}");
    }
}
