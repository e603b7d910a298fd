//! One HTTP request with conditions on the answer.

use super::Trouble;
use super::condition::{Condition, Seen};
use super::cookies::Cookies;
use super::template::escaped;
use super::veil::Veil;
use super::web::{Deadline, body, head, within};
use crate::outbound::{NamedBy, Web};
use crate::settings::{HttpMethod, HttpTask, Payload};
use downbeat_core::model::FailureKind;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderMap, LOCATION};
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde_json::Value;
use std::time::{Duration, SystemTime};

/// So much of a body is searched.
const TEXT_MAX: usize = 64 * 1024;
/// So much of a body is read as JSON, which has to be whole.
const JSON_MAX: usize = 1024 * 1024;

/// Makes the request, follows so many redirects, and asks all conditions.
pub(super) async fn probe(web: &Web, task: &HttpTask, timeout: Duration) -> Result<(), Trouble> {
    let answer = fetch(web, task, &mut Cookies::default(), false, within(timeout)).await?;
    answer.judge(task, &Veil::default())
}

/// An answer with a right status.
pub(super) struct Answer {
    /// Where it came from in the end.
    pub(super) url: Url,
    headers: HeaderMap,
    bytes: Vec<u8>,
    json: Result<Value, String>,
}

impl Answer {
    /// What conditions and captures look at.
    pub(super) fn seen<'a>(&'a self, veil: &'a Veil) -> Seen<'a> {
        Seen { headers: &self.headers, body: String::from_utf8_lossy(&self.bytes), json: &self.json, veil }
    }

    /// Asks all conditions.
    pub(super) fn judge(&self, task: &HttpTask, veil: &Veil) -> Result<(), Trouble> {
        let seen = self.seen(veil);
        let judged = task.expect.iter().try_for_each(|condition| condition.judge(&seen));
        judged.map_err(|why| Trouble::theirs(FailureKind::Wrong, why))
    }
}

/// The answer to a request, with the cookies of a walk; `reads_json` when somebody besides the conditions wants to.
pub(super) async fn fetch(
    web: &Web,
    task: &HttpTask,
    cookies: &mut Cookies,
    reads_json: bool,
    deadline: Deadline,
) -> Result<Answer, Trouble> {
    let start = parse(&task.url)?;
    let (response, url) = Caller { web, cookies, home: &start }.follow(task, deadline).await?;
    judge_status(response.status(), task)?;
    let headers = response.headers().clone();
    let reads_json = reads_json || task.expect.iter().any(Condition::reads_json);
    let bytes = body(response, if reads_json { JSON_MAX } else { TEXT_MAX }, deadline).await?;
    let json = match bytes.len() {
        _ if !reads_json => Err("nobody asked for it".into()),
        JSON_MAX => Err(format!("more than {} MiB are not read as JSON", JSON_MAX >> 20)),
        _ => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
    };
    Ok(Answer { url, headers, bytes, json })
}

fn parse(url: &str) -> Result<Url, Trouble> {
    Url::parse(url).map_err(|error| Trouble::Ours(format!("{url:?} is no URL: {error}")))
}

/// Who asks, with what is told to one place alone.
pub(super) struct Caller<'a> {
    pub(super) web: &'a Web,
    pub(super) cookies: &'a mut Cookies,
    /// The place that the configuration means: fields, bodies and cookies are told to no other, for they may be credentials.
    pub(super) home: &'a Url,
}

/// Where the next request goes.
struct Hop {
    method: Method,
    url: Url,
    by: NamedBy,
}

impl Caller<'_> {
    /// The answer in the end, and where it came from.
    pub(super) async fn follow(&mut self, task: &HttpTask, deadline: Deadline) -> Result<(Response, Url), Trouble> {
        let url = parse(&task.url)?;
        let mut hop = Hop { method: method(task.method), by: self.named_by(&url), url };
        for left in (0..=task.redirects).rev() {
            let response = head(self.request(task, &hop)?, deadline).await?;
            if hop.by == NamedBy::Configuration {
                // Cookies are dated by the wall clock, as certificates are.
                self.cookies.keep(&hop.url, response.headers(), SystemTime::now());
            }
            if task.redirects == 0 || !is_redirect(response.status()) {
                return Ok((response, hop.url));
            }
            if left > 0 {
                hop = self.next(&hop, &response)?;
            }
        }
        let what = format!("more than {} redirects, the last to {}", task.redirects, hop.url);
        Err(Trouble::theirs(FailureKind::Wrong, what))
    }

    /// What leads elsewhere was named by an answer, and has no more leave than that.
    fn named_by(&self, url: &Url) -> NamedBy {
        if url.origin() == self.home.origin() { NamedBy::Configuration } else { NamedBy::Answer }
    }

    fn request(&self, task: &HttpTask, hop: &Hop) -> Result<RequestBuilder, Trouble> {
        let mut request = self.web.request(hop.method.clone(), hop.url.clone(), hop.by)?;
        if hop.by != NamedBy::Configuration {
            return Ok(request);
        }
        if let Some(cookies) = self.cookies.field(&hop.url) {
            request = request.header(COOKIE, cookies);
        }
        let carries_body = !matches!(hop.method, Method::GET | Method::HEAD);
        if let Some(payload) = task.send.as_ref().filter(|_| carries_body) {
            let has_kind = task.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(CONTENT_TYPE.as_str()));
            if let Some(kind) = content_type(payload).filter(|_| !has_kind) {
                request = request.header(CONTENT_TYPE, kind);
            }
            request = request.body(written(payload));
        }
        Ok(task.headers.iter().fold(request, |request, (name, value)| request.header(name, value)))
    }

    fn next(&self, hop: &Hop, response: &Response) -> Result<Hop, Trouble> {
        let wrong = |what: String| Trouble::theirs(FailureKind::Wrong, what);
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.ok_or_else(|| wrong(format!("a {} without a Location", response.status().as_u16())))?;
        let url = hop.url.join(location).map_err(|error| wrong(format!("a redirect to {location:?}: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(wrong(format!("a redirect to {url}, which is no HTTP")));
        }
        let keeps = matches!(response.status().as_u16(), 307 | 308) || hop.method == Method::HEAD;
        let method = if keeps { hop.method.clone() } else { Method::GET };
        Ok(Hop { method, by: self.named_by(&url), url })
    }
}

fn content_type(payload: &Payload) -> Option<&'static str> {
    match payload {
        Payload::Text(_) => None,
        Payload::Json(_) => Some("application/json"),
        Payload::Form(_) => Some("application/x-www-form-urlencoded"),
    }
}

fn written(payload: &Payload) -> String {
    match payload {
        Payload::Text(text) => text.clone(),
        Payload::Json(document) => document.to_string(),
        Payload::Form(fields) => {
            let pairs: Vec<String> =
                fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
            pairs.join("&")
        }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
    }
}

fn judge_status(came: StatusCode, task: &HttpTask) -> Result<(), Trouble> {
    if task.status.contains(came.as_u16()) {
        return Ok(());
    }
    Err(Trouble::theirs(failure(came), format!("expected status {}, got {}", task.status, came.as_u16())))
}

/// What a status that is not the right one says.
pub(super) fn failure(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        401 | 403 => FailureKind::Denied,
        500.. => FailureKind::Status,
        _ => FailureKind::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn which_status_is_right() {
        let table = [
            (200, None, None),
            (302, None, None),
            (404, None, Some(FailureKind::Wrong)),
            (403, None, Some(FailureKind::Denied)),
            (503, None, Some(FailureKind::Status)),
            (404, Some("404"), None),
            (200, Some("204"), Some(FailureKind::Wrong)),
            (204, Some("2xx"), None),
        ];
        for (came, wanted, expected) in table {
            let came = StatusCode::from_u16(came).expect("a status");
            let mut task = HttpTask::get("http://music.example/");
            if let Some(wanted) = wanted {
                task.status = wanted.parse().expect("a set");
            }
            let failure = match judge_status(came, &task) {
                Err(Trouble::Theirs { failure, .. }) => Some(failure),
                _ => None,
            };
            assert_eq!(failure, expected, "{came} against {wanted:?}");
        }
    }
}
