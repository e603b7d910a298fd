//! Errors as answers: a status, a code for programs, a sentence for people. What only the operator should know
//! goes to the log instead.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{gate::Overloaded, password::PasswordError, store::StoreError};

/// When to come back after an overload, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Everything that can be wrong with a request, or with us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The request makes no sense; the text says why.
    BadRequest(String),
    /// No session, or one that is not valid.
    Unauthenticated,
    /// User or password are wrong; which of them is not said.
    WrongPassword,
    /// The path names nothing; the word says what kind of thing was looked for.
    NotFound(&'static str),
    /// The path exists, but not for this method.
    MethodNotAllowed,
    /// What should be made is there already, or may not be made; code and sentence.
    Conflict(&'static str, &'static str),
    /// Too much to do right now.
    Overloaded(Overloaded),
    /// The answer took too long.
    TimedOut,
    /// Our fault; the log knows more.
    Internal,
    /// Refused by the HTTP layer with its own words.
    Other(StatusCode, String),
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    message: &'a str,
}

impl ApiError {
    fn parts(&self) -> (StatusCode, &str, String) {
        match self {
            Self::BadRequest(why) => (StatusCode::BAD_REQUEST, "bad_request", why.clone()),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "Please log in.".into()),
            Self::WrongPassword => (StatusCode::UNAUTHORIZED, "wrong_password", "Wrong user or password.".into()),
            Self::NotFound(what) => (StatusCode::NOT_FOUND, "not_found", format!("There is no such {what}.")),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "This path does not take this method.".into())
            }
            Self::Conflict(code, why) => (StatusCode::CONFLICT, code, (*why).into()),
            Self::Overloaded(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, "overloaded", format!("Too much to do right now: {why}."))
            }
            Self::TimedOut => (StatusCode::SERVICE_UNAVAILABLE, "timed_out", "This took too long.".into()),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Something broke on our side.".into()),
            Self::Other(status, why) => (*status, code_of(*status), why.clone()),
        }
    }
}

fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "body_too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "not_json",
        StatusCode::UNPROCESSABLE_ENTITY => "wrong_shape",
        StatusCode::PRECONDITION_FAILED => "other_version",
        StatusCode::RANGE_NOT_SATISFIABLE => "no_such_range",
        status if status.is_server_error() => "internal",
        _ => "bad_request",
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, error, message) = self.parts();
        let mut response = (status, Json(ErrorBody { error, message: &message })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Overloaded(_) | Self::TimedOut => headers.insert(header::RETRY_AFTER, RETRY_AFTER),
            Self::Unauthenticated => headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            _ => None,
        };
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded(why) => Self::Overloaded(why),
            error => internal(&error),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Overloaded(why) => Self::Overloaded(why),
            error => internal(&error),
        }
    }
}

/// Logs what went wrong and answers that something did.
pub(super) fn internal(error: &dyn std::error::Error) -> ApiError {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let chain = causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    tracing::error!(event = "failed", error = chain);
    ApiError::Internal
}
