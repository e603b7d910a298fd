//! The pages of who reports: the form, the answer, and both again for frames of other pages. None of them needs a script.

use super::told::Told as Page;
use super::{Drawn, Picture};
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use crate::reports::{ReportDesk, Standing, Told};
use crate::view::Snapshot;
use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use downbeat_core::model::Moment;
use serde::Deserialize;
use std::sync::Arc;
use tokio::sync::watch;

/// For the pages in frames of others: the button may be pressed there.
const FRAMED: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors *",
);

/// What these pages are drawn from.
#[derive(Clone)]
struct Reporting {
    drawn: watch::Receiver<Arc<Drawn>>,
    snapshots: watch::Receiver<Snapshot>,
    desk: ReportDesk,
}

/// Where a page stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    /// By itself.
    Page,
    /// In a frame of another page.
    Frame,
}

impl Setting {
    fn answer(self, page: &impl Template, status: StatusCode) -> Response {
        let mut response = answer::page(status, page);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self == Self::Frame {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, FRAMED);
        }
        response
    }
}

pub(super) fn routes<D: Desk>(drawn: watch::Receiver<Arc<Drawn>>, desk: &D) -> Router {
    let reporting = Reporting { drawn, snapshots: desk.snapshots(), desk: desk.reports() };
    Router::new()
        .route("/report", get(form_page))
        .route("/report/frame", get(form_frame))
        .route("/reported/{ticket}", get(reported_page))
        .route("/reported/{ticket}/frame", get(reported_frame))
        .with_state(reporting)
}

/// What the form begins with.
#[derive(Debug, Default, Deserialize)]
struct Wish {
    #[serde(default)]
    category: String,
    #[serde(default)]
    component: String,
    #[serde(default)]
    token: String,
}

#[derive(Template)]
#[template(path = "status/report.html")]
struct FormPage<'a> {
    picture: Page<'a>,
    form: Form<'a>,
}

#[derive(Template)]
#[template(path = "status/report_frame.html")]
struct FormFrame<'a> {
    form: Form<'a>,
}

/// The form with its token.
struct Form<'a> {
    picture: &'a Picture,
    wish: Wish,
    token: String,
    /// True while a report has to wait or be worked for.
    is_burst: bool,
    in_frame: bool,
}

type Asked<T> = Result<Query<T>, QueryRejection>;

async fn form_page(State(state): State<Reporting>, wish: Asked<Wish>) -> Response {
    form(&state, wish, Setting::Page)
}

async fn form_frame(State(state): State<Reporting>, wish: Asked<Wish>) -> Response {
    form(&state, wish, Setting::Frame)
}

/// What was asked for in a way that cannot be read is not asked for.
fn form(state: &Reporting, wish: Asked<Wish>, setting: Setting) -> Response {
    let drawn = Arc::clone(&state.drawn.borrow());
    let wish = wish.map(|Query(wish)| wish).unwrap_or_default();
    let token = if wish.token.is_empty() { state.desk.token() } else { wish.token.clone() };
    let is_burst = state.desk.is_burst();
    let picture = &drawn.picture;
    let form = Form { picture, wish, token, is_burst, in_frame: setting == Setting::Frame };
    match setting {
        Setting::Page => setting.answer(&FormPage { picture: in_own_language(picture), form }, StatusCode::OK),
        Setting::Frame => setting.answer(&FormFrame { form }, StatusCode::OK),
    }
}

#[derive(Debug, Default, Deserialize)]
struct Thanks {
    /// There when they have just answered whether it works again.
    thanks: Option<String>,
}

#[derive(Template)]
#[template(path = "status/reported.html")]
struct ReportedPage<'a> {
    picture: Page<'a>,
    page: Reported<'a>,
}

#[derive(Template)]
#[template(path = "status/reported_frame.html")]
struct ReportedFrame<'a> {
    page: Reported<'a>,
}

/// The answer to who reported something.
struct Reported<'a> {
    picture: &'a Picture,
    told: Told,
    /// What it is about, for people.
    about: Option<String>,
    ticket: String,
    has_answered: bool,
    in_frame: bool,
}

impl Reported<'_> {
    fn stamp(&self, at: &Moment) -> Stamp {
        Stamp(*at)
    }
}

async fn reported_page(State(state): State<Reporting>, Path(ticket): Path<String>, thanks: Asked<Thanks>) -> Response {
    reported(&state, ticket, thanks, Setting::Page)
}

async fn reported_frame(State(state): State<Reporting>, Path(ticket): Path<String>, thanks: Asked<Thanks>) -> Response {
    reported(&state, ticket, thanks, Setting::Frame)
}

fn reported(state: &Reporting, ticket: String, thanks: Asked<Thanks>, setting: Setting) -> Response {
    let drawn = Arc::clone(&state.drawn.borrow());
    let Some((at, component, region)) = state.desk.open_ticket(&ticket) else {
        return setting
            .answer(&super::pages::NotFoundPage { picture: in_own_language(&drawn.picture) }, StatusCode::NOT_FOUND);
    };
    let told = Told::of(&state.snapshots.borrow(), &state.desk, component.as_ref(), region.as_ref(), at);
    let about = component.as_ref().map(|name| drawn.picture.title_of(name).to_owned());
    let has_answered = thanks.is_ok_and(|Query(thanks)| thanks.thanks.is_some());
    let (picture, in_frame) = (&drawn.picture, setting == Setting::Frame);
    let page = Reported { picture, told, about, ticket, has_answered, in_frame };
    match setting {
        Setting::Page => setting.answer(&ReportedPage { picture: in_own_language(picture), page }, StatusCode::OK),
        Setting::Frame => setting.answer(&ReportedFrame { page }, StatusCode::OK),
    }
}

/// These pages are there once; whoever wants another language is led to the first page in it.
fn in_own_language(picture: &Picture) -> Page<'_> {
    Page::new(picture, picture.language(), "")
}
