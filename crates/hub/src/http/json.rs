//! JSON bodies in: bounded by the route's limit, refused with the place of the fault.

use super::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

/// A body read as JSON, whatever its content type says; see [`super::origin`] for why the type matters elsewhere.
#[derive(Debug)]
pub(crate) struct FromJson<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for FromJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| {
            let detail = refused.body_text();
            match refused.into_response().status() {
                StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(detail),
                _ => Problem::malformed(detail),
            }
        })?;
        parse(&bytes).map(Self)
    }
}

/// Reads JSON; serde's words name the line and the column.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::malformed(error.to_string()))
}
