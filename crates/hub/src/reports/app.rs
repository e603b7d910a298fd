//! `POST /report/app`: an app's own report, signed by a key from the configuration, with its version and its session.
//!
//! The key is in every copy of the app, so whoever wants it has it: a signature keeps chance and scripts away, never a forger.
//! The caps by network and system are the same as for the form; a signed report is only spared the token.

use super::{Shown, Taken, Whence, Word, answer, client};
use crate::doors::Doors;
use crate::http::problem::Problem;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use downbeat_core::model::{Moment, Name};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::time::Duration;

/// Where the signature stands: `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
const SIGNATURE: &str = "x-downbeat-signature";
/// How far the app's clock may be off (F2): what was signed longer ago is somebody's recording.
const CLOCK_MAX: Duration = Duration::from_secs(300);
/// Longest name of a session.
const SESSION_MAX: usize = 128;

/// What an app tells.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AppReport {
    /// Milliseconds since 1970, by the app's clock.
    at_ms: u64,
    category: Name,
    #[serde(default)]
    component: Option<Name>,
    #[serde(default)]
    region: Option<Name>,
    #[serde(default)]
    version: Option<Name>,
    /// Whatever tells one user's session from another's; only its hash is kept, for some minutes.
    #[serde(default)]
    session: Option<String>,
}

pub(super) async fn report(
    State(doors): State<Doors>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let key = doors.snapshots.borrow().settings.reports.app_key.clone();
    let key = key.ok_or_else(|| Problem::absent("no key for apps is configured: [reports] app_key"))?;
    let mac =
        headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).and_then(|text| text.strip_prefix("sha256="));
    let mac = mac.and_then(|hex| super::seal::from_hex(hex, 32));
    let mac = mac.ok_or_else(|| Problem::unauthorised(format!("{SIGNATURE} has to be sha256= and 64 digits")))?;
    let expected = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes keys of any length");
    let verified = expected.chain_update(&body).verify_slice(&mac);
    verified.map_err(|_| Problem::unauthorised("the signature does not fit"))?;
    let told: AppReport = serde_json::from_slice(&body).map_err(|error| Problem::malformed(error.to_string()))?;
    if told.session.as_ref().is_some_and(|session| session.len() > SESSION_MAX) {
        return Err(Problem::malformed(format!("session: at most {SESSION_MAX} bytes")));
    }
    let (now, at) = (doors.clock.now(), Moment::from_millis(told.at_ms));
    if now.since(at).max(at.since(now)) > CLOCK_MAX {
        return Err(Problem::senseless("at_ms: more than five minutes off the hub's clock"));
    }
    let shown = Shown::Signed { id: hash(&mac), session: told.session.as_ref().map(|it| hash(it.as_bytes())) };
    let word = Word { category: told.category, component: told.component, region: told.region, version: told.version };
    let whence = Whence::Address(client(&doors, peer, &headers));
    let taken: Taken =
        doors.reports.take(&word, &whence, shown).map_err(|stranger| Problem::senseless(stranger.to_string()))?;
    let ticket = doors.reports.ticket(&word, &whence);
    Ok(Json(answer(&doors, taken, &ticket)).into_response())
}

fn hash(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash[..8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte))
}
