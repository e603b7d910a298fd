//! Sessions: who asks. A token comes as `Authorization: Bearer`, in the cookie `encore_session`, or, for media only,
//! as `?token=`, because some players can send neither.

use std::time::SystemTime;

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use serde::Deserialize;

use super::{Shared, answer::ApiError};
use crate::token::LIFETIME;

const COOKIE: &str = "encore_session";

/// The user of a valid session. As an extractor it answers 401 without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) user: String,
}

impl FromRequestParts<Shared> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        of_token(app, token_in(&parts.headers))
    }
}

/// A session that may also come in the query.
pub(super) struct MediaSession;

#[derive(Deserialize)]
struct TokenInQuery {
    token: Option<String>,
}

impl FromRequestParts<Shared> for MediaSession {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, ApiError> {
        let in_query = Query::<TokenInQuery>::try_from_uri(&parts.uri).ok().and_then(|query| query.0.token);
        let token = in_query.as_deref().or_else(|| token_in(&parts.headers));
        of_token(app, token).map(|_| Self)
    }
}

fn of_token(app: &Shared, token: Option<&str>) -> Result<Session, ApiError> {
    let user = token.and_then(|token| app.signer.user_of(token, SystemTime::now()));
    user.map(|user| Session { user }).ok_or(ApiError::Unauthenticated)
}

fn token_in(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer.map(str::trim).or_else(|| cookie_in(headers))
}

fn cookie_in(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
    cookies.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

/// The cookie that carries a new session.
pub(super) fn opening_cookie(token: &str) -> HeaderValue {
    cookie(token, LIFETIME.as_secs())
}

/// The cookie that makes a browser forget its session.
pub(super) fn closing_cookie() -> HeaderValue {
    cookie("", 0)
}

fn cookie(value: &str, max_age_s: u64) -> HeaderValue {
    let text = format!("{COOKIE}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).expect("tokens are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_found_wherever_they_may_be() {
        let rows = [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "Basic abc", None),
            ("cookie", "a=b; encore_session=abc; c=d", Some("abc")),
            ("cookie", "encore_session=abc", Some("abc")),
            ("cookie", "xencore_session=abc", None),
            ("cookie", "; =;;", None),
        ];
        for (name, value, expected) in rows {
            let headers =
                HeaderMap::from_iter([(header::HeaderName::from_static(name), HeaderValue::from_static(value))]);
            assert_eq!(token_in(&headers), expected, "{name}: {value}");
        }
    }
}
