//! Subscribing, confirming, choosing and leaving: pages of the public address that the hub itself answers.
//!
//! None of them needs a script. What changes something is a POST behind a button: programs that look at the links of a
//! mail press none. The answer to a wish is the same whether an address is known or not, so nobody learns who subscribed.

mod pages;

use super::answer::{self, Door};
use super::assets;
use super::status::Kind;
use crate::doors::Doors;
use crate::subscribers::{Address, Asked, ChannelKind, StoreError};
use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, Path, State};
use axum::http::StatusCode;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use downbeat_core::model::Name;
use downbeat_core::tell::subscription::Choice;
use pages::{Frame, ManagePage, SaidPage, SubscribePage};
use std::net::SocketAddr;

/// A form with an address and as many components as there may be.
const FORM_MAX: usize = 16 * 1024;

/// A form's fields as they came; a field may be there several times.
type Fields = Form<Vec<(String, String)>>;
type Token = Path<String>;

/// What may do what on these pages, and who may keep them: nobody.
struct Personal;

impl Door for Personal {
    const CSP: &'static str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
                               frame-ancestors 'none'";
    const CACHE: &'static str = "no-store";
}

/// The routes, for the status page's own address.
pub(crate) fn subscription_routes(doors: Doors) -> Router {
    Router::new()
        .route("/subscribe", get(form).post(ask))
        .route("/subscribed", get(asked))
        .route("/subscription/{token}", get(manage))
        .route("/subscription/{token}/confirm", post(confirm))
        .route("/subscription/{token}/choose", post(choose))
        .route("/subscription/{token}/unsubscribe", post(leave))
        .route("/subscription.css", get(async || answer::asset(Kind::Css, assets::SUBSCRIPTION_CSS)))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(map_response(answer::guard::<Personal>))
        .with_state(doors)
}

async fn form(State(doors): State<Doors>) -> Response {
    let frame = Frame::of(&doors);
    if doors.snapshots.borrow().settings.subscribers.open_to.is_empty() {
        return closed(frame);
    }
    answer::page(StatusCode::OK, &SubscribePage::of(&doors, frame))
}

fn closed(frame: Frame) -> Response {
    let (title, text) =
        ("There are no subscriptions here", "This page does not take any. Its feeds and its calendar are open.");
    SaidPage::answer(StatusCode::NOT_FOUND, frame, title, text)
}

/// `POST /subscribe`: a stranger's wish.
async fn ask(State(doors): State<Doors>, ConnectInfo(peer): ConnectInfo<SocketAddr>, Form(fields): Fields) -> Response {
    let frame = Frame::of(&doors);
    let refuse = |status, text: &str| SaidPage::answer(status, Frame::of(&doors), "That did not work", text);
    let Some(kind) = wished(&doors, &fields) else { return closed(frame) };
    let address = match Address::read(kind, field(&fields, "address")) {
        Ok(address) => address,
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, &format!("Nothing was kept: {error}.")),
    };
    let now = doors.clock.now();
    if !doors.subscribers.admits(now, peer.ip()) {
        let text = "Too many asked from your network within this hour. Come again later.";
        return refuse(StatusCode::TOO_MANY_REQUESTS, text);
    }
    match doors.subscribers.ask(now, address, choice(&doors, &fields)).await {
        Ok(Asked::Full) => refuse(StatusCode::SERVICE_UNAVAILABLE, "There is no room for more at the moment."),
        Ok(Asked::Now | Asked::Lately | Asked::Before) => Redirect::to("/subscribed").into_response(),
        Err(error) => trouble(frame, &error),
    }
}

/// The channel that is wished for, when strangers may.
fn wished(doors: &Doors, fields: &[(String, String)]) -> Option<ChannelKind> {
    let kind: ChannelKind = field(fields, "channel").parse().ok()?;
    doors.snapshots.borrow().settings.subscribers.open_to.contains(&kind).then_some(kind)
}

async fn asked(State(doors): State<Doors>) -> Response {
    let text = "A message is on its way to that address, unless it is subscribed already or was asked within the last hour. \
                Nothing else comes before you follow the link in it and confirm, within 48 hours.";
    SaidPage::answer(StatusCode::OK, Frame::of(&doors), "Please confirm", text)
}

/// `GET /subscription/{token}`: what there is to press.
async fn manage(State(doors): State<Doors>, Path(token): Token) -> Response {
    let frame = Frame::of(&doors);
    match doors.subscribers.by_token(token).await {
        Ok(Some(subscriber)) => answer::page(StatusCode::OK, &ManagePage::of(&doors, frame, subscriber)),
        Ok(None) => unknown(frame),
        Err(error) => trouble(frame, &error),
    }
}

async fn confirm(State(doors): State<Doors>, Path(token): Token) -> Response {
    let done = doors.subscribers.confirm(doors.clock.now(), token.clone()).await;
    back(&doors, token, done).await
}

async fn choose(State(doors): State<Doors>, Path(token): Token, Form(fields): Fields) -> Response {
    let done = doors.subscribers.choose(token.clone(), choice(&doors, &fields)).await;
    back(&doors, token, done).await
}

/// `POST /subscription/{token}/unsubscribe`: by the button, or by a mail client's one click (RFC 8058), which follows no redirect.
async fn leave(State(doors): State<Doors>, Path(token): Token) -> Response {
    let frame = Frame::of(&doors);
    let gone = match doors.subscribers.by_token(token).await {
        Ok(Some(subscriber)) => doors.subscribers.erase(subscriber.id).await.map(drop),
        // Whoever presses twice wants what has happened.
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    match gone {
        Ok(()) => SaidPage::answer(
            StatusCode::OK,
            frame,
            "You are unsubscribed",
            "Nothing more comes, and your address is erased.",
        ),
        Err(error) => trouble(frame, &error),
    }
}

async fn back(doors: &Doors, token: String, done: Result<(), StoreError>) -> Response {
    if let Err(error) = done {
        return trouble(Frame::of(doors), &error);
    }
    match doors.subscribers.by_token(token).await {
        Ok(Some(subscriber)) => Redirect::to(&format!("/subscription/{}", subscriber.token)).into_response(),
        Ok(None) => unknown(Frame::of(doors)),
        Err(error) => trouble(Frame::of(doors), &error),
    }
}

fn unknown(frame: Frame) -> Response {
    let text = "It has ended, or was not confirmed in time. You can subscribe again.";
    SaidPage::answer(StatusCode::NOT_FOUND, frame, "There is no such subscription", text)
}

/// A reader learns that it did not work, the log why.
fn trouble(frame: Frame, error: &StoreError) -> Response {
    let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, why, "a subscription could not be read or kept");
    let text = "We cannot do that at the moment. Nothing has changed; come again later.";
    SaidPage::answer(StatusCode::SERVICE_UNAVAILABLE, frame, "That did not work", text)
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
