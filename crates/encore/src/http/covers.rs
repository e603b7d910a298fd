//! Covers: the picture that came with the music, or one drawn for it.

use std::path::PathBuf;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::{
    Shared,
    answer::ApiError,
    artwork,
    conditions::{Delivery, decide},
};
use crate::{
    catalogue::{Track, covers_folder},
    files::sha256_hex,
};

const FOR_A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// A picture is looked at, never run.
const NO_SCRIPTS: HeaderValue = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");

/// `GET /covers/{track or album id}.{svg or jpg or png}`
pub(super) async fn cover(
    State(app): State<Shared>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (id, extension) = name.rsplit_once('.').ok_or(ApiError::NotFound("cover"))?;
    let (kind, picture) = match extension {
        "svg" => ("image/svg+xml", draw(&app, id)?.into_bytes()),
        "jpg" => ("image/jpeg", embedded(&app, id, extension).await?),
        "png" => ("image/png", embedded(&app, id, extension).await?),
        _ => return Err(ApiError::NotFound("cover")),
    };
    Ok(picture_answer(kind, picture, &method, &headers))
}

fn picture_answer(kind: &'static str, picture: Vec<u8>, method: &Method, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", sha256_hex(&picture));
    let unchanged = decide(method, headers, picture.len() as u64, &etag) == Delivery::NotModified;
    let mut answer = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { picture.into_response() };
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ETAG, HeaderValue::try_from(etag).expect("a hash is visible ASCII"));
    headers.insert(header::CACHE_CONTROL, FOR_A_DAY);
    headers.insert(header::CONTENT_SECURITY_POLICY, NO_SCRIPTS);
    answer
}

fn draw(app: &Shared, id: &str) -> Result<String, ApiError> {
    if let Some(track) = app.catalogue.track(id) {
        return Ok(artwork::draw(id, &track.title, &track.artist));
    }
    let album = app.catalogue.album(id).ok_or(ApiError::NotFound("cover"))?;
    Ok(artwork::draw(id, &album.album, &album.artist))
}

async fn embedded(app: &Shared, id: &str, extension: &str) -> Result<Vec<u8>, ApiError> {
    let track = app.catalogue.track(id).or_else(|| app.catalogue.album(id)).ok_or(ApiError::NotFound("cover"))?;
    let path = picture_path(app, track).filter(|path| path.extension().is_some_and(|e| e == extension));
    let path = path.ok_or(ApiError::NotFound("cover"))?;
    tokio::fs::read(&path).await.map_err(|error| {
        tracing::error!(event = "cover_missing", path = %path.display(), %error);
        ApiError::NotFound("cover on this replica")
    })
}

fn picture_path(app: &Shared, track: &Track) -> Option<PathBuf> {
    track.picture.as_ref().map(|picture| covers_folder(&app.data).join(picture))
}
