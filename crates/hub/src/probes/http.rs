//! One HTTP request with conditions on the answer.

use super::Trouble;
use super::condition::{Condition, Seen};
use super::web::{Deadline, body, head, within};
use crate::outbound::{NamedBy, Web};
use crate::settings::{HttpMethod, HttpTask};
use downbeat_core::model::FailureKind;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, Response, StatusCode, Url};
use std::time::Duration;

/// So much of a body is searched.
const TEXT_MAX: usize = 64 * 1024;
/// So much of a body is read as JSON, which has to be whole.
const JSON_MAX: usize = 1024 * 1024;

/// Makes the request, follows so many redirects, and asks all conditions.
pub(super) async fn probe(web: &Web, task: &HttpTask, timeout: Duration) -> Result<(), Trouble> {
    let deadline = within(timeout);
    let response = follow(web, task, deadline).await?;
    judge_status(response.status(), task)?;
    let headers = response.headers().clone();
    let most = if reads_json(task) { JSON_MAX } else { TEXT_MAX };
    let bytes = body(response, most, deadline).await?;
    judge(task, &headers, &bytes)
}

/// Where the next request of a redirected probe goes.
struct Hop {
    method: Method,
    url: Url,
    by: NamedBy,
}

/// A redirect's target was named by an answer, and has no more leave than that; unless it stays where the probe was sent.
async fn follow(web: &Web, task: &HttpTask, deadline: Deadline) -> Result<Response, Trouble> {
    let start = Url::parse(&task.url).map_err(|error| Trouble::Ours(format!("{:?} is no URL: {error}", task.url)))?;
    let mut hop = Hop { method: method(task.method), url: start.clone(), by: NamedBy::Configuration };
    for left in (0..=task.redirects).rev() {
        let response = head(request(web, task, &hop)?, deadline).await?;
        if task.redirects == 0 || !is_redirect(response.status()) {
            return Ok(response);
        }
        if left > 0 {
            hop = next(&start, &hop, &response)?;
        }
    }
    Err(Trouble::theirs(FailureKind::Wrong, format!("more than {} redirects, the last to {}", task.redirects, hop.url)))
}

fn request(web: &Web, task: &HttpTask, hop: &Hop) -> Result<reqwest::RequestBuilder, Trouble> {
    let mut request = web.request(hop.method.clone(), hop.url.clone(), hop.by)?;
    // What was meant for the configured place is told to no other: fields may carry credentials.
    if hop.by == NamedBy::Configuration {
        request = task.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    }
    match &task.send {
        Some(text) if hop.method != Method::GET && hop.by == NamedBy::Configuration => Ok(request.body(text.clone())),
        _ => Ok(request),
    }
}

fn next(start: &Url, hop: &Hop, response: &Response) -> Result<Hop, Trouble> {
    let wrong = |what: String| Trouble::theirs(FailureKind::Wrong, what);
    let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let location = location.ok_or_else(|| wrong(format!("a {} without a Location", response.status().as_u16())))?;
    let url = hop.url.join(location).map_err(|error| wrong(format!("a redirect to {location:?}: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!("a redirect to {url}, which is no HTTP")));
    }
    let keeps = matches!(response.status().as_u16(), 307 | 308) || hop.method == Method::HEAD;
    let method = if keeps { hop.method.clone() } else { Method::GET };
    let by = if url.origin() == start.origin() { NamedBy::Configuration } else { NamedBy::Answer };
    Ok(Hop { method, url, by })
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
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

fn reads_json(task: &HttpTask) -> bool {
    task.expect.iter().any(Condition::reads_json)
}

fn judge(task: &HttpTask, headers: &HeaderMap, bytes: &[u8]) -> Result<(), Trouble> {
    let json = match bytes.len() {
        _ if !reads_json(task) => Err("nobody asked for it".into()),
        JSON_MAX => Err(format!("more than {} MiB are not read as JSON", JSON_MAX >> 20)),
        _ => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
    };
    let seen = Seen { headers, body: String::from_utf8_lossy(bytes), json };
    let judged = task.expect.iter().try_for_each(|condition| condition.judge(&seen));
    judged.map_err(|why| Trouble::theirs(FailureKind::Wrong, why))
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
