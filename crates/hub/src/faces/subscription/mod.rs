//! Subscribing, confirming, choosing and leaving: pages of the public address that the hub itself answers.
//!
//! None of them needs a script, but for subscribing a browser, which is a script's work by its nature. What changes something is a POST behind a button: programs that look at the links of a
//! mail press none. The answer to a wish is the same whether an address is known or not, so nobody learns who subscribed. Each
//! page is in the language that its address names, else in the one that the subscriber keeps, else in the reader's.

mod pages;

use super::answer::{self, Door};
use super::assets;
use super::status::{Kind, fill};
use crate::doors::Doors;
use crate::http::language;
use crate::subscribers::{Address, AddressError, Asked, ChannelKind, StoreError, Subscriber, Wish};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use downbeat_core::model::Name;
use downbeat_core::tell::subscription::Choice;
use pages::{Frame, ManagePage, SaidPage, SubscribePage};
use serde::Deserialize;
use std::net::SocketAddr;

/// A form with an address and as many components as there may be.
const FORM_MAX: usize = 16 * 1024;

/// A form's fields as they came; a field may be there several times.
type Fields = Form<Vec<(String, String)>>;
type Token = Path<String>;

/// In which language a page is asked for.
#[derive(Debug, Default, Deserialize)]
struct Tongue {
    #[serde(default)]
    language: String,
}

type Spoken = Query<Tongue>;

/// What may do what on these pages, and who may keep them: nobody.
struct Personal;

impl Door for Personal {
    const CSP: &'static str = "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; \
                               worker-src 'self'; form-action 'self'; base-uri 'none'; \
                               frame-ancestors 'none'";
    const CACHE: &'static str = "no-store";
}

/// The routes, for the status page's own address.
pub(crate) fn subscription_routes(doors: Doors) -> Router {
    Router::new()
        .route("/subscribe", get(form).post(ask))
        .route("/subscribed", get(asked))
        .route("/subscribe/leave", post(leave_by_browser))
        .route("/push.js", get(async || answer::asset(Kind::Js, assets::PUSH_JS)))
        .route("/push-worker.js", get(async || answer::asset(Kind::Js, assets::PUSH_WORKER_JS)))
        .route("/subscription/{token}", get(manage))
        .route("/subscription/{token}/confirm", post(confirm))
        .route("/subscription/{token}/choose", post(choose))
        .route("/subscription/{token}/unsubscribe", post(leave))
        .route("/subscription.css", get(async || answer::asset(Kind::Css, assets::SUBSCRIPTION_CSS)))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(map_response(answer::guard::<Personal>))
        .with_state(doors)
}

async fn form(State(doors): State<Doors>, Query(asked): Spoken, headers: HeaderMap) -> Response {
    let frame = Frame::of(&doors, &asked.language, &headers, "/subscribe");
    if doors.snapshots.borrow().settings.subscribers.open_to.is_empty() {
        return closed(frame);
    }
    let asks_browsers = doors.snapshots.borrow().settings.subscribers.open_to.contains(&ChannelKind::Push);
    let vapid = match asks_browsers {
        true => doors.subscribers.vapid().await.map(Some),
        false => Ok(None),
    };
    match vapid {
        Ok(vapid) => answer::page(StatusCode::OK, &SubscribePage::of(&doors, frame, vapid.map(|it| it.public()))),
        Err(error) => trouble(frame, &error),
    }
}

fn closed(frame: Frame) -> Response {
    let [title, text] = frame.t.subscribing.closed;
    SaidPage::answer(StatusCode::NOT_FOUND, frame, title, text)
}

/// `POST /subscribe`: a stranger's wish.
async fn ask(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Fields,
) -> Response {
    let frame = Frame::of(&doors, field(&fields, "language"), &headers, "/subscribe");
    let Some(kind) = wished(&doors, &fields) else { return closed(frame) };
    let address = match address(kind, &fields) {
        Ok(address) => address,
        Err(error) => {
            let text = fill(frame.t.subscribing.not_kept, &[frame.t.subscribing.no_address(error)]);
            return refuse(StatusCode::UNPROCESSABLE_ENTITY, frame, &text);
        }
    };
    let now = doors.clock.now();
    let s = &frame.t.subscribing;
    if !doors.subscribers.admits(now, peer.ip()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, frame, s.too_many);
    }
    let language = frame.language;
    let wish = Wish { address, choice: choice(&doors, &fields), language: Some(language) };
    match doors.subscribers.ask(now, wish).await {
        Ok(Asked::Full) => refuse(StatusCode::SERVICE_UNAVAILABLE, frame, s.full),
        Ok(Asked::Now | Asked::Lately | Asked::Before) => {
            Redirect::to(&format!("/subscribed?language={language}")).into_response()
        }
        Err(error) => trouble(frame, &error),
    }
}

fn refuse(status: StatusCode, frame: Frame, text: &str) -> Response {
    let title = frame.t.subscribing.failed;
    SaidPage::answer(status, frame, title, text)
}

fn address(kind: ChannelKind, fields: &[(String, String)]) -> Result<Address, AddressError> {
    let text = field(fields, "address");
    match kind {
        ChannelKind::Push => Address::of_browser(text, field(fields, "p256dh"), field(fields, "auth")),
        kind => Address::read(kind, text),
    }
}

/// The channel that is wished for, when strangers may.
fn wished(doors: &Doors, fields: &[(String, String)]) -> Option<ChannelKind> {
    let kind: ChannelKind = field(fields, "channel").parse().ok()?;
    doors.snapshots.borrow().settings.subscribers.open_to.contains(&kind).then_some(kind)
}

async fn asked(State(doors): State<Doors>, Query(asked): Spoken, headers: HeaderMap) -> Response {
    let frame = Frame::of(&doors, &asked.language, &headers, "/subscribed");
    let s = &frame.t.subscribing;
    SaidPage::answer(StatusCode::OK, frame, s.please_confirm, s.on_its_way)
}

/// `GET /subscription/{token}`: what there is to press.
async fn manage(State(doors): State<Doors>, Path(token): Token, Query(asked): Spoken, headers: HeaderMap) -> Response {
    match doors.subscribers.by_token(token).await {
        Ok(Some(subscriber)) => {
            // Its token is one of ours here, and so may stand in a link.
            let path = format!("/subscription/{}", subscriber.token);
            let frame =
                Frame::of(&doors, &asked.language, &headers, &path).for_subscriber(&asked.language, &subscriber);
            answer::page(StatusCode::OK, &ManagePage::of(&doors, frame, subscriber))
        }
        Ok(None) => unknown(Frame::of(&doors, &asked.language, &headers, "/subscribe")),
        Err(error) => trouble(Frame::of(&doors, &asked.language, &headers, "/subscribe"), &error),
    }
}

async fn confirm(State(doors): State<Doors>, Path(token): Token, headers: HeaderMap) -> Response {
    let done = doors.subscribers.confirm(doors.clock.now(), token.clone()).await;
    back(&doors, token, &headers, done).await
}

async fn choose(State(doors): State<Doors>, Path(token): Token, headers: HeaderMap, Form(fields): Fields) -> Response {
    let offered = doors.snapshots.borrow().settings.policy.tell.languages();
    let language = language::named(field(&fields, "language"), &offered);
    let done = doors.subscribers.choose(token.clone(), choice(&doors, &fields), language).await;
    back(&doors, token, &headers, done).await
}

/// `POST /subscription/{token}/unsubscribe`: by the button, or by a mail client's one click (RFC 8058), which follows no redirect.
async fn leave(State(doors): State<Doors>, Path(token): Token, headers: HeaderMap) -> Response {
    let frame = Frame::of(&doors, "", &headers, "/subscribe");
    let (frame, gone) = match doors.subscribers.by_token(token).await {
        Ok(Some(subscriber)) => {
            let erased = doors.subscribers.erase(subscriber.id).await.map(drop);
            (frame.for_subscriber("", &subscriber), erased)
        }
        // Whoever presses twice wants what has happened.
        Ok(None) => (frame, Ok(())),
        Err(error) => (frame, Err(error)),
    };
    match gone {
        Ok(()) => {
            let [title, text] = frame.t.subscribing.left;
            SaidPage::answer(StatusCode::OK, frame, title, text)
        }
        Err(error) => trouble(frame, &error),
    }
}

/// `POST /subscribe/leave`: a browser that no longer wants to be told says so by its address and its keys, which only it has.
async fn leave_by_browser(State(doors): State<Doors>, headers: HeaderMap, Form(fields): Fields) -> Response {
    let Ok(browser) = address(ChannelKind::Push, &fields) else {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    };
    match doors.subscribers.erase_browser(browser).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => trouble(Frame::of(&doors, field(&fields, "language"), &headers, "/subscribe"), &error),
    }
}

async fn back(doors: &Doors, token: String, headers: &HeaderMap, done: Result<(), StoreError>) -> Response {
    let found = match done {
        Ok(()) => doors.subscribers.by_token(token).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(Some(Subscriber { token, .. })) => Redirect::to(&format!("/subscription/{token}")).into_response(),
        Ok(None) => unknown(Frame::of(doors, "", headers, "/subscribe")),
        Err(error) => trouble(Frame::of(doors, "", headers, "/subscribe"), &error),
    }
}

fn unknown(frame: Frame) -> Response {
    let [title, text] = frame.t.subscribing.unknown;
    SaidPage::answer(StatusCode::NOT_FOUND, frame, title, text)
}

/// A reader learns that it did not work, the log why.
fn trouble(frame: Frame, error: &StoreError) -> Response {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, why, "a subscription could not be read or kept");
    let text = frame.t.subscribing.try_later;
    refuse(StatusCode::SERVICE_UNAVAILABLE, frame, text)
}

/// The components that were ticked and are there; with all of them ticked, new ones are meant as well.
fn choice(doors: &Doors, fields: &[(String, String)]) -> Choice {
    let snapshot = doors.snapshots.borrow();
    let known = &snapshot.settings.policy.topology.components;
    let ticked = fields.iter().filter(|(key, _)| key == "component").filter_map(|(_, value)| Name::new(value).ok());
    let chosen: std::collections::BTreeSet<Name> = ticked.filter(|name| known.contains_key(name)).collect();
    if chosen.len() == known.len() { Choice::default() } else { Choice(chosen) }
}

fn field<'a>(fields: &'a [(String, String)], wanted: &str) -> &'a str {
    fields.iter().find(|(key, _)| key == wanted).map_or("", |(_, value)| value)
}
