//! The journey of a listener: log in, load a playlist, stream at playing speed.
//!
//! It reads the media no faster than they would be heard, so that a stream that starts well and then starves is
//! seen as a listener hears it. Every wait is bounded by the probe's timeout; the step that failed names the
//! component.

use super::Trouble;
use super::http::failure;
use super::web::{Deadline, body, chunk, head, within};
use crate::outbound::{NamedBy, Web};
use downbeat_core::model::FailureKind;
use reqwest::{Method, RequestBuilder, Response, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::time::Duration;

/// So much of a JSON answer is read: five hundred tracks are some 300 KB.
const ANSWER_MAX: usize = 2 * 1024 * 1024;

/// Who listens to what, for how long.
pub(super) struct Listener<'a> {
    pub(super) root: &'a str,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
    pub(super) listen: Duration,
}

#[derive(Deserialize)]
struct Session {
    token: String,
}

#[derive(Deserialize)]
struct Playlists {
    playlists: Vec<PlaylistLine>,
}

#[derive(Deserialize)]
struct PlaylistLine {
    id: String,
}

#[derive(Deserialize)]
struct Playlist {
    tracks: Vec<Track>,
}

#[derive(Deserialize)]
struct Track {
    duration_s: f64,
    media: Media,
}

#[derive(Deserialize)]
struct Media {
    url: String,
    bytes: u64,
}

impl Track {
    /// Bytes that are heard in one second, at least one.
    fn bytes_per_second(&self) -> f64 {
        (self.media.bytes as f64 / self.duration_s.max(0.001)).max(1.0)
    }
}

/// Walks the whole way; `timeout` holds for each wait, not for all of them.
pub(super) async fn probe(web: &Web, listener: &Listener<'_>, timeout: Duration) -> Result<(), Trouble> {
    let walk = Walk { web, root: listener.root.trim_end_matches('/'), timeout };
    let token = walk.log_in(listener).await.map_err(|trouble| trouble.at_component("login"))?;
    let track = walk.find_track(&token).await.map_err(|trouble| trouble.at_component("playlists"))?;
    walk.play(&token, &track, listener.listen).await.map_err(|trouble| trouble.at_component("playback"))
}

struct Walk<'a> {
    web: &'a Web,
    root: &'a str,
    timeout: Duration,
}

impl Walk<'_> {
    async fn log_in(&self, listener: &Listener<'_>) -> Result<String, Trouble> {
        let credentials = json!({ "user": listener.user, "password": listener.password });
        let request = self.request(Method::POST, "/api/login")?.json(&credentials);
        Ok(self.json::<Session>("log in", request).await?.token)
    }

    async fn find_track(&self, token: &str) -> Result<Track, Trouble> {
        let list: Playlists = self.json("list playlists", self.get("/api/playlists", token)?).await?;
        let Some(first) = list.playlists.first() else { return Err(wrong("list playlists", "there is none")) };
        let path = format!("/api/playlists/{}", first.id);
        let playlist: Playlist = self.json("load playlist", self.get(&path, token)?).await?;
        playlist.tracks.into_iter().next().ok_or_else(|| wrong("load playlist", "it is empty"))
    }

    async fn play(&self, token: &str, track: &Track, listen: Duration) -> Result<(), Trouble> {
        const STEP: &str = "play";
        let started = tokio::time::Instant::now();
        let mut response = self.answer(STEP, self.get(&track.media.url, token)?, within(self.timeout)).await?;
        let speed = track.bytes_per_second();
        let wanted = ((speed * listen.as_secs_f64()) as u64).min(track.media.bytes);
        let mut heard = 0;
        while heard < wanted {
            match chunk(&mut response, within(self.timeout)).await.map_err(|trouble| at_step(trouble, STEP))? {
                Some(bytes) => heard += bytes.len() as u64,
                None => return Err(wrong(STEP, &format!("the music ended after {heard} of {wanted} bytes"))),
            }
            // No faster than it is heard: the next piece is asked for when this one has been played.
            tokio::time::sleep_until(started + Duration::from_secs_f64(heard.min(wanted) as f64 / speed)).await;
        }
        Ok(())
    }

    fn get(&self, path: &str, token: &str) -> Result<RequestBuilder, Trouble> {
        Ok(self.request(Method::GET, path)?.bearer_auth(token))
    }

    /// What an answer names as a path may be anything, and goes to this service with its token, or nowhere.
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, Trouble> {
        let root =
            Url::parse(self.root).map_err(|error| Trouble::Ours(format!("{:?} is no URL: {error}", self.root)))?;
        match Url::parse(&format!("{}{path}", self.root)) {
            Ok(url) if path.starts_with('/') && url.origin() == root.origin() => {
                Ok(self.web.request(method, url, NamedBy::Configuration)?)
            }
            _ => Err(wrong("follow a path", &format!("{path:?} leads out of the service"))),
        }
    }

    async fn json<T: DeserializeOwned>(&self, step: &str, request: RequestBuilder) -> Result<T, Trouble> {
        let deadline = within(self.timeout);
        let response = self.answer(step, request, deadline).await?;
        let bytes = body(response, ANSWER_MAX, deadline).await.map_err(|trouble| at_step(trouble, step))?;
        serde_json::from_slice(&bytes).map_err(|error| wrong(step, &error.to_string()))
    }

    async fn answer(&self, step: &str, request: RequestBuilder, deadline: Deadline) -> Result<Response, Trouble> {
        let response = head(request, deadline).await.map_err(|trouble| at_step(trouble, step))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(Trouble::theirs(failure(status), format!("{step}: it answered {status}"))),
        }
    }
}

fn wrong(step: &str, what: &str) -> Trouble {
    Trouble::theirs(FailureKind::Wrong, format!("{step}: {what}"))
}

fn at_step(trouble: Trouble, step: &str) -> Trouble {
    match trouble {
        Trouble::Theirs { failure, detail, component } => {
            Trouble::Theirs { failure, detail: format!("{step}: {detail}"), component }
        }
        Trouble::Ours(detail) => Trouble::Ours(format!("{step}: {detail}")),
    }
}
