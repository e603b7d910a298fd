//! The pages of who reports: the form, the answer, and both again for frames of other pages. None of them needs a script. They
//! are in the reader's language, or in the one that their address names.

use super::phrases::{Phrases, fill};
use super::told::Told as Page;
use super::{Drawn, Picture};
use crate::faces::answer;
use crate::faces::desk::Desk;
use crate::faces::stamp::Stamp;
use crate::faces::tone::Tone;
use crate::http::language;
use crate::reports::{ReportDesk, Standing, Told};
use crate::view::Snapshot;
use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use downbeat_core::model::{Moment, Name};
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
    /// Where the pages of the frame are apart from the others.
    const fn path(self) -> &'static str {
        match self {
            Self::Page => "",
            Self::Frame => "/frame",
        }
    }

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
    region: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    language: String,
}

#[derive(Template)]
#[template(path = "status/report.html")]
struct FormPage<'a> {
    picture: Page<'a>,
    form: Form,
}

#[derive(Template)]
#[template(path = "status/report_frame.html")]
struct FormFrame<'a> {
    picture: Page<'a>,
    form: Form,
}

/// The form with its token.
struct Form {
    wish: Wish,
    token: String,
    /// True while a report has to wait or be worked for.
    is_burst: bool,
    in_frame: bool,
}

type Asked<T> = Result<Query<T>, QueryRejection>;

async fn form_page(State(state): State<Reporting>, wish: Asked<Wish>, headers: HeaderMap) -> Response {
    form(&state, wish, &headers, Setting::Page)
}

async fn form_frame(State(state): State<Reporting>, wish: Asked<Wish>, headers: HeaderMap) -> Response {
    form(&state, wish, &headers, Setting::Frame)
}

/// What was asked for in a way that cannot be read is not asked for.
fn form(state: &Reporting, wish: Asked<Wish>, headers: &HeaderMap, setting: Setting) -> Response {
    let drawn = Arc::clone(&state.drawn.borrow());
    let wish = wish.map(|Query(wish)| wish).unwrap_or_default();
    let token = if wish.token.is_empty() { state.desk.token() } else { wish.token.clone() };
    let is_burst = state.desk.is_burst();
    let path = format!("/report{}{}", setting.path(), about(&drawn.picture, &wish));
    let picture = in_language(&drawn.picture, &wish.language, headers, &path);
    let form = Form { wish, token, is_burst, in_frame: setting == Setting::Frame };
    match setting {
        Setting::Page => setting.answer(&FormPage { picture, form }, StatusCode::OK),
        Setting::Frame => setting.answer(&FormFrame { picture, form }, StatusCode::OK),
    }
}

/// What the form in another language begins with. What is no component or region of ours is not carried on.
fn about(picture: &Picture, wish: &Wish) -> String {
    let component = picture.components.iter().map(|line| &line.name).find(|name| name.as_str() == wish.component);
    let region = picture.regions.iter().find(|name| name.as_str() == wish.region);
    let parts = [("component", component), ("region", region)];
    let said = parts.into_iter().filter_map(|(key, name)| name.map(|name| format!("{key}={name}")));
    let said = said.collect::<Vec<_>>().join("&");
    if said.is_empty() { said } else { format!("?{said}") }
}

#[derive(Debug, Default, Deserialize)]
struct Look {
    /// There when they have just answered whether it works again.
    thanks: Option<String>,
    #[serde(default)]
    language: String,
}

#[derive(Template)]
#[template(path = "status/reported.html")]
struct ReportedPage<'a> {
    picture: Page<'a>,
    page: Reported,
}

#[derive(Template)]
#[template(path = "status/reported_frame.html")]
struct ReportedFrame<'a> {
    picture: Page<'a>,
    page: Reported,
}

/// The answer to who reported something.
struct Reported {
    told: Told,
    /// What it is about, for people.
    about: Option<String>,
    ticket: String,
    has_answered: bool,
    in_frame: bool,
}

impl Reported {
    fn stamp(&self, at: &Moment) -> Stamp {
        Stamp(*at)
    }

    /// How many others say the same.
    fn others(&self, t: &Phrases) -> String {
        t.reporting.others_say(self.told.others, self.told.region.as_ref().map(Name::as_str))
    }

    /// That one network alone reports it.
    fn alone(&self, t: &Phrases) -> Option<String> {
        self.told.alone.as_ref().map(|who| fill(t.reporting.alone, &[who]))
    }

    /// Whether it works again.
    fn question(&self, t: &Phrases) -> String {
        let of = |about: &String| fill(t.reporting.does_that_work, &[about]);
        self.about.as_ref().map_or_else(|| t.reporting.does_it_work.to_owned(), of)
    }
}

async fn reported_page(
    State(state): State<Reporting>,
    Path(ticket): Path<String>,
    look: Asked<Look>,
    headers: HeaderMap,
) -> Response {
    reported(&state, ticket, look, &headers, Setting::Page)
}

async fn reported_frame(
    State(state): State<Reporting>,
    Path(ticket): Path<String>,
    look: Asked<Look>,
    headers: HeaderMap,
) -> Response {
    reported(&state, ticket, look, &headers, Setting::Frame)
}

fn reported(state: &Reporting, ticket: String, look: Asked<Look>, headers: &HeaderMap, setting: Setting) -> Response {
    let drawn = Arc::clone(&state.drawn.borrow());
    let look = look.map(|Query(look)| look).unwrap_or_default();
    let Some((at, component, region)) = state.desk.open_ticket(&ticket) else {
        let picture = in_language(&drawn.picture, &look.language, headers, "/report");
        return setting.answer(&super::pages::NotFoundPage { picture }, StatusCode::NOT_FOUND);
    };
    let picture =
        in_language(&drawn.picture, &look.language, headers, &format!("/reported/{ticket}{}", setting.path()));
    let told = Told::of(&state.snapshots.borrow(), &state.desk, component.as_ref(), region.as_ref(), at);
    let about = component.as_ref().map(|name| drawn.picture.title_of(name).to_owned());
    let in_frame = setting == Setting::Frame;
    let page = Reported { told, about, ticket, has_answered: look.thanks.is_some(), in_frame };
    match setting {
        Setting::Page => setting.answer(&ReportedPage { picture, page }, StatusCode::OK),
        Setting::Frame => setting.answer(&ReportedFrame { picture, page }, StatusCode::OK),
    }
}

/// The page at this path in the language that was asked for, else in the reader's.
fn in_language<'p>(picture: &'p Picture, asked: &str, headers: &HeaderMap, path: &str) -> Page<'p> {
    Page::answered(picture, language::choose(asked, headers, &picture.languages), path)
}
