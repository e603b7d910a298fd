//! Logging in and out, signing up, and asking who one is.

use std::time::SystemTime;

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    Shared,
    answer::ApiError,
    session::{self, Session},
};
use crate::{
    metrics::LoginOutcome,
    password::Verdict,
    store::accounts::{self, SignUp, UserName},
};

/// Passwords are this long, in bytes. Longer ones only cost time.
const PASSWORD_BYTES: std::ops::RangeInclusive<usize> = 4..=128;

#[derive(Deserialize)]
pub(super) struct Credentials {
    user: String,
    password: String,
}

#[derive(Serialize)]
struct Opened<'a> {
    token: &'a str,
    user: &'a str,
}

/// `POST /api/login`: a session for the right password.
pub(super) async fn log_in(
    State(app): State<Shared>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, ApiError> {
    let checked = check(&app, credentials).await;
    app.metrics.login(match &checked {
        Ok(_) => LoginOutcome::Accepted,
        Err(ApiError::WrongPassword) => LoginOutcome::Refused,
        Err(_) => LoginOutcome::Failed,
    });
    Ok(open_session(&app, &checked?, StatusCode::OK))
}

async fn check(app: &Shared, credentials: Credentials) -> Result<UserName, ApiError> {
    if app.defects.login_fails() {
        return Err(ApiError::Internal);
    }
    let Credentials { user, password } = credentials;
    if password.len() > *PASSWORD_BYTES.end() {
        return Err(ApiError::WrongPassword);
    }
    let user = UserName::new(&user).ok_or(ApiError::WrongPassword)?;
    let name = user.clone();
    let stored = app.database.run(move |connection| accounts::password_of(connection, name.as_str())).await?;
    match app.passwords.check(password, stored).await? {
        Verdict::Right => Ok(user),
        Verdict::Wrong => Err(ApiError::WrongPassword),
    }
}

fn open_session(app: &Shared, user: &UserName, status: StatusCode) -> Response {
    let token = app.signer.sign(user.as_str(), SystemTime::now());
    let cookie = [(header::SET_COOKIE, session::opening_cookie(&token))];
    (status, cookie, Json(Opened { token: &token, user: user.as_str() })).into_response()
}

/// `POST /api/signup`: a new account, and a session for it.
pub(super) async fn sign_up(
    State(app): State<Shared>,
    Json(credentials): Json<Credentials>,
) -> Result<Response, ApiError> {
    const NAME_RULE: &str = "A user name has 1 to 32 of a-z, 0-9, - and _.";
    let user = UserName::new(&credentials.user).ok_or_else(|| ApiError::BadRequest(NAME_RULE.into()))?;
    if !PASSWORD_BYTES.contains(&credentials.password.len()) {
        return Err(ApiError::BadRequest("A password has 4 to 128 bytes.".into()));
    }
    let hash = app.passwords.hash(credentials.password).await?;
    let name = user.clone();
    match app.database.run(move |connection| accounts::add(connection, &name, &hash)).await? {
        SignUp::Done => Ok(open_session(&app, &user, StatusCode::CREATED)),
        SignUp::NameTaken => Err(ApiError::Conflict("name_taken", "Somebody has this name already.")),
    }
}

/// `POST /api/logout`: the browser forgets its session. The token itself stays valid until it expires: replicas keep
/// no list of sessions.
pub(super) async fn log_out() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, session::closing_cookie())])
}

/// `GET /api/me`: whose session this is.
pub(super) async fn me(session: Session) -> impl IntoResponse {
    Json(serde_json::json!({ "user": session.user }))
}
