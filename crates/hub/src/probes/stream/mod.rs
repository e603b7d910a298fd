//! A stream as a listener hears it: read no faster than it is played, from the press of the button to the last second that was
//! to be listened to. How long it took to begin, and how much silence there was, is told; too much of either fails.

mod hls;
mod playlist;
mod playout;
mod progressive;

use super::Trouble;
use super::cookies::Cookies;
use super::http::{Caller, failure};
use super::web::{Deadline, body, chunk};
use crate::outbound::Web;
use crate::settings::{HttpTask, Pace, StreamTask};
use downbeat_core::model::{FailureKind, Heard};
use playlist::Range;
use playout::{Patience, Playout};
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE};
use reqwest::{Response, StatusCode, Url};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Redirects that are followed, each checked by the policy of [`crate::outbound`], as of a probe with `redirects`.
const REDIRECTS: u8 = 5;

/// Listens. Takes as long as is to be listened, and what patience there is: `timeout` until the first sound unless the task says
/// otherwise.
pub(super) async fn probe(
    web: &Web,
    task: &StreamTask,
    cookies: &mut Cookies,
    timeout: Duration,
) -> Result<Heard, Trouble> {
    let url = Url::parse(&task.url).map_err(|error| Trouble::Ours(format!("{:?} is no URL: {error}", task.url)))?;
    let patience = Patience {
        listen: task.listen,
        start_within: task.start_within.unwrap_or(timeout),
        silence_max: task.silence_max,
    };
    let playout = Playout::new(patience, Instant::now());
    let mut listener = Listener { web, task, start: url.clone(), cookies, playout };
    let played = match &task.pace {
        Pace::Hls => listener.play_hls(url).await,
        Pace::BytesPerSecond(speed) => listener.play_progressive(Some(*speed)).await,
        Pace::Length { .. } => listener.play_progressive(None).await,
    };
    listener.end(played).await
}

/// Somebody who listens.
struct Listener<'a> {
    web: &'a Web,
    task: &'a StreamTask,
    /// Where the stream is; what leads elsewhere takes no credentials along.
    start: Url,
    cookies: &'a mut Cookies,
    playout: Playout,
}

/// A resource that answers, from where redirects have led.
struct Opened {
    response: Response,
    url: Url,
}

impl Listener<'_> {
    /// What has come is heard to its end; what is wrong is silence, when it is that by then.
    async fn end(mut self, played: Result<(), Trouble>) -> Result<Heard, Trouble> {
        match played {
            Ok(()) => {
                sleep_until(self.playout.over_at()).await;
                self.playout.finish(Instant::now())
            }
            Err(trouble) => Err(self.playout.patience_ends(Instant::now()).unwrap_or(trouble)),
        }
    }

    fn deadline(&self) -> Deadline {
        self.playout.deadline()
    }

    /// Asks for a resource, or some bytes of it.
    async fn open(&mut self, url: Url, range: Option<Range>) -> Result<Opened, Trouble> {
        // The stream's own place gets what was configured for it, and nobody else does.
        let mut headers = match url.origin() == self.start.origin() {
            true => self.task.headers.clone(),
            false => Vec::new(),
        };
        headers.extend(range.map(|range| ("range".into(), range.field())));
        let task = HttpTask { headers, redirects: REDIRECTS, ..HttpTask::get(url) };
        let deadline = self.deadline();
        let mut caller = Caller { web: self.web, cookies: self.cookies, home: &self.start };
        let (response, url) = caller.follow(&task, deadline).await?;
        judge(&response, range).map_err(|trouble| trouble.named(url.as_str()))?;
        Ok(Opened { response, url })
    }

    /// A small resource, whole.
    async fn load(&mut self, url: Url, range: Option<Range>, most: usize) -> Result<(Vec<u8>, Url), Trouble> {
        let Opened { response, url } = self.open(url, range).await?;
        let bytes = body(response, most, self.deadline()).await?;
        if bytes.len() == most {
            return Err(wrong(format!("{url} has more than {most} bytes")));
        }
        Ok((bytes, url))
    }

    /// The next bytes, when there is room for them; `None` at the end.
    async fn next(&mut self, response: &mut Response) -> Result<Option<usize>, Trouble> {
        sleep_until(self.playout.room_at()).await;
        Ok(chunk(response, self.deadline()).await?.map(|bytes| bytes.len()))
    }
}

/// An answer has to be one, of the bytes that were asked for, and no page.
fn judge(response: &Response, range: Option<Range>) -> Result<(), Trouble> {
    let status = response.status();
    let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match range {
        Some(range) if status == StatusCode::PARTIAL_CONTENT => {
            let begins = field(CONTENT_RANGE).starts_with(&format!("bytes {}-", range.from));
            begins.then_some(()).ok_or_else(|| {
                wrong(format!("it was asked for bytes from {} on, and gave {:?}", range.from, field(CONTENT_RANGE)))
            })
        }
        Some(_) if status.is_success() => Err(wrong(format!("it was asked for a range, and answered {status}"))),
        None if status.is_success() && field(CONTENT_TYPE).starts_with("text/html") => {
            Err(wrong("it is a page, no music".into()))
        }
        None if status.is_success() => Ok(()),
        _ => Err(Trouble::theirs(failure(status), format!("it answered {status}"))),
    }
}

fn wrong(what: String) -> Trouble {
    Trouble::theirs(FailureKind::Wrong, what)
}

/// A connection that ended before the music did.
fn cut(what: String) -> Trouble {
    Trouble::theirs(FailureKind::Reset, what)
}
