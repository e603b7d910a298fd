//! Web push (RFC 8030): a message to a browser, by the push service that the browser chose.
//!
//! The service learns where a message goes and how urgent it is; what it says is for the browser alone ([`seal`]), and who sends it
//! is proven to the service by a key of the hub's own ([`vapid`]).

pub(crate) mod seal;
pub(crate) mod vapid;

use super::post::{Refused, is_passing};
use crate::outbound::{NamedBy, Web, why};
use downbeat_core::model::Moment;
use reqwest::{Method, StatusCode, Url};
use seal::Keys;
use std::time::Duration;
use vapid::Vapid;

/// How long one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a service keeps a message for a browser that is not there: who comes back later looks at the page.
const KEPT_SECONDS: u32 = 24 * 3_600;

/// A message to one browser.
#[derive(Debug)]
pub(crate) struct Push<'a> {
    /// Where its service takes it.
    pub(crate) endpoint: &'a str,
    /// Who can read it.
    pub(crate) keys: &'a Keys,
    /// A later message of the same topic takes the place of one that the browser has not got yet.
    pub(crate) topic: &'a str,
    /// Whether a device that saves its battery is woken.
    pub(crate) urgency: Urgency,
    /// What it says.
    pub(crate) text: Vec<u8>,
}

/// How urgent it is (RFC 8030, 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Something goes wrong now.
    High,
    /// All else.
    Normal,
}

impl Urgency {
    const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
        }
    }
}

/// Makes one attempt.
pub(crate) async fn attempt(web: &Web, vapid: &Vapid, now: Moment, push: Push<'_>) -> Result<(), Refused> {
    let for_good = |why: String| Refused::ForGood(why);
    let url = Url::parse(push.endpoint).map_err(|error| for_good(error.to_string()))?;
    let audience = url.origin().ascii_serialization();
    let body = seal::seal(&push.text, push.keys).map_err(|error| for_good(error.to_string()))?;
    let request =
        web.request(Method::POST, url, NamedBy::Subscriber).map_err(|refusal| for_good(refusal.to_string()))?;
    let request = request
        .timeout(ATTEMPT_TIMEOUT)
        .header("ttl", KEPT_SECONDS)
        .header("urgency", push.urgency.word())
        .header("topic", push.topic)
        .header("content-type", "application/octet-stream")
        .header("content-encoding", "aes128gcm")
        .header("authorization", vapid.authorization(&audience, now));
    let answer = request.body(body).send().await.map_err(|error| Refused::ForNow(why(&error.without_url())))?;
    match answer.status() {
        status if status.is_success() => Ok(()),
        // RFC 8030, 7.3: the subscription has ended, and nothing will ever be taken for it again.
        status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => Err(Refused::Gone(format!("it answered {status}"))),
        status if is_passing(status) => Err(Refused::ForNow(format!("it answered {status}"))),
        status => Err(Refused::ForGood(format!("it answered {status}"))),
    }
}
