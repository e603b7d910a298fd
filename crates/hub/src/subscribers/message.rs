//! One message to one subscriber, in the shape of their channel.

use super::kind::ChannelKind;
use super::round::Job;
use super::spoken::Spoken;
use crate::channel::mail::{Mail, Mailer};
use crate::channel::post::{Post, Proof, Refused};
use crate::channel::push::{Push, Urgency, seal::Keys};
use crate::channel::{Card, Dialect, Hue, draw, text};
use crate::faces::{Phrases, fill};
use crate::outbound::NamedBy;
use crate::text::rfc3339;
use downbeat_core::model::Language;
use downbeat_core::tell::subscription::Choice;
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

/// The messages by POST, in their order; none for what does not go out by POST.
pub(super) fn posts<'a>(place: &Place, job: &'a Job, say: Say<'_>, key: &str) -> Vec<Post<'a>> {
    let dialect = match job.kind {
        ChannelKind::Mail | ChannelKind::Push => return vec![],
        ChannelKind::Webhook => None,
        ChannelKind::Slack => Some(Dialect::Slack),
        ChannelKind::Discord => Some(Dialect::Discord),
        ChannelKind::Mattermost => Some(Dialect::Mattermost),
        ChannelKind::Teams => Some(Dialect::Teams),
    };
    let bodies: Vec<(String, Value)> = match dialect {
        Some(dialect) => {
            let body = draw(dialect, &Words::of(place, job, say).card());
            body.map(|body| (key.to_owned(), body)).into_iter().collect()
        }
        None => payloads(place, job, say, key),
    };
    let post = |(key, body): (String, Value)| {
        let body = serde_json::to_vec(&body).expect("a JSON value is JSON");
        let proof = job.secret.as_deref().map_or(Proof::Address, Proof::Signature);
        Post { url: &job.address, by: NamedBy::Subscriber, key, body, proof }
    };
    bodies.into_iter().map(post).collect()
}

/// Longest title and longest text of a message to a browser, in characters: no device shows more, and it has to fit.
const PUSH_TITLE_MAX: usize = 120;
const PUSH_TEXT_MAX: usize = 600;

/// A message to a browser: what its service worker shows, and the way out.
pub(super) fn push<'a>(place: &'a Place, job: &'a Job, say: Say<'a>, keys: &'a Keys) -> Push<'a> {
    let subscription = format!("/subscription/{}", job.token);
    let cut = |text: &str, most: usize| text::cut(&text::plain(text), most);
    let words = Words::of(place, job, say);
    let s = &Phrases::of(words.language).subscribing;
    let (topic, urgency, title, body, url) = match say {
        Say::Confirm => {
            let body = fill(s.this_browser, &[&place.service]);
            ("confirm", Urgency::High, words.title.clone(), body, subscription.clone())
        }
        Say::Word(spoken) => {
            let urgency = if spoken.hue == Hue::Bad { Urgency::High } else { Urgency::Normal };
            let title = format!("{}: {}", words.standing, words.title);
            (spoken.story.as_str(), urgency, title, words.body.clone(), words.link.1.clone())
        }
    };
    let shown = json!({
        "title": cut(&title, PUSH_TITLE_MAX), "body": cut(&body, PUSH_TEXT_MAX), "tag": topic, "url": url, "at": words.at,
        "subscription": subscription, "confirm": words.is_question, "leave": s.leave_browser,
    });
    Push { endpoint: &job.address, keys, topic, urgency, text: shown.to_string().into_bytes() }
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

/// In the shapes of Statuspage's webhooks, each with its key: the story, then a message for each component that the word changed
/// and that they chose. The one that asks for a confirmation has `meta.confirm`, and no incident.
fn payloads(place: &Place, job: &Job, say: Say<'_>, key: &str) -> Vec<(String, Value)> {
    let manage = place.subscription(&job.token);
    let mut meta = json!({"unsubscribe": manage, "documentation": format!("{}/", place.status_url)});
    match say {
        Say::Confirm => {
            meta["confirm"] = manage.into();
            meta["generated_at"] = rfc3339(job.said_at).into();
            vec![(key.to_owned(), json!({"meta": meta, "page": {"id": crate::text::slug(&place.service)}}))]
        }
        Say::Word(spoken) => {
            meta["generated_at"] = spoken.at_text.clone().into();
            let page = &spoken.page;
            let story = (key.to_owned(), json!({"meta": meta, "page": page, "incident": spoken.incident}));
            let changes = spoken.changes.iter().filter(|it| is_chosen(&job.choice, it.name())).map(|it| {
                let (component, update) = (&it.component, &it.component_update);
                let body = json!({"meta": meta, "page": page, "component": component, "component_update": update});
                (format!("{key}-{}", it.name()), body)
            });
            std::iter::once(story).chain(changes).collect()
        }
    }
}

fn is_chosen(choice: &Choice, component: &str) -> bool {
    choice.0.is_empty() || choice.0.iter().any(|name| name.as_str() == component)
}
