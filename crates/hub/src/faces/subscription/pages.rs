//! The pages: a struct each, drawn by the template of the same name.

use crate::doors::Doors;
use crate::faces::answer;
use crate::subscribers::{ChannelKind, Subscriber};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use downbeat_core::model::{Component, Name};

/// What stands around every page.
#[derive(Debug)]
pub(super) struct Frame {
    service: String,
}

impl Frame {
    pub(super) fn of(doors: &Doors) -> Self {
        Self { service: doors.snapshots.borrow().settings.policy.topology.service.clone() }
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
    frame: Frame,
    kinds: Vec<ChannelKind>,
    boxes: Vec<Tick>,
}

impl SubscribePage {
    pub(super) fn of(doors: &Doors, frame: Frame) -> Self {
        let kinds = doors.snapshots.borrow().settings.subscribers.open_to.clone();
        Self { frame, kinds, boxes: boxes(doors, |_| Mark::Ticked) }
    }

    /// What the address is called when all channels take the same kind.
    fn label(&self) -> &'static str {
        match self.kinds.as_slice() {
            [ChannelKind::Mail] => "Your mail address",
            kinds if kinds.contains(&ChannelKind::Mail) => "Your mail address, or the webhook's URL",
            _ => "The webhook's URL",
        }
    }
}

/// `/subscription/{token}`: one subscription.
#[derive(Template)]
#[template(path = "subscription/manage.html")]
pub(super) struct ManagePage {
    frame: Frame,
    subscriber: Subscriber,
    boxes: Vec<Tick>,
}

impl ManagePage {
    pub(super) fn of(doors: &Doors, frame: Frame, subscriber: Subscriber) -> Self {
        let chosen = |name: &Name| subscriber.choice.0.is_empty() || subscriber.choice.0.contains(name);
        let boxes = boxes(doors, |name| if chosen(name) { Mark::Ticked } else { Mark::Empty });
        Self { frame, subscriber, boxes }
    }

    fn is_confirmed(&self) -> bool {
        self.subscriber.confirmed_at.is_some()
    }
}

/// A heading and a sentence.
#[derive(Template)]
#[template(path = "subscription/said.html")]
pub(super) struct SaidPage<'a> {
    frame: Frame,
    title: &'a str,
    text: &'a str,
}

impl SaidPage<'_> {
    pub(super) fn answer(status: StatusCode, frame: Frame, title: &str, text: &str) -> Response {
        answer::page(status, &SaidPage { frame, title, text })
    }
}
