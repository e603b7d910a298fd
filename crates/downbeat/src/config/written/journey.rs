//! Walks of several steps: `kind = "journey"`, `[[probe.step]]`, and what steps hand on to each other.

use super::payload::texts;
use super::stream::read_stream;
use super::task::{read_request, trust};
use crate::config::address::{BaseUrl, WebUrl};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::spelling;
use crate::config::units::Span;
use crate::config::value::{FromText, FromValue, mismatch, one_of};
use downbeat_core::model::Name;
use downbeat_hub::settings::{
    Action, Capture, HttpTask, Journey, Pace, Payload, Step, StreamTask, Trust, is_value_name, value_names,
};
use reqwest::Url;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// Most steps of one walk: nothing that users do in one go has more.
const STEPS_MAX: usize = 20;

/// What of a walk is compared with the rest of the configuration.
pub(crate) struct WalkTable {
    /// What steps are about.
    pub(crate) components: Vec<Spanned<Name>>,
    /// Where secrets are, by name.
    pub(crate) secrets: Vec<(String, SecretSource)>,
    pub(crate) secrets_span: Range<usize>,
}

/// Where a secret is.
#[derive(Debug, Clone)]
pub(crate) enum SecretSource {
    /// In a file of its own.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
}

/// Reads a walk; its secrets are still where they are.
pub(super) fn read_journey(reader: &Reader<'_>) -> (Option<Journey>, WalkTable) {
    let trust = trust(reader);
    let root = reader.get::<BaseUrl>("url").map(|url| url.into_inner().0);
    let secrets = reader.or("secrets", Secrets::default()).0;
    let mut origins: Vec<String> = reader
        .list::<BaseUrl>("origins")
        .unwrap_or_default()
        .iter()
        .filter_map(|url| origin(&url.get_ref().0))
        .collect();
    let readers = reader.tables("step", STEPS_MAX);
    if readers.is_empty() {
        let complaint = Complaint::new("a journey needs steps");
        reader.complain(reader.span(), complaint.hint("[[probe.step]] with name and url, one for each step"));
    }
    let mut values = Values { known: secrets.iter().map(|(name, _)| name.clone()).collect() };
    let (mut steps, mut components) = (Vec::new(), Vec::new());
    for reader in readers {
        let component = reader.get::<Name>("component");
        steps.push(read_step(reader, (&trust, root.as_deref(), component.as_ref()), &mut values));
        components.extend(component);
    }
    let steps: Option<Vec<Step>> = steps.into_iter().collect();
    origins.extend(steps.iter().flatten().filter_map(|step| origin(url_of(step))));
    let journey = steps.map(|steps| Journey { steps, secrets: Vec::new(), origins, trust });
    (journey, WalkTable { components, secrets, secrets_span: reader.span_of("secrets") })
}

/// The origin of a URL that is more than a place.
fn origin(url: &str) -> Option<String> {
    Url::parse(&plain(url)).ok().map(|url| url.origin().ascii_serialization())
}

fn url_of(step: &Step) -> &str {
    match &step.action {
        Action::Request(HttpTask { url, .. }) | Action::Stream(StreamTask { url, .. }) => url,
    }
}

/// A text with something in its places.
fn plain(text: &str) -> String {
    value_names(text).fold(text.to_owned(), |plain, name| plain.replace(&format!("{{{name}}}"), "x"))
}

/// What a step does, as a word.
#[derive(Debug, Clone, Copy)]
enum StepKind {
    Http,
    Stream,
}

impl FromText for StepKind {
    const EXPECTED: &'static str = "\"http\" or \"stream\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("http", Self::Http), ("stream", Self::Stream)])
    }
}

fn read_step(
    reader: Reader<'_>,
    (trust, root, component): (&Trust, Option<&str>, Option<&Spanned<Name>>),
    values: &mut Values,
) -> Option<Step> {
    let kind = reader.or("kind", StepKind::Http);
    let name = reader.required::<String>("name");
    let timeout = reader.get::<Span>("timeout").map(|timeout| timeout.into_inner().0);
    let url = reader.required::<StepUrl>("url").and_then(|url| whole(&reader, url, root));
    let (action, captures) = match kind {
        StepKind::Http => {
            let captures = reader.get::<Captures>("capture");
            (read_request(&reader, trust.clone(), url).map(Action::Request), captures)
        }
        StepKind::Stream => (read_stream(&reader, trust.clone(), url).map(Action::Stream), None),
    };
    if let Some(action) = &action {
        values.check(&reader, action);
    }
    let captures = captures.map(|captures| values.take(&reader, captures)).unwrap_or_default();
    reader.finish();
    let component = component.map(|component| component.get_ref().clone());
    Some(Step { name: name?.into_inner(), component, timeout, action: action?, captures })
}

/// The URL with the walk's root in front where it is a path.
fn whole(reader: &Reader<'_>, url: Spanned<StepUrl>, root: Option<&str>) -> Option<String> {
    let (span, StepUrl(url)) = (url.span(), url.into_inner());
    match (url.starts_with('/'), root) {
        (false, _) => Some(url),
        (true, Some(root)) => Some(format!("{root}{url}")),
        (true, None) => {
            let complaint = Complaint::new(format!("url: \"{url}\" is a path of nothing"));
            reader.complain(
                span,
                complaint.hint("give the probe a url, such as \"https://shop.example\", or write it whole"),
            );
            None
        }
    }
}

/// Where a step leads: a whole URL, a path, or a link that an answer gave. Which host that is stands there as it is.
struct StepUrl(String);

impl FromText for StepUrl {
    const EXPECTED: &'static str = "a URL or a path such as \"/lists/{id}\", or a captured link such as \"{next}\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let first = value_names(text).next();
        if first.is_some_and(|name| text.len() == name.len() + 2) {
            return Ok(Self(text.into()));
        }
        let full = if text.starts_with('/') { format!("http://host{text}") } else { text.into() };
        let place = first.and_then(|name| full.find(&format!("{{{name}}}")));
        let host_ends = full.find("://").and_then(|at| Some(at + 3 + full[at + 3..].find(['/', '?'])?));
        if place.is_some_and(|place| host_ends.is_none_or(|end| place < end)) {
            let complaint = Complaint::new(format!("\"{text}\" has a place in its host"));
            return Err(complaint
                .hint("hosts stand there as they are; a link that an answer gives is the whole URL: \"{next}\""));
        }
        WebUrl::from_text(&plain(&full)).map(|_| Self(text.into()))
    }
}

/// What is known by the time of a step.
struct Values {
    known: Vec<String>,
}

impl Values {
    /// Complains about what a step names and nobody gives.
    fn check(&self, reader: &Reader<'_>, action: &Action) {
        let mut texts = Vec::new();
        match action {
            Action::Request(task) => {
                texts.push(task.url.clone());
                texts.extend(task.headers.iter().map(|(_, value)| value.clone()));
                match &task.send {
                    Some(Payload::Text(text)) => texts.push(text.clone()),
                    // Names of members have no places.
                    Some(Payload::Json(document)) => leaves(document, &mut texts),
                    Some(Payload::Form(fields)) => texts.extend(fields.iter().map(|(_, value)| value.clone())),
                    None => {}
                }
            }
            Action::Stream(task) => {
                texts.push(task.url.clone());
                texts.extend(task.headers.iter().map(|(_, value)| value.clone()));
                if let Pace::Length { seconds, bytes } = &task.pace {
                    texts.extend([seconds.clone()].into_iter().chain(bytes.clone()));
                }
            }
        }
        let mut told: Vec<&str> = Vec::new();
        for name in texts.iter().flat_map(|text| value_names(text)).filter(|name| !self.known.iter().any(|k| k == name))
        {
            if !told.contains(&name) {
                let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
                let hint = match known.is_empty() {
                    true => "an earlier step captures it, or it is one of secrets".into(),
                    false => spelling::suggest(name, &known),
                };
                reader.complain(
                    reader.span(),
                    Complaint::new(format!("nothing before this step gives {{{name}}}")).hint(hint),
                );
                told.push(name);
            }
        }
    }

    /// Takes what a step gives.
    fn take(&mut self, reader: &Reader<'_>, captures: Spanned<Captures>) -> Vec<(String, Capture)> {
        let (span, Captures(captures)) = (captures.span(), captures.into_inner());
        for (name, _) in &captures {
            if self.known.contains(name) {
                let complaint = Complaint::new(format!("capture: there is a {{{name}}} already"));
                reader.complain(span.clone(), complaint.hint("give each value a name of its own"));
            } else {
                self.known.push(name.clone());
            }
        }
        captures
    }
}

/// The texts in a document.
fn leaves(document: &serde_json::Value, texts: &mut Vec<String>) {
    match document {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| leaves(value, texts)),
        _ => {}
    }
}

fn value_name(name: &str) -> Result<String, Complaint> {
    match is_value_name(name) {
        true => Ok(name.into()),
        false => Err(Complaint::new(format!("{name:?} is no name of a value"))
            .hint("small letters, digits and _, a letter first, 32 at most, such as list_id")),
    }
}

/// What is taken from an answer, by name.
struct Captures(Vec<(String, Capture)>);

impl FromValue for Captures {
    const EXPECTED: &'static str = "values such as { token = 'json $.token' }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let capture = |(name, text): (String, String)| {
            let capture = text.parse().map_err(|error: downbeat_hub::settings::ConditionError| {
                Complaint::new(format!("{name}: {error}"))
                    .hint("such as 'json $.token', 'header location' or 'body \"csrf=([a-z0-9]+)\"'")
            });
            Ok((value_name(&name)?, capture?))
        };
        texts::<Self>(value)?.into_iter().map(capture).collect::<Result<_, _>>().map(Self)
    }
}

/// Where secrets are, by name.
#[derive(Default)]
struct Secrets(Vec<(String, SecretSource)>);

impl FromValue for Secrets {
    const EXPECTED: &'static str =
        "secrets such as { password = { file = \"probe.secret\" }, key = { env = \"SHOP_KEY\" } }";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        let table = value.as_table().ok_or_else(|| mismatch::<Self>(value))?;
        let secret = |(name, source): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name = value_name(AsRef::<str>::as_ref(name.get_ref()))?;
            let pairs = texts::<Self>(source.get_ref())?;
            match &pairs[..] {
                [(key, file)] if key == "file" => Ok((name, SecretSource::File(file.into()))),
                [(key, variable)] if key == "env" => Ok((name, SecretSource::Variable(variable.clone()))),
                _ => Err(Complaint::new(format!("{name}: a secret is in a file or in the environment"))
                    .hint("{ file = \"probe.secret\" } or { env = \"SHOP_KEY\" }")),
            }
        };
        table.iter().map(secret).collect::<Result<_, _>>().map(Self)
    }
}
