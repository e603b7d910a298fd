//! `[hub]` and what only the hub needs: `[outbound]`, `[[webhook]]`, `[watcher]`, `[actuator]`, `[[category]]`, `[demo]`.

use super::service::loopback;
use crate::config::address::{BaseUrl, WebUrl};
use crate::config::fault::Complaint;
use crate::config::reader::Reader;
use crate::config::units::Span;
use crate::config::value::FromText;
use downbeat_core::model::{AddressRange, Audience, Language, Name};
use downbeat_hub::settings::{ActuatorSettings, BreakerSettings, Dialect, WatcherSettings};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::Spanned;

/// Where the console is unless configured: this machine only, until somebody opens it.
const CONSOLE: SocketAddr = loopback(8080);
/// Where the status page is unless configured.
const STATUS: SocketAddr = loopback(8081);
/// How long an actuator may take unless configured: most services restart in less.
const ACTUATE_WITHIN: Span = Span(Duration::from_secs(20));
/// How often the watcher is called unless configured: three calls a minute, so that two may be lost.
const CALL_EVERY: Duration = Duration::from_secs(20);
/// How often it may be called.
const WATCHER_EVERY: RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(3_600);
/// What a command may have filled in.
const PLACEHOLDERS: [&str; 4] = ["{replica}", "{from}", "{to}", "{slice}"];

/// `[hub]`.
pub(crate) struct HubTable {
    pub(crate) console: Spanned<SocketAddr>,
    pub(crate) status: Spanned<SocketAddr>,
    pub(crate) status_url: Option<String>,
    pub(crate) console_url: Option<String>,
    pub(crate) token: Option<Token>,
    pub(crate) resolver: Option<SocketAddr>,
}

/// Where the secret of edges and deployers comes from.
pub(crate) enum Token {
    /// From the file itself.
    Is(String),
    /// From another file.
    In(Spanned<PathBuf>),
}

/// A secret that can stand in a header field.
pub(super) struct Secret(pub(super) String);

impl FromText for Secret {
    const EXPECTED: &'static str = "a secret between quotes";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let visible = |c: char| c.is_ascii_graphic();
        if text.is_empty() || text.len() > 512 || !text.chars().all(visible) {
            return Err(Complaint::new("a secret has 1 to 512 visible ASCII characters, no spaces"));
        }
        Ok(Self(text.into()))
    }
}

/// Checks a secret that was read from its own file.
pub(crate) fn secret(text: &str) -> Result<String, Complaint> {
    Secret::from_text(text).map(|secret| secret.0)
}

impl HubTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let default = |key, address| Spanned::new(reader.span_of(key), address);
        let table = Self {
            console: reader.get("console").unwrap_or_else(|| default("console", CONSOLE)),
            status: reader.get("status").unwrap_or_else(|| default("status", STATUS)),
            status_url: base_url(&reader, "status_url"),
            console_url: base_url(&reader, "console_url"),
            token: read_token(&reader),
            resolver: reader.get("resolver").map(Spanned::into_inner),
        };
        reader.finish();
        table
    }
}

fn base_url(reader: &Reader<'_>, key: &'static str) -> Option<String> {
    reader.get::<BaseUrl>(key).map(|url| url.into_inner().0)
}

fn read_token(reader: &Reader<'_>) -> Option<Token> {
    let token = reader.get::<Secret>("token");
    let file = reader.get::<PathBuf>("token_file");
    if let (Some(_), Some(file)) = (&token, &file) {
        let complaint = Complaint::new("there is a token and a token_file").hint("keep one of them");
        reader.complain(file.span(), complaint);
    }
    token.map(|t| Token::Is(t.into_inner().0)).or(file.map(Token::In))
}

/// `[[webhook]]`.
pub(crate) struct Webhook {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) audience: Audience,
    pub(crate) url: Option<String>,
    pub(crate) secret: Option<String>,
    pub(crate) dialect: Dialect,
}

impl Webhook {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let table = Self {
            name: reader.required("name"),
            audience: reader.or("audience", Audience::OnCall),
            url: reader.required::<WebUrl>("url").map(|url| url.into_inner().0),
            secret: reader.get::<Secret>("secret").map(|secret| secret.into_inner().0),
            dialect: reader.or("format", Dialect::Downbeat),
        };
        reader.finish();
        table
    }
}

/// Reads `[watcher]`.
pub(super) fn read_watcher(reader: Reader<'_>) -> Option<WatcherSettings> {
    if !reader.is_there() {
        return None;
    }
    let url = |url: Spanned<WebUrl>| url.into_inner().0;
    let every = reader.get::<Span>("every");
    if let Some(every) = every.as_ref().filter(|every| !WATCHER_EVERY.contains(&every.get_ref().0)) {
        let complaint = Complaint::new("every: the watcher is called every 5 s to every hour");
        reader.complain(every.span(), complaint.hint("every = \"20s\""));
    }
    let (called, fail_url) = (reader.required("url").map(url), reader.get("fail_url").map(url));
    reader.finish();
    let every = every.map_or(CALL_EVERY, |every| every.into_inner().0);
    Some(WatcherSettings { url: called?, fail_url, every })
}

/// Reads `[outbound]`.
pub(super) fn read_outbound(reader: Reader<'_>) -> Vec<AddressRange> {
    let allow = reader.list("allow").unwrap_or_default().into_iter().map(Spanned::into_inner).collect();
    reader.finish();
    allow
}

/// Reads `[actuator]`.
pub(super) fn read_actuator(reader: Reader<'_>) -> Option<ActuatorSettings> {
    let timeout = reader.or("timeout", ACTUATE_WITHIN).0;
    let (restart, roll_back) = (read_command(&reader, "restart"), read_command(&reader, "roll_back"));
    let url = reader.get::<WebUrl>("url").map(|url| url.into_inner().0);
    let commands = restart.is_some() || roll_back.is_some();
    let silent = ["url", "restart", "roll_back"].iter().all(|key| reader.span_of(key) == reader.span());
    if reader.is_there() && silent {
        let hint = "url = \"http://127.0.0.1:9000/actuate\", or restart = [\"systemctl\", \"restart\", \"{replica}\"]";
        reader.complain(reader.span(), Complaint::new("[actuator] needs a url or commands").hint(hint));
    }
    if url.is_some() && commands {
        let complaint = Complaint::new("an actuator is a url or commands, not both");
        reader.complain(reader.span_of("url"), complaint);
    }
    reader.finish();
    let (restart, roll_back) = (restart.unwrap_or_default(), roll_back.unwrap_or_default());
    match url {
        Some(url) => Some(ActuatorSettings::Http { url, timeout }),
        None => commands.then_some(ActuatorSettings::Command { restart, roll_back, timeout }),
    }
}

fn read_command(reader: &Reader<'_>, key: &'static str) -> Option<Vec<String>> {
    let words = reader.filled_list::<String>(key, "the first item is the program, the others its arguments")?;
    for word in &words {
        if let Some(odd) = unknown_placeholder(word.get_ref()) {
            let complaint = Complaint::new(format!("{key}: nothing is filled in for {odd}"));
            reader.complain(word.span(), complaint.hint(format!("there is {}", PLACEHOLDERS.join(", "))));
        }
    }
    Some(words.into_iter().map(Spanned::into_inner).collect())
}

fn unknown_placeholder(word: &str) -> Option<&str> {
    let opens = word.match_indices('{').map(|(at, _)| &word[at..]);
    let braced = opens.filter_map(|rest| rest.find('}').map(|end| &rest[..=end]));
    let mut unknown = braced.filter(|found| !PLACEHOLDERS.contains(found));
    unknown.next()
}

/// `[[category]]`.
pub(crate) struct CategoryTable {
    pub(crate) name: Option<Spanned<Name>>,
    pub(crate) title: Option<String>,
    pub(crate) titles: BTreeMap<Language, Spanned<String>>,
    pub(crate) component: Option<Spanned<Name>>,
}

impl CategoryTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let titles = reader.table("titles");
        let said = |language: Language| Some((language, titles.get(language.code())?));
        let table = Self {
            name: reader.required("name"),
            title: reader.required("title").map(Spanned::into_inner),
            titles: Language::ALL.into_iter().filter_map(said).collect(),
            component: reader.get("component"),
        };
        titles.finish();
        reader.finish();
        table
    }
}

/// Reads `[demo]`.
pub(super) fn read_demo(reader: Reader<'_>) -> Option<BreakerSettings> {
    if !reader.is_there() {
        return None;
    }
    let (breaker, music) = (reader.required::<BaseUrl>("breaker"), reader.required::<BaseUrl>("music"));
    reader.finish();
    Some(BreakerSettings { url: breaker?.into_inner().0, music_url: music?.into_inner().0 })
}
