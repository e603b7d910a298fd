//! A walk through the service in steps, as a user does it: what one answer gives, a token, a link, a cookie, the next request
//! takes along.
//!
//! Every step is bounded, and the one that failed names its component. What was captured goes only to places that the
//! configuration names; what is secret, or was given in exchange for a secret, is shown nowhere ([`Veil`]).

use super::Trouble;
use super::cookies::Cookies;
use super::http::{Answer, fetch};
use super::stream;
use super::template::{escaped, fill, only_value};
use super::veil::Veil;
use super::web::within;
use crate::outbound::Web;
use crate::settings::{Action, Capture, HttpTask, Journey, Pace, Payload, Step, StreamTask};
use downbeat_core::model::{FailureKind, Heard};
use reqwest::Url;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// Walks the whole way; each step has its own time, `timeout` unless it says otherwise.
pub(super) async fn probe(web: &Web, journey: &Journey, timeout: Duration) -> Result<Option<Heard>, Trouble> {
    let mut walk = Walk::new(web, journey);
    let mut heard = None;
    for step in &journey.steps {
        match walk.take(step, step.timeout.unwrap_or(timeout)).await {
            Ok(in_step) => heard = in_step.or(heard),
            Err(trouble) => return Err(walk.told(trouble, step)),
        }
    }
    Ok(heard)
}

/// Somebody on the way, with what was picked up.
struct Walk<'a> {
    web: &'a Web,
    journey: &'a Journey,
    values: BTreeMap<&'a str, Value>,
    cookies: Cookies,
    veil: Veil,
}

/// A secret, or what an answer gave.
struct Value {
    text: String,
    /// Whose answer gave it: what is a link leads from there.
    from: Option<Url>,
}

/// What was to be taken from an answer, and what that is.
type Captured<'a> = (&'a str, &'a Capture, Result<String, String>);

impl<'a> Walk<'a> {
    fn new(web: &'a Web, journey: &'a Journey) -> Self {
        let mut veil = Veil::default();
        let secrets = journey.secrets.iter().map(|(name, secret)| {
            veil.hide(name, secret.reveal());
            (name.as_str(), Value { text: secret.reveal().into(), from: None })
        });
        let values = secrets.collect();
        Self { web, journey, values, cookies: Cookies::default(), veil }
    }

    async fn take(&mut self, step: &'a Step, timeout: Duration) -> Result<Option<Heard>, Trouble> {
        match &step.action {
            Action::Request(task) => {
                let task = self.filled(task)?;
                let answer = self.fetch(&task, step, timeout).await?;
                let taken = self.captured(step, &answer);
                answer.judge(&task, &self.veil)?;
                self.keep(taken, &answer)?;
                Ok(None)
            }
            Action::Stream(task) => {
                let task = self.filled_stream(task)?;
                let heard = stream::probe(self.web, &task, &mut self.cookies, timeout).await;
                self.hide_cookies();
                heard.map(Some)
            }
        }
    }

    async fn fetch(&mut self, task: &HttpTask, step: &Step, timeout: Duration) -> Result<Answer, Trouble> {
        let reads_json = step.captures.iter().any(|(_, capture)| capture.reads_json());
        let fetched = fetch(self.web, task, &mut self.cookies, reads_json, within(timeout)).await;
        self.hide_cookies();
        fetched
    }

    fn hide_cookies(&mut self) {
        self.cookies.values().for_each(|(name, value)| self.veil.hide_given(name, value));
    }

    /// What the answer gives, hidden before anything is said of the answer.
    fn captured(&mut self, step: &'a Step, answer: &Answer) -> Vec<Captured<'a>> {
        let taken: Vec<_> = {
            let seen = answer.seen(&self.veil);
            step.captures.iter().map(|(name, capture)| (name.as_str(), capture, capture.take(&seen))).collect()
        };
        for (name, _, value) in &taken {
            value.iter().for_each(|value| self.veil.hide_given(name, value));
        }
        taken
    }

    /// Keeps it for later steps.
    fn keep(&mut self, taken: Vec<Captured<'a>>, answer: &Answer) -> Result<(), Trouble> {
        for (name, capture, value) in taken {
            let wrong = |why| format!("expected {capture} for {{{name}}}, but {why}");
            let text = value.map_err(|why| Trouble::theirs(FailureKind::Wrong, wrong(why)))?;
            self.values.insert(name, Value { text, from: Some(answer.url.clone()) });
        }
        Ok(())
    }

    /// What happened, at which step, with nothing in it that nobody may see.
    fn told(&self, trouble: Trouble, step: &Step) -> Trouble {
        let covered = |detail: String| format!("{}: {}", step.name, self.veil.over(detail));
        match trouble {
            Trouble::Theirs { failure, detail, .. } => {
                Trouble::Theirs { failure, detail: covered(detail), component: step.component.clone() }
            }
            Trouble::Ours(detail) => Trouble::Ours(covered(detail)),
        }
    }

    fn filled(&self, task: &HttpTask) -> Result<HttpTask, Trouble> {
        Ok(HttpTask {
            url: self.url(&task.url)?,
            method: task.method,
            headers: self.headers(&task.headers),
            send: task.send.as_ref().map(|payload| self.payload(payload)),
            status: task.status.clone(),
            expect: task.expect.clone(),
            redirects: task.redirects,
            trust: task.trust.clone(),
        })
    }

    fn filled_stream(&self, task: &StreamTask) -> Result<StreamTask, Trouble> {
        let pace = match &task.pace {
            Pace::Length { seconds, bytes } => {
                Pace::Length { seconds: self.plain(seconds), bytes: bytes.as_ref().map(|bytes| self.plain(bytes)) }
            }
            other => other.clone(),
        };
        Ok(StreamTask { url: self.url(&task.url)?, headers: self.headers(&task.headers), pace, ..task.clone() })
    }

    /// Where a step leads: as configured, with values as parts of a path or query; or where a link leads that an answer gave.
    fn url(&self, written: &str) -> Result<String, Trouble> {
        let Some(name) = only_value(written) else {
            return Ok(fill(written, |name| escaped(self.value(name)).into()));
        };
        let wrong = |what: String| Trouble::theirs(FailureKind::Wrong, what);
        let link = self.value(name);
        let base = self.values.get(name).and_then(|value| value.from.as_ref());
        let url = base.map_or_else(|| Url::parse(link), |base| base.join(link));
        let url = url.map_err(|error| wrong(format!("{{{name}}} is {link:?}, which leads nowhere: {error}")))?;
        let origin = url.origin().ascii_serialization();
        if self.journey.origins.contains(&origin) {
            return Ok(url.into());
        }
        // Whoever answers may name anybody: what was captured is not carried there.
        Err(wrong(format!("{{{name}}} leads to {origin}, which neither a step nor origins name")))
    }

    fn headers(&self, written: &[(String, String)]) -> Vec<(String, String)> {
        written.iter().map(|(name, value)| (name.clone(), self.plain(value))).collect()
    }

    fn payload(&self, payload: &Payload) -> Payload {
        match payload {
            Payload::Text(text) => Payload::Text(self.plain(text)),
            Payload::Json(document) => Payload::Json(self.json(document)),
            Payload::Form(fields) => Payload::Form(self.headers(fields)),
        }
    }

    fn json(&self, document: &Json) -> Json {
        match document {
            Json::String(text) => Json::String(self.plain(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), self.json(value))).collect(),
            other => other.clone(),
        }
    }

    fn plain(&self, text: &str) -> String {
        fill(text, |name| Cow::Borrowed(self.value(name)))
    }

    fn value(&self, name: &str) -> &str {
        &self
            .values
            .get(name)
            .expect("the configuration knows where each value comes from, and a step without one ends the walk")
            .text
    }
}
