//! `[service]` and `[edge]`.

use crate::config::address::Origin;
use crate::config::fault::Complaint;
use crate::config::figures;
use crate::config::reader::Reader;
use crate::config::value::{FromText, FromValue, mismatch, one_of};
use downbeat_core::model::{AddressRange, Day, Name};
use downbeat_edge::{EdgeSettings, Identity, ProxyProtocol, ProxySettings, Repeatable, SessionMark, TraceFields};
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeValue;

/// Where clients come in unless configured: this machine only, until somebody opens it.
const LISTEN: SocketAddr = loopback(8000);
/// Where operators of the edge come in unless configured.
const ADMIN: SocketAddr = loopback(8082);
/// Most certificates.
const CERTIFICATES_MAX: usize = 1_000;
/// Most threads: far beyond what one machine's cores can use.
const THREADS_MAX: usize = 256;

/// An address that only this machine reaches.
pub(super) const fn loopback(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// `[service]`.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) proven_versions: Vec<Name>,
    /// Days on which the crowd is another one.
    pub(crate) quiet_days: BTreeSet<Day>,
}

impl Service {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let proven = reader.list("proven_versions").unwrap_or_default();
        let quiet_days = reader.list("quiet_days").unwrap_or_default();
        let service = Self {
            name: reader.or("name", "The service".into()),
            proven_versions: proven.into_iter().map(Spanned::into_inner).collect(),
            quiet_days: quiet_days.into_iter().map(Spanned::into_inner).collect(),
        };
        reader.finish();
        service
    }
}

/// `[edge]`: the settings as far as this table alone tells them, and what is compared with other tables.
pub(crate) struct EdgeTable {
    pub(crate) settings: EdgeSettings,
    pub(crate) listen: Spanned<SocketAddr>,
    pub(crate) listen_tls: Option<Spanned<SocketAddr>>,
    pub(crate) certificates: Vec<CertificateTable>,
    pub(crate) admin: Spanned<SocketAddr>,
    pub(crate) region: Option<Spanned<Name>>,
    pub(crate) hub: Spanned<HubChoice>,
}

/// `[[edge.certificate]]`.
pub(crate) struct CertificateTable {
    pub(crate) span: Range<usize>,
    pub(crate) cert: Option<Spanned<PathBuf>>,
    pub(crate) key: Option<Spanned<PathBuf>>,
}

impl CertificateTable {
    fn read(reader: Reader<'_>) -> Self {
        let table = Self { span: reader.span(), cert: reader.required("cert"), key: reader.required("key") };
        reader.finish();
        table
    }
}

/// Which hub an edge tells what it saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum HubChoice {
    /// The one of this file.
    Console,
    /// None.
    Nobody,
    /// Another.
    At(Origin),
}

impl FromValue for HubChoice {
    const EXPECTED: &'static str = "a URL such as \"http://10.0.0.1:8080\", or false for none";

    fn from_value(value: &DeValue<'_>) -> Result<Self, Complaint> {
        match value {
            DeValue::Boolean(false) => Ok(Self::Nobody),
            DeValue::String(text) => hub_origin(text).map(Self::At),
            _ => Err(mismatch::<Self>(value)),
        }
    }
}

fn hub_origin(text: &str) -> Result<Origin, Complaint> {
    let origin = Origin::from_text(text)?;
    if origin.ip().is_none() {
        let hint =
            "an edge must find its hub when name servers are down: write an address, such as \"http://10.0.0.1:8080\"";
        return Err(Complaint::new(format!("\"{}\" is a name", origin.host)).hint(hint));
    }
    Ok(origin)
}

impl FromText for Repeatable {
    const EXPECTED: &'static str = "\"safe\" or \"idempotent\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("safe", Self::Safe), ("idempotent", Self::Idempotent)])
    }
}

impl FromText for ProxyProtocol {
    const EXPECTED: &'static str = "\"plain\", \"tls\", \"everywhere\" or \"nowhere\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let words =
            [("plain", Self::Plain), ("tls", Self::Tls), ("everywhere", Self::Everywhere), ("nowhere", Self::Nowhere)];
        one_of(text, &words)
    }
}

impl FromText for TraceFields {
    const EXPECTED: &'static str = "\"x-forwarded\", \"forwarded\" or \"both\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        one_of(text, &[("x-forwarded", Self::XForwarded), ("forwarded", Self::Forwarded), ("both", Self::Both)])
    }
}

impl FromText for Identity {
    const EXPECTED: &'static str = "\"address\", \"authorization\" or \"cookie:NAME\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        if let Some(name) = text.strip_prefix("cookie:") {
            return FieldName::from_text(name).map(|_| Self::Cookie(name.into()));
        }
        let words = [("address", Word::Address), ("authorization", Word::Authorization)];
        let identity = one_of(text, &words).map_err(|complaint| complaint.hint("or \"cookie:NAME\""))?;
        Ok(match identity {
            Word::Address => Self::Address,
            Word::Authorization => Self::Authorization,
        })
    }
}

impl FromText for SessionMark {
    const EXPECTED: &'static str = "\"authorization\" or \"cookie:NAME\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        match Identity::from_text(text) {
            Ok(Identity::Authorization) => Ok(Self::Authorization),
            Ok(Identity::Cookie(name)) => Ok(Self::Cookie(name)),
            Ok(Identity::Address) => Err(Complaint::new("an address is no session: many people may share one")
                .hint("session = \"cookie:NAME\", or leave it out: then nobody counts sessions")),
            Err(_) => {
                let complaint = Complaint::new(format!("\"{text}\" is nothing by which a session is known"));
                Err(complaint.hint("session = \"cookie:NAME\" or \"authorization\""))
            }
        }
    }
}

/// An identity without a name of its own.
#[derive(Debug, Clone, Copy)]
enum Word {
    Address,
    Authorization,
}

/// The name of a header field, in lower case.
pub(super) struct FieldName(pub(super) String);

impl FromText for FieldName {
    const EXPECTED: &'static str = "the name of a header field such as \"x-version\"";

    fn from_text(text: &str) -> Result<Self, Complaint> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if text.is_empty() || text.len() > 64 || !text.chars().all(token) {
            return Err(Complaint::new(format!("\"{text}\" is no name of a header field")));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl EdgeTable {
    pub(super) fn read(reader: Reader<'_>) -> Self {
        let default = |key, address| Spanned::new(reader.span_of(key), address);
        let listen = reader.get("listen").unwrap_or_else(|| default("listen", LISTEN));
        let listen_tls = reader.get("listen_tls");
        let certificates = reader.tables("certificate", CERTIFICATES_MAX);
        let certificates = certificates.into_iter().map(CertificateTable::read).collect();
        let admin = reader.get("admin").unwrap_or_else(|| default("admin", ADMIN));
        let console = || Spanned::new(reader.span(), HubChoice::Console);
        let hub = reader.get("hub").unwrap_or_else(console);
        let name = Name::new("edge").expect("\"edge\" is a good name");
        let mut settings = EdgeSettings::new(reader.or("name", name), *listen.get_ref(), PathBuf::new());
        settings.proxies = read_proxies(&reader);
        settings.admin = Some(*admin.get_ref());
        let region = reader.get::<Name>("region");
        settings.region = region.as_ref().map(|name| name.get_ref().clone());
        reader.set("client", &mut settings.identity);
        settings.session = reader.get::<SessionMark>("session").map(Spanned::into_inner);
        settings.threads = read_threads(&reader);
        settings.resolver = reader.get("resolver").map(Spanned::into_inner);
        settings.version_header = reader.get::<FieldName>("version_header").map(|f| f.into_inner().0);
        settings.drills = reader.or("drills", false);
        reader.set("retry", &mut settings.retry.methods);
        figures::read(&reader, figures::of_edge(&mut settings));
        check_figures(&reader, &settings);
        settings.access_log = super::access_log::read(reader.table("access_log"));
        reader.finish();
        Self { settings, listen, listen_tls, certificates, admin, region, hub }
    }
}

fn read_proxies(reader: &Reader<'_>) -> ProxySettings {
    let hint = "add trusted_proxies = [\"10.0.0.0/8\"], the addresses that the proxies connect from";
    let trusted = reader.filled_list::<AddressRange>("trusted_proxies", hint);
    let protocol = reader.or("proxy_protocol", ProxyProtocol::default());
    if protocol != ProxyProtocol::Nowhere && trusted.is_none() {
        let complaint = Complaint::new("proxy_protocol without a proxy whose word counts");
        reader.complain(reader.span_of("proxy_protocol"), complaint.hint(hint));
    }
    let trusted = trusted.unwrap_or_default().into_iter().map(Spanned::into_inner).collect();
    ProxySettings { trusted, protocol, fields: reader.or("forwarded", TraceFields::default()) }
}

fn read_threads(reader: &Reader<'_>) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = reader.or("threads", cores);
    if !(1..=THREADS_MAX).contains(&threads) {
        let complaint = Complaint::new(format!("threads: from 1 to {THREADS_MAX}, not {threads}"));
        reader.complain(reader.span_of("threads"), complaint.hint("leave it out for one thread a core"));
    }
    threads
}

fn check_figures(reader: &Reader<'_>, settings: &EdgeSettings) {
    if settings.hedge.after_min > settings.hedge.after_max {
        let complaint = Complaint::new("hedge_after_min is more than hedge_after_max");
        reader.complain(reader.span_of("hedge_after_min"), complaint);
    }
    if settings.limits.handshakes == 0 {
        let complaint = Complaint::new("handshakes_max: at least 1 handshake at once");
        reader.complain(reader.span_of("handshakes_max"), complaint);
    }
    if settings.limits.connections == 0 {
        let complaint = Complaint::new("connections_max: at least 1 connection a thread");
        reader.complain(reader.span_of("connections_max"), complaint);
    }
}
