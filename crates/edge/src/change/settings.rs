//! What the binary hands in: everything an edge has to know, with its defaults as named constants.

use crate::codec::{RequestHead, TraceFields};
use downbeat_core::model::{AddressRange, Name};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything an edge has to know.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// What the edge calls itself towards the hub.
    pub name: Name,
    /// Where this edge runs: replicas of this region are asked first. None is preferred when absent.
    pub region: Option<Name>,
    /// Where clients come in.
    pub listen: SocketAddr,
    /// Where clients come in over TLS; nowhere when absent.
    pub tls: Option<TlsSettings>,
    /// What proxies in front of the edge say of their clients.
    pub proxies: ProxySettings,
    /// Where operators and Prometheus come in; nowhere when absent.
    pub admin: Option<SocketAddr>,
    /// The folder for the last good plan and addresses.
    pub data: PathBuf,
    /// Whom to tell once a second what was seen; nobody when absent.
    pub hub: Option<HubLink>,
    /// Threads that serve clients, at least 1.
    pub threads: usize,
    /// Which requests belong to which component.
    pub routes: Vec<RouteRule>,
    /// What users want.
    pub components: Vec<ComponentSettings>,
    /// Who serves it.
    pub replicas: Vec<ReplicaSettings>,
    /// By what a client is known again.
    pub identity: Identity,
    /// What tells one session from another; sessions are not counted when absent.
    pub session: Option<SessionMark>,
    /// How replicas are checked.
    pub health: HealthSettings,
    /// What a client may ask for.
    pub limits: LimitSettings,
    /// When a request is tried again.
    pub retry: RetrySettings,
    /// When a second replica is asked besides a silent one.
    pub hedge: HedgeSettings,
    /// When a body goes on from another replica.
    pub resume: ResumeSettings,
    /// Memory for the stored answers of all components together, in bytes.
    pub cache_bytes: u64,
    /// The name server to ask; the system's when absent.
    pub resolver: Option<SocketAddr>,
    /// How often host names are looked up again.
    pub resolve_every: Duration,
    /// The field in which replicas tell their version, for example `x-encore-version`.
    pub version_header: Option<String>,
    /// Whether drills may make faults through the admin endpoint.
    pub drills: bool,
    /// How long exchanges in flight may go on after a stop.
    pub drain: Duration,
    /// How long a new configuration is on trial: when the edge is worse off, or dies, it goes back to the one before.
    pub trial: Duration,
    /// Where requests are written down; nowhere when absent.
    pub access_log: Option<AccessLogSettings>,
}

/// The memory for stored answers has room for at least so many of the longest.
pub const CACHED_BODIES_MIN: u64 = 16;
/// Memory for stored answers unless configured; needed only where a component is cached.
pub const CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// How often host names are looked up again.
pub const RESOLVE_EVERY: Duration = Duration::from_secs(5);
/// How long exchanges in flight may go on after a stop.
pub const DRAIN: Duration = Duration::from_secs(5);
/// How long a new configuration is on trial (invariant C2).
pub const TRIAL: Duration = Duration::from_secs(60);

impl EdgeSettings {
    /// An edge with the defaults, one thread, and nothing to serve yet.
    pub fn new(name: Name, listen: SocketAddr, data: PathBuf) -> Self {
        Self {
            name,
            region: None,
            listen,
            tls: None,
            proxies: ProxySettings::default(),
            admin: None,
            data,
            hub: None,
            threads: 1,
            routes: Vec::new(),
            components: Vec::new(),
            replicas: Vec::new(),
            identity: Identity::Address,
            session: None,
            health: HealthSettings::default(),
            limits: LimitSettings::default(),
            retry: RetrySettings::default(),
            hedge: HedgeSettings::default(),
            resume: ResumeSettings::default(),
            cache_bytes: CACHE_BYTES,
            resolver: None,
            resolve_every: RESOLVE_EVERY,
            version_header: None,
            drills: false,
            drain: DRAIN,
            trial: TRIAL,
            access_log: None,
        }
    }
}

/// How requests are written down.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessLogSettings {
    /// Where to.
    pub target: LogTarget,
    /// Share of the requests, from 0 to 1.
    pub sample: f64,
    /// What is said of the client.
    pub clients: ClientWord,
    /// Whether queries are written.
    pub queries: QueryWord,
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

/// What is said of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientWord {
    /// Nothing.
    Nothing,
    /// Its network: /24 or /48.
    Network,
    /// Its address.
    Address,
}

/// Whether queries are written: they may hold secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryWord {
    /// Only paths are.
    Left,
    /// They are.
    Written,
}

impl AccessLogSettings {
    /// All requests, by their networks and without queries.
    pub fn to(target: LogTarget) -> Self {
        Self { target, sample: 1.0, clients: ClientWord::Network, queries: QueryWord::Left }
    }
}

/// Where clients come in over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The address.
    pub listen: SocketAddr,
    /// At least one; the first is shown to clients that ask for a name that none of them is for.
    pub certificates: Vec<CertificateFiles>,
}

/// Where a certificate and its key are, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and behind it those that lead to a known authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What proxies in front of the edge say of their clients.
#[derive(Debug, Clone, Default)]
pub struct ProxySettings {
    /// Proxies whose word counts.
    pub trusted: Vec<AddressRange>,
    /// Where they have to say it in the PROXY protocol.
    pub protocol: ProxyProtocol,
    /// What replicas are told of the way before them.
    pub fields: TraceFields,
}

/// At which listeners connections of trusted proxies begin with a header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProxyProtocol {
    /// At none.
    #[default]
    Nowhere,
    /// Where there is no TLS.
    Plain,
    /// Where there is.
    Tls,
    /// At both.
    Everywhere,
}

impl ProxyProtocol {
    pub(crate) const fn on_plain(self) -> bool {
        matches!(self, Self::Plain | Self::Everywhere)
    }

    pub(crate) const fn on_tls(self) -> bool {
        matches!(self, Self::Tls | Self::Everywhere)
    }
}

/// Where the hub is.
#[derive(Debug, Clone)]
pub struct HubLink {
    /// `http://IP:PORT`.
    pub url: String,
    /// Sent as `authorization: Bearer …` when there is one.
    pub token: Option<String>,
}

/// One rule of which requests belong to which component; the longest fitting prefix wins.
#[derive(Debug, Clone)]
pub struct RouteRule {
    /// Whose requests they are.
    pub component: Name,
    /// Only for this host name; for all when absent. A rule with a host goes before one without.
    pub host: Option<String>,
    /// What the path starts with, in whole segments: `/rest` fits `/rest` and `/rest/ping`, not `/restful`.
    pub prefix: String,
}

/// What users want.
#[derive(Debug, Clone)]
pub struct ComponentSettings {
    /// Its name.
    pub name: Name,
    /// How dear it is: 0 is given up last, and may use the last seats of a replica.
    pub priority: u8,
    /// A first byte later than this counts as slow.
    pub slow: Duration,
    /// Who serves it.
    pub replicas: Vec<Name>,
    /// Who of them gets a request.
    pub balance: Balance,
    /// Most requests a second, of all clients together; no limit when absent.
    pub per_second: Option<u32>,
    /// Most requests a second of one client network (/24, or /48 of IPv6); no limit when absent.
    pub network_per_second: Option<u32>,
    /// How its answers are cached; not at all when absent.
    pub cache: Option<CacheSettings>,
    /// What of it can be kept out by itself.
    pub features: Vec<FeatureSettings>,
}

/// A group of a component's paths that can be kept out while the rest is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureSettings {
    /// Its name within the component.
    pub name: Name,
    /// What its paths start with, in whole segments, as in a [`RouteRule`].
    pub prefixes: Vec<String>,
    /// The status of the answer while it is out, from 400 to 599.
    pub status: u16,
    /// The `Retry-After` of that answer, and up to five seconds more, so that not all come back at once.
    pub retry_after: Duration,
}

/// Who gets a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Balance {
    /// The less loaded of two.
    #[default]
    LeastLoaded,
    /// The same replica for the same key, with bounded loads.
    Hash(HashKey),
}

/// What is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashKey {
    /// The path, without the query.
    Path,
    /// The value of a header field; the client where it is absent.
    Header(String),
    /// Who asks, by [`Identity`].
    Client,
}

/// By what a client is known again: who stays with a canary, and who is one key of [`HashKey::Client`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// The network address.
    Address,
    /// The field `Authorization`; the address where it is absent.
    Authorization,
    /// A cookie; the address where it is absent.
    Cookie(String),
}

/// What tells one session from another. A network is no session, and is never taken for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionMark {
    /// The field `Authorization`.
    Authorization,
    /// A cookie.
    Cookie(String),
}

impl SessionMark {
    /// What a request shows; nothing where it belongs to no session.
    pub(crate) fn token<'a>(&self, head: &'a RequestHead) -> Option<&'a [u8]> {
        match self {
            Self::Authorization => head.fields.get("authorization"),
            Self::Cookie(name) => head.cookie(name),
        }
        .filter(|token| !token.is_empty())
    }
}

/// How the answers of a component are cached. What they say of it themselves goes before.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheSettings {
    /// Longest body that is stored.
    pub body_bytes: u64,
    /// Longest time for which an answer that says nothing of it is taken to be fresh, judged by its last change.
    pub heuristic: Duration,
    /// How long an answer may be served stale while it is checked, unless it says so itself.
    pub stale_while_revalidate: Duration,
    /// How long an answer may be served stale when no replica gives a good one, unless it says so itself.
    pub stale_if_error: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            // What is read ahead of a slow client, so that no such client keeps others waiting for the store.
            body_bytes: 256 * 1024,
            heuristic: Duration::from_secs(600),
            stale_while_revalidate: Duration::ZERO,
            stale_if_error: Duration::ZERO,
        }
    }
}

/// A first byte later than this counts as slow.
pub const SLOW: Duration = Duration::from_millis(500);

/// Who serves it.
#[derive(Debug, Clone)]
pub struct ReplicaSettings {
    /// Its name.
    pub name: Name,
    /// Where it runs.
    pub region: Name,
    /// Its version as configured; what it says of itself goes before.
    pub version: Option<Name>,
    /// `http://HOST:PORT`, the host an address or a name.
    pub url: String,
    /// Its usual share of the traffic, against the weights of the others.
    pub weight: u32,
    /// Most requests in flight to it.
    pub max_in_flight: u32,
}

/// The weight of a replica unless configured.
pub const WEIGHT: u32 = 100;
/// Most requests in flight to one replica unless configured.
pub const MAX_IN_FLIGHT: u32 = 256;
/// The adaptive limit of a replica never falls below this, unless configured.
pub const IN_FLIGHT_FLOOR: u32 = 16;

/// How replicas are checked.
#[derive(Debug, Clone)]
pub struct HealthSettings {
    /// What is asked for. At `/` any answer below 500 is good; at any other path only 200 to 299.
    pub path: String,
    /// From one check to the next.
    pub every: Duration,
    /// An answer later than this is none.
    pub timeout: Duration,
    /// So many failed checks in a row take a replica out.
    pub fall: u32,
    /// So many good checks in a row bring it back.
    pub rise: u32,
    /// So many failed attempts in a row for one component take a replica out for that component.
    pub consecutive: u32,
    /// A replica that comes back gets its full share after this long.
    pub slow_start: Duration,
}

impl Default for HealthSettings {
    fn default() -> Self {
        let (second, slow_start) = (Duration::from_secs(1), Duration::from_secs(10));
        Self { path: "/".into(), every: second, timeout: second, fall: 2, rise: 2, consecutive: 5, slow_start }
    }
}

/// What a client may ask for.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// Most bytes of a request body.
    pub body_bytes: u64,
    /// Most connections of one thread.
    pub connections: usize,
    /// Most TLS handshakes that one thread answers in a round, between serving everybody else; more of them wait for
    /// their turn. A client that is waited for holds none.
    pub handshakes: usize,
    /// A TLS handshake has to be over within this, its wait included.
    pub handshake: Duration,
    /// A request's head has to be whole this long after its first byte.
    pub head: Duration,
    /// A connection without a request is closed after this.
    pub idle: Duration,
    /// A client that takes or sends nothing for this long has gone.
    pub client_stall: Duration,
    /// The adaptive limit of requests in flight to a replica never falls below this.
    pub in_flight_floor: u32,
    /// Most requests that wait for a seat; further ones are turned away at once.
    pub waiting: usize,
    /// How long a request waits for a seat.
    pub waiting_within: Duration,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            body_bytes: 16 * 1024 * 1024,
            connections: 10_000,
            handshakes: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            // Long, because a paused player takes nothing and has not gone.
            client_stall: Duration::from_secs(300),
            in_flight_floor: IN_FLIGHT_FLOOR,
            waiting: 1_024,
            waiting_within: Duration::from_millis(500),
        }
    }
}

/// Which methods may be repeated once a replica has seen the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// GET, HEAD and OPTIONS.
    Safe,
    /// PUT and DELETE besides.
    Idempotent,
}

/// When a request is tried again.
#[derive(Debug, Clone)]
pub struct RetrySettings {
    /// Which methods may be repeated once a replica has seen the request.
    pub methods: Repeatable,
    /// Most replicas beyond the first that a request is sent to, hedges included. Attempts that were never sent do not
    /// count.
    pub extra: u32,
    /// A connection has to be made within this.
    pub connect: Duration,
    /// A first byte has to come within this, all attempts together.
    pub first_byte: Duration,
}

impl Default for RetrySettings {
    fn default() -> Self {
        let (connect, first_byte) = (Duration::from_secs(1), Duration::from_secs(10));
        // One, so that a request reaches two replicas at most (invariant H4). It takes two replicas that fail at the same
        // moment to need a third attempt; who wants it at the price of H4 sets 2.
        Self { methods: Repeatable::Safe, extra: 1, connect, first_byte }
    }
}

/// When a second replica is asked besides a silent one. The delay adapts between the two bounds.
#[derive(Debug, Clone)]
pub struct HedgeSettings {
    /// Never earlier than this.
    pub after_min: Duration,
    /// Never later than this.
    pub after_max: Duration,
}

impl Default for HedgeSettings {
    fn default() -> Self {
        Self { after_min: Duration::from_millis(20), after_max: Duration::from_secs(2) }
    }
}

/// When a body goes on from another replica.
#[derive(Debug, Clone)]
pub struct ResumeSettings {
    /// A replica that sends no byte for this long, while one is waited for, has stalled, whatever is usual.
    pub stall_after: Duration,
    /// The same where the component's bodies usually come without gaps; never earlier than this.
    pub stall_after_min: Duration,
    /// Without any progress for this long the body is given up.
    pub give_up: Duration,
    /// A body that cannot be resumed is given up after this long without a byte.
    pub idle: Duration,
}

impl Default for ResumeSettings {
    fn default() -> Self {
        let (give_up, idle) = (Duration::from_secs(10), Duration::from_secs(30));
        let (stall_after, stall_after_min) = (Duration::from_secs(1), Duration::from_millis(100));
        Self { stall_after, stall_after_min, give_up, idle }
    }
}
