//! What is answered to which request.
//!
//! Every answer passes through [`observe`], which names the replica in it, counts it, logs it, and sees to it that
//! errors speak JSON. Handlers only know their own subject.

mod answer;
mod artwork;
mod browse;
mod conditions;
mod covers;
mod health;
mod login;
mod media;
mod observe;
mod player;
mod playlists;
mod session;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use crate::server::App;
use answer::ApiError;

/// What handlers share.
type Shared = Arc<App>;

/// Larger request bodies are refused.
const BODY_BYTES_MAX: usize = 64 << 10;

/// All routes of a replica.
pub(crate) fn router(app: Shared) -> Router {
    Router::new()
        .route("/", get(player::page))
        .route("/player.css", get(player::style))
        .route("/player.js", get(player::script))
        .route("/favicon.svg", get(player::icon))
        .route("/healthz", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/api/login", post(login::log_in))
        .route("/api/logout", post(login::log_out))
        .route("/api/signup", post(login::sign_up))
        .route("/api/me", get(login::me))
        .route("/api/tracks", get(browse::tracks))
        .route("/api/tracks/{id}", get(browse::track))
        .route("/api/albums", get(browse::albums))
        .route("/api/search", get(browse::search))
        .route("/api/search/suggest", get(browse::suggest))
        .route("/api/playlists", get(playlists::list).post(playlists::create))
        .route("/api/playlists/{id}", get(playlists::get).put(playlists::replace).delete(playlists::delete))
        .route("/media/{name}", get(media::media))
        .route("/covers/{name}", get(covers::cover))
        .fallback(async || ApiError::NotFound("page"))
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(Arc::clone(&app), observe::observe))
        .with_state(app)
}
