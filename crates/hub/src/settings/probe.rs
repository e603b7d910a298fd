//! What probes do, as the configuration has it.

pub use crate::probes::{
    Capture, Condition, ConditionError, GRPC_SERVICE_MAX, StatusError, StatusSet, is_value_name, value_names,
};
use downbeat_core::model::{Name, Slice};
use serde_json::Value;
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

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
    /// So many runs in a row have to fail before that is told.
    pub fail_after: NonZeroU32,
    /// What it does.
    pub task: ProbeTask,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeTask {
    /// Make one request and ask for conditions.
    Http(HttpTask),
    /// Connect, and perhaps say something and wait for an answer.
    Tcp {
        /// `host:port`.
        address: String,
        /// What to say first.
        send: Option<String>,
        /// What has to come back, among the first 64 KiB.
        expect: Option<String>,
    },
    /// Look the name up.
    Dns(DnsTask),
    /// Connect with TLS and look at the certificate.
    Tls(TlsTask),
    /// Ask for the health of a gRPC service.
    Grpc {
        /// Where: `http` without TLS, `https` with it.
        url: String,
        /// Which service; the server itself when empty.
        service: String,
        /// Who may have signed its certificate.
        trust: Trust,
    },
    /// Open a WebSocket, and perhaps say something and wait for an answer.
    WebSocket {
        /// Where: `ws` or `wss`.
        url: String,
        /// What to say first.
        send: Option<String>,
        /// What a message has to have in it.
        expect: Option<String>,
        /// Who may have signed its certificate.
        trust: Trust,
    },
    /// Send an ICMP echo request.
    Icmp {
        /// A name or an address.
        host: String,
    },
    /// Wait to be called.
    Heartbeat {
        /// At least so often.
        every: Duration,
        /// So much later is still in time.
        grace: Duration,
        /// What the caller has to know; part of the address that it calls.
        key: String,
    },
    /// Walk through the service as a user does.
    Journey(Journey),
    /// Listen to a stream.
    Stream(StreamTask),
}

impl ProbeTask {
    /// Who may have signed the certificates that it meets, where it meets any.
    pub fn trust_mut(&mut self) -> Option<&mut Trust> {
        match self {
            Self::Http(HttpTask { trust, .. })
            | Self::Tls(TlsTask { trust, .. })
            | Self::Grpc { trust, .. }
            | Self::WebSocket { trust, .. }
            | Self::Journey(Journey { trust, .. })
            | Self::Stream(StreamTask { trust, .. }) => Some(trust),
            Self::Tcp { .. } | Self::Dns(_) | Self::Icmp { .. } | Self::Heartbeat { .. } => None,
        }
    }
}

/// A walk through the service, in which one step takes along what another one was given.
#[derive(Debug, Clone, PartialEq)]
pub struct Journey {
    /// One after another; the first that fails ends the walk.
    pub steps: Vec<Step>,
    /// What texts of steps may name, and nobody is shown.
    pub secrets: Vec<(String, Secret)>,
    /// The origins that links in answers may lead to, `https://shop.example`: those of the steps, and what was configured besides.
    pub origins: Vec<String>,
    /// Who may have signed certificates.
    pub trust: Trust,
}

/// A secret: it is not shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a secret.
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// What it is.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(a secret)")
    }
}

/// One step of a walk. Its texts have places for values, `{token}`: secrets, and what earlier steps captured.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// For people: "log in".
    pub name: String,
    /// What is at fault when it fails; what the probe is about when `None`.
    pub component: Option<Name>,
    /// After how long it has failed; the probe's time when `None`.
    pub timeout: Option<Duration>,
    /// What it does.
    pub action: Action,
    /// What later steps get from its answer, by name.
    pub captures: Vec<(String, Capture)>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Make one request and ask for conditions.
    Request(HttpTask),
    /// Listen to a stream.
    Stream(StreamTask),
}

/// Music that is listened to at the speed at which it is heard.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamTask {
    /// Where.
    pub url: String,
    /// Fields to send, to the stream's own origin alone.
    pub headers: Vec<(String, String)>,
    /// How its bytes become music.
    pub pace: Pace,
    /// Where to begin, of music in one body: a later place is asked for by a range.
    pub from: Duration,
    /// How much to listen to.
    pub listen: Duration,
    /// Music has to begin within this; within the timeout when `None`.
    pub start_within: Option<Duration>,
    /// No more silence than this in all, once it has begun.
    pub silence_max: Duration,
    /// Who may have signed certificates.
    pub trust: Trust,
}

/// How bytes become music.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// By playlists that say how long each segment lasts (RFC 8216).
    Hls,
    /// So many bytes are a second, of music in one body.
    BytesPerSecond(f64),
    /// The whole lasts so many seconds, of music in one body.
    Length {
        /// How long, as a text with places for values.
        seconds: String,
        /// Bytes of the whole; what the answer says when `None`.
        bytes: Option<String>,
    },
}

/// One HTTP request and what has to be true of its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpTask {
    /// Where.
    pub url: String,
    /// How.
    pub method: HttpMethod,
    /// Fields to send.
    pub headers: Vec<(String, String)>,
    /// What to send as a body.
    pub send: Option<Payload>,
    /// The statuses that are right.
    pub status: StatusSet,
    /// What else has to be true. Of a body, the first 64 KiB are looked at, of one that is read as JSON 1 MiB.
    pub expect: Vec<Condition>,
    /// Redirects to follow, each checked anew by the policy of [`crate::outbound`].
    pub redirects: u8,
    /// Who may have signed its certificate.
    pub trust: Trust,
}

/// What a request brings along.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A text as it is.
    Text(String),
    /// A JSON document.
    Json(Value),
    /// Fields of a form.
    Form(Vec<(String, String)>),
}

impl HttpTask {
    /// A GET with nothing to be said but that it has to be answered well.
    pub fn get(url: impl Into<String>) -> Self {
        let (method, status) = (HttpMethod::Get, StatusSet::default());
        let (url, trust) = (url.into(), Trust::System);
        Self { url, method, headers: vec![], send: None, status, expect: vec![], redirects: 0, trust }
    }
}

/// The methods that a probe may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpMethod {
    /// For all of it.
    #[default]
    Get,
    /// For the head alone.
    Head,
    /// With a body.
    Post,
    /// To put something in a place, with a body.
    Put,
    /// To change a part of something, with a body.
    Patch,
    /// To remove something.
    Delete,
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// A look-up, and what it should find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsTask {
    /// Which name.
    pub host: String,
    /// What to ask for.
    pub record: RecordKind,
    /// The right answers, in the usual text form; any will do when there are none.
    pub expect: Vec<String>,
    /// Whom to ask, unless [`HubSettings::resolver`].
    pub server: Option<SocketAddr>,
}

/// What a name may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RecordKind {
    /// Addresses of both families.
    #[default]
    Address,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Who may issue certificates.
    Caa,
    /// An alias.
    Cname,
    /// Who takes mail.
    Mx,
    /// Who answers for it.
    Ns,
    /// Where a service is.
    Srv,
    /// Texts.
    Txt,
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Address => "address",
            Self::A => "a",
            Self::Aaaa => "aaaa",
            Self::Caa => "caa",
            Self::Cname => "cname",
            Self::Mx => "mx",
            Self::Ns => "ns",
            Self::Srv => "srv",
            Self::Txt => "txt",
        })
    }
}

/// What a certificate has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsTask {
    /// `host:port`.
    pub address: String,
    /// The name on it.
    pub server_name: String,
    /// It has to be valid for at least so long.
    pub valid_for: Duration,
    /// Who may have signed it.
    pub trust: Trust,
}

/// Who may sign certificates.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Whom this system believes.
    System,
    /// Those too whose certificates are in this PEM file.
    Also(PathBuf),
    /// Anybody.
    Anybody,
}
