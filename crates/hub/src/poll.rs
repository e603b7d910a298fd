//! Asking others again and again, politely: only what is new (RFC 9110 conditions), seldom, less often after failures, with bounds on
//! time and size.

use crate::chance;
use crate::outbound::{NamedBy, Web, why};
use reqwest::header::{ETAG, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;

/// All of one request.
const WITHIN: Duration = Duration::from_secs(10);
/// Largest answer.
const BODY_MAX: usize = 2 * 1024 * 1024;
/// Longest pause, whatever failed how often, and whatever the server asks for, unless somebody is in more of a hurry.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// The pause doubles with each failure in a row, so many times at most.
const DOUBLINGS_MAX: u32 = 6;

/// One place that is asked again and again.
pub(crate) struct Poll<'s> {
    url: &'s str,
    every: Duration,
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
    failures: u32,
    /// What the server asked for last.
    wait: Duration,
    pause_max: Duration,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Body(Vec<u8>),
    /// Nothing has changed.
    Same,
}

impl<'s> Poll<'s> {
    pub(crate) fn new(url: &'s str, every: Duration) -> Self {
        Self { url, every, etag: None, modified: None, failures: 0, wait: Duration::ZERO, pause_max: PAUSE_MAX }
    }

    /// The longest pause, if that is not an hour.
    pub(crate) fn pausing_at_most(self, pause_max: Duration) -> Self {
        Self { pause_max, ..self }
    }

    /// Asks once.
    pub(crate) async fn ask(&mut self, web: &Web) -> Result<Came, String> {
        match tokio::time::timeout(WITHIN, self.request(web)).await {
            Ok(came) => came,
            Err(_) => Err(format!("no whole answer within {} s", WITHIN.as_secs())),
        }
    }

    async fn request(&mut self, web: &Web) -> Result<Came, String> {
        let request = web.request_text(Method::GET, self.url, NamedBy::Configuration);
        let mut request = request.map_err(|refusal| refusal.to_string())?;
        for (name, value) in [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.modified)] {
            request = value.iter().fold(request, |request, value| request.header(&name, HeaderValue::clone(value)));
        }
        let answer = request.send().await.map_err(|error| why(&error.without_url()))?;
        self.wait = retry_after(&answer);
        match answer.status() {
            StatusCode::NOT_MODIFIED => Ok(Came::Same),
            status if status.is_success() => {
                let (etag, modified) =
                    (answer.headers().get(ETAG).cloned(), answer.headers().get(LAST_MODIFIED).cloned());
                let body = read(answer).await?;
                (self.etag, self.modified) = (etag, modified);
                Ok(Came::Body(body))
            }
            status => Err(format!("it answered {status}")),
        }
    }

    /// Whether what came was of use: else it is asked less often, and for all of it.
    pub(crate) fn note(&mut self, is_good: bool) {
        self.failures = if is_good { 0 } else { self.failures.saturating_add(1) };
        if !is_good {
            (self.etag, self.modified) = (None, None);
        }
    }

    /// How long to wait before asking again; never in step with others.
    pub(crate) fn pause(&self) -> Duration {
        let doubled = self.every * 2_u32.pow(self.failures.min(DOUBLINGS_MAX));
        doubled.max(self.wait).min(self.pause_max.max(self.every)).mul_f64(1.0 + chance::random_share() / 10.0)
    }
}

fn retry_after(answer: &Response) -> Duration {
    let text = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    text.and_then(|text| text.parse().ok()).map_or(Duration::ZERO, Duration::from_secs)
}

async fn read(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| error.without_url().to_string())? {
        if body.len() + chunk.len() > BODY_MAX {
            return Err(format!("it sends more than {} MiB", BODY_MAX >> 20));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Tells once that somebody cannot be heard, and once that it can again.
pub(crate) struct Health<'n> {
    what: &'static str,
    name: &'n str,
    is_heard: bool,
}

impl<'n> Health<'n> {
    pub(crate) fn new(what: &'static str, name: &'n str) -> Self {
        Self { what, name, is_heard: true }
    }

    pub(crate) fn note(&mut self, trouble: Option<String>) {
        match (&trouble, self.is_heard) {
            (Some(why), true) => tracing::warn!(what = self.what, name = self.name, why, "it is not heard"),
            (None, false) => tracing::info!(what = self.what, name = self.name, "it is heard again"),
            _ => {}
        }
        self.is_heard = trouble.is_none();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_it_rarer_and_no_server_stops_it() {
        let mut poll = Poll::new("http://feed.example/", Duration::from_secs(60));
        let pause = |poll: &Poll<'_>| poll.pause().as_secs();
        assert!((60..=66).contains(&pause(&poll)));
        for _ in 0..3 {
            poll.note(false);
        }
        assert!((480..=528).contains(&pause(&poll)));
        poll.wait = Duration::from_secs(86_400);
        assert!((3_600..=3_960).contains(&pause(&poll)), "an hour at most");
        poll.wait = Duration::ZERO;
        poll.note(true);
        assert!((60..=66).contains(&pause(&poll)));
    }
}
