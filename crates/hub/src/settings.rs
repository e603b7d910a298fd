//! What the binary hands to the hub: addresses, probes, channels, the actuator, and the policy.

mod probe;

pub use crate::channel::Dialect;
use crate::reports::NetworkTable;
pub use crate::subscribers::ChannelKind;
use crate::theme::Theme;
use downbeat_core::model::{AddressRange, Audience, Language, Name, Policy};
pub use probe::*;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything the hub has to be told. Valid by construction: the configuration has checked it.
#[derive(Debug, Clone, PartialEq)]
pub struct HubSettings {
    /// Where the log, the reviews and the rendered status page are kept.
    pub data: PathBuf,
    /// The console, the API and the edges' door.
    pub console: SocketAddr,
    /// The public status page: its own origin.
    pub status: SocketAddr,
    /// Where readers find the status page, for links and feeds: `http://127.0.0.1:8081`.
    pub status_url: String,
    /// Where operators find the console, for links in messages.
    pub console_url: String,
    /// What edges and deployers have to present as `Authorization: Bearer`; nobody else may tell signals or
    /// changes. `None` takes them from loopback addresses only.
    pub token: Option<String>,
    /// The service and the figures that decide.
    pub policy: Policy,
    /// The probes, of the hub and of every other vantage point.
    pub probes: Vec<ProbeSettings>,
    /// What is asked when a probe fails: targets that only our own way out keeps from answering all at once.
    pub references: Vec<ProbeSettings>,
    /// Networks that the hub may reach by any name; see [`crate::outbound`].
    pub outbound_allow: Vec<AddressRange>,
    /// The resolver that DNS probes ask; the system's when `None`.
    pub resolver: Option<SocketAddr>,
    /// Where messages go, beside the status page and the log, which always get them.
    pub webhooks: Vec<WebhookSettings>,
    /// Who outside is told again and again that the hub is at work.
    pub watcher: Option<WatcherSettings>,
    /// Who restarts replicas and takes changes back.
    pub actuator: Option<ActuatorSettings>,
    /// What a user can report.
    pub categories: Vec<Category>,
    /// How the status page looks.
    pub page: PageSettings,
    /// How reports are taken in.
    pub reports: ReportSettings,
    /// Where people write of the service.
    pub feeds: Vec<FeedSettings>,
    /// Where those say how they are whom we depend on; each of them is in the policy.
    pub upstreams: Vec<UpstreamSettings>,
    /// Where metrics of others are looked at; each of them is in the policy.
    pub metrics: Vec<MetricSettings>,
    /// In the demo, who breaks things at the console's request.
    pub breaker: Option<BreakerSettings>,
    /// Who may subscribe, and how mail goes out.
    pub subscribers: SubscriberSettings,
}

/// How the status page looks; its languages are those of the public words ([`downbeat_core::model::TellPolicy`]).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageSettings {
    /// By component: the title of the group under which it stands.
    pub groups: BTreeMap<Name, String>,
    /// By component: its id in Statuspage's API, where that is not its name.
    pub ids: BTreeMap<Name, Name>,
    /// By a group's title: its id there, where it is not the one that is made from the title.
    pub group_ids: BTreeMap<String, Name>,
    /// Name, logo and colours.
    pub theme: Theme,
    /// Where a copy is kept, which outlives the hub.
    pub copy: Option<CopySettings>,
}

/// A copy of the page elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopySettings {
    /// Where.
    pub bucket: BucketSettings,
    /// How often what is only measured is copied; what is said is copied at once.
    pub every: Duration,
}

/// A bucket of a store that speaks S3's interface.
#[derive(Clone, PartialEq, Eq)]
pub struct BucketSettings {
    /// The store: `https://s3.eu-central-1.amazonaws.com`, without a slash at its end.
    pub endpoint: String,
    /// The bucket.
    pub bucket: String,
    /// What stands before every key: empty, or with a slash at its end.
    pub prefix: String,
    /// What requests are signed for.
    pub region: String,
    /// Who puts.
    pub access_key: String,
    /// What proves it.
    pub secret_key: String,
    /// Of credentials that lapse.
    pub session_token: Option<String>,
}

/// What is no bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bucket's name has 3 to 63 small letters, digits, dots and hyphens")]
pub struct BucketNameError;

impl BucketSettings {
    /// Bucket and prefix of `bucket/a/prefix`.
    ///
    /// # Errors
    /// [`BucketNameError`]
    pub fn place(text: &str) -> Result<(String, String), BucketNameError> {
        let (bucket, prefix) = text.split_once('/').unwrap_or((text, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_name) {
            return Err(BucketNameError);
        }
        let prefix = prefix.trim_matches('/');
        Ok((bucket.to_owned(), if prefix.is_empty() { String::new() } else { format!("{prefix}/") }))
    }
}

/// Secrets are not for logs.
impl fmt::Debug for BucketSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{} at {} as {}", self.bucket, self.prefix, self.endpoint, self.access_key)
    }
}

/// Somebody outside who alarms when the hub's calls end: another hub's heartbeat probe, or a service for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatcherSettings {
    /// Called by GET while all is well.
    pub url: String,
    /// Called by POST instead, with the reason, while the hub cannot do its work.
    pub fail_url: Option<String>,
    /// How often.
    pub every: Duration,
}

/// A feed of a search or a hashtag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSettings {
    /// Its name.
    pub name: Name,
    /// RSS or Atom.
    pub url: String,
    /// How often it is asked.
    pub every: Duration,
    /// An entry counts when it has one of them in it; any does when there are none.
    pub words: Vec<String>,
    /// What of the service it is about; the whole when `None`.
    pub component: Option<Name>,
}

/// The status page of a service that ours depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamSettings {
    /// Its name in the policy.
    pub name: Name,
    /// Its `summary.json`.
    pub url: String,
    /// How often it is asked.
    pub every: Duration,
    /// The components of that page that count; the page as a whole when there are none.
    pub parts: Vec<String>,
}

/// Where a metric of others is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSettings {
    /// Its name in the policy.
    pub name: Name,
    /// Where.
    pub source: MetricSource,
    /// How often.
    pub every: Duration,
}

/// Where figures come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricSource {
    /// A page in Prometheus' text format, or OpenMetrics.
    Page {
        /// Its address.
        url: String,
        /// Which metric of it. Of a counter its growth counts.
        metric: String,
        /// Labels that its series have to have.
        labels: BTreeMap<String, String>,
    },
    /// A question to Prometheus' API.
    Query {
        /// The root of the server.
        prometheus: String,
        /// In PromQL.
        query: String,
    },
}

/// How users' reports are taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportSettings {
    /// Which network belongs to whom; empty where no table is given.
    pub networks: Arc<NetworkTable>,
    /// What apps sign their reports with; without it they cannot.
    pub app_key: Option<String>,
    /// Proxies in front of the status page, whose word on the client's address counts.
    pub proxies: Vec<AddressRange>,
}

/// One kind of trouble that a user can report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// In forms and counts: `no-sound`.
    pub name: Name,
    /// On the button, in the page's own language: "The music stops".
    pub title: String,
    /// The same in others of its languages; where one is missing, the button keeps the page's own words.
    pub titles: BTreeMap<Language, String>,
    /// The component it most likely means.
    pub component: Option<Name>,
}

impl Category {
    /// That a component does not work: offered for each where nobody says what can be reported.
    pub fn does_not_work(component: &Name, title: &str) -> Self {
        let title = format!("{title} does not work");
        Self { name: component.clone(), title, titles: BTreeMap::new(), component: Some(component.clone()) }
    }

    /// Offered behind them.
    pub fn something_else() -> Self {
        let name = Name::new("something-else").expect("\"something-else\" is a good name");
        Self { name, title: "Something else".into(), titles: BTreeMap::new(), component: None }
    }
}

/// A receiver of messages as JSON by POST.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Its name as a channel.
    pub name: Name,
    /// Whose messages it gets.
    pub audience: Audience,
    /// Where it listens.
    pub url: String,
    /// Signs the body by HMAC-SHA256 when given; Mastodon's access token.
    pub secret: Option<String>,
    /// The shape of what it gets.
    pub dialect: Dialect,
}

/// Who may subscribe to public words, and how mail goes out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriberSettings {
    /// What strangers may subscribe by; nothing closes the form, and leaves those whom operators enter.
    pub open_to: Vec<ChannelKind>,
    /// Who takes mail for the world; nobody can be told by mail without.
    pub mail: Option<MailSettings>,
}

/// A relay that takes mail for the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSettings {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way there is kept to oneself.
    pub tls: MailTls,
    /// User name and password, when it wants them.
    pub login: Option<(String, String)>,
    /// Who it comes from: `Encore status <status@example.org>`.
    pub from: String,
}

/// How the way to a relay is kept to oneself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailTls {
    /// TLS from the first byte (port 465).
    Wrapped,
    /// STARTTLS, or nothing is sent (port 587).
    Required,
    /// No TLS: for a relay on this machine.
    Off,
}

impl MailTls {
    /// The word in configurations.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Wrapped => "wrapped",
            Self::Required => "required",
            Self::Off => "off",
        }
    }
}

/// Who carries out the part of a remedy that lies outside the traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActuatorSettings {
    /// POST the actuation as JSON with the remedy's id as `Idempotency-Key`.
    Http {
        /// Where it listens.
        url: String,
        /// How long it may take.
        timeout: Duration,
    },
    /// Run a command per kind; `{replica}`, `{from}`, `{to}`, `{slice}` are filled in, no shell in between.
    Command {
        /// For a restart: program and arguments.
        restart: Vec<String>,
        /// For taking a change back: program and arguments.
        roll_back: Vec<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

/// The demo's panel to break things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Who does it: POST `{url}/break/{name}`, POST `{url}/heal`.
    pub url: String,
    /// Where the music plays, for a link.
    pub music_url: String,
}
