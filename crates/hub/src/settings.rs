//! What the binary hands to the hub: addresses, probes, channels, the actuator, and the policy.

use downbeat_core::model::{Audience, Name, Policy, Slice};
use std::net::SocketAddr;
use std::path::PathBuf;
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
    /// The hub's own probes.
    pub probes: Vec<ProbeSettings>,
    /// The resolver that DNS probes ask; the system's when `None`.
    pub resolver: Option<SocketAddr>,
    /// Where messages go, beside the status page and the log, which always get them.
    pub webhooks: Vec<WebhookSettings>,
    /// Who restarts replicas and takes changes back.
    pub actuator: Option<ActuatorSettings>,
    /// What a user can report.
    pub categories: Vec<Category>,
    /// In the demo, who breaks things at the console's request.
    pub breaker: Option<BreakerSettings>,
}

/// One kind of trouble that a user can report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// In forms and counts: `no-sound`.
    pub name: Name,
    /// On the button: "The music stops".
    pub title: String,
    /// The component it most likely means.
    pub component: Option<Name>,
}

/// A probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeSettings {
    /// Its name.
    pub name: Name,
    /// What it looks at.
    pub slice: Slice,
    /// How often it starts.
    pub every: Duration,
    /// After how long it has failed.
    pub timeout: Duration,
    /// What it does.
    pub task: ProbeTask,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeTask {
    /// GET the URL; the status has to be below 400, or exactly `status`, and the body has to contain `body`.
    Http {
        /// Where.
        url: String,
        /// The one status that is right.
        status: Option<u16>,
        /// A text that the first 64 KiB of the body have to contain.
        body: Option<String>,
    },
    /// Connect.
    Tcp {
        /// `host:port`.
        address: String,
    },
    /// Look the name up; the answer has to be one of `expect` when there are any.
    Dns {
        /// Which name.
        host: String,
        /// The right addresses.
        expect: Vec<std::net::IpAddr>,
    },
    /// Connect with TLS and look at the certificate, which has to be valid for at least so long.
    Tls {
        /// `host:port`.
        address: String,
        /// The name on the certificate.
        server_name: String,
        /// Least time left.
        valid_for: Duration,
    },
    /// Walk through the service as a listener does.
    Journey {
        /// The service's root, of one replica or of the edge.
        url: String,
        /// The account to use.
        user: String,
        /// Its password.
        password: String,
        /// How many seconds of music to stream at playing speed.
        listen: Duration,
    },
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
    /// Signs the body by HMAC-SHA256 when given.
    pub secret: Option<String>,
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
