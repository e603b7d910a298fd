//! One message to one subscriber, in the shape of their channel.

use super::kind::ChannelKind;
use super::round::Job;
use super::spoken::Spoken;
use crate::channel::mail::{Mail, Mailer};
use crate::channel::post::{Post, Proof, Refused};
use crate::channel::{Card, Dialect, Hue, draw};
use crate::outbound::NamedBy;
use crate::text::rfc3339;
use serde_json::{Value, json};

/// What a message says.
#[derive(Debug, Clone, Copy)]
pub(super) enum Say<'a> {
    /// Whether the address is right.
    Confirm,
    /// A public word.
    Word(&'a Spoken),
}

/// Where the public page is, and whose it is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// `https://status.example.org`, without a slash at the end.
    pub(super) status_url: String,
    /// The service's name.
    pub(super) service: String,
}

impl Place {
    /// Where a subscriber confirms, changes and ends the subscription.
    pub(super) fn subscription(&self, token: &str) -> String {
        format!("{}/subscription/{token}", self.status_url)
    }
}

/// The key by which a receiver drops repeats.
pub(super) fn key(job: &Job, say: Say<'_>) -> String {
    match say {
        Say::Confirm => format!("confirm-{}-{}", job.subscriber, job.said_at.as_millis()),
        Say::Word(spoken) => format!("{}-{}", spoken.key, job.subscriber),
    }
}

/// A message by mail.
pub(super) async fn mail(mailer: &Mailer, place: &Place, job: &Job, say: Say<'_>, key: &str) -> Result<(), Refused> {
    let manage = place.subscription(&job.token);
    let unsubscribe = format!("{manage}/unsubscribe");
    let (thread, (title, body), at) = match say {
        Say::Confirm => (format!("confirm-{}", job.subscriber), asks(place), rfc3339(job.said_at)),
        Say::Word(spoken) => (format!("{}-{}", spoken.story, job.subscriber), Default::default(), String::new()),
    };
    let card = match say {
        Say::Confirm => question(place, &title, &body, &at, &manage),
        Say::Word(spoken) => card(spoken, &manage),
    };
    mailer.attempt(&Mail { to: &job.address, key, thread: &thread, card, unsubscribe: &unsubscribe }).await
}

/// A message by POST; `None` for what does not go out by POST.
pub(super) fn post<'a>(place: &Place, job: &'a Job, say: Say<'_>, key: &'a str) -> Option<Post<'a>> {
    let dialect = match job.kind {
        ChannelKind::Mail => return None,
        ChannelKind::Webhook => None,
        ChannelKind::Slack => Some(Dialect::Slack),
        ChannelKind::Discord => Some(Dialect::Discord),
        ChannelKind::Mattermost => Some(Dialect::Mattermost),
        ChannelKind::Teams => Some(Dialect::Teams),
    };
    let body = match dialect {
        Some(dialect) => drawn(place, job, say, dialect)?,
        None => payload(place, job, say),
    };
    let body = serde_json::to_vec(&body).expect("a JSON value is JSON");
    let proof = job.secret.as_deref().map_or(Proof::Address, Proof::Signature);
    Some(Post { url: &job.address, by: NamedBy::Subscriber, key, body, proof })
}

/// What a confirmation says, whatever its shape.
fn asks(place: &Place) -> (String, String) {
    let service = &place.service;
    let title = format!("News of {service}'s status");
    let body = format!(
        "Somebody asked that news of {service}'s status be sent here. If that is right, confirm it on the page below within 48 \
         hours. If not, do nothing: nothing else will come."
    );
    (title, body)
}

fn drawn(place: &Place, job: &Job, say: Say<'_>, dialect: Dialect) -> Option<Value> {
    let manage = place.subscription(&job.token);
    match say {
        Say::Confirm => {
            let (title, body) = asks(place);
            draw(dialect, &question(place, &title, &body, &rfc3339(job.said_at), &manage))
        }
        Say::Word(spoken) => draw(dialect, &card(spoken, &manage)),
    }
}

/// The question for a confirmation as a card.
fn question<'a>(place: &'a Place, title: &'a str, body: &'a str, at: &'a str, link: &'a str) -> Card<'a> {
    let (service, link) = (place.service.as_str(), ("Confirm this subscription", link));
    Card { service, standing: "Please confirm", title, body, hue: Hue::Plain, at, link, manage: None }
}

/// A word as a card.
fn card<'a>(spoken: &'a Spoken, manage: &'a str) -> Card<'a> {
    Card {
        service: &spoken.service,
        standing: &spoken.standing,
        title: &spoken.title,
        body: &spoken.body,
        hue: spoken.hue,
        at: &spoken.at_text,
        link: ("Read more", &spoken.url),
        manage: Some(manage),
    }
}

/// In the shape of Statuspage's webhooks. The one that asks for a confirmation has `meta.confirm`, and no incident.
fn payload(place: &Place, job: &Job, say: Say<'_>) -> Value {
    let manage = place.subscription(&job.token);
    let mut meta = json!({"unsubscribe": manage, "documentation": format!("{}/", place.status_url)});
    match say {
        Say::Confirm => {
            meta["confirm"] = manage.into();
            meta["generated_at"] = rfc3339(job.said_at).into();
            json!({"meta": meta, "page": {"id": crate::text::slug(&place.service)}})
        }
        Say::Word(spoken) => {
            meta["generated_at"] = spoken.at_text.clone().into();
            json!({"meta": meta, "page": spoken.page, "incident": spoken.incident})
        }
    }
}
