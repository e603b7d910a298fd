//! Who may come in at the console's address: whoever has the token, or, when there is none, whoever comes from
//! this machine.
//!
//! The token comes as `Authorization: Bearer TOKEN`, or from a browser as the password of any user name. Without
//! a token, the `Host` has to be an address of this machine or the console's own name: else any web page could
//! lead its readers' browsers here under a name of its own (DNS rebinding).

use super::problem::Problem;
use crate::base64;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Decides who comes in.
#[derive(Debug)]
pub(crate) struct Gate {
    token: Option<String>,
    /// The host of the console's own URL.
    own_host: String,
}

impl Gate {
    /// A gate for this token and this URL of the console.
    pub(crate) fn new(token: Option<String>, console_url: &str) -> Self {
        let authority = console_url.split_once("://").map_or(console_url, |(_, rest)| rest);
        let authority = authority.split('/').next().unwrap_or_default();
        Self { token, own_host: host_of(authority).to_owned() }
    }

    fn admits(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), &'static str> {
        match &self.token {
            Some(token) if presented(headers).is_some_and(|shown| same(&shown, token)) => Ok(()),
            Some(_) => Err("a token is needed: Authorization: Bearer TOKEN"),
            None if !peer.to_canonical().is_loopback() => {
                Err("no token is configured, so only requests from this machine are taken")
            }
            None if !self.knows_host(headers) => Err("the Host is not one of this machine's"),
            None => Ok(()),
        }
    }

    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).map_or("", host_of);
        let address = host.trim_start_matches('[').trim_end_matches(']');
        address.parse::<IpAddr>().is_ok() || host == "localhost" || host == self.own_host
    }
}

/// The middleware.
pub(crate) async fn admit(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    // A request without a peer comes from no socket of ours.
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let verdict = peer.map_or(Err("the peer is unknown"), |peer| gate.admits(peer, request.headers()));
    match verdict {
        Ok(()) => next.run(request).await,
        Err(why) => refuse(why, gate.token.is_some()),
    }
}

fn refuse(why: &str, with_token: bool) -> Response {
    let mut response = Problem::unauthorised(why).into_response();
    if with_token {
        let challenge = HeaderValue::from_static("Basic realm=\"Downbeat\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn presented(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().as_bytes().to_vec());
    }
    let pair = scheme.eq_ignore_ascii_case("basic").then(|| base64::decode(rest.trim())).flatten()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// Compares the hashes, all bytes of them: how long that takes says nothing about the token.
fn same(shown: &[u8], token: &str) -> bool {
    let (a, b) = (Sha256::digest(shown), Sha256::digest(token.as_bytes()));
    a.iter().zip(b.iter()).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str, host: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [(header::AUTHORIZATION, authorization), (header::HOST, host)] {
            if !value.is_empty() {
                headers.insert(name, HeaderValue::from_str(value).expect("a value"));
            }
        }
        headers
    }

    #[test]
    fn who_comes_in() {
        let (near, far) = ("127.0.0.1", "192.0.2.1");
        let table = [
            (None, near, "", "127.0.0.1:8080", true),
            (None, "::1", "", "[::1]:8080", true),
            (None, "::ffff:127.0.0.1", "", "localhost", true),
            (None, near, "", "console.example:8080", true),
            (None, near, "", "evil.example:8080", false),
            (None, near, "", "", false),
            (None, far, "", "127.0.0.1:8080", false),
            (None, far, "Bearer anything", "127.0.0.1:8080", false),
            (Some("sesame"), near, "", "127.0.0.1:8080", false),
            (Some("sesame"), far, "Bearer sesame", "hub", true),
            (Some("sesame"), far, "bearer sesame", "hub", true),
            (Some("sesame"), far, "Bearer sesam", "hub", false),
            (Some("sesame"), far, "Bearer", "hub", false),
            (Some("sesame"), far, "Basic YW5uYTpzZXNhbWU=", "hub", true),
            (Some("sesame"), far, "Basic YW5uYTp4eHh4eHg=", "hub", false),
            (Some("sesame"), far, "Basic !!!", "hub", false),
        ];
        for (token, peer, authorization, host, admitted) in table {
            let gate = Gate::new(token.map(String::from), "http://console.example:8080/");
            let verdict = gate.admits(peer.parse().expect("an address"), &headers(authorization, host));
            assert_eq!(verdict.is_ok(), admitted, "{token:?} {peer} {authorization:?} {host:?}: {verdict:?}");
        }
    }
}
