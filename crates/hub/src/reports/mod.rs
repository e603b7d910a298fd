//! Users' reports: the button of the public page, the frame for other pages, the signed call of apps.
//!
//! One report counts per network, component and minute, so many per autonomous system and so many in all: strangers can wake the
//! hub, but neither flood it nor decide anything (invariants G1 to G4). While many report at once, each has to show a token that
//! is used once: with a script it is worked for in the background; without one the same button is pressed again after three
//! seconds. A later press instead of a lower weight, because one press of an honest user must not be worth less for want of a
//! script, and a flood gains nothing by it: its caps stay. Who reports is told at once what is known, and gets a ticket in the
//! address of the answer (no cookies) to be told how it goes, and to be asked whether it works again.

mod app;
mod counts;
mod desk;
mod networks;
mod picture;
mod seal;
mod shelf;
mod told;

pub use counts::{Taken, Tally};
pub use desk::{ReportDesk, Shown, Stranger, Whence, Word};
pub use networks::{NetworkTable, System, TableError};
pub use picture::{Place, Quarter, ReportPicture};
pub(crate) use told::{Standing, Told};

use crate::doors::Doors;
use crate::http::language;
use crate::http::problem::Problem;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Form, Path, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Json, Router};
use downbeat_core::model::{AddressRange, Name, Works};
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use told::Answer;

/// A form with some short fields.
const FORM_MAX: usize = 4 * 1024;

/// The routes that take something in, for the status page's own address. The pages are the face's.
pub(crate) fn routes(doors: Doors) -> Router {
    Router::new()
        .route("/report", post(report))
        .route("/report/app", post(app::report))
        .route("/reported/{ticket}", post(answered))
        .layer(DefaultBodyLimit::max(FORM_MAX))
        .layer(from_fn(tell_nobody_else))
        .with_state(doors)
}

/// Answers are for the one who asked.
async fn tell_nobody_else(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

/// The form's fields; an empty one is none.
#[derive(Debug, Deserialize)]
struct Fields {
    category: String,
    #[serde(default)]
    component: String,
    #[serde(default)]
    region: String,
    #[serde(default)]
    token: String,
    #[serde(default)]
    proof: String,
    /// Not empty within a frame of another page.
    #[serde(default)]
    frame: String,
    /// In which language the form was.
    #[serde(default)]
    language: String,
}

impl Fields {
    fn shown(&self) -> Shown<'_> {
        if self.token.is_empty() { Shown::Nothing } else { Shown::Token { token: &self.token, proof: &self.proof } }
    }

    /// Where the pages of the frame are apart from the others.
    fn frame(&self) -> &'static str {
        if self.frame.is_empty() { "" } else { "/frame" }
    }
}

type Posted<T> = Result<Form<T>, axum::extract::rejection::FormRejection>;

fn fields<T>(form: Posted<T>) -> Result<T, Problem> {
    form.map(|Form(fields)| fields).map_err(|refused| match refused.status().as_u16() {
        413 => Problem::too_large(refused.body_text()),
        _ => Problem::malformed(refused.body_text()),
    })
}

async fn report(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    form: Posted<Fields>,
) -> Result<Response, Problem> {
    let fields = fields(form)?;
    let word = read(&fields)?;
    let whence = Whence::Address(client(&doors, peer, &headers));
    let taken = doors.reports.take(&word, &whence, fields.shown());
    let taken = taken.map_err(|stranger| Problem::senseless(stranger.to_string()))?;
    if taken == Taken::ToBeShown && !wants_json(&headers) {
        // The token keeps its age, so that it ripens however often the button is pressed.
        let token = if fields.token.is_empty() { doors.reports.token() } else { fields.token.clone() };
        let again = format!(
            "/report{}?category={}&component={}&region={}&token={token}{}",
            fields.frame(),
            word.category,
            word.component.as_ref().map_or("", Name::as_str),
            word.region.as_ref().map_or("", Name::as_str),
            in_language(&doors, &fields.language, '&')
        );
        return Ok(Redirect::to(&again).into_response());
    }
    let ticket = doors.reports.ticket(&word, &whence);
    if wants_json(&headers) {
        return Ok(Json(answer(&doors, taken, &ticket)).into_response());
    }
    let language = in_language(&doors, &fields.language, '?');
    Ok(Redirect::to(&format!("/reported/{ticket}{}{language}", fields.frame())).into_response())
}

/// The end of an address that keeps the language of a form; nothing where the form had none of ours.
fn in_language(doors: &Doors, asked: &str, mark: char) -> String {
    let offered = doors.snapshots.borrow().settings.policy.tell.languages();
    language::named(asked, &offered).map_or_else(String::new, |language| format!("{mark}language={language}"))
}

/// What is known, for programs.
fn answer(doors: &Doors, taken: Taken, ticket: &str) -> Answer {
    let (at, component, region) = doors.reports.open_ticket(ticket).unwrap_or_default();
    let told = Told::of(&doors.snapshots.borrow(), &doors.reports, component.as_ref(), region.as_ref(), at);
    Answer::of(told, taken == Taken::Counted, ticket)
}

#[derive(Debug, Deserialize)]
struct Answered {
    works: Works,
    #[serde(default)]
    frame: String,
    #[serde(default)]
    language: String,
}

/// `POST /reported/TICKET`: whether it works again.
async fn answered(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    form: Posted<Answered>,
) -> Result<Response, Problem> {
    let fields = fields(form)?;
    let whence = Whence::Address(client(&doors, peer, &headers));
    if !doors.reports.answer(&ticket, &whence, fields.works) {
        return Err(Problem::absent("this is no ticket of ours, or it has expired"));
    }
    if wants_json(&headers) {
        return Ok(Json(answer(&doors, Taken::HeardBefore, &ticket)).into_response());
    }
    let frame = if fields.frame.is_empty() { "" } else { "/frame" };
    let language = in_language(&doors, &fields.language, '&');
    Ok(Redirect::to(&format!("/reported/{ticket}{frame}?thanks=1{language}")).into_response())
}

/// The address of the client: the last one that was forwarded, when a proxy that we trust says so.
fn client(doors: &Doors, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let settings = &doors.snapshots.borrow().settings.reports;
    let is_proxy = |address: IpAddr| settings.proxies.iter().any(|range: &AddressRange| range.contains(address));
    if !is_proxy(peer.ip()) {
        return peer.ip();
    }
    let fields = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<IpAddr> =
        fields.flat_map(|field| field.split(',')).filter_map(|hop| hop.trim().parse().ok()).collect();
    hops.iter().rev().find(|hop| !is_proxy(**hop)).copied().unwrap_or_else(|| peer.ip())
}

fn read(fields: &Fields) -> Result<Word, Problem> {
    let name =
        |field: &str, text: &str| Name::new(text).map_err(|error| Problem::malformed(format!("{field}: {error}")));
    let said = |field: &str, text: &str| if text.is_empty() { Ok(None) } else { name(field, text).map(Some) };
    let (component, region) = (said("component", &fields.component)?, said("region", &fields.region)?);
    Ok(Word { category: name("category", &fields.category)?, component, region, version: None })
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kinds| kinds.contains("application/json"))
}
