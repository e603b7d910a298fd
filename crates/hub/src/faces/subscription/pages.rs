//! The pages: a struct each, drawn by the template of the same name.

use crate::doors::Doors;
use crate::faces::answer;
use crate::faces::status::{Phrases, fill};
use crate::http::language;
use crate::subscribers::{ChannelKind, Subscriber};
use askama::Template;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use downbeat_core::model::{Component, Language, Name};

/// What stands around every page, in the language of who reads it.
#[derive(Debug)]
pub(super) struct Frame {
    service: String,
    /// In which language it is.
    pub(super) language: Language,
    /// All that there are, the page's own first.
    languages: Vec<Language>,
    /// What it says of itself.
    pub(super) t: &'static Phrases,
    /// The path of the page, as it is asked for in another language.
    path: String,
}

impl Frame {
    /// The frame of the page at a path; it is in the language that was asked for, else in the reader's.
    pub(super) fn of(doors: &Doors, asked: &str, headers: &HeaderMap, path: &str) -> Self {
        let snapshot = doors.snapshots.borrow();
        let policy = &snapshot.settings.policy;
        let languages = policy.tell.languages();
        let language = language::choose(asked, headers, &languages);
        let (service, t, path) = (policy.topology.service.clone(), Phrases::of(language), path.to_owned());
        Self { service, language, languages, t, path }
    }

    /// The same in the language that a subscriber keeps, unless another one was asked for.
    pub(super) fn for_subscriber(self, asked: &str, subscriber: &Subscriber) -> Self {
        let kept = subscriber.language.filter(|kept| self.languages.contains(kept));
        match kept.filter(|_| language::named(asked, &self.languages).is_none()) {
            Some(language) => Self { language, t: Phrases::of(language), ..self },
            None => self,
        }
    }

    /// What stands before the paths of the status page in this language.
    fn root(&self) -> String {
        let own = self.languages.first().is_none_or(|own| *own == self.language);
        if own { String::new() } else { format!("/{}", self.language) }
    }

    /// The same page in every language that there is, if there are several.
    fn versions(&self) -> Vec<(Language, String)> {
        let version = |language: &Language| (*language, format!("{}?language={language}", self.path));
        if self.languages.len() > 1 { self.languages.iter().map(version).collect() } else { vec![] }
    }

    /// A phrase with the service's name, and what else is filled in.
    fn of_service(&self, phrase: &str, kind: &ChannelKind) -> String {
        fill(phrase, &[&self.service, self.t.subscribing.channel(kind)])
    }
}

/// A component to be ticked.
#[derive(Debug)]
struct Tick {
    name: Name,
    title: String,
    mark: Mark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Ticked,
    Empty,
}

impl Tick {
    fn is_ticked(&self) -> bool {
        self.mark == Mark::Ticked
    }
}

/// All components, dearest first.
fn boxes(doors: &Doors, mark: impl Fn(&Name) -> Mark) -> Vec<Tick> {
    let snapshot = doors.snapshots.borrow();
    let mut all: Vec<&Component> = snapshot.settings.policy.topology.components.values().collect();
    all.sort_by_key(|component| component.priority);
    let of = |it: &Component| Tick { name: it.name.clone(), title: it.title.clone(), mark: mark(&it.name) };
    all.into_iter().map(of).collect()
}

/// `/subscribe`: the form.
#[derive(Template)]
#[template(path = "subscription/subscribe.html")]
pub(super) struct SubscribePage {
    picture: Frame,
    /// By which somebody writes an address.
    kinds: Vec<ChannelKind>,
    /// What a browser is told when it subscribes; `None` where none may.
    push_key: Option<String>,
    boxes: Vec<Tick>,
}

impl SubscribePage {
    pub(super) fn of(doors: &Doors, picture: Frame, push_key: Option<String>) -> Self {
        let mut kinds = doors.snapshots.borrow().settings.subscribers.open_to.clone();
        kinds.retain(|kind| *kind != ChannelKind::Push);
        Self { picture, kinds, push_key, boxes: boxes(doors, |_| Mark::Ticked) }
    }

    /// What the address is called when all channels take the same kind.
    fn label(&self) -> &'static str {
        let s = &self.picture.t.subscribing;
        match self.kinds.as_slice() {
            [ChannelKind::Mail] => s.your_mail,
            kinds if kinds.contains(&ChannelKind::Mail) => s.mail_or_url,
            _ => s.url,
        }
    }
}

/// `/subscription/{token}`: one subscription.
#[derive(Template)]
#[template(path = "subscription/manage.html")]
pub(super) struct ManagePage {
    picture: Frame,
    subscriber: Subscriber,
    boxes: Vec<Tick>,
}

impl ManagePage {
    pub(super) fn of(doors: &Doors, picture: Frame, subscriber: Subscriber) -> Self {
        let chosen = |name: &Name| subscriber.choice.0.is_empty() || subscriber.choice.0.contains(name);
        let boxes = boxes(doors, |name| if chosen(name) { Mark::Ticked } else { Mark::Empty });
        Self { picture, subscriber, boxes }
    }

    /// Where it goes: a browser's address says nothing to people.
    fn place(&self) -> &str {
        match self.subscriber.kind {
            ChannelKind::Push => self.picture.t.subscribing.browser_there,
            _ => &self.subscriber.address,
        }
    }

    /// What its bodies are signed with.
    fn signature(&self) -> Option<&str> {
        let is_signed = self.subscriber.kind == ChannelKind::Webhook;
        self.subscriber.secret.as_deref().filter(|_| is_signed)
    }

    fn is_confirmed(&self) -> bool {
        self.subscriber.confirmed_at.is_some()
    }

    /// True when there is something to be chosen.
    fn has_choice(&self) -> bool {
        self.boxes.len() > 1 || self.picture.languages.len() > 1
    }

    fn trouble(&self) -> Option<String> {
        self.subscriber.trouble.as_ref().map(|why| fill(self.picture.t.subscribing.trouble, &[why]))
    }
}

/// A heading and a sentence.
#[derive(Template)]
#[template(path = "subscription/said.html")]
pub(super) struct SaidPage<'a> {
    picture: Frame,
    title: &'a str,
    text: &'a str,
}

impl SaidPage<'_> {
    pub(super) fn answer(status: StatusCode, picture: Frame, title: &str, text: &str) -> Response {
        answer::page(status, &SaidPage { picture, title, text })
    }
}
