//! Messages as JSON by POST, in Downbeat's shape or in another's: with the notice's id as the key against repeats, tried again
//! with growing pauses while the receiver may still recover.

use super::Tools;
use super::deliver::{Delivery, link};
use crate::channel::post::{Post, Proof, Refused, attempt};
use crate::channel::{Card, Dialect, Hue, draw};
use crate::faces::Phrases;
use crate::outbound::NamedBy;
use crate::settings::WebhookSettings;
use crate::text::rfc3339;
use downbeat_core::incident::Outcome;
use downbeat_core::model::{Audience, Language};
use serde::Serialize;

/// What a receiver of Downbeat's own shape gets.
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

/// Sends a message; the outcome is final.
pub(super) async fn send(tools: &Tools, hook: &WebhookSettings, delivery: &Delivery) -> Outcome {
    let body = match body(tools, hook.dialect, delivery) {
        Ok(body) => body,
        Err(error) => return Outcome::Failed { why: error.to_string() },
    };
    let key = delivery.notice.id.to_string();
    let mut failed = 0;
    loop {
        let (key, body, proof) = (key.clone(), body.clone(), proof(hook));
        let post = Post { url: &hook.url, by: NamedBy::Service, key, body, proof };
        let why = match attempt(&tools.web, post).await {
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

/// Mastodon takes its secret as a token, everybody else a signature made with it.
fn proof(hook: &WebhookSettings) -> Proof<'_> {
    match (&hook.secret, hook.dialect) {
        (None, _) => Proof::Address,
        (Some(token), Dialect::Mastodon) => Proof::Bearer(token),
        (Some(secret), _) => Proof::Signature(secret),
    }
}

fn body(tools: &Tools, dialect: Dialect, delivery: &Delivery) -> serde_json::Result<Vec<u8>> {
    let (notice, url, at) = (&delivery.notice, link(tools, &delivery.notice), rfc3339(delivery.at));
    // Who is on call is called in English; what everybody is told, this channel is told in the page's own language.
    let language = match notice.audience {
        Audience::Public => tools.settings.policy.tell.language,
        Audience::OnCall => Language::En,
    };
    let t = Phrases::of(language);
    let card = Card {
        service: &tools.settings.policy.topology.service,
        standing: t.stage(&notice.stage),
        title: &notice.title,
        body: &notice.body,
        hue: Hue::of(notice.stage.word()),
        at: &at,
        link: (t.subscribing.read_more, &url),
        manage: None,
        language,
    };
    match draw(dialect, &card) {
        Some(message) => serde_json::to_vec(&message),
        None => serde_json::to_vec(&message(delivery, url.clone(), at.clone())),
    }
}

fn message(delivery: &Delivery, url: String, at: String) -> Message<'_> {
    let notice = &delivery.notice;
    Message {
        id: notice.id.to_string(),
        incident: notice.id.incident.0,
        audience: notice.audience,
        stage: notice.stage.word(),
        title: &notice.title,
        body: &notice.body,
        slice: notice.slice.to_string(),
        url,
        at,
    }
}
