//! The client of the hub's API and of an edge's admin door: one request, one bounded answer.

use clap::Args;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;

/// Longest an answer may take: the hub itself gives up on a locked log after ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// Largest answer taken: an incident with all it remembers is a tenth of it.
const ANSWER_MAX: usize = 16 * 1024 * 1024;

/// Characters that are shown of a reason.
const REASON_MAX: usize = 2_000;

/// Which hub, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct HubArgs {
    /// The hub's console address
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080", env = "DOWNBEAT_HUB")]
    hub: String,
    /// The token in its configuration (hub.token), when it has one
    #[arg(long, value_name = "TOKEN", env = "DOWNBEAT_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Your name, for the log
    #[arg(long = "as", value_name = "NAME", default_value = "operator", env = "DOWNBEAT_OPERATOR")]
    operator: String,
}

/// Who is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// The hub.
    Hub,
    /// An edge.
    Edge,
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Hub => "hub",
            Self::Edge => "edge",
        })
    }
}

/// Why it did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The address is none.
    #[error("{url:?} is no address of the {peer}: {why}")]
    Address {
        /// Who was meant.
        peer: Peer,
        /// As given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody there.
    #[error("cannot reach the {peer} at {url}")]
    Reach {
        /// Who was meant.
        peer: Peer,
        /// Where.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// It would not.
    #[error("the {peer} refuses ({status}): {why}")]
    Refused {
        /// Who.
        peer: Peer,
        /// What it answered.
        status: StatusCode,
        /// In its words.
        why: String,
    },
    /// Its answer is no answer.
    #[error("the answer of {url} makes no sense: {why}")]
    Answer {
        /// Where.
        url: String,
        /// What is wrong with it.
        why: String,
    },
}

impl ClientError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Address { peer, .. } => Some(format!("write it whole: --{peer} http://127.0.0.1:8080")),
            Self::Reach { peer, .. } => {
                Some(format!("is it running? --{peer} says where; `downbeat run` and `downbeat {peer}` print it"))
            }
            Self::Refused { status: StatusCode::UNAUTHORIZED, .. } => {
                Some("give the token of its configuration by --token or DOWNBEAT_TOKEN".into())
            }
            Self::Refused { .. } | Self::Answer { .. } => None,
        }
    }
}

/// Speaks to one hub, or to one edge.
#[derive(Debug)]
pub(crate) struct HubClient {
    peer: Peer,
    args: HubArgs,
    http: reqwest::Client,
}

impl HubArgs {
    /// As if given on the command line.
    pub(crate) fn new(hub: String, token: Option<String>, operator: String) -> Self {
        Self { hub, token, operator }
    }
}

impl HubClient {
    /// A client for the hub that the command line names.
    pub(crate) fn new(args: HubArgs) -> Result<Self, ClientError> {
        Self::of(Peer::Hub, args)
    }

    /// A client for the edge whose admin door is at an address.
    pub(crate) fn of_edge(url: String) -> Result<Self, ClientError> {
        Self::of(Peer::Edge, HubArgs::new(url, None, "operator".into()))
    }

    fn of(peer: Peer, args: HubArgs) -> Result<Self, ClientError> {
        // A hub is reached directly: a proxy of the surroundings would be one more thing that can be down.
        let http = reqwest::Client::builder().timeout(ANSWER_WITHIN).no_proxy().build();
        let wrong = |why: String| ClientError::Address { peer, url: args.hub.clone(), why };
        match reqwest::Url::parse(&args.hub).map_err(|error| wrong(error.to_string()))?.scheme() {
            "http" | "https" => {}
            other => return Err(wrong(format!("{other:?} is not http"))),
        }
        let http = http.map_err(|error| wrong(error.to_string()))?;
        Ok(Self { peer, args, http })
    }

    /// What stands at a path, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ClientError> {
        self.read(path).await
    }

    /// What stands at a path, as a value of the program.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        let text = self.get_text(path).await?;
        serde_json::from_str(&text).map_err(|error| self.senseless(path, error))
    }

    /// What stands at a path, as it is.
    pub(crate) async fn get_text(&self, path: &str) -> Result<String, ClientError> {
        self.send(path, self.http.request(Method::GET, self.url(path))).await
    }

    /// Asks an edge for something that may take its time, and takes what it answers.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, path: &str, within: Duration) -> Result<T, ClientError> {
        let request = self.http.request(Method::POST, self.url(path)).timeout(within);
        let text = self.send(path, request).await?;
        serde_json::from_str(&text).map_err(|error| self.senseless(path, error))
    }

    /// Asks for something to be done.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<(), ClientError> {
        self.send(path, self.http.request(Method::POST, self.url(path)).json(body)).await.map(|_| ())
    }

    /// Asks for something to be done, and takes what it answers.
    pub(crate) async fn post_for<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, ClientError> {
        let text = self.send(path, self.http.request(Method::POST, self.url(path)).json(body)).await?;
        serde_json::from_str(&text).map_err(|error| self.senseless(path, error))
    }

    /// Asks for something to be as it is given, and takes what it answers.
    pub(crate) async fn put_for<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let text = self.send(path, self.http.request(Method::PUT, self.url(path)).json(body)).await?;
        serde_json::from_str(&text).map_err(|error| self.senseless(path, error))
    }

    /// Asks for something to be gone.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.send(path, self.http.request(Method::DELETE, self.url(path))).await.map(|_| ())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.args.hub.trim_end_matches('/'))
    }

    fn senseless(&self, path: &str, error: impl ToString) -> ClientError {
        ClientError::Answer { url: self.url(path), why: error.to_string() }
    }

    async fn send(&self, path: &str, request: RequestBuilder) -> Result<String, ClientError> {
        let request = request.header("x-downbeat-operator", &self.args.operator);
        let request = match &self.args.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let reach = |source: reqwest::Error| ClientError::Reach {
            peer: self.peer,
            url: self.args.hub.clone(),
            source: source.without_url(),
        };
        let mut answer = request.send().await.map_err(reach)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(reach)? {
            if body.len() + chunk.len() > ANSWER_MAX {
                return Err(self.senseless(path, format!("it is larger than {} MiB", ANSWER_MAX >> 20)));
            }
            body.extend_from_slice(&chunk);
        }
        let text = String::from_utf8(body).map_err(|error| self.senseless(path, error))?;
        if status.is_success() {
            Ok(text)
        } else {
            Err(ClientError::Refused { peer: self.peer, status, why: reason(&text) })
        }
    }
}

/// The reason in a problem document (RFC 9457) or in an edge's word, or the text itself, shortened.
fn reason(text: &str) -> String {
    let problem: Option<Value> = serde_json::from_str(text).ok();
    let told =
        problem.as_ref().and_then(|p| p.get("detail").or(p.get("title")).or(p.get("error"))).and_then(Value::as_str);
    let told: String = told.unwrap_or(text).chars().take(REASON_MAX).collect();
    // A faulty configuration is told in several lines, with a mark under each fault.
    told.lines().map(super::output::printable).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_found() {
        let table = [
            (r#"{"title":"Not found","detail":"there is no incident 7"}"#, "there is no incident 7"),
            (r#"{"title":"Not found"}"#, "Not found"),
            (r#"{"status":409,"error":"the edge stops"}"#, "the edge stops"),
            (r#"{"error":"line 3\n  3 | a\u001b[2J\nhint: b"}"#, "line 3\n  3 | a\u{fffd}[2J\nhint: b"),
            ("<html>", "<html>"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(reason(text), expected);
        }
    }
}
