//! The demo's panel to break things: passes the wish on to whoever started the demo's processes.

use super::{Console, refused};
use crate::faces::desk::Desk;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::time::Duration;

/// What can be broken: the drill's name, the button's text.
pub(super) const FAULTS: [(&str, &str); 7] = [
    ("bad-deploy", "Bad release"),
    ("bad-config", "Bad configuration"),
    ("host", "Dead host"),
    ("network", "Network"),
    ("dns", "DNS"),
    ("overload", "Overload"),
    ("attack", "Attack"),
];

/// Starting an outage takes the demo a process start at most.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn break_it<D: Desk>(state: State<Console<D>>, Path(name): Path<String>) -> Response {
    if !FAULTS.iter().any(|(fault, _)| *fault == name) {
        let why = format!("There is no way to break things called {name:?}.");
        return refused::page(&state.snapshot(), StatusCode::NOT_FOUND, &why);
    }
    pass_on(&state, &format!("break/{name}")).await
}

pub(super) async fn heal<D: Desk>(state: State<Console<D>>) -> Response {
    pass_on(&state, "heal").await
}

async fn pass_on<D: Desk>(console: &Console<D>, wish: &str) -> Response {
    let snapshot = console.snapshot();
    let Some(breaker) = &snapshot.settings.breaker else {
        return refused::page(&snapshot, StatusCode::NOT_FOUND, "Only the demo can be broken by a button.");
    };
    match ask(&format!("{}/{wish}", breaker.url.trim_end_matches('/'))).await {
        Ok(()) => Redirect::to("/").into_response(),
        Err(why) => refused::page(&snapshot, StatusCode::BAD_GATEWAY, &format!("The demo did not do it: {why}.")),
    }
}

/// Why the demo did not do it.
#[derive(Debug, thiserror::Error)]
enum BreakError {
    #[error("nobody answers where the demo was started")]
    Unreachable(#[from] reqwest::Error),
    #[error("it answered {0}")]
    Refused(reqwest::StatusCode),
}

async fn ask(url: &str) -> Result<(), BreakError> {
    let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
    let response = client.post(url).send().await?;
    if response.status().is_success() { Ok(()) } else { Err(BreakError::Refused(response.status())) }
}
