//! As much of Encore's interface as its listeners need.

use crate::http::{Ask, CallError, Caller};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// Where the log-in is.
pub(crate) const LOGIN: &str = "/api/login";

/// The answer to a log-in.
#[derive(Debug, Deserialize)]
struct Session {
    token: String,
}

/// The user's playlists.
#[derive(Debug, Deserialize)]
struct Playlists {
    playlists: Vec<Summary>,
}

/// One playlist without its tracks.
#[derive(Debug, Deserialize)]
struct Summary {
    id: String,
}

/// One playlist.
#[derive(Debug, Deserialize)]
pub(crate) struct Playlist {
    /// In playing order.
    pub(crate) tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Track {
    duration_s: f64,
    /// Where its music is.
    pub(crate) media: Media,
    /// Where its cover is.
    pub(crate) cover: String,
}

impl Track {
    /// How long it plays.
    pub(crate) fn duration(&self) -> Duration {
        Duration::try_from_secs_f64(self.duration_s).unwrap_or_default()
    }
}

/// The music of a track.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Media {
    /// Its path.
    pub(crate) url: String,
    /// Its length.
    pub(crate) bytes: u64,
}

/// The question that logs in.
pub(crate) fn login(user: &str, password: &str) -> Ask {
    Ask::post(LOGIN, &json!({ "user": user, "password": password }))
}

/// Logs in.
pub(crate) async fn log_in(caller: &mut Caller, user: &str, password: &str) -> Result<String, CallError> {
    let session: Session = caller.json(&login(user, password)).await?;
    Ok(session.token)
}

/// Names of the user's playlists.
pub(crate) async fn playlists(caller: &mut Caller, token: &str) -> Result<Vec<String>, CallError> {
    let all: Playlists = caller.json(&Ask::get("/api/playlists").by(token)).await?;
    Ok(all.playlists.into_iter().map(|p| p.id).collect())
}

/// One playlist with its tracks.
pub(crate) async fn playlist(caller: &mut Caller, token: &str, id: &str) -> Result<Playlist, CallError> {
    caller.json(&Ask::get(format!("/api/playlists/{id}")).by(token)).await
}
