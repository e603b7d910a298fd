//! One attempt to hand a message over by POST, and what its failure means.

use crate::outbound::{NamedBy, Web, why};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use sha2::Sha256;
use std::time::Duration;

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why an attempt did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Perhaps later: nobody answered, or the receiver is in trouble.
    ForNow(String),
    /// The receiver does not want this message.
    ForGood(String),
    /// There is no such receiver any more.
    Gone(String),
}

/// A message by POST.
#[derive(Debug)]
pub(crate) struct Post<'a> {
    /// Where to.
    pub(crate) url: &'a str,
    /// Who named the place.
    pub(crate) by: NamedBy,
    /// The key by which a receiver drops repeats.
    pub(crate) key: String,
    /// JSON.
    pub(crate) body: Vec<u8>,
    /// Proves who sends it.
    pub(crate) proof: Proof<'a>,
}

/// How a message proves who sends it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof<'a> {
    /// By the address it goes to, which is secret.
    Address,
    /// `X-Downbeat-Signature`: by an HMAC-SHA256 of the body with this secret.
    Signature(&'a str),
    /// `Authorization: Bearer`, with this token.
    Bearer(&'a str),
}

/// Makes one attempt.
pub(crate) async fn attempt(web: &Web, post: Post<'_>) -> Result<(), Refused> {
    let request = web.request_text(Method::POST, post.url, post.by);
    let request = request
        .map_err(|refusal| Refused::ForGood(refusal.to_string()))?
        .timeout(ATTEMPT_TIMEOUT)
        .header("content-type", "application/json")
        .header("idempotency-key", post.key);
    let request = match post.proof {
        Proof::Address => request,
        Proof::Signature(secret) => request.header("x-downbeat-signature", signature(secret, &post.body)),
        Proof::Bearer(token) => request.bearer_auth(token),
    };
    let answer = request.body(post.body).send().await.map_err(|error| Refused::ForNow(why(&error.without_url())))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        status if is_passing(status) => Err(Refused::ForNow(format!("it answered {status}"))),
        status => Err(Refused::ForGood(format!("it answered {status}"))),
    }
}

/// Server errors, time-outs and rate limits pass; any other refusal would be repeated for ever.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
}

/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal.
fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_rfc_4231() {
        // Test case 2 of RFC 4231.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn what_passes_and_what_does_not() {
        for (status, passing) in
            [(500, true), (503, true), (429, true), (408, true), (400, false), (410, false), (302, false)]
        {
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(is_passing(status), passing, "{status}");
        }
    }
}
