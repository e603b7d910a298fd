//! Messages as JSON by POST: signed when there is a secret, with the notice's id as the key against repeats,
//! tried again with growing pauses while the receiver may still recover.

use super::Tools;
use super::deliver::{Delivery, link};
use crate::outbound::{NamedBy, why};
use crate::settings::WebhookSettings;
use crate::text::rfc3339;
use downbeat_core::incident::Outcome;
use downbeat_core::model::Audience;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde::Serialize;
use sha2::Sha256;
use std::time::Duration;

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// What a receiver gets.
#[derive(Debug, Serialize)]
struct Message<'a> {
    id: String,
    incident: u64,
    audience: Audience,
    stage: &'static str,
    title: &'a str,
    body: &'a str,
    slice: String,
    url: String,
    at: String,
}

/// Why an attempt did not succeed.
enum Refused {
    /// Perhaps later.
    ForNow(String),
    /// The receiver does not want this message.
    ForGood(String),
}

/// Sends a message; the outcome is final.
pub(super) async fn send(tools: &Tools, hook: &WebhookSettings, delivery: &Delivery) -> Outcome {
    let body = match serde_json::to_vec(&message(tools, delivery)) {
        Ok(body) => body,
        Err(error) => return Outcome::Failed { why: error.to_string() },
    };
    let mut failed = 0;
    loop {
        let why = match attempt(tools, hook, delivery, &body).await {
            Ok(()) => return Outcome::Done,
            Err(Refused::ForGood(why)) => return Outcome::Failed { why },
            Err(Refused::ForNow(why)) => why,
        };
        failed += 1;
        tracing::info!(channel = %hook.name, notice = %delivery.notice.id, failed, why, "a webhook did not take a message");
        match tools.pauses.after(failed) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Outcome::Failed { why: format!("{why}, {failed} times") },
        }
    }
}

fn message<'a>(tools: &Tools, delivery: &'a Delivery) -> Message<'a> {
    let notice = &delivery.notice;
    Message {
        id: notice.id.to_string(),
        incident: notice.id.incident.0,
        audience: notice.audience,
        stage: notice.stage.word(),
        title: &notice.title,
        body: &notice.body,
        slice: notice.slice.to_string(),
        url: link(tools, notice),
        at: rfc3339(delivery.at),
    }
}

async fn attempt(tools: &Tools, hook: &WebhookSettings, delivery: &Delivery, body: &[u8]) -> Result<(), Refused> {
    let request = tools.web.request_text(Method::POST, &hook.url, NamedBy::Service);
    let mut request = request
        .map_err(|refusal| Refused::ForGood(refusal.to_string()))?
        .timeout(ATTEMPT_TIMEOUT)
        .header("content-type", "application/json")
        .header("idempotency-key", delivery.notice.id.to_string())
        .body(body.to_vec());
    if let Some(secret) = &hook.secret {
        request = request.header("x-downbeat-signature", signature(secret, body));
    }
    let answer = request.send().await.map_err(|error| Refused::ForNow(why(&error.without_url())))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status if is_passing(status) => Err(Refused::ForNow(format!("it answered {status}"))),
        status => Err(Refused::ForGood(format!("it answered {status}"))),
    }
}

/// Server errors, time-outs and rate limits pass; any other refusal would be repeated for ever.
fn is_passing(status: reqwest::StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
pub(super) fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        // Test case 2 of RFC 4231.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn what_passes_and_what_does_not() {
        for (status, passing) in
            [(500, true), (503, true), (429, true), (408, true), (400, false), (410, false), (302, false)]
        {
            let status = reqwest::StatusCode::from_u16(status).expect("a status");
            assert_eq!(is_passing(status), passing, "{status}");
        }
    }
}
