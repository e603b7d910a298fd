//! One GET with conditions on the answer.

use super::Trouble;
use super::web::{Web, body, head, within};
use downbeat_core::model::FailureKind;
use reqwest::StatusCode;
use std::time::Duration;

/// So much of a body is searched.
const BODY_MAX: usize = 64 * 1024;

/// GETs the URL; the status has to be below 400, or exactly `status`; the body has to contain `text`.
pub(super) async fn probe(
    web: &Web,
    url: &str,
    status: Option<u16>,
    text: Option<&str>,
    timeout: Duration,
) -> Result<(), Trouble> {
    let deadline = within(timeout);
    let response = head(web.client().get(url), deadline).await?;
    judge_status(response.status(), status)?;
    let bytes = body(response, BODY_MAX, deadline).await?;
    match text {
        Some(text) if !contains(&bytes, text) => {
            Err(Trouble::theirs(FailureKind::Wrong, format!("the body does not contain {text:?}")))
        }
        _ => Ok(()),
    }
}

fn judge_status(came: StatusCode, wanted: Option<u16>) -> Result<(), Trouble> {
    let is_right = wanted.map_or(came.as_u16() < 400, |wanted| came.as_u16() == wanted);
    if is_right {
        return Ok(());
    }
    let wanted = wanted.map_or("below 400".into(), |wanted| wanted.to_string());
    Err(Trouble::theirs(failure(came), format!("expected status {wanted}, got {}", came.as_u16())))
}

/// What a status that is not the right one says.
pub(super) fn failure(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        401 | 403 => FailureKind::Denied,
        500.. => FailureKind::Status,
        _ => FailureKind::Wrong,
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text.as_bytes())
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
            (404, Some(404), None),
            (200, Some(204), Some(FailureKind::Wrong)),
        ];
        for (came, wanted, expected) in table {
            let came = StatusCode::from_u16(came).expect("a status");
            let failure = match judge_status(came, wanted) {
                Err(Trouble::Theirs { failure, .. }) => Some(failure),
                _ => None,
            };
            assert_eq!(failure, expected, "{came} against {wanted:?}");
        }
    }
}
