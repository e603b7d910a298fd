//! Answers with the headers that keep a page to itself.

use super::status::{File, Kind};
use askama::Template;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
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
    let headers = response.headers_mut();
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(D::CSP));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static(D::CACHE));
    response
}

/// A file as it is; what machines read may be read from any origin.
pub(crate) fn file(status: StatusCode, file: &File) -> Response {
    let mut response = (status, Body::from(file.body.clone())).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.kind.content_type()));
    if matches!(file.kind, Kind::Json | Kind::Atom | Kind::Rss | Kind::Calendar) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// A page drawn for this request.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    let html = page.render().expect("a template writes to memory, which does not fail");
    file(status, &File { kind: Kind::Html, body: html.into() })
}

/// A file built into the binary.
pub(crate) fn asset(kind: Kind, text: &'static str) -> Response {
    file(StatusCode::OK, &File { kind, body: text.into() })
}
