//! The web player: four files, compiled in, revalidated by ETag. No framework, and nothing fetched from elsewhere.

use axum::{
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::conditions::{Delivery, decide};
use crate::files::sha256_hex;

/// The page may load what comes from here, and nothing else may embed it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// `GET /`
pub(super) async fn page(method: Method, headers: HeaderMap) -> Response {
    asset("text/html; charset=utf-8", include_str!("../../assets/player.html"), &method, &headers)
}

/// `GET /player.css`
pub(super) async fn style(method: Method, headers: HeaderMap) -> Response {
    asset("text/css; charset=utf-8", include_str!("../../assets/player.css"), &method, &headers)
}

/// `GET /player.js`
pub(super) async fn script(method: Method, headers: HeaderMap) -> Response {
    asset("text/javascript; charset=utf-8", include_str!("../../assets/player.js"), &method, &headers)
}

/// `GET /favicon.svg`
pub(super) async fn icon(method: Method, headers: HeaderMap) -> Response {
    asset("image/svg+xml", include_str!("../../assets/favicon.svg"), &method, &headers)
}

fn asset(kind: &'static str, text: &'static str, method: &Method, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", &sha256_hex(text.as_bytes())[..32]);
    let unchanged = decide(method, headers, text.len() as u64, &etag) == Delivery::NotModified;
    let about = [
        (header::CONTENT_TYPE, kind),
        (header::ETAG, etag.as_str()),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    match unchanged {
        true => (StatusCode::NOT_MODIFIED, about).into_response(),
        false => (about, text).into_response(),
    }
}
