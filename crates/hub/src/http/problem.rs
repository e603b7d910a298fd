//! Refusals as `application/problem+json` (RFC 9457): what kind, and what exactly.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// A refusal. Only 4xx and 5xx: the constructors allow nothing else.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
}

#[derive(Serialize)]
struct Body<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    /// 400: it cannot be read.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: detail.into() }
    }

    /// 401: nobody knows who asks.
    pub(crate) fn unauthorised(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, detail: detail.into() }
    }

    /// 403: it comes from the wrong place.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::FORBIDDEN, detail: detail.into() }
    }

    /// 404: there is no such thing.
    pub(crate) fn absent(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, detail: detail.into() }
    }

    /// 405: the thing is there, the verb is not.
    pub(crate) fn wrong_method() -> Self {
        let detail = "this address does not take this method".into();
        Self { status: StatusCode::METHOD_NOT_ALLOWED, detail }
    }

    /// 408: it takes too long.
    pub(crate) fn late() -> Self {
        Self { status: StatusCode::REQUEST_TIMEOUT, detail: "the request took too long".into() }
    }

    /// 409: it makes no sense now.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, detail: detail.into() }
    }

    /// 413: it is too large.
    pub(crate) fn too_large(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, detail: detail.into() }
    }

    /// 422: it can be read, but cannot be.
    pub(crate) fn senseless(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, detail: detail.into() }
    }

    /// 503: the hub itself is in trouble.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Refused");
        let body = Body { title, status: self.status.as_u16(), detail: &self.detail };
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response
    }
}
