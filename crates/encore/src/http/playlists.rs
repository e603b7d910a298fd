//! Playlists of the session's user: list, read, create, replace, delete.

use std::str::FromStr;

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequestParts, Path, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    answer::{ApiError, internal},
    browse::TrackView,
    session::Session,
};
use crate::{
    files::{hex, sha256_hex, short_id},
    store::{
        IdempotencyKey, Request,
        playlists::{self as store, Playlist, Summary, WriteAnswer, WriteRefusal},
    },
};

/// Longer names are refused, in characters.
const NAME_CHARS_MAX: usize = 100;

/// A playlist holds at most this many tracks.
const TRACKS_MAX: usize = 500;

/// A playlist as clients write it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Draft {
    name: String,
    /// Ids of tracks, in order.
    #[serde(default)]
    tracks: Vec<String>,
}

/// A playlist as clients read it.
#[derive(Serialize)]
struct PlaylistView<'a> {
    id: &'a str,
    name: &'a str,
    tracks: Vec<TrackView<'a>>,
}

/// `GET /api/playlists`
pub(super) async fn list(State(app): State<Shared>, session: Session) -> Result<Json<serde_json::Value>, ApiError> {
    let mut playlists = app.database.run(move |connection| store::list(connection, &session.user)).await?;
    if app.defects.playlists_are_empty() {
        playlists.iter_mut().for_each(|playlist: &mut Summary| playlist.track_count = 0);
    }
    Ok(Json(serde_json::json!({ "playlists": playlists })))
}

/// `GET /api/playlists/{id}`
pub(super) async fn get(
    State(app): State<Shared>,
    session: Session,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let found = app.database.run(move |connection| store::get(connection, &session.user, &id)).await?;
    let playlist = found.ok_or(ApiError::NotFound("playlist"))?;
    Ok(Json(serde_json::json!(view(&app, &playlist))))
}

/// `POST /api/playlists`
pub(super) async fn create(State(app): State<Shared>, writer: Writer, body: Bytes) -> Result<Response, ApiError> {
    let draft = draft(&app, &body)?;
    let request = writer.request(&body);
    let playlist = Playlist { id: new_id(&request)?, name: draft.name, tracks: draft.tracks };
    let answer = app.database.run(move |connection| store::create(connection, &request, playlist)).await?;
    respond(&app, answer)
}

/// `PUT /api/playlists/{id}`
pub(super) async fn replace(
    State(app): State<Shared>,
    Path(id): Path<String>,
    writer: Writer,
    body: Bytes,
) -> Result<Response, ApiError> {
    let draft = draft(&app, &body)?;
    let request = writer.request(&body);
    let playlist = Playlist { id, name: draft.name, tracks: draft.tracks };
    let answer = app.database.run(move |connection| store::replace(connection, &request, playlist)).await?;
    respond(&app, answer)
}

/// `DELETE /api/playlists/{id}`
pub(super) async fn delete(
    State(app): State<Shared>,
    Path(id): Path<String>,
    writer: Writer,
) -> Result<Response, ApiError> {
    let request = writer.request(&[]);
    let answer = app.database.run(move |connection| store::delete(connection, &request, id)).await?;
    respond(&app, answer)
}

/// Who writes, what in general terms, and under which idempotency key.
pub(super) struct Writer {
    session: Session,
    key: Option<IdempotencyKey>,
    method: Method,
    path: String,
}

impl FromRequestParts<Shared> for Writer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let session = Session::from_request_parts(parts, app).await?;
        let key = parts.headers.get("idempotency-key").map(parse_key).transpose()?;
        let json = parts.headers.get(header::CONTENT_TYPE).is_some_and(is_json);
        if parts.method != Method::DELETE && !json {
            let why = "Send a JSON body, with content-type application/json.";
            return Err(ApiError::Other(StatusCode::UNSUPPORTED_MEDIA_TYPE, why.into()));
        }
        Ok(Self { session, key, method: parts.method.clone(), path: parts.uri.path().to_owned() })
    }
}

impl Writer {
    fn request(self, body: &[u8]) -> Request {
        let fingerprint = short_id(&[self.method.as_str(), &self.path, &sha256_hex(body)]);
        Request { user: self.session.user, key: self.key, fingerprint }
    }
}

fn parse_key(value: &HeaderValue) -> Result<IdempotencyKey, ApiError> {
    const RULE: &str = "An idempotency key has 1 to 64 visible ASCII characters.";
    value.to_str().ok().and_then(IdempotencyKey::new).ok_or_else(|| ApiError::BadRequest(RULE.into()))
}

/// Requiring this type keeps other sites' forms out: they cannot send it without asking first.
fn is_json(value: &HeaderValue) -> bool {
    let kind = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

/// Reads and checks what a client wants to have written.
fn draft(app: &Shared, body: &[u8]) -> Result<Draft, ApiError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let mut draft = Draft::from_str(text)?;
    draft.name = draft.name.trim().to_owned();
    let chars = draft.name.chars().count();
    if !(1..=NAME_CHARS_MAX).contains(&chars) || draft.name.chars().any(char::is_control) {
        return Err(ApiError::BadRequest(format!("A playlist's name has 1 to {NAME_CHARS_MAX} characters.")));
    }
    if draft.tracks.len() > TRACKS_MAX {
        return Err(ApiError::BadRequest(format!("A playlist has at most {TRACKS_MAX} tracks.")));
    }
    match draft.tracks.iter().find(|id| app.catalogue.track(id).is_none()) {
        Some(unknown) => Err(ApiError::BadRequest(format!("There is no track {:.20}.", unknown))),
        None => Ok(draft),
    }
}

impl FromStr for Draft {
    type Err = ApiError;

    fn from_str(text: &str) -> Result<Self, ApiError> {
        serde_json::from_str(text).map_err(|error| {
            let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
            ApiError::Other(status, format!("A playlist is {{\"name\": ..., \"tracks\": [ids]}}: {error}."))
        })
    }
}

fn new_id(request: &Request) -> Result<String, ApiError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| internal(&error))?;
    Ok(short_id(&["playlist", &request.user, &hex(&random)]))
}

fn respond(app: &Shared, answer: WriteAnswer) -> Result<Response, ApiError> {
    match answer {
        WriteAnswer::Created(playlist) => {
            let location = [(header::LOCATION, format!("/api/playlists/{}", playlist.id))];
            Ok((StatusCode::CREATED, location, Json(view(app, &playlist))).into_response())
        }
        WriteAnswer::Replaced(playlist) => Ok(Json(view(app, &playlist)).into_response()),
        WriteAnswer::Deleted(id) => Ok(Json(serde_json::json!({ "deleted": id })).into_response()),
        WriteAnswer::Refused(refusal) => Err(refused(refusal)),
    }
}

fn refused(refusal: WriteRefusal) -> ApiError {
    match refusal {
        WriteRefusal::NoSuchPlaylist => ApiError::NotFound("playlist"),
        WriteRefusal::TooManyPlaylists => ApiError::Conflict("too_many", "You have as many playlists as one may."),
        WriteRefusal::NoSuchUser => ApiError::Unauthenticated,
        WriteRefusal::KeyReused => {
            ApiError::Conflict("key_reused", "This idempotency key was used for another request.")
        }
    }
}

/// Tracks that are no longer in the catalogue are left out.
fn view<'a>(app: &'a Shared, playlist: &'a Playlist) -> PlaylistView<'a> {
    let known = playlist.tracks.iter().filter_map(|id| app.catalogue.track(id)).map(TrackView::from);
    let tracks = if app.defects.playlists_are_empty() { Vec::new() } else { known.collect() };
    PlaylistView { id: &playlist.id, name: &playlist.name, tracks }
}
