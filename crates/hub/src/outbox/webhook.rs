//! Messages as JSON by POST, in Downbeat's shape or in another's: with the notice's id as the key against repeats, tried again
//! with growing pauses while the receiver may still recover.

use super::Tools;
use super::deliver::{Delivery, link, memo_link};
use crate::channel::post::{Post, Proof, Refused, attempt};
use crate::channel::{Card, Dialect, Hue, draw};
use crate::faces::{Phrases, Stamp, span};
use crate::outbound::NamedBy;
use crate::settings::WebhookSettings;
use crate::text::rfc3339;
use downbeat_core::incident::Outcome;
use downbeat_core::model::{Audience, Language, Memo, Phase, Urgency};
use serde::Serialize;

/// What a receiver of Downbeat's own shape gets.
#[derive(Debug, Serialize)]
struct Message<'a> {
    id: String,
    incident: u64,
    audience: Audience,
    /// How soon somebody has to look; none where the public is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    urgency: Option<Urgency>,
    stage: &'static str,
    title: &'a str,
    body: &'a str,
    slice: String,
    url: String,
    at: String,
}

/// The same about a matter.
#[derive(Debug, Serialize)]
struct MatterMessage<'a> {
    id: String,
    matter: u64,
    kind: &'static str,
    audience: Audience,
    urgency: Urgency,
    /// `begun` or `over`.
    stage: &'static str,
    title: &'a str,
    body: &'a str,
    url: String,
    since: String,
    at: String,
}

/// A message in the shape of its receiver, ready to go.
#[derive(Debug)]
pub(super) struct Letter {
    /// What a receiver knows repeats by.
    key: String,
    body: serde_json::Result<Vec<u8>>,
}

impl Letter {
    pub(super) fn of_notice(tools: &Tools, dialect: Dialect, delivery: &Delivery) -> Self {
        let (notice, url, at) = (&delivery.notice, link(tools, &delivery.notice), rfc3339(delivery.at));
        // Who is on call is called in English; what everybody is told, this channel is told in the page's own language.
        let language = match notice.audience {
            Audience::Public => tools.settings.policy.tell.language,
            Audience::OnCall | Audience::Team => Language::En,
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
        let own = || Message {
            id: notice.id.to_string(),
            incident: notice.id.incident.0,
            audience: notice.audience,
            urgency: (notice.audience == Audience::OnCall).then_some(Urgency::Page),
            stage: notice.stage.word(),
            title: &notice.title,
            body: &notice.body,
            slice: notice.slice.to_string(),
            url: url.clone(),
            at: at.clone(),
        };
        Self { key: notice.id.to_string(), body: shaped(dialect, &card, own) }
    }

    pub(super) fn of_memo(tools: &Tools, hook: &WebhookSettings, memo: &Memo) -> Self {
        let (url, at) = (memo_link(tools, memo), rfc3339(memo.at));
        let (kind, since) = (memo.matter.title(), Stamp(memo.since).short());
        let (standing, hue, body) = match memo.id.phase {
            Phase::Begun => (kind.to_owned(), Hue::Plain, format!("{} Since {since}.", memo.body)),
            Phase::Over => {
                let lasted = span(memo.at.since(memo.since));
                (format!("{kind}, over"), Hue::Good, format!("{} It began {since} and lasted {lasted}.", memo.body))
            }
        };
        let card = Card {
            service: &tools.settings.policy.topology.service,
            standing: &standing,
            title: &memo.title,
            body: &body,
            hue,
            at: &at,
            link: ("Open the console", &url),
            manage: None,
            language: Language::En,
        };
        let own = || MatterMessage {
            id: memo.id.to_string(),
            matter: memo.id.matter.0,
            kind: memo.matter.word(),
            audience: hook.audience,
            urgency: memo.urgency,
            stage: memo.id.phase.word(),
            title: &memo.title,
            body: &memo.body,
            url: url.clone(),
            since: rfc3339(memo.since),
            at: at.clone(),
        };
        Self { key: memo.id.to_string(), body: shaped(hook.dialect, &card, own) }
    }
}

/// The card in a service's shape, or what Downbeat's own shape is.
fn shaped<T: Serialize>(dialect: Dialect, card: &Card<'_>, own: impl FnOnce() -> T) -> serde_json::Result<Vec<u8>> {
    match draw(dialect, card) {
        Some(message) => serde_json::to_vec(&message),
        None => serde_json::to_vec(&own()),
    }
}

/// Sends a message; the outcome is final.
pub(super) async fn send(tools: &Tools, hook: &WebhookSettings, letter: Letter) -> Outcome {
    let Letter { key, body } = letter;
    let body = match body {
        Ok(body) => body,
        Err(error) => return Outcome::Failed { why: error.to_string() },
    };
    let mut failed = 0;
    loop {
        let (body, proof) = (body.clone(), proof(hook));
        let post = Post { url: &hook.url, by: NamedBy::Service, key: key.clone(), body, proof };
        let why = match attempt(&tools.web, post).await {
            Ok(()) => return Outcome::Done,
            Err(Refused::ForGood(why) | Refused::Gone(why)) => return Outcome::Failed { why },
            Err(Refused::ForNow(why)) => why,
        };
        failed += 1;
        tracing::info!(channel = %hook.name, message = key, failed, why, "a webhook did not take a message");
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
