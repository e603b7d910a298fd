//! Answers with the headers that keep a page to itself.

use super::status::Kind;
use askama::Template;
use axum::body::Bytes;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What all answers of a face have in common.
pub(crate) trait Door {
    /// The `Content-Security-Policy`.
    const CSP: &'static str;
    /// How long an answer may be kept, unless it says so itself.
    const CACHE: &'static str;
}

/// Adds the common headers, where an answer has not its own.
pub(crate) async fn guard<D: Door>(mut response: Response) -> Response {
    guard_headers::<D>(response.headers_mut());
    response
}

/// The same for headers that are made ready.
pub(crate) fn guard_headers<D: Door>(headers: &mut HeaderMap) {
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(D::CSP));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(D::CACHE));
}

/// What machines read may be read from any origin.
pub(crate) fn open_to_machines(headers: &mut HeaderMap, kind: Kind) {
    if matches!(kind, Kind::Json | Kind::Atom | Kind::Rss | Kind::Calendar) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

fn file(status: StatusCode, kind: Kind, body: Bytes) -> Response {
    (status, [(CONTENT_TYPE, kind.content_type())], body).into_response()
}

/// A page drawn for this request.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().expect("a template writes to memory, which does not fail");
    file(status, Kind::Html, html.into())
}

/// A file built into the binary.
pub(crate) fn asset(kind: Kind, text: &'static str) -> Response {
    file(StatusCode::OK, kind, text.into())
}
