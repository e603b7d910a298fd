//! One message to one subscriber, in the shape of their channel.

use super::kind::ChannelKind;
use super::round::Job;
use super::spoken::Spoken;
use crate::channel::mail::{Mail, Mailer};
use crate::channel::post::{Post, Proof, Refused};
use crate::channel::{Card, Dialect, Hue, draw};
use crate::faces::{Phrases, fill};
use crate::outbound::NamedBy;
use crate::text::rfc3339;
use downbeat_core::model::Language;
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
    /// The page's languages, its own first.
    pub(super) languages: Vec<Language>,
}

impl Place {
    /// Where a subscriber confirms, changes and ends the subscription.
    pub(super) fn subscription(&self, token: &str) -> String {
        format!("{}/subscription/{token}", self.status_url)
    }

    /// In which language somebody is told: the one that they keep, while the page is in it.
    fn language(&self, job: &Job) -> Language {
        let kept = job.language.filter(|kept| self.languages.contains(kept));
        kept.or(self.languages.first().copied()).unwrap_or_default()
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
    let words = Words::of(place, job, say);
    let unsubscribe = format!("{}/unsubscribe", words.manage);
    let thread = match say {
        Say::Confirm => format!("confirm-{}", job.subscriber),
        Say::Word(spoken) => format!("{}-{}", spoken.story, job.subscriber),
    };
    mailer
        .attempt(&Mail { to: &job.address, key, thread: &thread, card: words.card(), unsubscribe: &unsubscribe })
        .await
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
        Some(dialect) => draw(dialect, &Words::of(place, job, say).card())?,
        None => payload(place, job, say),
    };
    let body = serde_json::to_vec(&body).expect("a JSON value is JSON");
    let proof = job.secret.as_deref().map_or(Proof::Address, Proof::Signature);
    Some(Post { url: &job.address, by: NamedBy::Subscriber, key, body, proof })
}

/// What a message says, in the language of who gets it, before it has a shape.
struct Words<'a> {
    service: &'a str,
    standing: &'a str,
    title: String,
    body: String,
    hue: Hue,
    at: String,
    /// What the link says, and where it leads.
    link: (&'static str, String),
    /// Where the subscription is changed and ended.
    manage: String,
    is_question: bool,
    language: Language,
}

impl<'a> Words<'a> {
    fn of(place: &'a Place, job: &Job, say: Say<'a>) -> Self {
        let (language, manage) = (place.language(job), place.subscription(&job.token));
        let s = &Phrases::of(language).subscribing;
        match say {
            Say::Confirm => Self {
                service: &place.service,
                standing: s.please_confirm,
                title: fill(s.news_of, &[&place.service]),
                body: fill(s.asked_for, &[&place.service]),
                hue: Hue::Plain,
                at: rfc3339(job.said_at),
                link: (s.confirm, manage.clone()),
                manage,
                is_question: true,
                language,
            },
            Say::Word(spoken) => {
                let wording = spoken.wording(language);
                Self {
                    service: &spoken.service,
                    standing: &wording.standing,
                    title: wording.title.clone(),
                    body: wording.body.clone(),
                    hue: spoken.hue,
                    at: spoken.at_text.clone(),
                    link: (s.read_more, wording.url.clone()),
                    manage,
                    is_question: false,
                    language,
                }
            }
        }
    }

    fn card(&self) -> Card<'_> {
        let label = Phrases::of(self.language).subscribing.manage;
        Card {
            service: self.service,
            standing: self.standing,
            title: &self.title,
            body: &self.body,
            hue: self.hue,
            at: &self.at,
            link: (self.link.0, &self.link.1),
            manage: (!self.is_question).then_some((label, self.manage.as_str())),
            language: self.language,
        }
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
