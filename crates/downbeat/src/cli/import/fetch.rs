//! Asks a page of Statuspage's, and its manage API: one answer at a time, bounded, patient with limits, clear about refusals.

use downbeat_hub::history::statuspage::ReadError;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use std::time::Duration;

/// Where Statuspage's manage API is.
pub(super) const MANAGE_API: &str = "https://api.statuspage.io";
/// Longest that one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest answer taken.
const ANSWER_MAX: usize = 32 * 1024 * 1024;
/// How often one question is asked.
const ATTEMPTS: u32 = 5;
/// Longest that is waited because the other side wants it.
const PAUSE_MAX: Duration = Duration::from_secs(120);
/// Between questions to the manage API: it takes one a second from each key.
const MANAGE_PACE: Duration = Duration::from_secs(1);
/// Between questions to a public page, where there are many.
const PUBLIC_PACE: Duration = Duration::from_millis(200);

/// Why nothing more is read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// That is no page.
    #[error("{0:?} is neither a page's address nor its id")]
    Page(String),
    /// Nobody there.
    #[error("cannot reach {url}")]
    Reach {
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The key is none, or not one for this page.
    #[error("{url} does not take the key ({status})")]
    Key {
        /// Where.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// The page wants to know who reads it.
    #[error("{url} is not open to everybody ({status})")]
    Closed {
        /// Where.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// Nothing there.
    #[error("there is nothing at {0}")]
    Absent(String),
    /// It takes no more for now.
    #[error("{url} still answers {status} after {ATTEMPTS} attempts")]
    Busy {
        /// Where.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// Something else.
    #[error("{url} answers {status}")]
    Status {
        /// Where.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// More than any page has.
    #[error("the answer of {url} is larger than {} MiB", ANSWER_MAX >> 20)]
    Large {
        /// Where.
        url: String,
    },
    /// Not an answer of Statuspage's.
    #[error("cannot read {url}: {why}")]
    Read {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: ReadError,
    },
}

impl FetchError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Page(_) => "write https://status.example.com, or the twelve letters of a page's id",
            Self::Key { .. } => {
                "keys are made in Statuspage under your name, API info; it has to belong to a manager of this page"
            }
            Self::Closed { .. } => "give the key of a manager with --api-key-file",
            Self::Absent(_) => {
                "is it a page of Statuspage? Try its address with /api/v2/summary.json behind it in a browser"
            }
            Self::Busy { .. } => "come again later: what was read so far is lost, what was imported before stays",
            Self::Read { why: ReadError::Html | ReadError::Shape(_) | ReadError::Instatus, .. } => {
                "only pages of Atlassian's Statuspage can be read, and those that speak its API v2"
            }
            _ => return None,
        };
        Some(text.into())
    }
}

/// A page, and its manage API where there is a key.
#[derive(Debug)]
pub(super) struct Source {
    http: Client,
    /// The page's address, without a slash at its end; `None` when only its id is known.
    pub(super) page: Option<String>,
    /// The page's id; `None` when only its address is known.
    pub(super) id: Option<String>,
    manage: Option<Manage>,
}

#[derive(Debug)]
struct Manage {
    base: String,
    key: String,
}

impl Source {
    /// A page, as it stands on the command line.
    pub(super) fn of(page: &str, manage: Option<(String, String)>) -> Result<Self, FetchError> {
        let is_id =
            (6..=32).contains(&page.len()) && page.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let address = Url::parse(page).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let (page, id) = match (address, is_id) {
            (Some(url), _) => (Some(base(&url)), None),
            (None, true) => (None, Some(page.to_owned())),
            (None, false) => return Err(FetchError::Page(page.chars().take(80).collect())),
        };
        let agent = concat!("downbeat/", env!("CARGO_PKG_VERSION"));
        let http =
            Client::builder().user_agent(agent).timeout(ANSWER_WITHIN).redirect(redirect::Policy::limited(5)).build();
        let http = http.map_err(|source| FetchError::Reach { url: "the web".into(), source })?;
        let manage = manage.map(|(key, base)| Manage { base: base.trim_end_matches('/').to_owned(), key });
        Ok(Self { http, page, id, manage })
    }

    /// True with a key.
    pub(super) const fn is_managed(&self) -> bool {
        self.manage.is_some()
    }

    /// Where the page is read. Each page has its id as a name at Statuspage.
    pub(super) fn address(&self) -> String {
        let by_id = || format!("https://{}.statuspage.io", self.id.as_deref().unwrap_or_default());
        self.page.clone().unwrap_or_else(by_id)
    }

    /// An answer of the public page; `None` when there is nothing.
    pub(super) async fn public(&self, path: &str) -> Result<Option<Vec<u8>>, FetchError> {
        let url = format!("{}{path}", self.address());
        self.patiently(&url, None).await
    }

    /// The same, of many: not all at once.
    pub(super) async fn public_of_many(&self, path: &str) -> Result<Option<Vec<u8>>, FetchError> {
        tokio::time::sleep(PUBLIC_PACE).await;
        self.public(path).await
    }

    /// An answer of the manage API; it has the key of a manager.
    pub(super) async fn managed(&self, path: &str) -> Result<Vec<u8>, FetchError> {
        let manage = self.manage.as_ref().expect("only asked with a key");
        let url = format!("{}/v1/pages/{}{path}", manage.base, self.id.as_deref().unwrap_or_default());
        tokio::time::sleep(MANAGE_PACE).await;
        self.patiently(&url, Some(&manage.key)).await?.ok_or(FetchError::Absent(url))
    }

    /// Asks until there is an answer that is not about patience.
    async fn patiently(&self, url: &str, key: Option<&str>) -> Result<Option<Vec<u8>>, FetchError> {
        let mut attempt = 1;
        loop {
            let request = self.http.get(url).header("accept", "application/json");
            let request = match key {
                Some(key) => request.header(AUTHORIZATION, format!("OAuth {key}")),
                None => request,
            };
            let answer = request.send().await.map_err(|error| reach(url, error))?;
            let status = answer.status();
            let is_passing = status.is_server_error() || matches!(status.as_u16(), 420 | 429);
            if !is_passing {
                return self.take(url, answer, key.is_some()).await;
            }
            if attempt == ATTEMPTS {
                return Err(FetchError::Busy { url: url.into(), status });
            }
            let pause = wanted_pause(&answer).unwrap_or(Duration::from_secs(1 << attempt)).min(PAUSE_MAX);
            eprintln!("{url} answers {status}: asking again in {} s", pause.as_secs());
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn take(&self, url: &str, mut answer: Response, with_key: bool) -> Result<Option<Vec<u8>>, FetchError> {
        let (status, url) = (answer.status(), url.to_owned());
        match status {
            status if status.is_success() => {}
            StatusCode::NOT_FOUND | StatusCode::GONE => return Ok(None),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_key => {
                return Err(FetchError::Key { url, status });
            }
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(FetchError::Closed { url, status }),
            status => return Err(FetchError::Status { url, status }),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| reach(&url, error))? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(FetchError::Large { url });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Some(body))
    }
}

/// What was said of where it cannot be read.
pub(super) fn unread(url: String) -> impl FnOnce(ReadError) -> FetchError {
    move |why| FetchError::Read { url, why }
}

fn reach(url: &str, error: reqwest::Error) -> FetchError {
    FetchError::Reach { url: url.into(), source: error.without_url() }
}

/// The seconds in `Retry-After`; a date in it is not read.
fn wanted_pause(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An address without what stands behind the page: a slash, a query, the path of one of its answers.
fn base(url: &Url) -> String {
    let path = url.path().split("/api/v2").next().unwrap_or_default().trim_end_matches('/');
    format!("{}{path}", url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_an_address_or_an_id() {
        let table = [
            ("https://status.example.com/", Some("https://status.example.com")),
            ("https://status.example.com/api/v2/summary.json?x=1", Some("https://status.example.com")),
            ("http://127.0.0.1:8081/de", Some("http://127.0.0.1:8081/de")),
            ("srhpyqt94yxb", Some("https://srhpyqt94yxb.statuspage.io")),
            ("status.example.com", None),
            ("ftp://status.example.com", None),
            ("", None),
        ];
        for (text, address) in table {
            let source = Source::of(text, None).map(|source| source.address()).ok();
            assert_eq!(source.as_deref(), address, "{text}");
        }
    }
}
