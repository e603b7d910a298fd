//! Looking around: tracks, albums, search. The catalogue is in memory; only search asks the database.

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};

use super::{Shared, answer::ApiError};
use crate::{catalogue, store::search as index};

/// Longer searches are refused, in characters.
const QUERY_CHARS_MAX: usize = 100;
/// Most titles that are suggested.
const SUGGESTIONS_MAX: usize = 5;

/// A track as clients see it.
#[derive(Serialize)]
pub(super) struct TrackView<'a> {
    id: &'a str,
    title: &'a str,
    artist: &'a str,
    album: &'a str,
    album_id: &'a str,
    number: Option<u32>,
    duration_s: f64,
    media: MediaView<'a>,
    /// Path of the cover.
    cover: String,
}

/// The file behind a track.
#[derive(Serialize)]
struct MediaView<'a> {
    /// Path to stream from.
    url: String,
    #[serde(rename = "type")]
    content_type: &'static str,
    bytes: u64,
    /// SHA-256 of the content, hexadecimal; also its ETag.
    sha256: &'a str,
}

/// An album with its tracks.
#[derive(Serialize)]
struct AlbumView<'a> {
    id: &'a str,
    title: &'a str,
    artist: &'a str,
    cover: String,
    tracks: Vec<TrackView<'a>>,
}

impl<'a> From<&'a catalogue::Track> for TrackView<'a> {
    fn from(track: &'a catalogue::Track) -> Self {
        let media = &track.media;
        Self {
            id: &track.id,
            title: &track.title,
            artist: &track.artist,
            album: &track.album,
            album_id: &track.album_id,
            number: track.number,
            duration_s: track.duration_ms as f64 / 1e3,
            media: MediaView {
                url: format!("/media/{}", media.name()),
                content_type: media.format.content_type(),
                bytes: media.bytes,
                sha256: &media.sha256,
            },
            cover: cover_of(track, &track.id),
        }
    }
}

/// Path of the picture that came with a track, or of one drawn for it. Albums of drawn covers share one.
fn cover_of(track: &catalogue::Track, id: &str) -> String {
    match track.picture.as_deref().and_then(|picture| picture.rsplit_once('.')) {
        Some((_, extension)) => format!("/covers/{id}.{extension}"),
        None => format!("/covers/{}.svg", track.album_id),
    }
}

/// `GET /api/tracks`
pub(super) async fn tracks(State(app): State<Shared>) -> Json<serde_json::Value> {
    let tracks: Vec<TrackView<'_>> = app.catalogue.tracks.iter().map(TrackView::from).collect();
    Json(serde_json::json!({ "tracks": tracks }))
}

/// `GET /api/tracks/{id}`
pub(super) async fn track(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let track = app.catalogue.track(&id).ok_or(ApiError::NotFound("track"))?;
    Ok(Json(serde_json::json!(TrackView::from(track))))
}

/// `GET /api/albums`
pub(super) async fn albums(State(app): State<Shared>) -> Json<serde_json::Value> {
    let albums: Vec<AlbumView<'_>> = app.catalogue.albums().filter_map(album_view).collect();
    Json(serde_json::json!({ "albums": albums }))
}

fn album_view(tracks: &[catalogue::Track]) -> Option<AlbumView<'_>> {
    let first = tracks.first()?;
    Some(AlbumView {
        id: &first.album_id,
        title: &first.album,
        artist: &first.artist,
        cover: cover_of(first, &first.album_id),
        tracks: tracks.iter().map(TrackView::from).collect(),
    })
}

#[derive(Deserialize)]
pub(super) struct SearchFor {
    q: String,
}

/// `GET /api/search?q=`: tracks whose title, artist or album contain every word.
pub(super) async fn search(
    State(app): State<Shared>,
    Query(SearchFor { q }): Query<SearchFor>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let ids = found(&app, &q).await?;
    let tracks: Vec<TrackView<'_>> = ids.iter().filter_map(|id| app.catalogue.track(id)).map(TrackView::from).collect();
    Ok(Json(serde_json::json!({ "query": q, "tracks": tracks })))
}

/// `GET /api/search/suggest?q=`: a few titles, while somebody is still typing.
pub(super) async fn suggest(
    State(app): State<Shared>,
    Query(SearchFor { q }): Query<SearchFor>,
) -> Result<Json<serde_json::Value>, ApiError> {
    let ids = found(&app, &q).await?;
    let titles = ids.iter().filter_map(|id| app.catalogue.track(id)).map(|track| &track.title);
    Ok(Json(serde_json::json!({ "query": q, "titles": titles.take(SUGGESTIONS_MAX).collect::<Vec<_>>() })))
}

/// The tracks that a text finds.
async fn found(app: &Shared, q: &str) -> Result<Vec<String>, ApiError> {
    if q.trim().is_empty() || q.chars().count() > QUERY_CHARS_MAX {
        return Err(ApiError::BadRequest(format!("Search for 1 to {QUERY_CHARS_MAX} characters.")));
    }
    let text = q.to_owned();
    Ok(app.database.run(move |connection| index::find(connection, &text)).await?)
}
